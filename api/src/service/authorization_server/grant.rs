//! The client credentials grant (RFC 6749 §4.4): who asks, and for which APIs.

use domain::application::Claimed;
use domain::id::CredentialId;
use domain::key::{KeyDigest, TOKEN_PREFIX};
use domain::lifecycle::ApplicationState;
use domain::organization::OrganizationState;
use entity::row::read_json;
use entity::{application, credential, organization};
use ipnet::IpNet;
use jsonwebtoken::{Algorithm, Header, encode};
use sea_orm::EntityTrait;
use serde::Serialize;
use uuid::Uuid;

use super::scopes::{grants, reach};
use super::{TOKEN_LIFE, keys, proof};
use crate::attempts::{Kind, network};
use crate::ctx::Ctx;
use crate::error::Error;

/// What a client asks for.
#[derive(Debug)]
pub struct Asked<'a> {
    pub grant_type: &'a str,
    /// Empty: all that is granted (RFC 6749 §3.3).
    pub scope: &'a str,
    /// RFC 8707 §2; none: all that it may call.
    pub resources: Vec<&'a str>,
    pub client: Option<Shown<'a>>,
    /// Of a key that the token is to be bound to (RFC 9449 §5).
    pub proof: Option<&'a [u8]>,
}

/// Who it says to be (RFC 6749 §2.3.1).
pub struct Shown<'a> {
    pub id: &'a str,
    pub secret: &'a str,
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shown({})", self.id)
    }
}

/// RFC 6749 §5.1.
#[derive(Serialize)]
pub struct Granted {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Granted")
    }
}

/// RFC 6749 §5.2.
#[derive(Debug)]
pub enum Refused {
    /// The error's code, and what is wrong.
    Because(&'static str, &'static str),
    /// Not one that we know, or not with its secret: nothing more is told.
    Client,
    /// Too often; seconds.
    TooMany(u64),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The claims of a token (RFC 9068 §2.2).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    client_id: &'a str,
    aud: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    iat: i64,
    exp: i64,
    jti: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
}

/// Whoever shows the token proves that it has this key (RFC 9449 §6.1).
#[derive(Serialize)]
struct Confirmation {
    jkt: String,
}

pub async fn grant(ctx: &Ctx, asked: Asked<'_>) -> Result<Granted, Refused> {
    let from = network(ctx.address);
    let attempts = &ctx.plane.attempts;
    if let Err(error) = attempts.admit(Kind::TokenFrom, &from, ctx.now) {
        return Err(Refused::TooMany(error.retry_after.unwrap_or(1)));
    }
    match asked.grant_type {
        "client_credentials" => {}
        "" => return Err(Refused::Because("invalid_request", "Say which grant_type.")),
        _ => {
            let only = "The only grant is client_credentials.";
            return Err(Refused::Because("unsupported_grant_type", only));
        }
    }
    let shown = asked.client.ok_or(Refused::Client)?;
    let client = known(ctx, &shown).await?;
    let bound = asked.proof.map(|shown| proof::key(ctx, shown)).transpose();
    let bound = bound.map_err(|why| Refused::Because("invalid_dpop_proof", why))?;
    let own = grants(ctx, client.application_id).await?;
    let reach = reach(&own, &asked.resources, asked.scope)
        .map_err(|(error, why)| Refused::Because(error, why))?;
    let (key_id, key, issuer) = keys::signing(ctx).await?;
    let now = ctx.now.timestamp();
    let id = client.id.to_string();
    let token_type = match &bound {
        Some(_) => "DPoP",
        None => "Bearer",
    };
    let claims = Claims {
        iss: &issuer,
        sub: &id,
        client_id: &id,
        aud: reach.audience,
        scope: reach.scope.as_deref(),
        iat: now,
        exp: now + TOKEN_LIFE,
        jti: ctx.id::<()>()?.uuid(),
        cnf: bound.map(|jkt| Confirmation { jkt }),
    };
    let header = Header {
        typ: Some("at+jwt".to_owned()),
        kid: Some(key_id.to_string()),
        ..Header::new(Algorithm::ES256)
    };
    let signed = encode(&header, &claims, &key).map_err(Error::internal)?;
    Ok(Granted {
        access_token: format!("{TOKEN_PREFIX}{signed}"),
        token_type,
        expires_in: TOKEN_LIFE,
        scope: reach.scope,
    })
}

/// The client, if it is one and may call now, from here.
async fn known(ctx: &Ctx, shown: &Shown<'_>) -> Result<credential::Model, Refused> {
    let id: CredentialId = shown.id.parse().map_err(|_| Refused::Client)?;
    let row = credential::Entity::find_by_id(id.uuid())
        .one(ctx.db())
        .await?
        .ok_or(Refused::Client)?;
    let kept: Option<[u8; 32]> = row.digest.as_slice().try_into().ok();
    // What this release cannot read is no client to it.
    let is_own = row.kind().is_ok() && matches!(row.claimed(), Ok(Some(Claimed::Platform(_))));
    let kept = kept.filter(|_| is_own).ok_or(Refused::Client)?;
    if !KeyDigest(kept).matches(&KeyDigest::of(shown.secret.as_bytes())) {
        return Err(Refused::Client);
    }
    if row.lifetime().judge(ctx.now).is_err() {
        return Err(Refused::Client);
    }
    let nets: Vec<IpNet> = read_json("credential.cidrs", &row.cidrs)?;
    let is_from = |nets: &[IpNet]| match ctx.address {
        Some(address) => nets.iter().any(|net| net.contains(&address.to_canonical())),
        None => false,
    };
    if !nets.is_empty() && !is_from(&nets) {
        let wrong = "The client may not ask from this network.";
        return Err(Refused::Because("unauthorized_client", wrong));
    }
    let application = application::Entity::find_by_id(row.application_id)
        .one(ctx.db())
        .await?
        .ok_or(Refused::Client)?;
    let owner = organization::Entity::find_by_id(row.organization_id)
        .one(ctx.db())
        .await?
        .ok_or(Refused::Client)?;
    let is_off = application.state()? == ApplicationState::Disabled
        || owner.state()? == OrganizationState::Suspended;
    if is_off {
        let wrong = "The application is disabled.";
        return Err(Refused::Because("unauthorized_client", wrong));
    }
    Ok(row)
}
