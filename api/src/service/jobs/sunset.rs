//! Versions whose sunset has come and was to be their end: retired once, by the process that claims
//! the row.

use domain::lifecycle::VersionStep;
use entity::{api, version};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::versions;
use crate::write::Write;

const BATCH: u64 = 200;

/// Retires what is over. Gateways refuse from the moment on and do not wait for this. Says how many.
pub async fn retire(ctx: &Ctx) -> Result<u64> {
    let due = version::Entity::overdue(ctx.now)
        .limit(BATCH)
        .all(ctx.db())
        .await?;
    let mut retired = 0;
    for row in due {
        let mut write = Write::begin(ctx).await?;
        if !claim(&write, &row).await? {
            continue;
        }
        let api = api::Entity::find_by_id(row.api_id)
            .one(write.tx())
            .await?
            .ok_or_else(Error::not_found)?;
        versions::retired(&mut write, &api, &row).await?;
        write.commit().await?;
        retired += 1;
    }
    Ok(retired)
}

/// Moves the row on, unless somebody else did since it was read.
async fn claim(write: &Write<'_>, row: &version::Model) -> Result<bool> {
    let Ok(next) = row.state()?.step(VersionStep::Retire) else {
        return Ok(false);
    };
    let claimed = version::Entity::update_many()
        .col_expr(version::Column::State, next.as_str().into())
        .col_expr(version::Column::Etag, (row.etag + 1).into())
        .filter(version::Column::Id.eq(row.id))
        .filter(version::Column::Etag.eq(row.etag))
        .exec(write.tx())
        .await?;
    Ok(claimed.rows_affected == 1)
}
