//! Teams of an organization.

use std::sync::Arc;

use domain::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::teams;
use axum::http::StatusCode;
use domain::id::{OrganizationId, TeamId};
use domain::wire::organizations as wire;
use domain::wire::{Page, Paging};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_teams, create_team))
        .routes(routes!(read_team, edit_team, delete_team))
}

/// The teams of an organization.
#[utoipa::path(get, path = "/organizations/{organization}/teams", tag = "organizations", operation_id = "list_teams", params(("organization" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Team>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_teams(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Team>>> {
    Ok(Json(teams::list(&ctx, organization, &paging).await?))
}

/// Make a team.
#[utoipa::path(post, path = "/organizations/{organization}/teams", tag = "organizations", operation_id = "create_team", params(("organization" = Uuid, Path)), request_body = wire::CreateTeam, responses((status = 201, body = wire::Team), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_team(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateTeam>,
) -> Result<Created<wire::Team>> {
    let body = teams::create(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/teams/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One team.
#[utoipa::path(get, path = "/teams/{team}", tag = "organizations", operation_id = "read_team", params(("team" = Uuid, Path)), responses((status = 200, body = wire::Team), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_team(
    SignedIn(ctx): SignedIn,
    Path(team): Path<TeamId>,
) -> Result<Tagged<wire::Team>> {
    let body = teams::read(&ctx, team).await?;
    Ok(Tagged(body.etag, body))
}

/// Change a team's name and description.
#[utoipa::path(patch, path = "/teams/{team}", tag = "organizations", operation_id = "edit_team", params(("team" = Uuid, Path)), request_body = wire::EditTeam, responses((status = 200, body = wire::Team), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_team(
    SignedIn(ctx): SignedIn,
    Path(team): Path<TeamId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditTeam>,
) -> Result<Tagged<wire::Team>> {
    let body = teams::edit(&ctx, team, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete a team that owns nothing any more.
#[utoipa::path(delete, path = "/teams/{team}", tag = "organizations", operation_id = "delete_team", params(("team" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_team(
    SignedIn(ctx): SignedIn,
    Path(team): Path<TeamId>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    teams::delete(&ctx, team, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}
