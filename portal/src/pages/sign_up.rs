//! Signing up: the form, the mail, the link.

use api::{
    http::extract::Path,
    service::{settings, sign_up as service},
    settings::SignUp,
};
use axum::response::Response;
use domain::wire::accounts as wire;
use frontend::{form::Form, pages::sign_up};

use crate::{
    failure::Result,
    headers::without_referrer,
    typed::{Typed, see},
    visit::Visit,
};

pub(crate) async fn show(visit: Visit) -> Result {
    let page = props(&visit, Form::default()).await?;
    Ok(visit.page("Make an account", || sign_up::view(page)))
}

pub(crate) async fn ask(visit: Visit, typed: Typed) -> Result {
    let input = wire::SignUp {
        email: typed.get("email").to_owned(),
        password: typed.raw("password").to_owned(),
        name: typed.get("name").to_owned(),
        organization: typed.get("organization").to_owned(),
    };
    let email = input.email.clone();
    match service::sign_up(visit.ctx(), input).await {
        Ok(sent) => Ok(mail_sent(&visit, sent, Some(email))),
        Err(error) => {
            let page = props(&visit, typed.refused(visit.ctx(), error).await?).await?;
            Ok(visit.refused("Make an account", || sign_up::view(page)))
        }
    }
}

pub(crate) async fn resend(visit: Visit, typed: Typed) -> Result {
    let email = typed.get("email").to_owned();
    let input = wire::Address {
        email: email.clone(),
    };
    match service::resend(visit.ctx(), input).await {
        Ok(sent) => Ok(mail_sent(&visit, sent, Some(email))),
        Err(error) => {
            let page = props(&visit, typed.refused(visit.ctx(), error).await?).await?;
            Ok(visit.refused("Make an account", || sign_up::view(page)))
        }
    }
}

/// The link only shows what it would make: mail programs follow links by themselves.
pub(crate) async fn link(visit: Visit, Path(token): Path<String>) -> Result {
    let page = offer(&visit, &token, Form::default()).await?;
    let page = visit.page("Confirm your address", || sign_up::verify(page));
    Ok(without_referrer(page))
}

pub(crate) async fn verify(visit: Visit, Path(token): Path<String>, typed: Typed) -> Result {
    let input = wire::VerifySignUp {
        token: token.clone(),
        password: typed.raw("password").to_owned(),
    };
    match service::verify(visit.ctx(), input).await {
        Ok(_) => Ok(see("/sign-in?done=verified")),
        Err(error) => {
            let page = offer(&visit, &token, typed.refused(visit.ctx(), error).await?).await?;
            let page = visit.refused("Confirm your address", || sign_up::verify(page));
            Ok(without_referrer(page))
        }
    }
}

async fn offer(visit: &Visit, token: &str, form: Form) -> Result<sign_up::Verify> {
    Ok(sign_up::Verify {
        visitor: visit.visitor(),
        form,
        offer: service::preview(visit.ctx(), token).await?,
    })
}

pub(super) fn mail_sent(visit: &Visit, sent: wire::MailSent, resend: Option<String>) -> Response {
    let page = sign_up::MailSent {
        visitor: visit.visitor(),
        message: sent.message,
        resend,
    };
    visit.page("Look into your mail", || sign_up::mail_sent(page))
}

async fn props(visit: &Visit, form: Form) -> Result<sign_up::SignUp> {
    Ok(sign_up::SignUp {
        visitor: visit.visitor(),
        form,
        password_min: visit.ctx().settings().password_min,
        open: settings::sign_up(visit.ctx()).await? != SignUp::Invitation,
    })
}
