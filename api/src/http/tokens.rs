//! Sessions and personal tokens of the signed-in person.

use std::sync::Arc;

use domain::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::Created;
use crate::http::extract::{Json, Path, SignedIn};
use crate::plane::Plane;
use crate::service::{sessions, tokens};
use axum::http::StatusCode;
use domain::id::{SessionId, TokenId};
use domain::wire::accounts as wire;

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_sessions))
        .routes(routes!(end_other_sessions))
        .routes(routes!(end_one_session))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
}

/// The own signed-in devices.
#[utoipa::path(get, path = "/sessions", tag = "accounts", operation_id = "list_sessions", responses((status = 200, body = Vec<wire::Session>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_sessions(SignedIn(ctx): SignedIn) -> Result<Json<Vec<wire::Session>>> {
    Ok(Json(sessions::list(&ctx).await?))
}

/// Sign out all other devices.
#[utoipa::path(post, path = "/sessions/end-others", tag = "accounts", operation_id = "end_other_sessions", responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn end_other_sessions(SignedIn(ctx): SignedIn) -> Result<StatusCode> {
    sessions::end_others(&ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out one device.
#[utoipa::path(delete, path = "/sessions/{session}", tag = "accounts", operation_id = "end_one_session", params(("session" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn end_one_session(
    SignedIn(ctx): SignedIn,
    Path(session): Path<SessionId>,
) -> Result<StatusCode> {
    sessions::end(&ctx, session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The own personal tokens.
#[utoipa::path(get, path = "/tokens", tag = "accounts", operation_id = "list_tokens", responses((status = 200, body = Vec<wire::Token>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_tokens(SignedIn(ctx): SignedIn) -> Result<Json<Vec<wire::Token>>> {
    Ok(Json(tokens::list(&ctx).await?))
}

/// Make a personal token. Its value is in this answer only.
#[utoipa::path(post, path = "/tokens", tag = "accounts", operation_id = "create_token", request_body = wire::CreateToken, responses((status = 201, body = wire::NewToken), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_token(
    SignedIn(ctx): SignedIn,
    Json(input): Json<wire::CreateToken>,
) -> Result<Created<wire::NewToken>> {
    let body = tokens::create(&ctx, input).await?;
    Ok(Created {
        location: format!("/tokens/{}", body.token.id),
        etag: 1,
        body,
    })
}

/// Withdraw a personal token.
#[utoipa::path(delete, path = "/tokens/{token}", tag = "accounts", operation_id = "revoke_token", params(("token" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn revoke_token(SignedIn(ctx): SignedIn, Path(token): Path<TokenId>) -> Result<StatusCode> {
    tokens::revoke(&ctx, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
