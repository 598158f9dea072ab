//! What a token may be for: the APIs that its application is subscribed to, and what the plans of
//! these subscriptions grant there.

use std::collections::{BTreeMap, BTreeSet};

use domain::actor::Action;
use domain::id::{ApiId, ApplicationId};
use domain::snapshot::TokenIssuer;
use domain::wire::credentials::GrantedScopes;
use entity::{api, plan, product_version, subscription, version};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::{applications, subscriptions};

/// Most APIs that one token is for.
const MOST_AUDIENCES: usize = 50;
/// Longest claim `scope`, in bytes: the whole token must fit what a gateway reads.
const LONGEST: usize = 2000;

/// APIs that an application may call now, each with the scopes that it may have there.
pub(super) type Grants = BTreeMap<Uuid, BTreeSet<String>>;

/// What one token is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// The claim `aud`.
    pub(super) audience: Vec<String>,
    /// The claim `scope`; `None`: nothing beyond the calls themselves.
    pub(super) scope: Option<String>,
}

/// An error of RFC 6749 §5.2 or RFC 8707 §2, and what is wrong.
type Because = (&'static str, &'static str);

/// Of the subscriptions that are effective now.
pub(super) async fn grants(ctx: &Ctx, application: Uuid) -> Result<Grants> {
    let rows = subscription::Entity::find()
        .filter(subscription::Column::ApplicationId.eq(application))
        .filter(subscription::Column::State.eq("approved"))
        .find_also_related(plan::Entity)
        .all(ctx.db())
        .await?;
    let mut products: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for (row, plan) in rows {
        let Some(plan) = plan else { continue };
        if subscriptions::terms(&row, &plan)?.judge(ctx.now).is_ok() {
            let scopes = products.entry(row.product_id).or_default();
            scopes.extend(plan.scopes()?);
        }
    }
    let apis: Vec<(Uuid, Uuid)> = version::Entity::find()
        .select_only()
        .column(product_version::Column::ProductId)
        .column(version::Column::ApiId)
        .join(
            JoinType::InnerJoin,
            product_version::Relation::Version.def().rev(),
        )
        .filter(product_version::Column::ProductId.is_in(products.keys().copied()))
        .into_tuple()
        .all(ctx.db())
        .await?;
    let mut grants = Grants::new();
    for (product, api) in apis {
        let scopes = products.get(&product).into_iter().flatten().cloned();
        grants.entry(api).or_default().extend(scopes);
    }
    Ok(grants)
}

/// What a token is for. A scope is only in it if each of its APIs grants it: the same name may mean
/// another thing elsewhere, and somebody else may grant it there (RFC 9068 §5).
///
/// `resources` are those that were asked for (RFC 8707 §2), none: all; `scope` likewise.
pub(super) fn reach(own: &Grants, resources: &[&str], scope: &str) -> Result<Reach, Because> {
    let mut chosen = chosen(own, resources)?;
    let mut wanted: Vec<&str> = scope.split(' ').filter(|one| !one.is_empty()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let grants_all = |scopes: &BTreeSet<String>| wanted.iter().all(|one| scopes.contains(*one));
    if resources.is_empty() {
        chosen.retain(|(_, scopes)| grants_all(scopes));
    }
    if chosen.is_empty() || !chosen.iter().all(|(_, scopes)| grants_all(scopes)) {
        let why = "The plans of the application do not grant all of these scopes there.";
        return Err(("invalid_scope", why));
    }
    if chosen.len() > MOST_AUDIENCES {
        let why = "Name the APIs as resource: there are more than 50.";
        return Err(("invalid_target", why));
    }
    let granted: Vec<&str> = match (wanted.is_empty(), chosen.split_first()) {
        (true, Some(((_, first), others))) => first
            .iter()
            .map(String::as_str)
            .filter(|one| others.iter().all(|(_, scopes)| scopes.contains(*one)))
            .collect(),
        (false, _) | (true, None) => wanted,
    };
    let granted = granted.join(" ");
    if granted.len() > LONGEST {
        let why = "Name the scopes that are needed: a token has room for 2,000 characters of them.";
        return Err(("invalid_scope", why));
    }
    let audience = chosen.into_iter().map(|(audience, _)| audience);
    Ok(Reach {
        audience: audience.collect(),
        scope: (!granted.is_empty()).then_some(granted),
    })
}

/// The APIs that were asked for, by what they are called, or all.
fn chosen<'g>(
    own: &'g Grants,
    resources: &[&str],
) -> Result<Vec<(String, &'g BTreeSet<String>)>, Because> {
    let target = |why| Err(("invalid_target", why));
    let own: Vec<(String, &BTreeSet<String>)> = own
        .iter()
        .map(|(api, scopes)| (TokenIssuer::audience(ApiId::from_uuid(*api)), scopes))
        .collect();
    if own.is_empty() {
        return target("No subscription of the application is effective.");
    }
    if resources.is_empty() {
        return Ok(own);
    }
    if resources.len() > MOST_AUDIENCES {
        return target("Name at most 50 resources.");
    }
    let mut chosen: Vec<(String, &BTreeSet<String>)> = Vec::new();
    for resource in resources {
        match own.iter().find(|one| one.0.eq_ignore_ascii_case(resource)) {
            Some(one) if chosen.iter().any(|known| known.0 == one.0) => {}
            Some(one) => chosen.push(one.clone()),
            None => return target("The application is not subscribed to one of the resources."),
        }
    }
    Ok(chosen)
}

/// What tokens of the application may allow now, by API.
pub async fn scopes(ctx: &Ctx, application: ApplicationId) -> Result<Vec<GrantedScopes>> {
    let db = ctx.db();
    let application = applications::load(ctx, db, application, Action::ReadApplication).await?;
    let grants = grants(ctx, application.id).await?;
    let rows = api::Entity::find()
        .filter(api::Column::Id.is_in(grants.keys().copied()))
        .all(db)
        .await?;
    let told = grants.into_iter().filter_map(|(id, scopes)| {
        let api = rows.iter().find(|row| row.id == id)?;
        Some(GrantedScopes {
            api: api.name.clone(),
            resource: TokenIssuer::audience(ApiId::from_uuid(id)),
            scopes: scopes.into_iter().collect(),
        })
    });
    let mut told: Vec<GrantedScopes> = told.collect();
    told.sort_by(|a, b| a.api.cmp(&b.api));
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Grants {
        let grants = [
            (1, &["read", "write"][..]),
            (2, &["read"]),
            // Somebody else, who grants what another API asks for.
            (3, &["admin", "read"]),
            (4, &[]),
        ];
        grants
            .map(|(id, scopes)| {
                let scopes = scopes.iter().map(|one| (*one).to_owned()).collect();
                (Uuid::from_u128(id), scopes)
            })
            .into()
    }

    fn urn(id: u128) -> String {
        Uuid::from_u128(id).urn().to_string()
    }

    #[test]
    fn a_scope_is_granted_by_each_api_of_its_token() {
        /// Which APIs are reached, and with which scopes; or why not.
        type Said = Result<(&'static [u128], Option<&'static str>), &'static str>;
        let table: [(&[u128], &str, Said); 14] = [
            (&[], "", Ok((&[1, 2, 3, 4], None))),
            (&[1], "", Ok((&[1], Some("read write")))),
            (&[1, 2], "", Ok((&[1, 2], Some("read")))),
            (&[4], "", Ok((&[4], None))),
            (&[], "read", Ok((&[1, 2, 3], Some("read")))),
            (&[], "write  read write", Ok((&[1], Some("read write")))),
            (&[], "admin", Ok((&[3], Some("admin")))),
            (&[1, 3], "admin", Err("invalid_scope")),
            (&[1], "admin", Err("invalid_scope")),
            (&[], "admin write", Err("invalid_scope")),
            (&[], "READ", Err("invalid_scope")),
            (&[], "read\twrite", Err("invalid_scope")),
            (&[4], "read", Err("invalid_scope")),
            (&[9], "read", Err("invalid_target")),
        ];
        for (resources, scope, said) in table {
            let named: Vec<String> = resources.iter().map(|id| urn(*id)).collect();
            let named: Vec<&str> = named.iter().map(String::as_str).collect();
            let found = reach(&own(), &named, scope).map_err(|(error, _)| error);
            let said = said.map(|(audience, scope)| Reach {
                audience: audience.iter().map(|id| urn(*id)).collect(),
                scope: scope.map(str::to_owned),
            });
            assert_eq!(found, said, "{resources:?} {scope}");
        }
        assert_eq!(
            reach(&Grants::new(), &[], "").unwrap_err().0,
            "invalid_target"
        );
    }

    #[test]
    fn a_token_stays_short() {
        let scopes: BTreeSet<String> = (0..100).map(|n| format!("{n:030}")).collect();
        let one: Grants = [(Uuid::from_u128(1), scopes)].into();
        assert_eq!(reach(&one, &[], "").unwrap_err().0, "invalid_scope");
        let least = format!("{:030}", 7);
        assert!(reach(&one, &[], &least).is_ok());
        let many: Grants = (0..51)
            .map(|n| (Uuid::from_u128(n), BTreeSet::new()))
            .collect();
        assert_eq!(reach(&many, &[], "").unwrap_err().0, "invalid_target");
    }
}
