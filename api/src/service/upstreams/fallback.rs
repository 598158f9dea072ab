//! Upstreams that stand in for others: of the same organization, and kept while they are needed.

use domain::id::UpstreamId;
use domain::problem::Invalid;
use domain::upstream::{Fallback, UpstreamSettings};
use entity::upstream;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::error::{Error, Result};

/// `own` is the upstream that the settings are of, if it exists already.
pub(super) async fn check<C: ConnectionTrait>(
    db: &C,
    organization: Uuid,
    own: Option<UpstreamId>,
    settings: &UpstreamSettings,
) -> Result<()> {
    let other = match settings.fallback {
        Some(Fallback::Upstream(other)) => other,
        Some(Fallback::Answer(_)) | None => return Ok(()),
    };
    let message = if own == Some(other) {
        "Name another upstream."
    } else if super::exists(db, organization, other).await? {
        return Ok(());
    } else {
        "There is no such upstream in this organization."
    };
    let found = Invalid::new("/settings/fallback/upstream", message);
    Err(Error::invalid(vec![found]))
}

/// How many upstreams fall back on it.
pub(super) async fn users<C: ConnectionTrait>(db: &C, row: &upstream::Model) -> Result<u64> {
    let others = upstream::Entity::find()
        .filter(upstream::Column::OrganizationId.eq(row.organization_id))
        .filter(upstream::Column::Id.ne(row.id))
        .filter(upstream::Column::Settings.contains(row.id.to_string()))
        .all(db)
        .await?;
    let mut users = 0;
    for other in others {
        let fallback = other.settings()?.fallback;
        users += u64::from(fallback == Some(Fallback::Upstream(row.id.into())));
    }
    Ok(users)
}
