//! Subscriptions: asked for, decided, listed.

use std::sync::Arc;

use crate::service::subscriptions::SubscriberFilter;
use domain::id::{ApplicationId, OrganizationId, PlanId, ProductId, SubscriptionId, TeamId};
use domain::problem::Problem;
use domain::subscription::SubscriptionState;
use domain::wire::subscriptions as wire;
use domain::wire::{Page, Paging, TeamPaging};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, OptionalJson, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::subscriptions;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(
            list_application_subscriptions,
            request_subscription
        ))
        .routes(routes!(grant_subscription))
        .routes(routes!(list_subscriptions))
        .routes(routes!(list_subscribers))
        .routes(routes!(list_approvals))
        .routes(routes!(read_subscription))
        .routes(routes!(decide_subscription))
}

/// Which subscribers.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct SubscriberQuery {
    #[serde(deserialize_with = "domain::wire::blank")]
    #[param(value_type = Option<uuid::Uuid>)]
    team: Option<TeamId>,
    #[serde(deserialize_with = "domain::wire::blank")]
    #[param(value_type = Option<uuid::Uuid>)]
    product: Option<ProductId>,
    #[serde(deserialize_with = "domain::wire::blank")]
    state: Option<SubscriptionState>,
}

/// Subscriptions of an application, newest first.
#[utoipa::path(get, path = "/applications/{application}/subscriptions", tag = "subscriptions", operation_id = "list_application_subscriptions", params(("application" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Subscription>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_application_subscriptions(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Subscription>>> {
    Ok(Json(
        subscriptions::of_application(&ctx, application, &paging).await?,
    ))
}

/// Ask for a plan; an automatic one is approved at once.
#[utoipa::path(post, path = "/applications/{application}/subscriptions", tag = "subscriptions", operation_id = "request_subscription", params(("application" = Uuid, Path)), request_body = wire::RequestSubscription, responses((status = 201, body = wire::Subscription), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn request_subscription(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Json(input): Json<wire::RequestSubscription>,
) -> Result<Created<wire::Subscription>> {
    let body = subscriptions::request(&ctx, application, input).await?;
    Ok(Created {
        location: format!("/subscriptions/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// Subscribe a consumer's application on its behalf.
#[utoipa::path(post, path = "/plans/{plan}/grants", tag = "subscriptions", operation_id = "grant_subscription", params(("plan" = Uuid, Path)), request_body = wire::GrantSubscription, responses((status = 201, body = wire::Subscription), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn grant_subscription(
    SignedIn(ctx): SignedIn,
    Path(plan): Path<PlanId>,
    Json(input): Json<wire::GrantSubscription>,
) -> Result<Created<wire::Subscription>> {
    let body = subscriptions::grant(&ctx, plan, input).await?;
    Ok(Created {
        location: format!("/subscriptions/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// Subscriptions of the applications that the caller's teams own.
#[utoipa::path(get, path = "/organizations/{organization}/subscriptions", tag = "subscriptions", operation_id = "list_subscriptions", params(("organization" = Uuid, Path), TeamPaging), responses((status = 200, body = Page<wire::Subscription>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_subscriptions(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<TeamPaging>,
) -> Result<Json<Page<wire::Subscription>>> {
    Ok(Json(
        subscriptions::mine(&ctx, organization, &paging).await?,
    ))
}

/// Subscribers of the products that the caller's teams own.
#[utoipa::path(get, path = "/organizations/{organization}/subscribers", tag = "subscriptions", operation_id = "list_subscribers", params(("organization" = Uuid, Path), SubscriberQuery, Paging), responses((status = 200, body = Page<wire::Subscription>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_subscribers(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(query): Query<SubscriberQuery>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Subscription>>> {
    let SubscriberQuery {
        team,
        product,
        state,
    } = query;
    let filter = SubscriberFilter {
        team,
        product,
        state,
    };
    Ok(Json(
        subscriptions::subscribers(&ctx, organization, &filter, &paging).await?,
    ))
}

/// Subscriptions that wait for the caller's decision, with their number.
#[utoipa::path(get, path = "/organizations/{organization}/approvals", tag = "subscriptions", operation_id = "list_approvals", params(("organization" = Uuid, Path), TeamPaging), responses((status = 200, body = wire::Approvals), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_approvals(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<TeamPaging>,
) -> Result<Json<wire::Approvals>> {
    Ok(Json(
        subscriptions::approvals(&ctx, organization, &paging).await?,
    ))
}

/// One subscription, for either side.
#[utoipa::path(get, path = "/subscriptions/{subscription}", tag = "subscriptions", operation_id = "read_subscription", params(("subscription" = Uuid, Path)), responses((status = 200, body = wire::Subscription), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_subscription(
    SignedIn(ctx): SignedIn,
    Path(subscription): Path<SubscriptionId>,
) -> Result<Tagged<wire::Subscription>> {
    let body = subscriptions::get(&ctx, subscription).await?;
    Ok(Tagged(body.etag, body))
}

/// Approve, reject, suspend, resume or revoke (provider); withdraw, pause, unpause or cancel (consumer).
#[utoipa::path(post, path = "/subscriptions/{subscription}/{verb}", tag = "subscriptions", operation_id = "decide_subscription", params(("subscription" = Uuid, Path), ("verb" = wire::SubscriptionVerb, Path)), request_body = wire::Decide, responses((status = 200, body = wire::Subscription), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn decide_subscription(
    SignedIn(ctx): SignedIn,
    Path((subscription, verb)): Path<(SubscriptionId, wire::SubscriptionVerb)>,
    IfMatch(etag): IfMatch,
    OptionalJson(input): OptionalJson<wire::Decide>,
) -> Result<Tagged<wire::Subscription>> {
    let body = subscriptions::decide(&ctx, subscription, verb, etag, input).await?;
    Ok(Tagged(body.etag, body))
}
