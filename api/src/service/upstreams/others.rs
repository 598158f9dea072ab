//! Upstreams that others name, to stand in for them or to get copies of their requests: of the same
//! organization, and kept while they are needed.

use domain::id::UpstreamId;
use domain::problem::Invalid;
use domain::upstream::{Fallback, UpstreamSettings};
use entity::upstream;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::error::{Error, Result};

/// The upstreams that `settings` name, each with its place.
fn named(settings: &UpstreamSettings) -> impl Iterator<Item = (&'static str, UpstreamId)> {
    let fallback = match settings.fallback {
        Some(Fallback::Upstream(other)) => Some(("/settings/fallback/upstream", other)),
        Some(Fallback::Answer(_)) | None => None,
    };
    let mirror = settings.mirror.as_ref();
    let mirror = mirror.map(|mirror| ("/settings/mirror/upstream", mirror.upstream));
    fallback.into_iter().chain(mirror)
}

/// `own` is the upstream that the settings are of, if it exists already.
pub(super) async fn check<C: ConnectionTrait>(
    db: &C,
    organization: Uuid,
    own: Option<UpstreamId>,
    settings: &UpstreamSettings,
) -> Result<()> {
    let mut found = Vec::new();
    for (pointer, other) in named(settings) {
        let message = if own == Some(other) {
            "Name another upstream."
        } else if super::exists(db, organization, other).await? {
            continue;
        } else {
            "There is no such upstream in this organization."
        };
        found.push(Invalid::new(pointer, message));
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(found))
}

/// How many upstreams name it.
pub(super) async fn users<C: ConnectionTrait>(db: &C, row: &upstream::Model) -> Result<u64> {
    let others = upstream::Entity::find()
        .filter(upstream::Column::OrganizationId.eq(row.organization_id))
        .filter(upstream::Column::Id.ne(row.id))
        .filter(upstream::Column::Settings.contains(row.id.to_string()))
        .all(db)
        .await?;
    let mut users = 0;
    for other in others {
        let settings = other.settings()?;
        let is_named = named(&settings).any(|(_, id)| id == row.id.into());
        users += u64::from(is_named);
    }
    Ok(users)
}
