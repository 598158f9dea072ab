//! Whether an upstream's targets may be targets: well-formed, resolvable, and every address that
//! a name stands for allowed (gateway.md §6, security.md "SSRF"). The gateway asks again when it
//! connects.

use std::net::SocketAddr;

use domain::problem::{Code, Invalid};
use domain::snapshot;
use domain::upstream::{Target, UpstreamSettings, UpstreamTls};
use futures::future::join_all;
use rustls_pki_types::ServerName;
use url::Url;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::outgoing::{self, Refused};
use crate::service::certificates::pair;

/// `pointer` is where the settings stand in the input.
pub(crate) async fn check(ctx: &Ctx, settings: &UpstreamSettings, pointer: &str) -> Result<()> {
    let mut malformed = settings.check();
    if malformed.is_empty() {
        malformed = unverifiable(&settings.tls);
    }
    let malformed: Vec<Invalid> = malformed
        .into_iter()
        .map(|found| found.under(pointer))
        .collect();
    if !malformed.is_empty() {
        return Err(Error::invalid(malformed));
    }
    let rules = entity::setting::for_gateways(ctx.db()).await?;
    let own = &ctx.settings().own_addresses;
    let judged = join_all(
        settings
            .targets
            .iter()
            .map(|target| judge(target, &rules, own)),
    )
    .await;
    let mut code = Code::ValidationFailed;
    let mut found = Vec::new();
    for (index, verdict) in judged.into_iter().enumerate() {
        let Err(refused) = verdict else { continue };
        if refused.is_address {
            code = Code::UpstreamNotAllowed;
        }
        found.push(Invalid::new(
            format!("{pointer}/targets/{index}/url"),
            refused.message,
        ));
    }
    match found.first() {
        None => Ok(()),
        Some(first) => Err(Error {
            detail: first.message.clone(),
            code,
            ..Error::invalid(found)
        }),
    }
}

/// What of it no gateway could verify a target by.
fn unverifiable(tls: &UpstreamTls) -> Vec<Invalid> {
    let mut found = Vec::new();
    if let Some(why) = tls.ca.as_deref().and_then(|ca| pair::trusted(ca).err()) {
        found.push(Invalid::new("/tls/ca", why));
    }
    let name = tls.server_name.as_deref();
    if name.is_some_and(|name| ServerName::try_from(name).is_err()) {
        found.push(Invalid::new("/tls/server_name", UpstreamTls::SERVER_NAME));
    }
    found
}

/// Whether something else than a target may be asked for at `url`, which the input has at `pointer`.
/// Whoever asks judges again when it connects.
pub(crate) async fn check_url(ctx: &Ctx, url: &Url, pointer: &str) -> Result<()> {
    let rules = entity::setting::for_gateways(ctx.db()).await?;
    let judged = outgoing::addresses(url, &rules, &ctx.settings().own_addresses).await;
    let Err(refused) = judged else { return Ok(()) };
    let code = match refused.is_address {
        true => Code::UpstreamNotAllowed,
        false => Code::ValidationFailed,
    };
    Err(Error {
        detail: refused.message.clone(),
        code,
        ..Error::field(pointer, refused.message)
    })
}

async fn judge(
    target: &Target,
    rules: &snapshot::Settings,
    own: &[SocketAddr],
) -> Result<(), Refused> {
    let url = target.parse().map_err(Refused::told)?;
    outgoing::addresses(&url, rules, own).await.map(drop)
}
