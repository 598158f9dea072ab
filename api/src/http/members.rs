//! Members of organizations and teams.

use std::sync::Arc;

use domain::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::members;
use axum::http::StatusCode;
use domain::id::{OrganizationId, TeamId, UserId};
use domain::wire::organizations as wire;
use domain::wire::{Page, Paging};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_members))
        .routes(routes!(edit_member, remove_member))
        .routes(routes!(list_team_members))
        .routes(routes!(put_team_member, remove_team_member))
}

/// The members of an organization.
#[utoipa::path(get, path = "/organizations/{organization}/members", tag = "organizations", operation_id = "list_members", params(("organization" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Member>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_members(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Member>>> {
    Ok(Json(members::list(&ctx, organization, &paging).await?))
}

/// Give a member another role.
#[utoipa::path(patch, path = "/organizations/{organization}/members/{user}", tag = "organizations", operation_id = "edit_member", params(("organization" = Uuid, Path), ("user" = Uuid, Path)), request_body = wire::EditMember, responses((status = 200, body = wire::Member), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_member(
    SignedIn(ctx): SignedIn,
    Path((organization, user)): Path<(OrganizationId, UserId)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditMember>,
) -> Result<Tagged<wire::Member>> {
    let body = members::edit(&ctx, organization, user, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Take a member out of the organization and its teams.
#[utoipa::path(delete, path = "/organizations/{organization}/members/{user}", tag = "organizations", operation_id = "remove_member", params(("organization" = Uuid, Path), ("user" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn remove_member(
    SignedIn(ctx): SignedIn,
    Path((organization, user)): Path<(OrganizationId, UserId)>,
) -> Result<StatusCode> {
    members::remove(&ctx, organization, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The members of a team.
#[utoipa::path(get, path = "/teams/{team}/members", tag = "organizations", operation_id = "list_team_members", params(("team" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::TeamMember>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_team_members(
    SignedIn(ctx): SignedIn,
    Path(team): Path<TeamId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::TeamMember>>> {
    Ok(Json(members::list_team(&ctx, team, &paging).await?))
}

/// Put a member of the organization into the team, or give another role there.
#[utoipa::path(put, path = "/teams/{team}/members/{user}", tag = "organizations", operation_id = "put_team_member", params(("team" = Uuid, Path), ("user" = Uuid, Path)), request_body = wire::EditTeamMember, responses((status = 200, body = wire::TeamMember), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn put_team_member(
    SignedIn(ctx): SignedIn,
    Path((team, user)): Path<(TeamId, UserId)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditTeamMember>,
) -> Result<Tagged<wire::TeamMember>> {
    let body = members::put_team(&ctx, team, user, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Take somebody out of a team.
#[utoipa::path(delete, path = "/teams/{team}/members/{user}", tag = "organizations", operation_id = "remove_team_member", params(("team" = Uuid, Path), ("user" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn remove_team_member(
    SignedIn(ctx): SignedIn,
    Path((team, user)): Path<(TeamId, UserId)>,
) -> Result<StatusCode> {
    members::remove_team(&ctx, team, user).await?;
    Ok(StatusCode::NO_CONTENT)
}
