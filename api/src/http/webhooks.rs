//! Webhooks of an organization, and what became of their messages.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::id::{DeliveryId, OrganizationId, WebhookId};
use domain::problem::Problem;
use domain::wire::webhooks as wire;
use domain::wire::{Page, Paging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::webhooks;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks, create_webhook))
        .routes(routes!(edit_webhook, delete_webhook))
        .routes(routes!(renew_webhook_secret))
        .routes(routes!(test_webhook))
        .routes(routes!(list_webhook_deliveries))
        .routes(routes!(redeliver_webhook_message))
}

/// Addresses that the organization is told of its events at.
#[utoipa::path(get, path = "/organizations/{organization}/webhooks", tag = "organizations", operation_id = "list_webhooks", params(("organization" = Uuid, Path)), responses((status = 200, body = Page<wire::Webhook>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_webhooks(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
) -> Result<Json<Page<wire::Webhook>>> {
    Ok(Json(webhooks::list(&ctx, organization).await?))
}

/// Add a webhook; the secret that signs its messages is shown this once.
#[utoipa::path(post, path = "/organizations/{organization}/webhooks", tag = "organizations", operation_id = "create_webhook", params(("organization" = Uuid, Path)), request_body = wire::CreateWebhook, responses((status = 201, body = wire::MadeWebhook), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_webhook(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateWebhook>,
) -> Result<Created<wire::MadeWebhook>> {
    let body = webhooks::create(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/organizations/{organization}/webhooks/{}", body.webhook.id),
        etag: body.webhook.etag,
        body,
    })
}

/// Give a webhook another address, or switch it on or off.
#[utoipa::path(put, path = "/organizations/{organization}/webhooks/{webhook}", tag = "organizations", operation_id = "edit_webhook", params(("organization" = Uuid, Path), ("webhook" = Uuid, Path)), request_body = wire::EditWebhook, responses((status = 200, body = wire::Webhook), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_webhook(
    SignedIn(ctx): SignedIn,
    Path((organization, webhook)): Path<(OrganizationId, WebhookId)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditWebhook>,
) -> Result<Tagged<wire::Webhook>> {
    let body = webhooks::edit(&ctx, organization, webhook, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete a webhook, with the messages that wait for it.
#[utoipa::path(delete, path = "/organizations/{organization}/webhooks/{webhook}", tag = "organizations", operation_id = "delete_webhook", params(("organization" = Uuid, Path), ("webhook" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_webhook(
    SignedIn(ctx): SignedIn,
    Path((organization, webhook)): Path<(OrganizationId, WebhookId)>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    webhooks::delete(&ctx, organization, webhook, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new secret, shown this once; for 24 hours the old one signs beside it.
#[utoipa::path(post, path = "/organizations/{organization}/webhooks/{webhook}/secret", tag = "organizations", operation_id = "renew_webhook_secret", params(("organization" = Uuid, Path), ("webhook" = Uuid, Path)), responses((status = 200, body = wire::MadeWebhook), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn renew_webhook_secret(
    SignedIn(ctx): SignedIn,
    Path((organization, webhook)): Path<(OrganizationId, WebhookId)>,
) -> Result<Tagged<wire::MadeWebhook>> {
    let body = webhooks::renew(&ctx, organization, webhook).await?;
    Ok(Tagged(body.webhook.etag, body))
}

/// Send a message of the kind `webhook.test`.
#[utoipa::path(post, path = "/organizations/{organization}/webhooks/{webhook}/test", tag = "organizations", operation_id = "test_webhook", params(("organization" = Uuid, Path), ("webhook" = Uuid, Path)), responses((status = 200, body = wire::Delivery), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn test_webhook(
    SignedIn(ctx): SignedIn,
    Path((organization, webhook)): Path<(OrganizationId, WebhookId)>,
) -> Result<Json<wire::Delivery>> {
    Ok(Json(webhooks::test(&ctx, organization, webhook).await?))
}

/// What became of a webhook's messages in the last seven days, the newest first.
#[utoipa::path(get, path = "/organizations/{organization}/webhooks/{webhook}/deliveries", tag = "organizations", operation_id = "list_webhook_deliveries", params(("organization" = Uuid, Path), ("webhook" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Delivery>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_webhook_deliveries(
    SignedIn(ctx): SignedIn,
    Path((organization, webhook)): Path<(OrganizationId, WebhookId)>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Delivery>>> {
    let page = webhooks::deliveries(&ctx, organization, webhook, &paging).await?;
    Ok(Json(page))
}

/// Send a message that was delivered or given up once more. Its id stays.
#[utoipa::path(post, path = "/organizations/{organization}/webhooks/{webhook}/deliveries/{delivery}/redeliver", tag = "organizations", operation_id = "redeliver_webhook_message", params(("organization" = Uuid, Path), ("webhook" = Uuid, Path), ("delivery" = Uuid, Path)), responses((status = 200, body = wire::Delivery), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn redeliver_webhook_message(
    SignedIn(ctx): SignedIn,
    Path((organization, webhook, delivery)): Path<(OrganizationId, WebhookId, DeliveryId)>,
) -> Result<Json<wire::Delivery>> {
    let body = webhooks::redeliver(&ctx, organization, webhook, delivery).await?;
    Ok(Json(body))
}
