//! Documents of versions that are served, before a policy that checks requests against them comes
//! to stand above: on an API or an organization. No publishing would tell what cannot be checked
//! then, and such a version would answer 500.

use std::collections::HashMap;

use domain::policy::{Looks, Mode, Policy};
use domain::problem::Invalid;
use entity::{api, revision, version};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::uncheckable;
use crate::error::{Error, Result};

/// Most versions whose documents are read, the newest: each may be megabytes.
const MOST: u64 = 200;
/// Most versions that are named.
const MOST_TOLD: usize = 10;

/// `Err` if `policies`, in the place of `before`, begin to check requests to some of the served
/// versions that `below` says, whose documents cannot be checked against. Pointers begin with
/// `/policies`. It reads whole documents, so no transaction is open meanwhile.
pub(crate) async fn fit_below<C: ConnectionTrait>(
    db: &C,
    below: Expr,
    before: &[Policy],
    policies: &[Policy],
) -> Result<()> {
    let looks = Looks::of(policies.iter().filter(|one| enforces(one)));
    let new = looks.beyond(Looks::of(before.iter().filter(|one| enforces(one))));
    if !new.any() {
        return Ok(());
    }
    let begins = |policy: &Policy| enforces(policy) && new.shares(Looks::of([policy]));
    let Some((index, policy)) = policies.iter().enumerate().find(|(_, one)| begins(one)) else {
        return Ok(());
    };
    let pointer = format!("/policies/{index}/{}", policy.kind().as_str());
    let mut known: HashMap<Uuid, Option<String>> = HashMap::new();
    let mut found = Vec::new();
    for (name, document) in served(db, below).await? {
        let wrong = match known.get(&document) {
            Some(wrong) => wrong.clone(),
            None => {
                let first = uncheckable(db, document, new).await?.into_iter().next();
                let wrong = first.map(|one| one.message);
                known.insert(document, wrong.clone());
                wrong
            }
        };
        if let Some(wrong) = wrong {
            let message = format!("The document of {name} cannot be checked. {wrong}");
            found.push(Invalid::new(pointer.as_str(), message));
        }
        if found.len() == MOST_TOLD {
            break;
        }
    }
    match found.is_empty() {
        true => Ok(()),
        false => Err(Error::invalid(found)),
    }
}

/// In observe mode a document that cannot be checked is passed over.
fn enforces(policy: &Policy) -> bool {
    policy.mode() == Mode::Enforce
}

/// API and version by name, and the document that is served.
async fn served<C: ConnectionTrait>(db: &C, below: Expr) -> Result<Vec<(String, Uuid)>> {
    let versions = version::Entity::served()
        .filter(below)
        .order_by_desc(version::Column::Id)
        .limit(MOST)
        .all(db)
        .await?;
    let current = versions.iter().filter_map(|one| one.current_revision_id);
    let documents: Vec<(Uuid, Option<Uuid>)> = revision::Entity::find()
        .select_only()
        .columns([revision::Column::Id, revision::Column::DocumentId])
        .filter(revision::Column::Id.is_in(current))
        .into_tuple()
        .all(db)
        .await?;
    let documents: HashMap<Uuid, Option<Uuid>> = documents.into_iter().collect();
    let names: Vec<(Uuid, String)> = api::Entity::find()
        .select_only()
        .columns([api::Column::Id, api::Column::Name])
        .filter(api::Column::Id.is_in(versions.iter().map(|one| one.api_id)))
        .into_tuple()
        .all(db)
        .await?;
    let names: HashMap<Uuid, String> = names.into_iter().collect();
    let named = versions.into_iter().filter_map(|one| {
        let document = documents
            .get(&one.current_revision_id?)
            .copied()
            .flatten()?;
        let api = names.get(&one.api_id).map_or("", String::as_str);
        Some((format!("{api} {}", one.slug), document))
    });
    Ok(named.collect())
}
