//! Upstreams that others name, to stand in for them or to get copies of their requests, and those
//! that policies ask: of the same organization, and kept while they are needed.

use std::collections::HashSet;

use domain::id::{OrganizationId, UpstreamId};
use domain::policy::{Policy, named_upstreams};
use domain::problem::Invalid;
use domain::upstream::{Fallback, UpstreamSettings};
use entity::row::read_json;
use entity::{api, draft, organization, revision, upstream, version};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::service::catalog::contains;

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

/// What is wrong with the upstreams that policies ask: each must be one of the organization. Pointers
/// are from the list of policies: `/0/ext_auth/upstream`.
pub(crate) async fn check_named<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    policies: &[Policy],
) -> Result<Vec<Invalid>> {
    let mut found = Vec::new();
    for named in named_upstreams(policies) {
        let there = upstream::Entity::find()
            .filter(upstream::Column::OrganizationId.eq(organization.uuid()))
            .filter(upstream::Column::Name.eq(named.name))
            .one(db)
            .await?;
        if there.is_none() {
            let message = "The organization has no upstream of this name.";
            found.push(Invalid::new(named.pointer, message));
        }
    }
    Ok(found)
}

/// What has policies that ask it, in words, as numbers: whoever edits it need not see all of that.
/// Empty: nothing.
pub(super) async fn askers<C: ConnectionTrait>(
    db: &C,
    row: &upstream::Model,
) -> Result<Vec<String>> {
    let organization = row.organization_id;
    // As it stands inside of a JSON text; what is found so is read before it counts.
    let written = format!("\"upstream\":{}", serde_json::to_string(&row.name)?);
    let asks = |text: &str| text.contains(&written) && names(text, &row.name);
    let holds = || contains(&written);
    let mut askers = Vec::new();
    let of_all = organization::Entity::find_by_id(organization)
        .one(db)
        .await?;
    if of_all.is_some_and(|one| asks(&one.policies)) {
        askers.push("the organization".to_owned());
    }
    let apis = api::Entity::find()
        .filter(api::Column::OrganizationId.eq(organization))
        .filter(Expr::col((api::Entity, api::Column::Policies)).like(holds()))
        .all(db)
        .await?;
    let apis = apis.iter().filter(|api| asks(&api.policies)).count();
    let drafts: Vec<(Uuid, String)> = draft::Entity::find()
        .select_only()
        .column(draft::Column::VersionId)
        .column(draft::Column::Settings)
        .join(JoinType::InnerJoin, draft::Relation::Version.def())
        .filter(version::Column::OrganizationId.eq(organization))
        .filter(Expr::col((draft::Entity, draft::Column::Settings)).like(holds()))
        .into_tuple()
        .all(db)
        .await?;
    let current = Expr::col((revision::Entity, revision::Column::Id))
        .equals((version::Entity, version::Column::CurrentRevisionId));
    let served: Vec<(Uuid, String)> = revision::Entity::find()
        .select_only()
        .column(revision::Column::VersionId)
        .column(revision::Column::Snapshot)
        .join(JoinType::InnerJoin, revision::Relation::Version.def())
        .filter(version::Column::OrganizationId.eq(organization))
        .filter(current)
        .filter(Expr::col((revision::Entity, revision::Column::Snapshot)).like(holds()))
        .into_tuple()
        .all(db)
        .await?;
    let all = drafts.iter().chain(&served);
    let versions: HashSet<Uuid> = all
        .filter(|(_, text)| asks(text))
        .map(|(version, _)| *version)
        .collect();
    for (count, one, more) in [
        (apis, "API", "APIs"),
        (versions.len(), "version", "versions"),
    ] {
        match count {
            0 => {}
            1 => askers.push(format!("1 {one}")),
            count => askers.push(format!("{count} {more}")),
        }
    }
    Ok(askers)
}

/// Whether policies somewhere in a JSON text ask an upstream of that name.
fn names(text: &str, name: &str) -> bool {
    let Ok(value) = read_json::<serde_json::Value>("policies", text) else {
        return false;
    };
    fn inside(value: &serde_json::Value, name: &str) -> bool {
        match value {
            serde_json::Value::Array(all) => {
                let policies = serde_json::from_value::<Vec<Policy>>(value.clone());
                let asks = |policies: Vec<Policy>| {
                    named_upstreams(&policies).any(|named| named.name == name)
                };
                policies.is_ok_and(asks) || all.iter().any(|one| inside(one, name))
            }
            serde_json::Value::Object(all) => all.values().any(|one| inside(one, name)),
            _ => false,
        }
    }
    inside(&value, name)
}
