//! Dashboards and the request log.

use std::sync::Arc;

use crate::service::traffic::Subject;
use domain::id::{ApiId, ApplicationId, OrganizationId, RecordId, TeamId, VersionId};
use domain::key::Environment;
use domain::problem::Problem;
use domain::wire::Page;
use domain::wire::traffic as wire;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::traffic;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(read_application_usage))
        .routes(routes!(read_api_usage))
        .routes(routes!(read_version_usage))
        .routes(routes!(read_usage))
        .routes(routes!(read_api_variants))
        .routes(routes!(read_version_variants))
        .routes(routes!(read_version_observed))
        .routes(routes!(list_requests))
        .routes(routes!(read_request))
}

/// How far back, and of which environment.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct UsageQuery {
    #[serde(deserialize_with = "domain::wire::blank")]
    range: Option<wire::Range>,
    #[serde(deserialize_with = "domain::wire::blank")]
    environment: Option<Environment>,
}

/// On which side of the calls the organization stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Side {
    /// Its APIs were called.
    #[default]
    Provider,
    /// Its applications called.
    Consumer,
}

/// Whose traffic.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct SideQuery {
    #[serde(deserialize_with = "domain::wire::blank")]
    side: Option<Side>,
    #[serde(deserialize_with = "domain::wire::blank")]
    #[param(value_type = Option<uuid::Uuid>)]
    team: Option<TeamId>,
}

impl SideQuery {
    fn subject(&self, organization: OrganizationId) -> Subject {
        match self.side.unwrap_or_default() {
            Side::Provider => Subject::Provider(organization, self.team),
            Side::Consumer => Subject::Consumer(organization, self.team),
        }
    }
}

/// Calls by an application.
#[utoipa::path(get, path = "/applications/{application}/usage", tag = "traffic", operation_id = "read_application_usage", params(("application" = Uuid, Path), UsageQuery), responses((status = 200, body = wire::Usage), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_application_usage(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<wire::Usage>> {
    Ok(Json(
        traffic::usage(
            &ctx,
            Subject::Application(application),
            query.range.unwrap_or_default(),
            query.environment,
        )
        .await?,
    ))
}

/// Calls to an API.
#[utoipa::path(get, path = "/apis/{api}/usage", tag = "traffic", operation_id = "read_api_usage", params(("api" = Uuid, Path), UsageQuery), responses((status = 200, body = wire::Usage), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_api_usage(
    SignedIn(ctx): SignedIn,
    Path(api): Path<ApiId>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<wire::Usage>> {
    Ok(Json(
        traffic::usage(
            &ctx,
            Subject::Api(api),
            query.range.unwrap_or_default(),
            query.environment,
        )
        .await?,
    ))
}

/// Calls to a version.
#[utoipa::path(get, path = "/versions/{version}/usage", tag = "traffic", operation_id = "read_version_usage", params(("version" = Uuid, Path), UsageQuery), responses((status = 200, body = wire::Usage), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_version_usage(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<wire::Usage>> {
    Ok(Json(
        traffic::usage(
            &ctx,
            Subject::Version(version),
            query.range.unwrap_or_default(),
            query.environment,
        )
        .await?,
    ))
}

/// Calls to or by what the caller's teams own.
#[utoipa::path(get, path = "/organizations/{organization}/usage", tag = "traffic", operation_id = "read_usage", params(("organization" = Uuid, Path), SideQuery, UsageQuery), responses((status = 200, body = wire::Usage), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_usage(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(side): Query<SideQuery>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<wire::Usage>> {
    Ok(Json(
        traffic::usage(
            &ctx,
            side.subject(organization),
            query.range.unwrap_or_default(),
            query.environment,
        )
        .await?,
    ))
}

/// The variants of upstreams behind an API side by side.
#[utoipa::path(get, path = "/apis/{api}/variants", tag = "traffic", operation_id = "read_api_variants", params(("api" = Uuid, Path), UsageQuery), responses((status = 200, body = wire::Variants), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_api_variants(
    SignedIn(ctx): SignedIn,
    Path(api): Path<ApiId>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<wire::Variants>> {
    Ok(Json(
        traffic::variants(
            &ctx,
            Subject::Api(api),
            query.range.unwrap_or_default(),
            query.environment,
        )
        .await?,
    ))
}

/// The variants of upstreams behind a version side by side.
#[utoipa::path(get, path = "/versions/{version}/variants", tag = "traffic", operation_id = "read_version_variants", params(("version" = Uuid, Path), UsageQuery), responses((status = 200, body = wire::Variants), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_version_variants(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<wire::Variants>> {
    Ok(Json(
        traffic::variants(
            &ctx,
            Subject::Version(version),
            query.range.unwrap_or_default(),
            query.environment,
        )
        .await?,
    ))
}

/// Who would have been refused if the version's policies in observe mode enforced.
#[utoipa::path(get, path = "/versions/{version}/observed", tag = "traffic", operation_id = "read_version_observed", params(("version" = Uuid, Path), UsageQuery), responses((status = 200, body = wire::Observed), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_version_observed(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<wire::Observed>> {
    let range = query.range.unwrap_or_default();
    let found = traffic::observed(&ctx, version, range, query.environment);
    Ok(Json(found.await?))
}

/// The request log, newest first.
#[utoipa::path(get, path = "/organizations/{organization}/requests", tag = "traffic", operation_id = "list_requests", params(("organization" = Uuid, Path), SideQuery, wire::LogFilter), responses((status = 200, body = Page<wire::LogLine>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_requests(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(side): Query<SideQuery>,
    Query(filter): Query<wire::LogFilter>,
) -> Result<Json<Page<wire::LogLine>>> {
    Ok(Json(
        traffic::log(&ctx, side.subject(organization), &filter).await?,
    ))
}

/// One request with all that the caller's side may know.
#[utoipa::path(get, path = "/organizations/{organization}/requests/{request}", tag = "traffic", operation_id = "read_request", params(("organization" = Uuid, Path), ("request" = Uuid, Path)), responses((status = 200, body = wire::LogEntry), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_request(
    SignedIn(ctx): SignedIn,
    Path((organization, request)): Path<(OrganizationId, RecordId)>,
) -> Result<Json<wire::LogEntry>> {
    Ok(Json(traffic::entry(&ctx, organization, request).await?))
}
