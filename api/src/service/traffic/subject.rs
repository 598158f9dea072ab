//! Whose traffic somebody asks for, and whether they may see it.

use domain::actor::Action;
use domain::id::{ApiId, ApplicationId, OrganizationId, TeamId, VersionId};
use entity::store::traffic::{Scope, Whose};
use entity::{api, application, version};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, RelationTrait};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::service::reach::Reach;
use crate::service::{apis, applications, versions};

/// What a dashboard or a log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Calls by one application.
    Application(ApplicationId),
    /// Calls by the applications of a team, or of all teams that the caller reaches.
    Consumer(OrganizationId, Option<TeamId>),
    /// Calls to one API.
    Api(ApiId),
    /// Calls to one version.
    Version(VersionId),
    /// Calls to the APIs of a team, or of all teams that the caller reaches.
    Provider(OrganizationId, Option<TeamId>),
}

impl Subject {
    /// The part of the traffic, if the caller may read it.
    pub(super) async fn scope(self, ctx: &Ctx) -> Result<Scope> {
        Ok(self.whose(ctx).await?.scope(None))
    }

    /// The same for dashboards. What a list names is of the organization beside it.
    pub(super) async fn whose(self, ctx: &Ctx) -> Result<Whose> {
        match self {
            Self::Application(id) => {
                let row = applications::load(ctx, ctx.db(), id, Action::ReadTraffic).await?;
                Ok(Whose::Applications(row.organization_id.into(), vec![id]))
            }
            Self::Api(id) => {
                let row = apis::load(ctx, ctx.db(), id, Action::ReadTraffic).await?;
                let of_it = version::Column::ApiId.eq(row.id);
                let versions = version_ids(ctx, version::Entity::find().filter(of_it)).await?;
                Ok(Whose::Versions(row.organization_id.into(), versions))
            }
            Self::Version(id) => {
                let loaded = versions::load(ctx, ctx.db(), id, Action::ReadTraffic).await?;
                Ok(Whose::Versions(loaded.api.organization_id.into(), vec![id]))
            }
            Self::Consumer(organization, team) => {
                match Reach::of(ctx, Action::ReadTraffic, organization, team)? {
                    Reach::All => Ok(Whose::Consumer(organization)),
                    Reach::Teams(teams) => {
                        let applications = application_ids(ctx, organization, teams).await?;
                        Ok(Whose::Applications(organization, applications))
                    }
                }
            }
            Self::Provider(organization, team) => {
                match Reach::of(ctx, Action::ReadTraffic, organization, team)? {
                    Reach::All => Ok(Whose::Provider(organization)),
                    Reach::Teams(teams) => {
                        let query = version::Entity::find()
                            .join(JoinType::InnerJoin, version::Relation::Api.def())
                            .filter(api::Column::TeamId.is_in(teams))
                            .filter(api::Column::OrganizationId.eq(organization.uuid()));
                        Ok(Whose::Versions(
                            organization,
                            version_ids(ctx, query).await?,
                        ))
                    }
                }
            }
        }
    }
}

async fn version_ids(ctx: &Ctx, query: sea_orm::Select<version::Entity>) -> Result<Vec<VersionId>> {
    let ids: Vec<Uuid> = query
        .select_only()
        .column(version::Column::Id)
        .into_tuple()
        .all(ctx.db())
        .await?;
    Ok(ids.into_iter().map(VersionId::from).collect())
}

async fn application_ids(
    ctx: &Ctx,
    organization: OrganizationId,
    teams: Vec<Uuid>,
) -> Result<Vec<ApplicationId>> {
    let query = application::Entity::find()
        .filter(application::Column::TeamId.is_in(teams))
        .filter(application::Column::OrganizationId.eq(organization.uuid()));
    let ids: Vec<Uuid> = query
        .select_only()
        .column(application::Column::Id)
        .into_tuple()
        .all(ctx.db())
        .await?;
    Ok(ids.into_iter().map(ApplicationId::from).collect())
}
