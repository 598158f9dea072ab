//! Lists of networks that policies of an organization name.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use domain::id::{IpListId, OrganizationId};
use domain::ip_list::Entry;
use domain::problem::Problem;
use domain::wire::ip_lists as wire;
use domain::wire::{Page, Paging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::http::idempotency::BODY_LIMIT;
use crate::plane::Plane;
use crate::service::ip_lists;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    // A list of 8 MiB, escaped as a JSON string.
    let imports = OpenApiRouter::new()
        .routes(routes!(list_ip_lists, create_ip_list))
        .routes(routes!(list_entries, add_entries))
        .routes(routes!(remove_entries))
        .routes(routes!(import_entries))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    OpenApiRouter::new()
        .routes(routes!(read_ip_list, edit_ip_list, delete_ip_list))
        .routes(routes!(fetch_ip_list))
        .merge(imports)
}

/// Lists of networks of the organization.
#[utoipa::path(get, path = "/organizations/{organization}/ip-lists", tag = "ip lists", operation_id = "list_ip_lists", params(("organization" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::IpList>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_ip_lists(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::IpList>>> {
    Ok(Json(ip_lists::list(&ctx, organization, &paging).await?))
}

/// Make a list, out of networks or of an address that it is fetched from.
#[utoipa::path(post, path = "/organizations/{organization}/ip-lists", tag = "ip lists", operation_id = "create_ip_list", params(("organization" = Uuid, Path)), request_body = wire::CreateIpList, responses((status = 201, body = wire::IpList), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_ip_list(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateIpList>,
) -> Result<Created<wire::IpList>> {
    let body = ip_lists::create(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/organizations/{organization}/ip-lists/{}", body.id),
        etag: body.etag,
        body,
    })
}

/// One list, and how it goes with its address.
#[utoipa::path(get, path = "/organizations/{organization}/ip-lists/{ip_list}", tag = "ip lists", operation_id = "read_ip_list", params(("organization" = Uuid, Path), ("ip_list" = Uuid, Path)), responses((status = 200, body = wire::IpList), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_ip_list(
    SignedIn(ctx): SignedIn,
    Path((organization, list)): Path<(OrganizationId, IpListId)>,
) -> Result<Tagged<wire::IpList>> {
    let body = ip_lists::get(&ctx, organization, list).await?;
    Ok(Tagged(body.etag, body))
}

/// Rename a list that no policy names, describe it, or set its address.
#[utoipa::path(patch, path = "/organizations/{organization}/ip-lists/{ip_list}", tag = "ip lists", operation_id = "edit_ip_list", params(("organization" = Uuid, Path), ("ip_list" = Uuid, Path)), request_body = wire::EditIpList, responses((status = 200, body = wire::IpList), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_ip_list(
    SignedIn(ctx): SignedIn,
    Path((organization, list)): Path<(OrganizationId, IpListId)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditIpList>,
) -> Result<Tagged<wire::IpList>> {
    let body = ip_lists::edit(&ctx, organization, list, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Delete a list that no policy names.
#[utoipa::path(delete, path = "/organizations/{organization}/ip-lists/{ip_list}", tag = "ip lists", operation_id = "delete_ip_list", params(("organization" = Uuid, Path), ("ip_list" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn delete_ip_list(
    SignedIn(ctx): SignedIn,
    Path((organization, list)): Path<(OrganizationId, IpListId)>,
    IfMatch(etag): IfMatch,
) -> Result<StatusCode> {
    ip_lists::delete(&ctx, organization, list, etag).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Networks of a list, in the order of addresses.
#[utoipa::path(get, path = "/organizations/{organization}/ip-lists/{ip_list}/entries", tag = "ip lists", operation_id = "list_ip_list_entries", params(("organization" = Uuid, Path), ("ip_list" = Uuid, Path), wire::EntriesPaging), responses((status = 200, body = Page<Entry>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_entries(
    SignedIn(ctx): SignedIn,
    Path((organization, list)): Path<(OrganizationId, IpListId)>,
    Query(paging): Query<wire::EntriesPaging>,
) -> Result<Json<Page<Entry>>> {
    let page = ip_lists::list_entries(&ctx, organization, list, &paging).await?;
    Ok(Json(page))
}

/// Put networks into a list.
#[utoipa::path(post, path = "/organizations/{organization}/ip-lists/{ip_list}/entries", tag = "ip lists", operation_id = "add_ip_list_entries", params(("organization" = Uuid, Path), ("ip_list" = Uuid, Path)), request_body = wire::AddEntries, responses((status = 200, body = wire::IpList), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn add_entries(
    SignedIn(ctx): SignedIn,
    Path((organization, list)): Path<(OrganizationId, IpListId)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::AddEntries>,
) -> Result<Tagged<wire::IpList>> {
    let body = ip_lists::add(&ctx, organization, list, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Take networks out of a list.
#[utoipa::path(post, path = "/organizations/{organization}/ip-lists/{ip_list}/entries/remove", tag = "ip lists", operation_id = "remove_ip_list_entries", params(("organization" = Uuid, Path), ("ip_list" = Uuid, Path)), request_body = wire::RemoveEntries, responses((status = 200, body = wire::IpList), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn remove_entries(
    SignedIn(ctx): SignedIn,
    Path((organization, list)): Path<(OrganizationId, IpListId)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::RemoveEntries>,
) -> Result<Tagged<wire::IpList>> {
    let body = ip_lists::remove(&ctx, organization, list, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Read a text into a list, beside what is there or in its place.
#[utoipa::path(post, path = "/organizations/{organization}/ip-lists/{ip_list}/import", tag = "ip lists", operation_id = "import_ip_list_entries", params(("organization" = Uuid, Path), ("ip_list" = Uuid, Path)), request_body = wire::ImportEntries, responses((status = 200, body = wire::IpList), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn import_entries(
    SignedIn(ctx): SignedIn,
    Path((organization, list)): Path<(OrganizationId, IpListId)>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::ImportEntries>,
) -> Result<Tagged<wire::IpList>> {
    let body = ip_lists::import(&ctx, organization, list, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Fetch a list from its address soon, at most once a minute.
#[utoipa::path(post, path = "/organizations/{organization}/ip-lists/{ip_list}/fetch", tag = "ip lists", operation_id = "fetch_ip_list", params(("organization" = Uuid, Path), ("ip_list" = Uuid, Path)), responses((status = 200, body = wire::IpList), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn fetch_ip_list(
    SignedIn(ctx): SignedIn,
    Path((organization, list)): Path<(OrganizationId, IpListId)>,
) -> Result<Tagged<wire::IpList>> {
    let body = ip_lists::refresh(&ctx, organization, list).await?;
    Ok(Tagged(body.etag, body))
}
