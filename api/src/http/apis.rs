//! APIs, and the import of documents.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use domain::api::Purge;
use domain::id::{ApiId, OrganizationId};
use domain::problem::Problem;
use domain::wire::apis as wire;
use domain::wire::versions::Imported;
use domain::wire::{Page, TeamPaging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::http::idempotency::BODY_LIMIT;
use crate::plane::Plane;
use crate::service::apis;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    // A document of 5 MiB, escaped as a JSON string.
    let documents = OpenApiRouter::new()
        .routes(routes!(import_api))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    OpenApiRouter::new()
        .routes(routes!(list_apis, create_api))
        .routes(routes!(read_api, edit_api, delete_api))
        .routes(routes!(purge_cache))
        .merge(documents)
}

/// APIs that the caller's teams own.
#[utoipa::path(get, path = "/organizations/{organization}/apis", tag = "apis", operation_id = "list_apis", params(("organization" = Uuid, Path), TeamPaging), responses((status = 200, body = Page<wire::Api>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_apis(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<TeamPaging>,
) -> Result<Json<Page<wire::Api>>> {
    Ok(Json(apis::list(&ctx, organization, &paging).await?))
}

/// Make an API without a version.
#[utoipa::path(post, path = "/organizations/{organization}/apis", tag = "apis", operation_id = "create_api", params(("organization" = Uuid, Path)), request_body = wire::CreateApi, responses((status = 201, body = wire::Api), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_api(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateApi>,
) -> Result<Created<wire::Api>> {
    let body = apis::create(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/apis/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// Make an API and the draft of its first version from an OpenAPI document.
#[utoipa::path(post, path = "/organizations/{organization}/apis/import", tag = "apis", operation_id = "import_api", params(("organization" = Uuid, Path)), request_body = wire::ImportApi, responses((status = 201, body = Imported), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn import_api(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::ImportApi>,
) -> Result<Created<Imported>> {
    let body = apis::import(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/apis/{}", body.api),
        etag: body.version.etag,
        body,
    })
}

/// One API with its versions.
#[utoipa::path(get, path = "/apis/{api}", tag = "apis", operation_id = "read_api", params(("api" = Uuid, Path)), responses((status = 200, body = wire::Api), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_api(SignedIn(ctx): SignedIn, Path(api): Path<ApiId>) -> Result<Tagged<wire::Api>> {
    let body = apis::get(&ctx, api).await?;
    Ok(Tagged(body.etag, body))
}

/// Change an API; live at once.
#[utoipa::path(patch, path = "/apis/{api}", tag = "apis", operation_id = "edit_api", params(("api" = Uuid, Path)), request_body = wire::EditApi, responses((status = 200, body = wire::Api), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_api(
    SignedIn(ctx): SignedIn,
    Path(api): Path<ApiId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditApi>,
) -> Result<Tagged<wire::Api>> {
    let body = apis::edit(&ctx, api, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Take kept answers of an API out of all gateways (`cache`). They hear of it as of any change.
#[utoipa::path(post, path = "/apis/{api}/cache/purge", tag = "apis", operation_id = "purge_cache", params(("api" = Uuid, Path)), request_body = Purge, responses((status = 202), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn purge_cache(
    SignedIn(ctx): SignedIn,
    Path(api): Path<ApiId>,
    Json(input): Json<Purge>,
) -> Result<StatusCode> {
    apis::purge(&ctx, api, input).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Delete an API none of whose versions is served.
#[utoipa::path(delete, path = "/apis/{api}", tag = "apis", operation_id = "delete_api", params(("api" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_api(
    SignedIn(ctx): SignedIn,
    Path(api): Path<ApiId>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    apis::delete(&ctx, api, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}
