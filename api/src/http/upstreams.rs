//! Upstreams of an organization.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::id::{OrganizationId, UpstreamId};
use domain::problem::Problem;
use domain::wire::upstreams as wire;
use domain::wire::{Page, TeamPaging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::upstreams;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_upstreams, create_upstream))
        .routes(routes!(read_upstream, edit_upstream, delete_upstream))
        .routes(routes!(set_upstream_credential))
        .routes(routes!(set_client_certificate))
}

/// Upstreams that the caller's teams own.
#[utoipa::path(get, path = "/organizations/{organization}/upstreams", tag = "upstreams", operation_id = "list_upstreams", params(("organization" = Uuid, Path), TeamPaging), responses((status = 200, body = Page<wire::Upstream>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_upstreams(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<TeamPaging>,
) -> Result<Json<Page<wire::Upstream>>> {
    Ok(Json(upstreams::list(&ctx, organization, &paging).await?))
}

/// Make an upstream; every address of its targets is checked.
#[utoipa::path(post, path = "/organizations/{organization}/upstreams", tag = "upstreams", operation_id = "create_upstream", params(("organization" = Uuid, Path)), request_body = wire::CreateUpstream, responses((status = 201, body = wire::Upstream), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_upstream(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateUpstream>,
) -> Result<Created<wire::Upstream>> {
    let body = upstreams::create(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/upstreams/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One upstream. Its credential is never shown.
#[utoipa::path(get, path = "/upstreams/{upstream}", tag = "upstreams", operation_id = "read_upstream", params(("upstream" = Uuid, Path)), responses((status = 200, body = wire::Upstream), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_upstream(
    SignedIn(ctx): SignedIn,
    Path(upstream): Path<UpstreamId>,
) -> Result<Tagged<wire::Upstream>> {
    let body = upstreams::get(&ctx, upstream).await?;
    Ok(Tagged(body.etag, body))
}

/// Change an upstream; live at once.
#[utoipa::path(patch, path = "/upstreams/{upstream}", tag = "upstreams", operation_id = "edit_upstream", params(("upstream" = Uuid, Path)), request_body = wire::EditUpstream, responses((status = 200, body = wire::Upstream), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_upstream(
    SignedIn(ctx): SignedIn,
    Path(upstream): Path<UpstreamId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditUpstream>,
) -> Result<Tagged<wire::Upstream>> {
    let body = upstreams::edit(&ctx, upstream, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Replace or remove the credential that is sent to the targets.
#[utoipa::path(put, path = "/upstreams/{upstream}/credential", tag = "upstreams", operation_id = "set_upstream_credential", params(("upstream" = Uuid, Path)), request_body = wire::SetUpstreamCredential, responses((status = 200, body = wire::Upstream), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn set_upstream_credential(
    SignedIn(ctx): SignedIn,
    Path(upstream): Path<UpstreamId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::SetUpstreamCredential>,
) -> Result<Tagged<wire::Upstream>> {
    let body = upstreams::set_credential(&ctx, upstream, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Replace or remove the certificate that is shown to targets that ask for one.
#[utoipa::path(put, path = "/upstreams/{upstream}/client-certificate", tag = "upstreams", operation_id = "set_client_certificate", params(("upstream" = Uuid, Path)), request_body = wire::SetClientCertificate, responses((status = 200, body = wire::Upstream), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn set_client_certificate(
    SignedIn(ctx): SignedIn,
    Path(upstream): Path<UpstreamId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::SetClientCertificate>,
) -> Result<Tagged<wire::Upstream>> {
    let body = upstreams::set_client_certificate(&ctx, upstream, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete an upstream that no version uses.
#[utoipa::path(delete, path = "/upstreams/{upstream}", tag = "upstreams", operation_id = "delete_upstream", params(("upstream" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_upstream(
    SignedIn(ctx): SignedIn,
    Path(upstream): Path<UpstreamId>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    upstreams::delete(&ctx, upstream, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}
