//! The client credentials grant (RFC 6749 §4.4): who asks, and for which APIs.

use std::collections::BTreeSet;

use domain::application::Claimed;
use domain::id::{ApiId, CredentialId};
use domain::key::{KeyDigest, TOKEN_PREFIX};
use domain::lifecycle::ApplicationState;
use domain::organization::OrganizationState;
use domain::snapshot::TokenIssuer;
use entity::row::read_json;
use entity::{application, credential, organization, plan, product_version, subscription, version};
use ipnet::IpNet;
use jsonwebtoken::{Algorithm, Header, encode};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};
use serde::Serialize;
use uuid::Uuid;

use super::{TOKEN_LIFE, keys};
use crate::attempts::{Kind, network};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::service::subscriptions;

/// Most APIs that one token is for.
const MOST_AUDIENCES: usize = 50;

/// What a client asks for.
#[derive(Debug)]
pub struct Asked<'a> {
    pub grant_type: &'a str,
    pub scope: &'a str,
    /// RFC 8707 §2; none: all that it may call.
    pub resources: Vec<&'a str>,
    pub client: Option<Shown<'a>>,
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
    iat: i64,
    exp: i64,
    jti: Uuid,
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
    if !asked.scope.is_empty() {
        let none = "Clients of this server have no scopes.";
        return Err(Refused::Because("invalid_scope", none));
    }
    let own = apis(ctx, client.application_id).await?;
    let audience = audience(own, &asked.resources)?;
    let (key_id, key, issuer) = keys::signing(ctx).await?;
    let now = ctx.now.timestamp();
    let id = client.id.to_string();
    let claims = Claims {
        iss: &issuer,
        sub: &id,
        client_id: &id,
        aud: audience,
        iat: now,
        exp: now + TOKEN_LIFE,
        jti: ctx.id::<()>()?.uuid(),
    };
    let header = Header {
        typ: Some("at+jwt".to_owned()),
        kid: Some(key_id.to_string()),
        ..Header::new(Algorithm::ES256)
    };
    let signed = encode(&header, &claims, &key).map_err(Error::internal)?;
    Ok(Granted {
        access_token: format!("{TOKEN_PREFIX}{signed}"),
        token_type: "Bearer",
        expires_in: TOKEN_LIFE,
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
    let is_own = matches!(row.claimed()?, Some(Claimed::Platform(_)));
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

/// APIs that the application is subscribed to now.
async fn apis(ctx: &Ctx, application: Uuid) -> Result<BTreeSet<Uuid>, Refused> {
    let rows = subscription::Entity::find()
        .filter(subscription::Column::ApplicationId.eq(application))
        .filter(subscription::Column::State.eq("approved"))
        .find_also_related(plan::Entity)
        .all(ctx.db())
        .await?;
    let mut products = Vec::new();
    for (row, plan) in rows {
        let Some(plan) = plan else { continue };
        if subscriptions::terms(&row, &plan)?.judge(ctx.now).is_ok() {
            products.push(row.product_id);
        }
    }
    let apis: Vec<Uuid> = version::Entity::find()
        .select_only()
        .column(version::Column::ApiId)
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Version.def().rev(),
        )
        .filter(product_version::Column::ProductId.is_in(products))
        .into_tuple()
        .all(ctx.db())
        .await?;
    Ok(apis.into_iter().collect())
}

fn audience(own: BTreeSet<Uuid>, resources: &[&str]) -> Result<Vec<String>, Refused> {
    let own: Vec<String> = own
        .into_iter()
        .map(|api| TokenIssuer::audience(ApiId::from_uuid(api)))
        .collect();
    let target = |why| Err(Refused::Because("invalid_target", why));
    if own.is_empty() {
        return target("No subscription of the application is effective.");
    }
    if resources.is_empty() {
        return match own.len() <= MOST_AUDIENCES {
            true => Ok(own),
            false => target("Name the APIs as resource: there are more than 50."),
        };
    }
    if resources.len() > MOST_AUDIENCES {
        return target("Name at most 50 resources.");
    }
    let mut chosen: Vec<String> = Vec::new();
    for resource in resources {
        match own.iter().find(|one| one.eq_ignore_ascii_case(resource)) {
            Some(one) if chosen.contains(one) => {}
            Some(one) => chosen.push(one.clone()),
            None => return target("The application is not subscribed to one of the resources."),
        }
    }
    Ok(chosen)
}
