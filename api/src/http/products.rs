//! Products of an organization.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::id::{OrganizationId, ProductId};
use domain::problem::Problem;
use domain::wire::products as wire;
use domain::wire::{Page, TeamPaging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::products;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_products, create_product))
        .routes(routes!(read_product, edit_product, delete_product))
}

/// Products that the caller's teams own.
#[utoipa::path(get, path = "/organizations/{organization}/products", tag = "products", operation_id = "list_products", params(("organization" = Uuid, Path), TeamPaging), responses((status = 200, body = Page<wire::Product>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_products(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<TeamPaging>,
) -> Result<Json<Page<wire::Product>>> {
    Ok(Json(products::list(&ctx, organization, &paging).await?))
}

/// Make a product.
#[utoipa::path(post, path = "/organizations/{organization}/products", tag = "products", operation_id = "create_product", params(("organization" = Uuid, Path)), request_body = wire::CreateProduct, responses((status = 201, body = wire::Product), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_product(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateProduct>,
) -> Result<Created<wire::Product>> {
    let body = products::create(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/products/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One product with its versions and plans.
#[utoipa::path(get, path = "/products/{product}", tag = "products", operation_id = "read_product", params(("product" = Uuid, Path)), responses((status = 200, body = wire::Product), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_product(
    SignedIn(ctx): SignedIn,
    Path(product): Path<ProductId>,
) -> Result<Tagged<wire::Product>> {
    let body = products::get(&ctx, product).await?;
    Ok(Tagged(body.etag, body))
}

/// Change a product or its bundle.
#[utoipa::path(patch, path = "/products/{product}", tag = "products", operation_id = "edit_product", params(("product" = Uuid, Path)), request_body = wire::EditProduct, responses((status = 200, body = wire::Product), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_product(
    SignedIn(ctx): SignedIn,
    Path(product): Path<ProductId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditProduct>,
) -> Result<Tagged<wire::Product>> {
    let body = products::edit(&ctx, product, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete a product without open subscriptions.
#[utoipa::path(delete, path = "/products/{product}", tag = "products", operation_id = "delete_product", params(("product" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_product(
    SignedIn(ctx): SignedIn,
    Path(product): Path<ProductId>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    products::delete(&ctx, product, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}
