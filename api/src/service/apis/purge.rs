//! Kept answers of an API, taken out of all gateways: they hear of it as of any change.

use domain::actor::Action;
use domain::api::Purge;
use domain::id::ApiId;
use domain::snapshot::{Kind, MOST_PURGES, Purged};
use entity::api;
use entity::row::write_json;
use sea_orm::{ActiveModelTrait, ActiveValue::Set};

use super::load;
use crate::attempts::Kind as Kinds;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::write::{Audit, Write};

/// It is not an edit: the API's tag stays.
pub async fn purge(ctx: &Ctx, id: ApiId, what: Purge) -> Result<()> {
    load(ctx, ctx.db(), id, Action::EditApi).await?;
    if let Some(wrong) = what.check() {
        let pointer = match &what {
            Purge::All(_) => "/all",
            Purge::Url(_) => "/url",
            Purge::Prefix(_) => "/prefix",
            Purge::Tag(_) => "/tag",
        };
        return Err(Error::field(pointer, wrong));
    }
    // Each is a change that every gateway takes in.
    let attempts = &ctx.plane.attempts;
    attempts.admit(Kinds::PurgeOf, &id.to_string(), ctx.now)?;
    let mut write = Write::begin(ctx).await?;
    let row = load(ctx, write.tx(), id, Action::EditApi).await?;
    let mut purges = row.purges()?;
    let number = purges.last().map_or(0, |last| last.number) + 1;
    let audit = Audit::new("api.purge", "api", row.id).of(row.organization_id.into());
    write.audit(audit.after(&what)).await?;
    purges.push(Purged { number, what });
    let over = purges.len().saturating_sub(MOST_PURGES);
    purges.drain(..over);
    let mut active: api::ActiveModel = row.into();
    active.purges = Set(Some(write_json("api.purges", &purges)?));
    active.update(write.tx()).await?;
    write.changed(Kind::Api, id.uuid()).await?;
    write.commit().await
}
