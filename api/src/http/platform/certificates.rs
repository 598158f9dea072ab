//! Certificates and hosts of the whole platform, for its operator.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::certificate::HostSettings;
use domain::id::CertificateId;
use domain::problem::Problem;
use domain::wire::certificates as wire;
use domain::wire::{Page, Paging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Operator, Path, Query};
use crate::plane::Plane;
use crate::service::certificates::{self, Owner};
use crate::service::hosts;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(
            operator_list_certificates,
            operator_create_certificate
        ))
        .routes(routes!(
            operator_read_certificate,
            operator_edit_certificate,
            operator_delete_certificate
        ))
        .routes(routes!(operator_list_hosts))
        .routes(routes!(
            operator_read_host,
            operator_set_host,
            operator_delete_host
        ))
}

/// All certificates: those of the platform and of organizations.
#[utoipa::path(get, path = "/operator/certificates", tag = "platform", operation_id = "operator_list_certificates", params(Paging), responses((status = 200, body = Page<wire::Certificate>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_list_certificates(
    Operator(ctx): Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Certificate>>> {
    let owner = Owner::Platform;
    Ok(Json(certificates::list(&ctx, owner, &paging).await?))
}

/// Add a certificate of the platform with its private key, for any hosts.
#[utoipa::path(post, path = "/operator/certificates", tag = "platform", operation_id = "operator_create_certificate", request_body = wire::CreateCertificate, responses((status = 201, body = wire::Certificate), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_create_certificate(
    Operator(ctx): Operator,
    Json(input): Json<wire::CreateCertificate>,
) -> Result<Created<wire::Certificate>> {
    let body = certificates::create(&ctx, Owner::Platform, input).await?;
    Ok(Created {
        location: format!("/operator/certificates/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One certificate. Its private key is never shown.
#[utoipa::path(get, path = "/operator/certificates/{certificate}", tag = "platform", operation_id = "operator_read_certificate", params(("certificate" = Uuid, Path)), responses((status = 200, body = wire::Certificate), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_read_certificate(
    Operator(ctx): Operator,
    Path(certificate): Path<CertificateId>,
) -> Result<Tagged<wire::Certificate>> {
    let body = certificates::get(&ctx, Owner::Platform, certificate).await?;
    Ok(Tagged(body.etag, body))
}

/// Rename a certificate, show it for other hosts, or renew it: a new certificate with its key.
#[utoipa::path(patch, path = "/operator/certificates/{certificate}", tag = "platform", operation_id = "operator_edit_certificate", params(("certificate" = Uuid, Path)), request_body = wire::EditCertificate, responses((status = 200, body = wire::Certificate), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_edit_certificate(
    Operator(ctx): Operator,
    Path(certificate): Path<CertificateId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditCertificate>,
) -> Result<Tagged<wire::Certificate>> {
    let owner = Owner::Platform;
    let body = certificates::edit(&ctx, owner, certificate, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete a certificate, also an organization's; its hosts have none from then on.
#[utoipa::path(delete, path = "/operator/certificates/{certificate}", tag = "platform", operation_id = "operator_delete_certificate", params(("certificate" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_delete_certificate(
    Operator(ctx): Operator,
    Path(certificate): Path<CertificateId>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    certificates::delete(&ctx, Owner::Platform, certificate, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All hosts with settings of their own.
#[utoipa::path(get, path = "/operator/hosts", tag = "platform", operation_id = "operator_list_hosts", params(Paging), responses((status = 200, body = Page<wire::Host>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_list_hosts(
    Operator(ctx): Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Host>>> {
    Ok(Json(hosts::list(&ctx, Owner::Platform, &paging).await?))
}

/// What a host asks of a connection.
#[utoipa::path(get, path = "/operator/hosts/{host}", tag = "platform", operation_id = "operator_read_host", params(("host" = String, Path)), responses((status = 200, body = wire::Host), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_read_host(
    Operator(ctx): Operator,
    Path(host): Path<String>,
) -> Result<Tagged<wire::Host>> {
    let body = hosts::get(&ctx, Owner::Platform, &host).await?;
    Ok(Tagged(body.etag, body))
}

/// Set what a host asks of a connection: TLS or not, and whose client certificates.
#[utoipa::path(put, path = "/operator/hosts/{host}", tag = "platform", operation_id = "operator_set_host", params(("host" = String, Path)), request_body = HostSettings, responses((status = 200, body = wire::Host), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_set_host(
    Operator(ctx): Operator,
    Path(host): Path<String>,
    IfMatch(etag): IfMatch,
    Json(input): Json<HostSettings>,
) -> Result<Tagged<wire::Host>> {
    let owner = Owner::Platform;
    let body = hosts::put(&ctx, owner, &host, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Let a host ask for what its certificate says.
#[utoipa::path(delete, path = "/operator/hosts/{host}", tag = "platform", operation_id = "operator_delete_host", params(("host" = String, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn operator_delete_host(
    Operator(ctx): Operator,
    Path(host): Path<String>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    hosts::delete(&ctx, Owner::Platform, &host, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}
