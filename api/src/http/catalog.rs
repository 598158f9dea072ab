//! The catalog, also for readers without an account.

use std::sync::Arc;

use crate::http::raw_document::{DocumentQuery, raw};
use axum::response::Response;
use domain::id::VersionId;
use domain::problem::Problem;
use domain::wire::Page;
use domain::wire::catalog as wire;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::extract::{Anyone, Json, Path, Query};
use crate::plane::Plane;
use crate::service::catalog;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(search_catalog))
        .routes(routes!(read_catalog_api))
        .routes(routes!(read_document))
        .routes(routes!(read_change_log))
}

/// Search the APIs that the caller may see; no account is needed for public ones.
#[utoipa::path(get, path = "/catalog", tag = "catalog", operation_id = "search_catalog", params(wire::CatalogQuery), responses((status = 200, body = wire::Catalog), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn search_catalog(
    Anyone(ctx): Anyone,
    Query(query): Query<wire::CatalogQuery>,
) -> Result<Json<wire::Catalog>> {
    Ok(Json(catalog::search(&ctx, &query).await?))
}

/// The page of an API: versions, products and plans.
#[utoipa::path(get, path = "/catalog/{organization}/{api}", tag = "catalog", operation_id = "read_catalog_api", params(("organization" = String, Path), ("api" = String, Path)), responses((status = 200, body = wire::ApiPage), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_catalog_api(
    Anyone(ctx): Anyone,
    Path((organization, api)): Path<(String, String)>,
) -> Result<Json<wire::ApiPage>> {
    Ok(Json(catalog::api_page(&ctx, &organization, &api).await?))
}

/// The document that a version is served by, as JSON or YAML.
#[utoipa::path(get, path = "/catalog/versions/{version}/document", tag = "catalog", operation_id = "read_document", params(("version" = Uuid, Path), DocumentQuery), responses((status = 200, body = String, content_type = "application/yaml"), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_document(
    Anyone(ctx): Anyone,
    Path(version): Path<VersionId>,
    Query(query): Query<DocumentQuery>,
) -> Result<Response> {
    let text = catalog::document(&ctx, version, query.syntax()).await?;
    Ok(raw(query.syntax(), text))
}

/// What publishing said, newest first.
#[utoipa::path(get, path = "/catalog/versions/{version}/change-log", tag = "catalog", operation_id = "read_change_log", params(("version" = Uuid, Path)), responses((status = 200, body = Page<wire::ChangeLogLine>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_change_log(
    Anyone(ctx): Anyone,
    Path(version): Path<VersionId>,
) -> Result<Json<Page<wire::ChangeLogLine>>> {
    Ok(Json(Page {
        items: catalog::change_log(&ctx, version).await?,
        next: None,
    }))
}
