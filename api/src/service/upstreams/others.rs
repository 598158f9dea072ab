//! Upstreams that others name, to stand in for them or to get copies of their requests, and those
//! that policies name: of the same organization, and kept while they are needed.

use std::collections::{BTreeSet, HashSet};

use domain::id::{OrganizationId, UpstreamId};
use domain::policy::{Policy, named_upstreams};
use domain::problem::Invalid;
use domain::upstream::{Fallback, UpstreamSettings};
use entity::upstream;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::service::named::{self, NAMES, Places};

/// The upstreams that `settings` name, each with its place.
fn of(settings: &UpstreamSettings) -> impl Iterator<Item = (&'static str, UpstreamId)> {
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
    for (pointer, other) in of(settings) {
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
        let is_named = of(&settings).any(|(_, id)| id == row.id.into());
        users += u64::from(is_named);
    }
    Ok(users)
}

/// What is wrong with the upstreams that policies name: each must be one of the organization. Pointers
/// are those of the places, and on from there: `/policies/0/ext_auth/upstream`.
pub(crate) async fn check_named<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    places: &Places<'_>,
) -> Result<Vec<Invalid>> {
    let mut named = Vec::new();
    for (at, policies) in places {
        let own = named_upstreams(policies);
        named.extend(own.map(|one| (format!("{at}{}", one.pointer), one.name)));
    }
    let names: BTreeSet<&str> = named.iter().map(|(_, name)| *name).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let mut there = HashSet::new();
    for names in names.chunks(NAMES) {
        let known: Vec<String> = upstream::Entity::find()
            .select_only()
            .column(upstream::Column::Name)
            .filter(upstream::Column::OrganizationId.eq(organization.uuid()))
            .filter(upstream::Column::Name.is_in(names.iter().copied()))
            .into_tuple()
            .all(db)
            .await?;
        there.extend(known);
    }
    let gone = named.into_iter().filter(|(_, name)| !there.contains(*name));
    let message = "The organization has no upstream of this name.";
    Ok(gone
        .map(|(pointer, _)| Invalid::new(pointer, message))
        .collect())
}

/// What has policies that name it, in words, as numbers.
pub(super) async fn askers<C: ConnectionTrait>(
    db: &C,
    row: &upstream::Model,
) -> Result<Vec<String>> {
    // As it stands inside of a JSON text.
    let written = format!("\"upstream\":{}", serde_json::to_string(&row.name)?);
    let asks = |policies: &[Policy]| named_upstreams(policies).any(|named| named.name == row.name);
    named::holders(db, row.organization_id, &written, asks).await
}
