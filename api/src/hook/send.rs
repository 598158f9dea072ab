//! One message on its way, signed as Standard Webhooks says.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use domain::snapshot;
use hmac::{Hmac, KeyInit, Mac};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use url::Url;
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::outgoing::{self, Reach};

/// For all of it, from the name to the status.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What is sent.
pub(super) struct Message<'a> {
    pub(super) url: &'a str,
    /// Of the delivery, the same in each try.
    pub(super) id: Uuid,
    pub(super) at: DateTime<Utc>,
    /// JSON.
    pub(super) body: &'a str,
    /// Each signs; the first is the one that is shown last.
    pub(super) secrets: &'a [Vec<u8>],
}

/// Why there is no status, as a sentence.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("Its secret cannot be opened.")]
    Secret,
    #[error(transparent)]
    Outgoing(#[from] outgoing::Failed),
}

/// The status that it is answered with.
pub(super) async fn post(
    ctx: &Ctx,
    rules: &snapshot::Settings,
    message: &Message<'_>,
) -> Result<u16, Failed> {
    let url = Url::parse(message.url).map_err(|_| outgoing::Failed::Address)?;
    let reach = Reach {
        allowed: rules,
        own: &ctx.settings().own_addresses,
        patience: PATIENCE,
    };
    let (fields, body) = (fields(message)?, message.body.to_owned());
    let posted = ctx.plane.outgoing.post(&reach, &url, fields, body).await;
    Ok(posted?)
}

fn fields(message: &Message<'_>) -> Result<HeaderMap, Failed> {
    let id = format!("msg_{}", message.id.simple());
    let at = message.at.timestamp();
    let mut signatures = Vec::with_capacity(message.secrets.len());
    for secret in message.secrets {
        signatures.push(signature(secret, &id, at, message.body)?);
    }
    let mut fields = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    fields.insert(CONTENT_TYPE, json);
    for (name, value) in [
        ("webhook-id", id),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ] {
        let value = HeaderValue::try_from(value).map_err(|_| outgoing::Failed::Address)?;
        fields.insert(HeaderName::from_static(name), value);
    }
    Ok(fields)
}

/// HMAC-SHA256 of id, time and body, as Standard Webhooks says.
fn signature(secret: &[u8], id: &str, at: i64, body: &str) -> Result<String, Failed> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Failed::Secret)?;
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body.as_bytes());
    let code = STANDARD.encode(mac.finalize().into_bytes());
    Ok(format!("v1,{code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries.
    #[test]
    fn messages_are_signed_as_the_standard_says() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signed.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }
}
