//! Invitations: making, withdrawing and answering them.

use std::sync::Arc;

use domain::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Result;
use crate::http::etag::Created;
use crate::http::extract::{Anyone, Json, Path, Query, SignedIn};
use crate::plane::Plane;
use crate::service::invitations;
use axum::http::StatusCode;
use domain::id::{InvitationId, OrganizationId};
use domain::wire::accounts::{Link, Verified};
use domain::wire::organizations as wire;
use domain::wire::{Page, Paging};

pub(super) fn routes() -> OpenApiRouter<Arc<Plane>> {
    OpenApiRouter::new()
        .routes(routes!(list_invitations, create_invitation))
        .routes(routes!(resend_invitation))
        .routes(routes!(revoke_invitation))
        .routes(routes!(preview_invitation))
        .routes(routes!(accept_invitation))
}

/// Invitations that wait for an answer.
#[utoipa::path(get, path = "/organizations/{organization}/invitations", tag = "organizations", operation_id = "list_invitations", params(("organization" = Uuid, Path), Paging), responses((status = 200, body = Page<wire::Invitation>), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn list_invitations(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<wire::Invitation>>> {
    Ok(Json(invitations::list(&ctx, organization, &paging).await?))
}

/// Invite a mail address.
#[utoipa::path(post, path = "/organizations/{organization}/invitations", tag = "organizations", operation_id = "create_invitation", params(("organization" = Uuid, Path)), request_body = wire::CreateInvitation, responses((status = 201, body = wire::Invitation), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn create_invitation(
    SignedIn(ctx): SignedIn,
    Path(organization): Path<OrganizationId>,
    Json(input): Json<wire::CreateInvitation>,
) -> Result<Created<wire::Invitation>> {
    let body = invitations::create(&ctx, organization, input).await?;
    Ok(Created {
        location: format!("/invitations/{}", body.id),
        etag: 1,
        body,
    })
}

/// Send an invitation again, with a new link.
#[utoipa::path(post, path = "/invitations/{invitation}/resend", tag = "organizations", operation_id = "resend_invitation", params(("invitation" = Uuid, Path)), responses((status = 200, body = wire::Invitation), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn resend_invitation(
    SignedIn(ctx): SignedIn,
    Path(invitation): Path<InvitationId>,
) -> Result<Json<wire::Invitation>> {
    Ok(Json(invitations::resend(&ctx, invitation).await?))
}

/// Withdraw an invitation.
#[utoipa::path(delete, path = "/invitations/{invitation}", tag = "organizations", operation_id = "revoke_invitation", params(("invitation" = Uuid, Path)), responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn revoke_invitation(
    SignedIn(ctx): SignedIn,
    Path(invitation): Path<InvitationId>,
) -> Result<StatusCode> {
    invitations::revoke(&ctx, invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an invitation's link offers.
#[utoipa::path(post, path = "/invitations/preview", tag = "accounts", operation_id = "preview_invitation", request_body = Link, responses((status = 200, body = wire::InvitationOffer), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn preview_invitation(
    Anyone(ctx): Anyone,
    Json(input): Json<Link>,
) -> Result<Json<wire::InvitationOffer>> {
    Ok(Json(invitations::preview(&ctx, &input.token).await?))
}

/// Accept an invitation.
#[utoipa::path(post, path = "/invitations/accept", tag = "accounts", operation_id = "accept_invitation", request_body = wire::AcceptInvitation, responses((status = 200, body = Verified), (status = "default", body = Problem, content_type = "application/problem+json")))]
async fn accept_invitation(
    Anyone(ctx): Anyone,
    Json(input): Json<wire::AcceptInvitation>,
) -> Result<Json<Verified>> {
    Ok(Json(invitations::accept(&ctx, input).await?))
}
