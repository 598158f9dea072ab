//! Signing up and in, resets, the first run, and one's own account.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use domain::problem::Problem;
use domain::wire::accounts as wire;
use http::header::USER_AGENT;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{Anyone, Json, SignedIn};
use crate::http::session::{self, Session};
use crate::plane::Plane;
use crate::service::{account, first_run, password_resets, sessions, sign_in, sign_up};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(create_sign_up))
        .routes(routes!(resend_sign_up))
        .routes(routes!(verify_sign_up))
        .routes(routes!(complete_first_run))
        .routes(routes!(create_session))
        .routes(routes!(end_session))
        .routes(routes!(ask_reset))
        .routes(routes!(complete_reset))
        .routes(routes!(read_account, edit_account))
        .routes(routes!(change_password))
}

/// Ask for an account.
///
/// The answer is the same for known and unknown addresses.
#[utoipa::path(post, path = "/sign-ups", tag = "accounts", operation_id = "create_sign_up", request_body = wire::SignUp,
    responses((status = 202, body = wire::MailSent), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_sign_up(
    Anyone(ctx): Anyone,
    Json(input): Json<wire::SignUp>,
) -> Result<(StatusCode, Json<wire::MailSent>)> {
    Ok((
        StatusCode::ACCEPTED,
        Json(sign_up::sign_up(&ctx, input).await?),
    ))
}

/// Send the link of a sign-up again.
#[utoipa::path(post, path = "/sign-ups/resend", tag = "accounts", operation_id = "resend_sign_up", request_body = wire::Address,
    responses((status = 202, body = wire::MailSent), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn resend_sign_up(
    Anyone(ctx): Anyone,
    Json(input): Json<wire::Address>,
) -> Result<(StatusCode, Json<wire::MailSent>)> {
    Ok((
        StatusCode::ACCEPTED,
        Json(sign_up::resend(&ctx, input).await?),
    ))
}

/// Use the link of a sign-up: account, organization and team come into being.
///
/// It takes the password that was chosen at this sign-up.
#[utoipa::path(post, path = "/sign-ups/verify", tag = "accounts", operation_id = "verify_sign_up", request_body = wire::VerifySignUp,
    responses((status = 201, body = wire::Verified), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn verify_sign_up(
    Anyone(ctx): Anyone,
    Json(input): Json<wire::VerifySignUp>,
) -> Result<(StatusCode, Json<wire::Verified>)> {
    Ok((
        StatusCode::CREATED,
        Json(sign_up::verify(&ctx, input).await?),
    ))
}

/// Make the first operator, with the link of the console.
#[utoipa::path(post, path = "/setup", tag = "accounts", operation_id = "complete_first_run", request_body = wire::FirstRun,
    responses((status = 201, body = wire::Verified), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn complete_first_run(
    Anyone(ctx): Anyone,
    Json(input): Json<wire::FirstRun>,
) -> Result<(StatusCode, Json<wire::Verified>)> {
    Ok((
        StatusCode::CREATED,
        Json(first_run::complete(&ctx, input).await?),
    ))
}

/// Sign in: the answer sets the session cookie.
#[utoipa::path(post, path = "/sessions", tag = "accounts", operation_id = "create_session", request_body = wire::SignIn,
    responses((status = 201, body = wire::Session), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_session(
    Anyone(ctx): Anyone,
    cookie: Session,
    headers: HeaderMap,
    Json(input): Json<wire::SignIn>,
) -> Result<(StatusCode, Json<wire::Session>)> {
    let agent = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let made = sign_in::sign_in(&ctx, input, agent).await?;
    session::open(&cookie, &made).await?;
    Ok((StatusCode::CREATED, Json(made.session)))
}

/// Sign out.
#[utoipa::path(delete, path = "/sessions/current", tag = "accounts", operation_id = "end_session",
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn end_session(SignedIn(ctx): SignedIn, cookie: Session) -> Result<StatusCode> {
    sessions::sign_out(&ctx).await?;
    session::close(&cookie).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a new password.
///
/// The answer is the same for known and unknown addresses.
#[utoipa::path(post, path = "/password-resets", tag = "accounts", operation_id = "ask_reset", request_body = wire::Address,
    responses((status = 202, body = wire::MailSent), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn ask_reset(
    Anyone(ctx): Anyone,
    Json(input): Json<wire::Address>,
) -> Result<(StatusCode, Json<wire::MailSent>)> {
    Ok((
        StatusCode::ACCEPTED,
        Json(password_resets::ask(&ctx, input).await?),
    ))
}

/// Choose the new password with the link of the mail. All sessions end; nobody is signed in.
#[utoipa::path(post, path = "/password-resets/complete", tag = "accounts", operation_id = "complete_reset", request_body = wire::CompleteReset,
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn complete_reset(
    Anyone(ctx): Anyone,
    Json(input): Json<wire::CompleteReset>,
) -> Result<StatusCode> {
    password_resets::complete(&ctx, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The signed-in person with all memberships.
#[utoipa::path(get, path = "/account", tag = "accounts", operation_id = "read_account",
    responses((status = 200, body = wire::Account), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_account(SignedIn(ctx): SignedIn) -> Result<Tagged<wire::Account>> {
    let account = account::read(&ctx).await?;
    Ok(Tagged(account.etag, account))
}

/// Change the own name.
#[utoipa::path(patch, path = "/account", tag = "accounts", operation_id = "edit_account", request_body = wire::EditAccount,
    responses((status = 200, body = wire::Account), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn edit_account(
    SignedIn(ctx): SignedIn,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::EditAccount>,
) -> Result<Tagged<wire::Account>> {
    let account = account::edit(&ctx, etag, input).await?;
    Ok(Tagged(account.etag, account))
}

/// Change the own password. The other sessions end.
#[utoipa::path(post, path = "/account/password", tag = "accounts", operation_id = "change_password", request_body = wire::ChangePassword,
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn change_password(
    SignedIn(ctx): SignedIn,
    Json(input): Json<wire::ChangePassword>,
) -> Result<StatusCode> {
    account::change_password(&ctx, input).await?;
    Ok(StatusCode::NO_CONTENT)
}
