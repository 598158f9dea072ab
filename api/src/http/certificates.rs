//! Certificates of an organization's hosts, and what these ask of a connection.

use std::sync::Arc;

use axum::http::StatusCode;
use domain::certificate::HostSettings;
use domain::id::{CertificateId, OrganizationId};
use domain::problem::Problem;
use domain::wire::certificates as wire;
use domain::wire::{Page, Paging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::certificates::{self, Owner};
use crate::service::hosts;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_certificates, create_certificate))
        .routes(routes!(
            read_certificate,
            edit_certificate,
            delete_certificate
        ))
        .routes(routes!(list_hosts))
        .routes(routes!(read_host, set_host, delete_host))
}

/// Certificates of the organization.
#[utoipa::path(get, path = "/organizations/{organization}/certificates", tag = "certificates", operation_id = "list_certificates", params(("organization" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Certificate>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_certificates(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Certificate>>> {
    let owner = Owner::Organization(organization);
    Ok(Json(certificates::list(&ctx, owner, &paging).await?))
}

/// Add a certificate with its private key, for hosts that are granted to the organization alone.
#[utoipa::path(post, path = "/organizations/{organization}/certificates", tag = "certificates", operation_id = "create_certificate", params(("organization" = Uuid, Path)), request_body = wire::CreateCertificate, responses((status = 201, body = wire::Certificate), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_certificate(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateCertificate>,
) -> Result<Created<wire::Certificate>> {
    let body = certificates::create(&ctx, Owner::Organization(organization), input).await?;
    Ok(Created {
        location: format!("/organizations/{organization}/certificates/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One certificate. Its private key is never shown.
#[utoipa::path(get, path = "/organizations/{organization}/certificates/{certificate}", tag = "certificates", operation_id = "read_certificate", params(("organization" = Uuid, Path), ("certificate" = Uuid, Path)), responses((status = 200, body = wire::Certificate), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_certificate(
    SignedIn(ctx): SignedIn,
    Path((organization, certificate)): Path<(OrganizationId, CertificateId)>,
) -> Result<Tagged<wire::Certificate>> {
    let body = certificates::get(&ctx, Owner::Organization(organization), certificate).await?;
    Ok(Tagged(body.etag, body))
}

/// Rename a certificate, show it for other hosts, or renew it: a new certificate with its key.
#[utoipa::path(patch, path = "/organizations/{organization}/certificates/{certificate}", tag = "certificates", operation_id = "edit_certificate", params(("organization" = Uuid, Path), ("certificate" = Uuid, Path)), request_body = wire::EditCertificate, responses((status = 200, body = wire::Certificate), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_certificate(
    SignedIn(ctx): SignedIn,
    Path((organization, certificate)): Path<(OrganizationId, CertificateId)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditCertificate>,
) -> Result<Tagged<wire::Certificate>> {
    let owner = Owner::Organization(organization);
    let body = certificates::edit(&ctx, owner, certificate, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete a certificate; its hosts have none from then on.
#[utoipa::path(delete, path = "/organizations/{organization}/certificates/{certificate}", tag = "certificates", operation_id = "delete_certificate", params(("organization" = Uuid, Path), ("certificate" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_certificate(
    SignedIn(ctx): SignedIn,
    Path((organization, certificate)): Path<(OrganizationId, CertificateId)>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    certificates::delete(&ctx, Owner::Organization(organization), certificate, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hosts of the organization with settings of their own.
#[utoipa::path(get, path = "/organizations/{organization}/hosts", tag = "certificates", operation_id = "list_hosts", params(("organization" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Host>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_hosts(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Host>>> {
    Ok(Json(
        hosts::list(&ctx, Owner::Organization(organization), &paging).await?,
    ))
}

/// What a host asks of a connection.
#[utoipa::path(get, path = "/organizations/{organization}/hosts/{host}", tag = "certificates", operation_id = "read_host", params(("organization" = Uuid, Path), ("host" = String, Path)), responses((status = 200, body = wire::Host), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_host(
    SignedIn(ctx): SignedIn,
    Path((organization, host)): Path<(OrganizationId, String)>,
) -> Result<Tagged<wire::Host>> {
    let body = hosts::get(&ctx, Owner::Organization(organization), &host).await?;
    Ok(Tagged(body.etag, body))
}

/// Set what a host asks of a connection: TLS or not, and whose client certificates.
#[utoipa::path(put, path = "/organizations/{organization}/hosts/{host}", tag = "certificates", operation_id = "set_host", params(("organization" = Uuid, Path), ("host" = String, Path)), request_body = HostSettings, responses((status = 200, body = wire::Host), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn set_host(
    SignedIn(ctx): SignedIn,
    Path((organization, host)): Path<(OrganizationId, String)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<HostSettings>,
) -> Result<Tagged<wire::Host>> {
    let owner = Owner::Organization(organization);
    let body = hosts::put(&ctx, owner, &host, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Let a host ask for what its certificate says.
#[utoipa::path(delete, path = "/organizations/{organization}/hosts/{host}", tag = "certificates", operation_id = "delete_host", params(("organization" = Uuid, Path), ("host" = String, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_host(
    SignedIn(ctx): SignedIn,
    Path((organization, host)): Path<(OrganizationId, String)>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    hosts::delete(&ctx, Owner::Organization(organization), &host, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}
