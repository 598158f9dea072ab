//! What policies name: upstreams and lists of networks, of their own organization, and kept while
//! they are named.

use std::collections::HashSet;

use domain::id::OrganizationId;
use domain::policy::Policy;
use domain::problem::Invalid;
use entity::row::read_json;
use entity::{api, draft, organization, plan, revision, version};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait,
};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::service::catalog::contains;
use crate::service::{ip_lists, upstreams};

/// What is wrong with what policies name: each must be one of the organization. Pointers are from
/// the list of policies: `/0/ext_auth/upstream`.
pub(crate) async fn check<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    policies: &[Policy],
) -> Result<Vec<Invalid>> {
    let mut found = upstreams::check_named(db, organization, policies).await?;
    found.extend(ip_lists::check_named(db, organization, policies).await?);
    Ok(found)
}

/// `Err` where something is wrong with what policies under `/policies` name.
pub(crate) async fn refuse<C: ConnectionTrait>(
    db: &C,
    organization: OrganizationId,
    policies: &[Policy],
) -> Result<()> {
    let found = check(db, organization, policies).await?;
    if found.is_empty() {
        return Ok(());
    }
    let found = found.into_iter().map(|one| one.under("/policies"));
    Err(Error::invalid(found.collect()))
}

/// What has policies that name something, in words, as numbers: whoever edits it need not see all
/// of that. Empty: nothing. `written` stands in the JSON of those that do; what is found so is read
/// before it counts.
pub(crate) async fn holders<C: ConnectionTrait>(
    db: &C,
    organization: Uuid,
    written: &str,
    is: impl Fn(&[Policy]) -> bool,
) -> Result<Vec<String>> {
    let holds = |text: &str| text.contains(written) && any(text, &is);
    let like = || contains(written);
    let mut found = Vec::new();
    let of_all = organization::Entity::find_by_id(organization)
        .one(db)
        .await?;
    if of_all.is_some_and(|one| holds(&one.policies)) {
        found.push("the organization".to_owned());
    }
    let apis = api::Entity::find()
        .filter(api::Column::OrganizationId.eq(organization))
        .filter(Expr::col((api::Entity, api::Column::Policies)).like(like()))
        .all(db)
        .await?;
    let apis = apis.iter().filter(|api| holds(&api.policies)).count();
    let plans = plan::Entity::find()
        .filter(plan::Column::OrganizationId.eq(organization))
        .filter(Expr::col((plan::Entity, plan::Column::Policies)).like(like()))
        .all(db)
        .await?;
    let plans = plans.iter().filter(|plan| holds(&plan.policies)).count();
    let drafts: Vec<(Uuid, String)> = draft::Entity::find()
        .select_only()
        .column(draft::Column::VersionId)
        .column(draft::Column::Settings)
        .join(JoinType::InnerJoin, draft::Relation::Version.def())
        .filter(version::Column::OrganizationId.eq(organization))
        .filter(Expr::col((draft::Entity, draft::Column::Settings)).like(like()))
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
        .filter(Expr::col((revision::Entity, revision::Column::Snapshot)).like(like()))
        .into_tuple()
        .all(db)
        .await?;
    let all = drafts.iter().chain(&served);
    let versions: HashSet<Uuid> = all
        .filter(|(_, text)| holds(text))
        .map(|(version, _)| *version)
        .collect();
    for (count, one, more) in [
        (apis, "API", "APIs"),
        (versions.len(), "version", "versions"),
        (plans, "plan", "plans"),
    ] {
        match count {
            0 => {}
            1 => found.push(format!("1 {one}")),
            count => found.push(format!("{count} {more}")),
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
                let policies = serde_json::from_value::<Vec<Policy>>(value.clone());
                policies.is_ok_and(|policies| is(&policies))
                    || all.iter().any(|one| inside(one, is))
            }
            serde_json::Value::Object(all) => all.values().any(|one| inside(one, is)),
            _ => false,
        }
    }
    inside(&value, is)
}
