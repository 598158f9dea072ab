//! Accepting an invitation, by the link of its mail.

use api::http::extract::Path;
use api::service::invitations as service;
use domain::wire::organizations as wire;
use frontend::{form::Form, pages::invitation};

use crate::{
    failure::Result,
    headers::without_referrer,
    typed::{Typed, see},
    visit::Visit,
};

const TITLE: &str = "Invitation";

pub(crate) async fn link(visit: Visit, Path(token): Path<String>) -> Result {
    let page = props(&visit, &token, Form::default()).await?;
    Ok(without_referrer(
        visit.page(TITLE, || invitation::view(page)),
    ))
}

pub(crate) async fn accept(visit: Visit, Path(token): Path<String>, typed: Typed) -> Result {
    let input = wire::AcceptInvitation {
        token: token.clone(),
        name: typed.get("name").to_owned(),
        password: typed.raw("password").to_owned(),
    };
    match service::accept(visit.ctx(), input).await {
        Ok(_) if visit.is_signed_in() => Ok(see("/home")),
        Ok(_) => Ok(see("/sign-in?done=joined")),
        Err(error) => {
            let page = props(&visit, &token, typed.refused(visit.ctx(), error).await?).await?;
            Ok(without_referrer(
                visit.refused(TITLE, || invitation::view(page)),
            ))
        }
    }
}

async fn props(visit: &Visit, token: &str, form: Form) -> Result<invitation::Invitation> {
    Ok(invitation::Invitation {
        visitor: visit.visitor(),
        offer: service::preview(visit.ctx(), token).await?,
        form,
        password_min: visit.ctx().settings().password_min,
    })
}
