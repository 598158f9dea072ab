//! Names behind the ids of traffic. A provider reads the name of an application only where the
//! two have, or had, a subscription; of others it sees the traffic alone.

use std::collections::{HashMap, HashSet};

use domain::id::of;
use domain::wire::Named;
use entity::store::traffic::Side;
use entity::{operation, subscription, version};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::names::{self, Names};

/// What versions are called, and their APIs.
pub(super) struct Versions {
    versions: HashMap<Uuid, (String, Uuid)>,
    apis: Names<of::Api>,
}

impl Versions {
    pub(super) async fn of(ctx: &Ctx, ids: impl IntoIterator<Item = Uuid>) -> Result<Self> {
        let ids: HashSet<Uuid> = ids.into_iter().collect();
        let rows: Vec<(Uuid, String, Uuid)> = version::Entity::find()
            .select_only()
            .columns([
                version::Column::Id,
                version::Column::Slug,
                version::Column::ApiId,
            ])
            .filter(version::Column::Id.is_in(ids))
            .into_tuple()
            .all(ctx.db())
            .await?;
        let apis = names::apis(ctx.db(), rows.iter().map(|(_, _, api)| *api)).await?;
        let versions = rows
            .into_iter()
            .map(|(id, slug, api)| (id, (slug, api)))
            .collect();
        Ok(Self { versions, apis })
    }

    pub(super) fn slug(&self, id: Uuid) -> String {
        self.versions
            .get(&id)
            .map(|(slug, _)| slug.clone())
            .unwrap_or_default()
    }

    pub(super) fn api(&self, version: Uuid) -> Named<of::Api> {
        self.apis.get(
            self.versions
                .get(&version)
                .map_or(Uuid::nil(), |(_, api)| *api),
        )
    }
}

/// Method and template by operation.
pub(super) async fn operations(
    ctx: &Ctx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, (String, String)>> {
    let ids: HashSet<Uuid> = ids.into_iter().filter(|id| !id.is_nil()).collect();
    let rows: Vec<(Uuid, String, String)> = operation::Entity::find()
        .select_only()
        .columns([
            operation::Column::Id,
            operation::Column::Method,
            operation::Column::Template,
        ])
        .filter(operation::Column::Id.is_in(ids))
        .into_tuple()
        .all(ctx.db())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, method, template)| (id, (method, template)))
        .collect())
}

/// Names of those applications that `side` may know.
pub(super) async fn applications(
    ctx: &Ctx,
    side: Side,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<Names<of::Application>> {
    let ids: HashSet<Uuid> = ids.into_iter().filter(|id| !id.is_nil()).collect();
    let known: Vec<Uuid> = match side {
        Side::Consumer(_) => ids.into_iter().collect(),
        Side::Provider(organization) => {
            subscription::Entity::find()
                .select_only()
                .distinct()
                .column(subscription::Column::ApplicationId)
                .filter(subscription::Column::ProviderId.eq(organization.uuid()))
                .filter(subscription::Column::ApplicationId.is_in(ids))
                .into_tuple()
                .all(ctx.db())
                .await?
        }
    };
    names::applications(ctx.db(), known).await
}
