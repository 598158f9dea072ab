//! Quotas that refuse, and where they stand.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::policy::{AttachPoint, Mode, Policy};
use entity::store::quota::attached;
use entity::{api, operation, organization, plan, revision, version};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;

/// Ids asked for at once, and versions, whose revisions are long.
const IDS: usize = 500;
const VERSIONS: usize = 50;

/// A policy's kind stands in the JSON as the name of a member.
const WRITTEN: &str = "\"quota\"";

/// A quota on its place.
pub(super) struct Place {
    /// Of the plan, or of what it is attached to.
    pub(super) attach: Uuid,
    /// The policy's.
    pub(super) name: String,
    pub(super) limit: u64,
    /// `None`: a plan.
    pub(super) outside: Option<Outside>,
}

/// Outside of plans it counts by application.
#[derive(Clone)]
pub(super) struct Outside {
    pub(super) point: AttachPoint,
    /// What people call it.
    pub(super) called: String,
    /// The organization that it is of.
    pub(super) provider: Uuid,
}

/// Of policies that this release cannot read nothing is told, and of the others all the same.
pub(super) async fn all(ctx: &Ctx) -> Result<Vec<Place>> {
    let db = ctx.db();
    let mut found = Vec::new();
    let plans = plan::Entity::find().filter(plan::Column::Policies.contains(WRITTEN));
    for row in plans.all(db).await? {
        add(&mut found, row.id, &row.kept().policies, None);
    }
    let owners = organization::Entity::find();
    let owners = owners.filter(organization::Column::Policies.contains(WRITTEN));
    for row in owners.all(db).await? {
        let outside = Outside {
            point: AttachPoint::Organization,
            called: format!("all APIs of {}", row.name),
            provider: row.id,
        };
        add(&mut found, row.id, &row.kept().policies, Some(&outside));
    }
    let apis = api::Entity::find().filter(api::Column::Policies.contains(WRITTEN));
    for row in apis.all(db).await? {
        let outside = Outside {
            point: AttachPoint::Api,
            called: row.name.clone(),
            provider: row.organization_id,
        };
        add(&mut found, row.id, &row.kept().policies, Some(&outside));
    }
    of_versions(ctx, &mut found).await?;
    Ok(found)
}

/// Revisions are long, so only those are read where something was counted.
async fn of_versions(ctx: &Ctx, found: &mut Vec<Place>) -> Result<()> {
    let db = ctx.db();
    let counted = attached(&ctx.plane.databases.traffic).await?;
    let mut versions: BTreeSet<Uuid> = counted.iter().copied().collect();
    for ids in counted.chunks(IDS) {
        let of: Vec<Uuid> = operation::Entity::find()
            .select_only()
            .column(operation::Column::VersionId)
            .filter(operation::Column::Id.is_in(ids.iter().copied()))
            .into_tuple()
            .all(db)
            .await?;
        versions.extend(of);
    }
    let counted: HashSet<Uuid> = counted.into_iter().collect();
    let versions: Vec<Uuid> = versions.into_iter().collect();
    for ids in versions.chunks(VERSIONS) {
        let rows = version::Entity::served()
            .filter(version::Column::Id.is_in(ids.iter().copied()))
            .all(db)
            .await?;
        let current = rows.iter().filter_map(|row| row.current_revision_id);
        let revisions = revision::Entity::find().filter(revision::Column::Id.is_in(current));
        let revisions = revisions.all(db).await?.into_iter();
        let revisions: HashMap<Uuid, _> = revisions.map(|row| (row.version_id, row)).collect();
        let apis = rows.iter().map(|row| row.api_id);
        let apis = api::Entity::find().filter(api::Column::Id.is_in(apis));
        let apis = apis.all(db).await?.into_iter();
        let apis: HashMap<Uuid, String> = apis.map(|row| (row.id, row.name)).collect();
        for row in rows {
            // One that this release cannot read refuses its calls, and says so.
            let revision = revisions.get(&row.id).and_then(|row| row.snapshot().ok());
            let (Some(revision), Some(api)) = (revision, apis.get(&row.api_id)) else {
                continue;
            };
            let outside = Outside {
                point: AttachPoint::Version,
                called: format!("{api} {}", row.slug),
                provider: row.organization_id,
            };
            if counted.contains(&row.id) {
                add(found, row.id, &revision.policies, Some(&outside));
            }
            for operation in &revision.operations {
                let id = operation.id.uuid();
                if counted.contains(&id) {
                    let (method, template) = (&operation.method, &operation.template);
                    let outside = Outside {
                        point: AttachPoint::Operation,
                        called: format!("{method} {template} of {}", outside.called),
                        ..outside.clone()
                    };
                    add(found, id, &operation.policies, Some(&outside));
                }
            }
        }
    }
    Ok(())
}

fn add(found: &mut Vec<Place>, attach: Uuid, policies: &[Policy], outside: Option<&Outside>) {
    for policy in policies {
        let Policy::Quota(quota) = policy else {
            continue;
        };
        if quota.mode == Mode::Enforce {
            found.push(Place {
                attach,
                name: policy.name().to_owned(),
                limit: quota.limit,
                outside: outside.cloned(),
            });
        }
    }
}
