//! Plans of a product.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::id::{PlanId, ProductId};
use domain::lifecycle::PlanStep;
use domain::problem::Problem;
use domain::wire::Page;
use domain::wire::plans as wire;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, SignedIn};
use crate::plane::Plane;
use crate::service::plans;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_plans, create_plan))
        .routes(routes!(read_plan, edit_plan, delete_plan))
        .routes(routes!(publish_plan))
        .routes(routes!(deprecate_plan))
        .routes(routes!(close_plan))
}

/// Plans of a product, in the order in which they are offered.
#[utoipa::path(get, path = "/products/{product}/plans", tag = "plans", operation_id = "list_plans", params(("product" = Uuid, Path)), responses((status = 200, body = Page<wire::Plan>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_plans(
    SignedIn(ctx): SignedIn,
    Path(product): Path<ProductId>,
) -> Result<Json<Page<wire::Plan>>> {
    Ok(Json(Page {
        items: plans::list(&ctx, product).await?,
        next: None,
    }))
}

/// Make a plan; it starts as a draft.
#[utoipa::path(post, path = "/products/{product}/plans", tag = "plans", operation_id = "create_plan", params(("product" = Uuid, Path)), request_body = wire::CreatePlan, responses((status = 201, body = wire::Plan), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_plan(
    SignedIn(ctx): SignedIn,
    Path(product): Path<ProductId>,
    Json(input): Json<wire::CreatePlan>,
) -> Result<Created<wire::Plan>> {
    let body = plans::create(&ctx, product, input).await?;
    Ok(Created {
        location: format!("/plans/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One plan.
#[utoipa::path(get, path = "/plans/{plan}", tag = "plans", operation_id = "read_plan", params(("plan" = Uuid, Path)), responses((status = 200, body = wire::Plan), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_plan(
    SignedIn(ctx): SignedIn,
    Path(plan): Path<PlanId>,
) -> Result<Tagged<wire::Plan>> {
    let body = plans::get(&ctx, plan).await?;
    Ok(Tagged(body.etag, body))
}

/// Write a plan anew; whoever is subscribed meets it with the next call.
#[utoipa::path(put, path = "/plans/{plan}", tag = "plans", operation_id = "edit_plan", params(("plan" = Uuid, Path)), request_body = wire::EditPlan, responses((status = 200, body = wire::Plan), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_plan(
    SignedIn(ctx): SignedIn,
    Path(plan): Path<PlanId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditPlan>,
) -> Result<Tagged<wire::Plan>> {
    let body = plans::edit(&ctx, plan, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete a plan that nobody ever subscribed to.
#[utoipa::path(delete, path = "/plans/{plan}", tag = "plans", operation_id = "delete_plan", params(("plan" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_plan(
    SignedIn(ctx): SignedIn,
    Path(plan): Path<PlanId>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    plans::delete(&ctx, plan, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Offer a plan.
#[utoipa::path(post, path = "/plans/{plan}/publish", tag = "plans", operation_id = "publish_plan", params(("plan" = Uuid, Path)), responses((status = 200, body = wire::Plan), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn publish_plan(
    SignedIn(ctx): SignedIn,
    Path(plan): Path<PlanId>,
    IfMatch(etag): IfMatch,
) -> Result<Tagged<wire::Plan>> {
    let body = plans::step(&ctx, plan, PlanStep::Publish, etag).await?;
    Ok(Tagged(body.etag, body))
}

/// Take no new subscriptions to a plan.
#[utoipa::path(post, path = "/plans/{plan}/deprecate", tag = "plans", operation_id = "deprecate_plan", params(("plan" = Uuid, Path)), responses((status = 200, body = wire::Plan), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn deprecate_plan(
    SignedIn(ctx): SignedIn,
    Path(plan): Path<PlanId>,
    IfMatch(etag): IfMatch,
) -> Result<Tagged<wire::Plan>> {
    let body = plans::step(&ctx, plan, PlanStep::Deprecate, etag).await?;
    Ok(Tagged(body.etag, body))
}

/// Close a plan: its subscriptions end.
#[utoipa::path(post, path = "/plans/{plan}/close", tag = "plans", operation_id = "close_plan", params(("plan" = Uuid, Path)), responses((status = 200, body = wire::Plan), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn close_plan(
    SignedIn(ctx): SignedIn,
    Path(plan): Path<PlanId>,
    IfMatch(etag): IfMatch,
) -> Result<Tagged<wire::Plan>> {
    let body = plans::step(&ctx, plan, PlanStep::Close, etag).await?;
    Ok(Tagged(body.etag, body))
}
