//! What the gateway would do with a request, and why.

use std::sync::Arc;

use domain::explain::{Answer, Question};
use domain::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::extract::{Json, SignedIn};
use crate::plane::Plane;
use crate::service::explain;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new().routes(routes!(explain_request))
}

/// Explain a request: route, policies, limits, upstream and verdict. Nothing is sent or counted.
#[utoipa::path(post, path = "/explain", tag = "traffic", operation_id = "explain_request", request_body = Question, responses((status = 200, body = Answer), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn explain_request(
    SignedIn(ctx): SignedIn,
    Json(question): Json<Question>,
) -> Result<Json<Answer>> {
    Ok(Json(explain::explain(&ctx, question).await?))
}
