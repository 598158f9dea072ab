//! The certificate that the gateway shows to an upstream that asks for one. It belongs to the
//! upstream, as its credential does: who may change the one may change the other, and nobody else
//! needs it.

use domain::actor::Action;
use domain::certificate::Facts;
use domain::id::UpstreamId;
use domain::snapshot::{ClientCertificate, Kind};
use domain::wire::upstreams::{SetClientCertificate, Upstream};
use entity::upstream;
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde_json::json;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::certificates::pair;
use crate::write::{Audit, Write, expect};

/// Replaces the certificate with its key, or removes them. The audit says which certificate it is.
pub async fn set(
    ctx: &Ctx,
    id: UpstreamId,
    if_match: Option<i64>,
    input: SetClientCertificate,
) -> Result<Upstream> {
    let seen = super::load(ctx, ctx.db(), id, Action::EditUpstream).await?;
    let (mut certificate, mut key) = (None, None);
    if let Some(written) = &input.client_certificate {
        let judged = pair::judge(&written.certificate, &written.key.0, ctx.now);
        let judged = judged.map_err(|found| {
            let found = found.into_iter();
            Error::invalid(found.map(|one| one.under("/client_certificate")).collect())
        })?;
        let place = ClientCertificate::place(id).uuid();
        let (ring, nonce) = (ctx.gateway_ring(), ctx.random()?);
        key = Some(ring.seal(judged.key.as_bytes(), seen.organization_id, place, nonce)?);
        certificate = Some(judged.chain);
    }
    let mut write = Write::begin(ctx).await?;
    let row = super::load(ctx, write.tx(), id, Action::EditUpstream).await?;
    expect(if_match, row.etag)?;
    let (before, etag) = (summary(&row)?, row.etag + 1);
    let mut active: upstream::ActiveModel = row.into();
    active.client_certificate = Set(certificate);
    active.client_key = Set(key);
    active.updated_at = Set(ctx.now);
    active.etag = Set(etag);
    let row = active.update(write.tx()).await?;
    let audit = Audit::new("upstream.set_client_certificate", "upstream", row.id);
    let audit = audit.of(row.organization_id.into());
    write
        .audit(audit.before(before).after(summary(&row)?))
        .await?;
    write.changed(Kind::Upstream, row.id).await?;
    write.commit().await?;
    super::show(ctx, row).await
}

/// What the certificate says of itself.
pub(super) fn facts(row: &upstream::Model) -> Result<Option<Facts>> {
    row.client_certificate
        .as_deref()
        .map(pair::facts)
        .transpose()
}

fn summary(row: &upstream::Model) -> Result<serde_json::Value> {
    let facts = facts(row)?;
    let told = facts.map(|facts| {
        json!({
            "subject": facts.subject,
            "fingerprint": facts.fingerprint,
            "not_after": facts.not_after,
        })
    });
    Ok(json!({ "client_certificate": told }))
}
