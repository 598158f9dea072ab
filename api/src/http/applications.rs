//! Applications of an organization.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::id::{ApplicationId, OrganizationId};
use domain::lifecycle::ApplicationState;
use domain::problem::Problem;
use domain::wire::applications as wire;
use domain::wire::{Page, TeamPaging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::{applications, first_call};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_applications, create_application))
        .routes(routes!(
            read_application,
            edit_application,
            delete_application
        ))
        .routes(routes!(enable_application))
        .routes(routes!(disable_application))
        .routes(routes!(read_first_call))
}

/// Applications that the caller's teams own.
#[utoipa::path(get, path = "/organizations/{organization}/applications", tag = "applications", operation_id = "list_applications", params(("organization" = Uuid, Path), TeamPaging), responses((status = 200, body = Page<wire::Application>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_applications(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<TeamPaging>,
) -> Result<Json<Page<wire::Application>>> {
    Ok(Json(applications::list(&ctx, organization, &paging).await?))
}

/// Make an application.
#[utoipa::path(post, path = "/organizations/{organization}/applications", tag = "applications", operation_id = "create_application", params(("organization" = Uuid, Path)), request_body = wire::CreateApplication, responses((status = 201, body = wire::Application), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_application(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateApplication>,
) -> Result<Created<wire::Application>> {
    let body = applications::create(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/applications/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One application.
#[utoipa::path(get, path = "/applications/{application}", tag = "applications", operation_id = "read_application", params(("application" = Uuid, Path)), responses((status = 200, body = wire::Application), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_application(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
) -> Result<Tagged<wire::Application>> {
    let body = applications::get(&ctx, application).await?;
    Ok(Tagged(body.etag, body))
}

/// Change an application's name or description.
#[utoipa::path(patch, path = "/applications/{application}", tag = "applications", operation_id = "edit_application", params(("application" = Uuid, Path)), request_body = wire::EditApplication, responses((status = 200, body = wire::Application), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_application(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditApplication>,
) -> Result<Tagged<wire::Application>> {
    let body = applications::edit(&ctx, application, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete an application without open subscriptions, with its keys.
#[utoipa::path(delete, path = "/applications/{application}", tag = "applications", operation_id = "delete_application", params(("application" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_application(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    applications::delete(&ctx, application, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Switch an application's keys on.
#[utoipa::path(post, path = "/applications/{application}/enable", tag = "applications", operation_id = "enable_application", params(("application" = Uuid, Path)), responses((status = 200, body = wire::Application), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn enable_application(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
) -> Result<Tagged<wire::Application>> {
    let body = applications::set_state(&ctx, application, ApplicationState::Active).await?;
    Ok(Tagged(body.etag, body))
}

/// Switch an application's keys off.
#[utoipa::path(post, path = "/applications/{application}/disable", tag = "applications", operation_id = "disable_application", params(("application" = Uuid, Path)), responses((status = 200, body = wire::Application), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn disable_application(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
) -> Result<Tagged<wire::Application>> {
    let body = applications::set_state(&ctx, application, ApplicationState::Disabled).await?;
    Ok(Tagged(body.etag, body))
}

/// A ready call by the newest effective subscription; `null` without one.
#[utoipa::path(get, path = "/applications/{application}/first-call", tag = "applications", operation_id = "read_first_call", params(("application" = Uuid, Path)), responses((status = 200, body = Option<wire::FirstCall>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_first_call(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
) -> Result<Json<Option<wire::FirstCall>>> {
    Ok(Json(first_call::get(&ctx, application).await?))
}
