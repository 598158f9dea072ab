//! Organizations of the signed-in person.

use std::sync::Arc;

use domain::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::organizations;
use domain::id::OrganizationId;
use domain::wire::organizations as wire;
use domain::wire::{Page, Paging};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_organizations, create_organization))
        .routes(routes!(read_organization, edit_organization))
        .routes(routes!(read_policies, set_policies))
}

/// The organizations that the caller belongs to.
#[utoipa::path(get, path = "/organizations", tag = "organizations", operation_id = "list_organizations", params(Paging), responses((status = 200, body = Page<wire::Organization>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_organizations(
    SignedIn(ctx): SignedIn,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Organization>>> {
    Ok(Json(organizations::list(&ctx, &paging).await?))
}

/// Found an organization; the caller owns it.
#[utoipa::path(post, path = "/organizations", tag = "organizations", operation_id = "create_organization", request_body = wire::CreateOrganization, responses((status = 201, body = wire::Organization), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_organization(
    SignedIn(ctx): SignedIn,
    Json(input): Json<wire::CreateOrganization>,
) -> Result<Created<wire::Organization>> {
    let body = organizations::create(&ctx, input).await?;
    Ok(Created {
        location: format!("/organizations/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One organization.
#[utoipa::path(get, path = "/organizations/{organization}", tag = "organizations", operation_id = "read_organization", params(("organization" = Uuid, Path)), responses((status = 200, body = wire::Organization), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_organization(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
) -> Result<Tagged<wire::Organization>> {
    let body = organizations::read(&ctx, organization).await?;
    Ok(Tagged(body.etag, body))
}

/// Change an organization's name, and how much of clients' addresses is kept.
#[utoipa::path(patch, path = "/organizations/{organization}", tag = "organizations", operation_id = "edit_organization", params(("organization" = Uuid, Path)), request_body = wire::EditOrganization, responses((status = 200, body = wire::Organization), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_organization(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditOrganization>,
) -> Result<Tagged<wire::Organization>> {
    let body = organizations::edit(&ctx, organization, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// The policies that every call of all its APIs meets.
#[utoipa::path(get, path = "/organizations/{organization}/policies", tag = "organizations", operation_id = "read_organization_policies", params(("organization" = Uuid, Path)), responses((status = 200, body = wire::OrganizationPolicies), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_policies(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
) -> Result<Tagged<wire::OrganizationPolicies>> {
    let body = organizations::policies(&ctx, organization).await?;
    Ok(Tagged(body.etag, body))
}

/// Set the policies of an organization; live at once, for all its APIs.
#[utoipa::path(put, path = "/organizations/{organization}/policies", tag = "organizations", operation_id = "set_organization_policies", params(("organization" = Uuid, Path)), request_body = wire::SetOrganizationPolicies, responses((status = 200, body = wire::OrganizationPolicies), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn set_policies(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::SetOrganizationPolicies>,
) -> Result<Tagged<wire::OrganizationPolicies>> {
    let body = organizations::set_policies(&ctx, organization, etag, input).await?;
    Ok(Tagged(body.etag, body))
}
