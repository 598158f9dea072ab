//! The platform's own authorization server: tokens for the OAuth clients of applications (RFC 6749
//! §4.4, client credentials; no other grant). Gateways get its public keys with their
//! configuration, so they check tokens without asking anybody.

mod grant;
mod keys;
mod proof;
mod scopes;

use domain::proof::ALGORITHMS;
use serde_json::{Value, json};

use crate::ctx::Ctx;
use crate::error::Result;

pub use grant::{Asked, Granted, Refused, Shown, grant};
pub use keys::rotate;
pub use scopes::scopes;

/// How long a token is good for, in seconds.
pub const TOKEN_LIFE: i64 = 3600;

/// The claim `iss` of its tokens: the portal's address.
pub fn issuer(ctx: &Ctx) -> String {
    let url = ctx.settings().portal_url.as_str();
    url.trim_end_matches('/').to_owned()
}

pub fn token_endpoint(ctx: &Ctx) -> String {
    format!("{}/api/oauth/token", issuer(ctx))
}

/// What it says of itself (RFC 8414 §2).
pub fn metadata(ctx: &Ctx) -> Value {
    let issuer = issuer(ctx);
    json!({
        "issuer": issuer,
        "token_endpoint": token_endpoint(ctx),
        "jwks_uri": format!("{issuer}/api/oauth/jwks"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "dpop_signing_alg_values_supported": ALGORITHMS.map(|one| one.as_str()),
    })
}

/// Its public keys, as a set (RFC 7517 §5).
pub async fn jwks(ctx: &Ctx) -> Result<Value> {
    Ok(keys::kept(ctx)
        .await?
        .map_or_else(|| json!({ "keys": [] }), |kept| kept.set()))
}
