//! Credentials of an application.

use std::sync::Arc;

use domain::id::{ApplicationId, CredentialId};
use domain::problem::Problem;
use domain::wire::credentials as wire;
use domain::wire::{Page, Paging};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::{Created, IfMatch, Tagged};
use crate::http::extract::{Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::{authorization_server, credentials};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_credentials, create_key))
        .routes(routes!(add_client))
        .routes(routes!(list_issuers))
        .routes(routes!(list_scopes))
        .routes(routes!(make_oauth_client))
        .routes(routes!(make_password))
        .routes(routes!(add_signing_key))
        .routes(routes!(add_certificate))
        .routes(routes!(read_credential, rename_credential))
        .routes(routes!(roll_key))
        .routes(routes!(revoke_credential))
}

/// Credentials of an application, newest first.
#[utoipa::path(get, path = "/applications/{application}/credentials", tag = "credentials", operation_id = "list_credentials", params(("application" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Credential>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_credentials(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Credential>>> {
    Ok(Json(credentials::list(&ctx, application, &paging).await?))
}

/// Make a key. Its value is in this answer and never again.
#[utoipa::path(post, path = "/applications/{application}/credentials", tag = "credentials", operation_id = "create_key", params(("application" = Uuid, Path)), request_body = wire::CreateKey, responses((status = 201, body = wire::NewKey), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_key(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Json(input): Json<wire::CreateKey>,
) -> Result<Created<wire::NewKey>> {
    let body = credentials::create(&ctx, application, input).await?;
    Ok(Created {
        location: format!("/credentials/{}", body.credential.id),
        etag: body.credential.etag,
        body,
    })
}

/// Say which client of an identity provider the application is: whoever shows one of its tokens,
/// where an API takes them, calls as the application.
#[utoipa::path(post, path = "/applications/{application}/clients", tag = "credentials", operation_id = "add_client", params(("application" = Uuid, Path)), request_body = wire::AddClient, responses((status = 201, body = wire::Credential), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn add_client(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Json(input): Json<wire::AddClient>,
) -> Result<Created<wire::Credential>> {
    let body = credentials::add_client(&ctx, application, input).await?;
    Ok(created(body))
}

/// Make an OAuth client that gets tokens of the platform itself. Its secret is in this answer and
/// never again.
#[utoipa::path(post, path = "/applications/{application}/oauth-clients", tag = "credentials", operation_id = "make_oauth_client", params(("application" = Uuid, Path)), request_body = wire::MakeOauthClient, responses((status = 201, body = wire::NewOauthClient), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn make_oauth_client(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Json(input): Json<wire::MakeOauthClient>,
) -> Result<Created<wire::NewOauthClient>> {
    let body = credentials::make_oauth_client(&ctx, application, input).await?;
    Ok(Created {
        location: format!("/credentials/{}", body.credential.id),
        etag: body.credential.etag,
        body,
    })
}

/// Add a public key by which the application signs requests. The `display_id` of the answer is the
/// `keyid` of its signatures.
#[utoipa::path(post, path = "/applications/{application}/signing-keys", tag = "credentials", operation_id = "add_signing_key", params(("application" = Uuid, Path)), request_body = wire::AddSigningKey, responses((status = 201, body = wire::Credential), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn add_signing_key(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Json(input): Json<wire::AddSigningKey>,
) -> Result<Created<wire::Credential>> {
    let body = credentials::add_signing_key(&ctx, application, input).await?;
    Ok(created(body))
}

/// Make a password for a user name. It is in this answer and never again.
#[utoipa::path(post, path = "/applications/{application}/passwords", tag = "credentials", operation_id = "make_password", params(("application" = Uuid, Path)), request_body = wire::MakePassword, responses((status = 201, body = wire::NewPassword), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn make_password(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Json(input): Json<wire::MakePassword>,
) -> Result<Created<wire::NewPassword>> {
    let body = credentials::make_password(&ctx, application, input).await?;
    Ok(Created {
        location: format!("/credentials/{}", body.credential.id),
        etag: body.credential.etag,
        body,
    })
}

/// Whose tokens the APIs take that the application is subscribed to.
#[utoipa::path(get, path = "/applications/{application}/issuers", tag = "credentials", operation_id = "list_issuers", params(("application" = Uuid, Path)), responses((status = 200, body = Vec<wire::KnownIssuer>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_issuers(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
) -> Result<Json<Vec<wire::KnownIssuer>>> {
    Ok(Json(credentials::issuers(&ctx, application).await?))
}

/// What tokens of the platform may allow the application now, by API.
#[utoipa::path(get, path = "/applications/{application}/scopes", tag = "credentials", operation_id = "list_scopes", params(("application" = Uuid, Path)), responses((status = 200, body = Vec<wire::GrantedScopes>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_scopes(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
) -> Result<Json<Vec<wire::GrantedScopes>>> {
    Ok(Json(authorization_server::scopes(&ctx, application).await?))
}

/// Say which certificate the application shows as a TLS client.
#[utoipa::path(post, path = "/applications/{application}/certificates", tag = "credentials", operation_id = "add_application_certificate", params(("application" = Uuid, Path)), request_body = wire::AddCertificate, responses((status = 201, body = wire::Credential), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn add_certificate(
    SignedIn(ctx): SignedIn,
    Path(application): Path<ApplicationId>,
    Json(input): Json<wire::AddCertificate>,
) -> Result<Created<wire::Credential>> {
    let body = credentials::add_certificate(&ctx, application, input).await?;
    Ok(created(body))
}

fn created(body: wire::Credential) -> Created<wire::Credential> {
    Created {
        location: format!("/credentials/{}", body.id),
        etag: body.etag,
        body,
    }
}

/// One credential.
#[utoipa::path(get, path = "/credentials/{credential}", tag = "credentials", operation_id = "read_credential", params(("credential" = Uuid, Path)), responses((status = 200, body = wire::Credential), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn read_credential(
    SignedIn(ctx): SignedIn,
    Path(credential): Path<CredentialId>,
) -> Result<Tagged<wire::Credential>> {
    let body = credentials::get(&ctx, credential).await?;
    Ok(Tagged(body.etag, body))
}

/// Rename a credential.
#[utoipa::path(patch, path = "/credentials/{credential}", tag = "credentials", operation_id = "rename_credential", params(("credential" = Uuid, Path)), request_body = wire::RenameCredential, responses((status = 200, body = wire::Credential), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn rename_credential(
    SignedIn(ctx): SignedIn,
    Path(credential): Path<CredentialId>,
    IfMatch(etag): IfMatch,
    Json(input): Json<wire::RenameCredential>,
) -> Result<Tagged<wire::Credential>> {
    let body = credentials::rename(&ctx, credential, etag, input).await?;
    Ok(Tagged(body.etag, body))
}

/// Make the key's successor. The old one works until the overlap is over or the chosen time has come,
/// 24 hours unless something is said; `rolled` says until when.
#[utoipa::path(post, path = "/credentials/{credential}/roll", tag = "credentials", operation_id = "roll_key", params(("credential" = Uuid, Path)), request_body = wire::RollKey, responses((status = 201, body = wire::NewKey), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn roll_key(
    SignedIn(ctx): SignedIn,
    Path(credential): Path<CredentialId>,
    Json(input): Json<wire::RollKey>,
) -> Result<Created<wire::NewKey>> {
    let body = credentials::roll(&ctx, credential, input).await?;
    Ok(Created {
        location: format!("/credentials/{}", body.credential.id),
        etag: body.credential.etag,
        body,
    })
}

/// Revoke a credential: it stops working at once, for ever.
#[utoipa::path(post, path = "/credentials/{credential}/revoke", tag = "credentials", operation_id = "revoke_credential", params(("credential" = Uuid, Path)), responses((status = 200, body = wire::Credential), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn revoke_credential(
    SignedIn(ctx): SignedIn,
    Path(credential): Path<CredentialId>,
) -> Result<Tagged<wire::Credential>> {
    let body = credentials::revoke(&ctx, credential).await?;
    Ok(Tagged(body.etag, body))
}
