//! What the operator runs the platform with.

mod certificates;

use std::sync::Arc;

use domain::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{Json, Operator, OptionalJson, Path, Query};
use crate::plane::Plane;
use crate::service::{nodes, organizations, outbox, settings};
use domain::id::{MailId, OrganizationId};
use domain::wire::organizations::{EditGrants, Organization, Reason};
use domain::wire::platform as wire;
use domain::wire::{Page, Paging};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_all_organizations))
        .routes(routes!(suspend_organization))
        .routes(routes!(resume_organization))
        .routes(routes!(edit_grants))
        .routes(routes!(list_settings))
        .routes(routes!(edit_setting))
        .routes(routes!(list_nodes))
        .routes(routes!(list_mails))
        .routes(routes!(show_mail))
        .merge(certificates::routes())
}

/// All organizations.
#[utoipa::path(get, path = "/operator/organizations", tag = "platform", operation_id = "list_all_organizations", params(Paging), responses((status = 200, body = Page<Organization>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_all_organizations(
    Operator(ctx): Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Organization>>> {
    Ok(Json(organizations::list_all(&ctx, &paging).await?))
}

/// Suspend an organization: its members may only read, its keys and routes are refused.
#[utoipa::path(post, path = "/operator/organizations/{organization}/suspend", tag = "platform", operation_id = "suspend_organization", params(("organization" = Uuid, Path)), request_body = Reason, responses((status = 200, body = Organization), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn suspend_organization(
    Operator(ctx): Operator,
    Path(organization): Path<OrganizationId>,
    OptionalJson(input): OptionalJson<Reason>,
) -> Result<Tagged<Organization>> {
    let body = organizations::suspend(&ctx, organization, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Resume a suspended organization.
#[utoipa::path(post, path = "/operator/organizations/{organization}/resume", tag = "platform", operation_id = "resume_organization", params(("organization" = Uuid, Path)), request_body = Reason, responses((status = 200, body = Organization), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn resume_organization(
    Operator(ctx): Operator,
    Path(organization): Path<OrganizationId>,
    OptionalJson(input): OptionalJson<Reason>,
) -> Result<Tagged<Organization>> {
    let body = organizations::resume(&ctx, organization, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Set which part of the gateway's address space is the organization's.
#[utoipa::path(put, path = "/operator/organizations/{organization}/grants", tag = "platform", operation_id = "edit_grants", params(("organization" = Uuid, Path)), request_body = EditGrants, responses((status = 200, body = Organization), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_grants(
    Operator(ctx): Operator,
    Path(organization): Path<OrganizationId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<EditGrants>,
) -> Result<Tagged<Organization>> {
    let body = organizations::edit_grants(&ctx, organization, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Settings that may change while everything runs.
#[utoipa::path(get, path = "/operator/settings", tag = "platform", operation_id = "list_settings", responses((status = 200, body = Vec<wire::Setting>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_settings(Operator(ctx): Operator) -> Result<Json<Vec<wire::Setting>>> {
    Ok(Json(settings::list(&ctx).await?))
}

/// Change a setting.
#[utoipa::path(put, path = "/operator/settings/{name}", tag = "platform", operation_id = "edit_setting", params(("name" = String, Path)), request_body = wire::EditSetting, responses((status = 200, body = wire::Setting), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_setting(
    Operator(ctx): Operator,
    Path(name): Path<String>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditSetting>,
) -> Result<Tagged<wire::Setting>> {
    let body = settings::edit(&ctx, &name, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Gateway nodes as they last reported.
#[utoipa::path(get, path = "/operator/nodes", tag = "platform", operation_id = "list_nodes", responses((status = 200, body = Vec<wire::Node>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_nodes(Operator(ctx): Operator) -> Result<Json<Vec<wire::Node>>> {
    Ok(Json(nodes::list(&ctx).await?))
}

/// Mails that wait.
#[utoipa::path(get, path = "/operator/mails", tag = "platform", operation_id = "list_mails", params(Paging), responses((status = 200, body = Page<wire::Mail>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_mails(
    Operator(ctx): Operator,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Mail>>> {
    Ok(Json(outbox::list(&ctx, &paging).await?))
}

/// Show a mail, while no SMTP server is configured. It is noted in the audit.
#[utoipa::path(post, path = "/operator/mails/{mail}/show", tag = "platform", operation_id = "show_mail", params(("mail" = Uuid, Path)), responses((status = 200, body = wire::ShownMail), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn show_mail(
    Operator(ctx): Operator,
    Path(mail): Path<MailId>,
) -> Result<Json<wire::ShownMail>> {
    Ok(Json(outbox::show(&ctx, mail).await?))
}
