//! What policies name: upstreams and lists of networks, of their own organization, and kept while
//! they are named.

use std::collections::HashSet;

use domain::id::OrganizationId;
use domain::lifecycle::{PlanState, VersionState};
use domain::policy::Policy;
use domain::problem::Invalid;
use entity::row::read_json;
use entity::{api, draft, organization, plan, revision, version};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    RelationTrait, Select,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::service::catalog::contains;
use crate::service::{ip_lists, upstreams};

/// Policies, each list of them with its pointer.
pub(crate) type Places<'a> = [(String, &'a [Policy])];

/// Names that one question to the database has.
pub(crate) const NAMES: usize = 500;
/// Rows that are read at a time: each may have half a megabyte.
const CHUNK: u64 = 50;
/// More than these are not counted.
const MOST: usize = 100;

/// What is wrong with what policies name: each must be one of the organization. Pointers are those
/// of the places, and on from the list of policies: `/policies/0/ext_auth/upstream`.
pub(crate) async fn check<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    places: &Places<'_>,
) -> Result<Vec<Invalid>> {
    let mut found = upstreams::check_named(db, organization, places).await?;
    found.extend(ip_lists::check_named(db, organization, places).await?);
    Ok(found)
}

/// `Err` where something is wrong with what policies under `/policies` name. What they are
/// `already` was looked at then, and is kept since.
pub(crate) async fn refuse<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    policies: &[Policy],
    already: &[Policy],
) -> Result<()> {
    if policies == already {
        return Ok(());
    }
    let found = check(db, organization, &[("/policies".to_owned(), policies)]).await?;
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(found))
}

/// What has policies that name something, in words, as numbers: whoever edits it need not see all
/// of that. Empty: nothing. `written` stands in the JSON of those that do; what is found so is read
/// before it counts. Plans that are closed and versions that are retired are nobody's any more, and do
/// not come back.
pub(crate) async fn holders<C: ConnectionTrait>(
    db: &C,
    organization: Uuid,
    written: &str,
    is: impl Fn(&[Policy]) -> bool + Sync,
) -> Result<Vec<String>> {
    // A key of an object is followed by a colon; what policies name never is.
    let stands = |text: &str| {
        let mut found = text.match_indices(written);
        found.any(|(at, _)| !text[at + written.len()..].starts_with(':'))
    };
    let holds = |text: &str| stands(text) && any(text, &is);
    let like = || contains(written);
    let mut found = Vec::new();
    let of_all: Option<String> = organization::Entity::find_by_id(organization)
        .select_only()
        .column(organization::Column::Policies)
        .into_tuple()
        .one(db)
        .await?;
    if of_all.is_some_and(|policies| holds(&policies)) {
        found.push("the organization".to_owned());
    }
    let apis = api::Entity::find()
        .filter(api::Column::OrganizationId.eq(organization))
        .filter(Expr::col((api::Entity, api::Column::Policies)).like(like()));
    let of = (api::Column::Id, api::Column::Policies);
    let apis = ids(db, apis, of, &holds, HashSet::new()).await?;
    let plans = plan::Entity::find()
        .filter(plan::Column::OrganizationId.eq(organization))
        .filter(plan::Column::State.ne(PlanState::Closed.as_str()))
        .filter(Expr::col((plan::Entity, plan::Column::Policies)).like(like()));
    let of = (plan::Column::Id, plan::Column::Policies);
    let plans = ids(db, plans, of, &holds, HashSet::new()).await?;
    let retired = VersionState::Retired.as_str();
    let drafts = draft::Entity::find()
        .join(JoinType::InnerJoin, draft::Relation::Version.def())
        .filter(version::Column::OrganizationId.eq(organization))
        .filter(version::Column::State.ne(retired))
        .filter(Expr::col((draft::Entity, draft::Column::Settings)).like(like()));
    let of = (draft::Column::VersionId, draft::Column::Settings);
    let versions = ids(db, drafts, of, &holds, HashSet::new()).await?;
    let current = Expr::col((revision::Entity, revision::Column::Id))
        .equals((version::Entity, version::Column::CurrentRevisionId));
    // One of each version.
    let served = revision::Entity::find()
        .join(JoinType::InnerJoin, revision::Relation::Version.def())
        .filter(version::Column::OrganizationId.eq(organization))
        .filter(version::Column::State.ne(retired))
        .filter(current)
        .filter(Expr::col((revision::Entity, revision::Column::Snapshot)).like(like()));
    let of = (revision::Column::VersionId, revision::Column::Snapshot);
    let versions = ids(db, served, of, &holds, versions).await?;
    for (ids, one, more) in [
        (apis, "API", "APIs"),
        (versions, "version", "versions"),
        (plans, "plan", "plans"),
    ] {
        match ids.len() {
            0 => {}
            1 => found.push(format!("1 {one}")),
            MOST.. => found.push(format!("{MOST} or more {more}")),
            count => found.push(format!("{count} {more}")),
        }
    }
    Ok(found)
}

/// Puts the ids of those rows into `found` whose text is so, until there are [`MOST`]. `of` is an id
/// that is of one row alone, and the text.
async fn ids<C: ConnectionTrait, E: EntityTrait + Clone>(
    db: &C,
    rows: Select<E>,
    of: (E::Column, E::Column),
    holds: &(dyn Fn(&str) -> bool + Sync),
    mut found: HashSet<Uuid>,
) -> Result<HashSet<Uuid>> {
    let (id, text) = of;
    let mut after = Uuid::nil();
    while found.len() < MOST {
        let chunk: Vec<(Uuid, String)> = rows
            .clone()
            .select_only()
            .column(id)
            .column(text)
            .filter(ColumnTrait::gt(&id, after))
            .order_by_asc(id)
            .limit(CHUNK)
            .into_tuple()
            .all(db)
            .await?;
        let is_last = (chunk.len() as u64) < CHUNK;
        for (one, text) in chunk {
            after = one;
            if holds(&text) {
                found.insert(one);
            }
        }
        if is_last {
            break;
        }
    }
    Ok(found)
}

/// Whether policies somewhere in a JSON text are so.
fn any(text: &str, is: &impl Fn(&[Policy]) -> bool) -> bool {
    let Ok(value) = read_json::<serde_json::Value>("policies", text) else {
        return false;
    };
    fn inside(value: &serde_json::Value, is: &impl Fn(&[Policy]) -> bool) -> bool {
        match value {
            serde_json::Value::Array(all) => {
                // Those that this release can read, beside others that it cannot.
                let policies = all.iter().filter_map(|one| Policy::deserialize(one).ok());
                let policies: Vec<Policy> = policies.collect();
                is(&policies) || all.iter().any(|one| inside(one, is))
            }
            serde_json::Value::Object(all) => all.values().any(|one| inside(one, is)),
            _ => false,
        }
    }
    inside(&value, is)
}
