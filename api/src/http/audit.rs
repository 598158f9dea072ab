//! The audit of an organization and of the platform.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use domain::id::OrganizationId;
use domain::problem::Problem;
use domain::wire::platform as wire;
use domain::wire::{Page, Paging};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::http::extract::{Json, Operator, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::audit::{self, Chain};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_audit))
        .routes(routes!(export_audit))
        .routes(routes!(verify_audit))
        .routes(routes!(list_platform_audit))
        .routes(routes!(export_platform_audit))
        .routes(routes!(verify_platform_audit))
}

/// The audit of an organization, the newest first.
#[utoipa::path(get, path = "/organizations/{organization}/audit", tag = "audit", operation_id = "list_audit",
    params(("organization" = Uuid, Path), wire::AuditFilter, Paging),
    responses((status = 200, body = Page<wire::AuditEntry>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_audit(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(filter): Query<wire::AuditFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::AuditEntry>>> {
    Ok(Json(
        audit::list(&ctx, Chain::Organization(organization), &filter, &paging).await?,
    ))
}

/// The audit of an organization as JSON lines, the oldest first.
#[utoipa::path(get, path = "/organizations/{organization}/audit.jsonl", tag = "audit", operation_id = "export_audit",
    params(("organization" = Uuid, Path), wire::AuditFilter),
    responses((status = 200, body = String, content_type = "application/jsonl"), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn export_audit(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(filter): Query<wire::AuditFilter>,
) -> Result<Response> {
    lines(ctx, Chain::Organization(organization), filter)
}

/// Check the hash chain of an organization's audit.
#[utoipa::path(get, path = "/organizations/{organization}/audit/verdict", tag = "audit", operation_id = "verify_audit",
    params(("organization" = Uuid, Path)),
    responses((status = 200, body = wire::AuditVerdict), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn verify_audit(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
) -> Result<Json<wire::AuditVerdict>> {
    Ok(Json(
        audit::verify(&ctx, Chain::Organization(organization)).await?,
    ))
}

/// The audit of the platform, the newest first.
#[utoipa::path(get, path = "/operator/audit", tag = "platform", operation_id = "list_platform_audit",
    params(wire::AuditFilter, Paging),
    responses((status = 200, body = Page<wire::AuditEntry>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_platform_audit(
    Operator(ctx): Operator,
    Query(filter): Query<wire::AuditFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::AuditEntry>>> {
    Ok(Json(
        audit::list(&ctx, Chain::Platform, &filter, &paging).await?,
    ))
}

/// The audit of the platform as JSON lines, the oldest first.
#[utoipa::path(get, path = "/operator/audit.jsonl", tag = "platform", operation_id = "export_platform_audit",
    params(wire::AuditFilter),
    responses((status = 200, body = String, content_type = "application/jsonl"), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn export_platform_audit(
    Operator(ctx): Operator,
    Query(filter): Query<wire::AuditFilter>,
) -> Result<Response> {
    lines(ctx, Chain::Platform, filter)
}

/// Check the hash chain of the platform's audit.
#[utoipa::path(get, path = "/operator/audit/verdict", tag = "platform", operation_id = "verify_platform_audit",
    responses((status = 200, body = wire::AuditVerdict), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn verify_platform_audit(Operator(ctx): Operator) -> Result<Json<wire::AuditVerdict>> {
    Ok(Json(audit::verify(&ctx, Chain::Platform).await?))
}

fn lines(ctx: Ctx, chain: Chain, filter: wire::AuditFilter) -> Result<Response> {
    let stream = audit::export(ctx, chain, filter)?;
    let fields = [
        (CONTENT_TYPE, "application/jsonl"),
        (CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    Ok((fields, Body::from_stream(stream)).into_response())
}
