//! Versions: drafts, publishing, revisions.

use std::sync::Arc;

use crate::http::raw_document::{DocumentQuery, raw};
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::Response;
use domain::id::{ApiId, OperationId, PlanId, VersionId};
use domain::problem::Problem;
use domain::wire::versions as wire;
use domain::wire::{Page, Paging};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, OptionalJson, Path, Query, SignedIn};
use crate::http::idempotency::BODY_LIMIT;
use crate::plane::Plane;
use crate::service::versions;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    // A document of 5 MiB, escaped as a JSON string.
    let documents = OpenApiRouter::new()
        .routes(routes!(set_document, read_draft_document))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    OpenApiRouter::new()
        .routes(routes!(create_version))
        .routes(routes!(read_version, delete_version))
        .routes(routes!(edit_draft))
        .routes(routes!(publish_version))
        .routes(routes!(unpublish_version))
        .routes(routes!(deprecate_version))
        .routes(routes!(undeprecate_version))
        .routes(routes!(retire_version))
        .routes(routes!(enable_version))
        .routes(routes!(disable_version))
        .routes(routes!(list_revisions))
        .routes(routes!(promote_revision))
        .routes(routes!(read_effective_policies))
        .merge(documents)
}

/// Of what the chain is.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct EffectiveQuery {
    /// Of the draft instead of what gateways serve.
    #[serde(deserialize_with = "domain::wire::blank")]
    draft: Option<bool>,
    #[serde(deserialize_with = "domain::wire::blank")]
    #[param(value_type = Option<uuid::Uuid>)]
    operation: Option<OperationId>,
    #[serde(deserialize_with = "domain::wire::blank")]
    #[param(value_type = Option<uuid::Uuid>)]
    plan: Option<PlanId>,
}

/// Make a further version of an API.
#[utoipa::path(post, path = "/apis/{api}/versions", tag = "versions", operation_id = "create_version", params(("api" = Uuid, Path)), request_body = wire::CreateVersion, responses((status = 201, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_version(
    SignedIn(ctx): SignedIn,
    Path(api): Path<ApiId>,
    Json(input): Json<wire::CreateVersion>,
) -> Result<Created<wire::Version>> {
    let body = versions::create(&ctx, api, input).await?;
    Ok(Created {
        location: format!("/versions/{}", body.summary.id),
        etag: body.etag,
        body,
    })
}

/// One version with its draft.
#[utoipa::path(get, path = "/versions/{version}", tag = "versions", operation_id = "read_version", params(("version" = Uuid, Path)), responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
) -> Result<Tagged<wire::Version>> {
    let body = versions::get(&ctx, version).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete a version that is not served.
#[utoipa::path(delete, path = "/versions/{version}", tag = "versions", operation_id = "delete_version", params(("version" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    versions::delete(&ctx, version, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change the draft: route, upstreams, policies.
#[utoipa::path(patch, path = "/versions/{version}/draft", tag = "versions", operation_id = "edit_draft", params(("version" = Uuid, Path)), request_body = wire::EditDraft, responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_draft(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditDraft>,
) -> Result<Tagged<wire::Version>> {
    let body = versions::edit_draft(&ctx, version, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Replace the draft's document.
#[utoipa::path(put, path = "/versions/{version}/draft/document", tag = "versions", operation_id = "set_document", params(("version" = Uuid, Path)), request_body = wire::SetDocument, responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn set_document(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::SetDocument>,
) -> Result<Tagged<wire::Version>> {
    let body = versions::set_document(&ctx, version, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// The draft's document, as JSON or YAML.
#[utoipa::path(get, path = "/versions/{version}/draft/document", tag = "versions", operation_id = "read_draft_document", params(("version" = Uuid, Path), DocumentQuery), responses((status = 200, body = String, content_type = "application/yaml"), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_draft_document(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    Query(query): Query<DocumentQuery>,
) -> Result<Response> {
    let text = versions::document(&ctx, version, query.syntax()).await?;
    Ok(raw(query.syntax(), text))
}

/// Publish the draft as the next revision and serve it.
#[utoipa::path(post, path = "/versions/{version}/publish", tag = "versions", operation_id = "publish_version", params(("version" = Uuid, Path)), request_body = wire::PublishVersion, responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn publish_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    IfMatch(etag): IfMatch,
    OptionalJson(input): OptionalJson<wire::PublishVersion>,
) -> Result<Tagged<wire::Version>> {
    let body = versions::publish(&ctx, version, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Take a version off the gateways.
#[utoipa::path(post, path = "/versions/{version}/unpublish", tag = "versions", operation_id = "unpublish_version", params(("version" = Uuid, Path)), responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn unpublish_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    IfMatch(etag): IfMatch,
) -> Result<Tagged<wire::Version>> {
    let body = versions::unpublish(&ctx, version, etag).await?;
    Ok(Tagged(body.etag, body))
}

/// Announce that a version will go: its answers and its pages say so, and its subscribers get a mail.
#[utoipa::path(post, path = "/versions/{version}/deprecate", tag = "versions", operation_id = "deprecate_version", params(("version" = Uuid, Path)), request_body = wire::DeprecateVersion, responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn deprecate_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    IfMatch(etag): IfMatch,
    OptionalJson(input): OptionalJson<wire::DeprecateVersion>,
) -> Result<Tagged<wire::Version>> {
    let body = versions::deprecate(&ctx, version, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Take the announcement back, before the sunset.
#[utoipa::path(post, path = "/versions/{version}/undeprecate", tag = "versions", operation_id = "undeprecate_version", params(("version" = Uuid, Path)), responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn undeprecate_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    IfMatch(etag): IfMatch,
) -> Result<Tagged<wire::Version>> {
    let body = versions::undeprecate(&ctx, version, etag).await?;
    Ok(Tagged(body.etag, body))
}

/// End a deprecated version for good: it answers 410 `version_retired`, and its place is free.
#[utoipa::path(post, path = "/versions/{version}/retire", tag = "versions", operation_id = "retire_version", params(("version" = Uuid, Path)), responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn retire_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    IfMatch(etag): IfMatch,
) -> Result<Tagged<wire::Version>> {
    let body = versions::retire(&ctx, version, etag).await?;
    Ok(Tagged(body.etag, body))
}

/// Switch a version on.
#[utoipa::path(post, path = "/versions/{version}/enable", tag = "versions", operation_id = "enable_version", params(("version" = Uuid, Path)), responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn enable_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
) -> Result<Tagged<wire::Version>> {
    let body = versions::set_enabled(&ctx, version, true).await?;
    Ok(Tagged(body.etag, body))
}

/// Switch a version off: it answers 503 `version_disabled`.
#[utoipa::path(post, path = "/versions/{version}/disable", tag = "versions", operation_id = "disable_version", params(("version" = Uuid, Path)), responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn disable_version(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
) -> Result<Tagged<wire::Version>> {
    let body = versions::set_enabled(&ctx, version, false).await?;
    Ok(Tagged(body.etag, body))
}

/// Revisions, newest first.
#[utoipa::path(get, path = "/versions/{version}/revisions", tag = "versions", operation_id = "list_revisions", params(("version" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Revision>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_revisions(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Revision>>> {
    Ok(Json(versions::revisions(&ctx, version, &paging).await?))
}

/// Make a revision current: promote or roll back.
#[utoipa::path(post, path = "/versions/{version}/revisions/{number}/promote", tag = "versions", operation_id = "promote_revision", params(("version" = Uuid, Path), ("number" = u32, Path)), request_body = wire::PromoteRevision, responses((status = 200, body = wire::Version), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn promote_revision(
    SignedIn(ctx): SignedIn,
    Path((version, number)): Path<(VersionId, u32)>,
    IfMatch(etag): IfMatch,
    OptionalJson(input): OptionalJson<wire::PromoteRevision>,
) -> Result<Tagged<wire::Version>> {
    let body = versions::promote(&ctx, version, number, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// The chain of policies that a call meets, and where each comes from.
#[utoipa::path(get, path = "/versions/{version}/effective-policies", tag = "versions", operation_id = "read_effective_policies", params(("version" = Uuid, Path), EffectiveQuery), responses((status = 200, body = wire::EffectivePolicies), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_effective_policies(
    SignedIn(ctx): SignedIn,
    Path(version): Path<VersionId>,
    Query(query): Query<EffectiveQuery>,
) -> Result<Json<wire::EffectivePolicies>> {
    let EffectiveQuery {
        draft,
        operation,
        plan,
    } = query;
    Ok(Json(
        versions::effective(&ctx, version, draft.unwrap_or(false), operation, plan).await?,
    ))
}
