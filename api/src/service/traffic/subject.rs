//! Whose traffic somebody asks for, and whether they may see it.

use domain::actor::Action;
use domain::id::{ApiId, ApplicationId, OrganizationId, TeamId, VersionId};
use entity::store::traffic::Scope;
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
        match self {
            Self::Application(id) => {
                let row = applications::load(ctx, ctx.db(), id, Action::ReadTraffic).await?;
                Ok(Scope {
                    applications: Some(vec![id]),
                    ..Scope::consumer(row.organization_id.into())
                })
            }
            Self::Api(id) => {
                let row = apis::load(ctx, ctx.db(), id, Action::ReadTraffic).await?;
                let of_it = version::Column::ApiId.eq(row.id);
                let versions = version_ids(ctx, version::Entity::find().filter(of_it)).await?;
                Ok(Scope {
                    versions: Some(versions),
                    ..Scope::provider(row.organization_id.into())
                })
            }
            Self::Version(id) => {
                let loaded = versions::load(ctx, ctx.db(), id, Action::ReadTraffic).await?;
                Ok(Scope {
                    versions: Some(vec![id]),
                    ..Scope::provider(loaded.api.organization_id.into())
                })
            }
            Self::Consumer(organization, team) => {
                let applications = match Reach::of(ctx, Action::ReadTraffic, organization, team)? {
                    Reach::All => None,
                    Reach::Teams(teams) => Some(application_ids(ctx, teams).await?),
                };
                Ok(Scope {
                    applications,
                    ..Scope::consumer(organization)
                })
            }
            Self::Provider(organization, team) => {
                let versions = match Reach::of(ctx, Action::ReadTraffic, organization, team)? {
                    Reach::All => None,
                    Reach::Teams(teams) => {
                        let query = version::Entity::find()
                            .join(JoinType::InnerJoin, version::Relation::Api.def())
                            .filter(api::Column::TeamId.is_in(teams));
                        Some(version_ids(ctx, query).await?)
                    }
                };
                Ok(Scope {
                    versions,
                    ..Scope::provider(organization)
                })
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

async fn application_ids(ctx: &Ctx, teams: Vec<Uuid>) -> Result<Vec<ApplicationId>> {
    let query = application::Entity::find().filter(application::Column::TeamId.is_in(teams));
    let ids: Vec<Uuid> = query
        .select_only()
        .column(application::Column::Id)
        .into_tuple()
        .all(ctx.db())
        .await?;
    Ok(ids.into_iter().map(ApplicationId::from).collect())
}
