//! The documents of versions, where a policy looks into them: they may be megabytes, and most
//! gateways' states need none.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::policy;
use domain::snapshot::Version;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, Select,
};
use uuid::Uuid;

use crate::{api, document, organization, version};

/// What versions know of their documents.
#[derive(Default)]
pub(super) struct Documents {
    /// By version: its organization, and its document.
    rows: HashMap<Uuid, (Uuid, Uuid)>,
}

impl Documents {
    pub(super) fn note(&mut self, version: &version::Model, document: Option<Uuid>) {
        if let Some(document) = document {
            let row = (version.organization_id, document);
            self.rows.insert(version.id, row);
        }
    }

    /// Puts those documents into `versions` that a policy in reach looks into.
    pub(super) async fn fill<C: ConnectionTrait>(
        self,
        tx: &C,
        versions: &mut [Version],
    ) -> Result<(), DbErr> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let apis: HashSet<Uuid> = looking_apis()
            .into_tuple()
            .all(tx)
            .await?
            .into_iter()
            .collect();
        let owners: Vec<Uuid> = looking_organizations().into_tuple().all(tx).await?;
        for version in versions {
            let Some((owner, id)) = self.rows.get(&version.id.uuid()) else {
                continue;
            };
            let revision = &version.revision;
            let mut own = revision.operations.iter().map(|one| &one.policies);
            let looks = policy::look_into_document(&revision.policies)
                || own.any(|policies| policy::look_into_document(policies))
                || apis.contains(&version.api.uuid())
                || owners.contains(owner);
            if looks && let Some((_, content)) = document::Entity::content(tx, *id).await? {
                // What was imported is UTF-8; else it is no document, which says so where it is
                // compiled.
                version.document = Some(String::from_utf8_lossy(&content).into_owned());
            }
        }
        Ok(())
    }
}

/// Versions that a change of these APIs and organizations may give a document.
pub(super) async fn of_changed<C: ConnectionTrait>(
    tx: &C,
    apis: &BTreeSet<Uuid>,
    organizations: &BTreeSet<Uuid>,
) -> Result<Vec<Uuid>, DbErr> {
    let mut found = Vec::new();
    if !apis.is_empty() {
        let looking: Vec<Uuid> = looking_apis()
            .filter(api::Column::Id.is_in(apis.iter().copied()))
            .into_tuple()
            .all(tx)
            .await?;
        let of = version::Entity::served().filter(version::Column::ApiId.is_in(looking));
        found.extend(ids(tx, of).await?);
    }
    if !organizations.is_empty() {
        let looking: Vec<Uuid> = looking_organizations()
            .filter(organization::Column::Id.is_in(organizations.iter().copied()))
            .into_tuple()
            .all(tx)
            .await?;
        let of = version::Entity::served().filter(version::Column::OrganizationId.is_in(looking));
        found.extend(ids(tx, of).await?);
    }
    Ok(found)
}

async fn ids<C: ConnectionTrait>(
    tx: &C,
    query: Select<version::Entity>,
) -> Result<Vec<Uuid>, DbErr> {
    let query = query.select_only().column(version::Column::Id);
    query.into_tuple().all(tx).await
}

/// A policy's kind and its fields stand in the JSON as names of members; where a text happens to
/// hold one as well, a document more is loaded.
const WRITTEN: [&str; 2] = ["\"validate\"", "\"examples\""];

/// Whether a column of policies has one that looks into documents.
fn looks(policies: impl ColumnTrait) -> Condition {
    let any = WRITTEN.iter();
    any.fold(Condition::any(), |any, word| {
        any.add(policies.contains(*word))
    })
}

fn looking_apis() -> Select<api::Entity> {
    api::Entity::find()
        .select_only()
        .column(api::Column::Id)
        .filter(looks(api::Column::Policies))
}

fn looking_organizations() -> Select<organization::Entity> {
    organization::Entity::find()
        .select_only()
        .column(organization::Column::Id)
        .filter(looks(organization::Column::Policies))
}
