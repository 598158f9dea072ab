//! The address of a webhook as it is written.

use domain::problem::Code;
use url::Url;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::outgoing;
use crate::settings::is_loopback;

const MOST_BYTES: usize = 2000;

/// The address as it is kept, if messages may go there now. They are judged again when they go.
pub(super) async fn url(ctx: &Ctx, text: &str) -> Result<String> {
    let url = parse(text).map_err(|message| Error::field("/url", message))?;
    let rules = entity::setting::for_gateways(ctx.db()).await?;
    let own = &ctx.settings().own_addresses;
    match outgoing::addresses(&url, &rules, own).await {
        Ok(_) => Ok(url.into()),
        Err(refused) if refused.is_address => Err(Error {
            code: Code::UpstreamNotAllowed,
            detail: refused.message.clone(),
            ..Error::field("/url", refused.message)
        }),
        Err(refused) => Err(Error::field("/url", refused.message)),
    }
}

/// Reads one that is https, or http to this very machine.
pub(crate) fn parse(text: &str) -> Result<Url, &'static str> {
    let text = text.trim();
    if text.len() > MOST_BYTES {
        return Err("Use at most 2,000 characters.");
    }
    let url = Url::parse(text).map_err(|_| "Write an address like https://example.com/hook.")?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return Err("Use https."),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("Write an address like https://example.com/hook.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Leave out user and password: messages are signed.");
    }
    if url.fragment().is_some() {
        return Err("Leave out what stands behind #.");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn addresses_are_https_or_of_this_machine() {
        for (text, is) in [
            ("https://example.com/hook?a=b", true),
            (" https://example.com ", true),
            ("http://127.0.0.1:9000/hook", true),
            ("http://localhost/", true),
            ("http://[::1]:9000/", true),
            ("http://example.com/hook", false),
            ("http://10.0.0.1/", false),
            ("http://127.0.0.1.example.com/", false),
            ("ftp://example.com/", false),
            ("https://user@example.com/", false),
            ("https://:pass@example.com/", false),
            ("https://example.com/#a", false),
            ("https://", false),
            ("example.com", false),
            ("", false),
        ] {
            assert_eq!(parse(text).is_ok(), is, "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2000));
        assert!(parse(&long).is_err());
    }
}
