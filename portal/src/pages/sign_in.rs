//! Signing in and out.

use api::{
    http::{
        extract::Query,
        session::{self, Session},
    },
    service::{sessions, settings, sign_in as service},
    settings::SignUp,
};
use axum::http::{HeaderMap, header};
use domain::wire::accounts as wire;
use frontend::{form::Form, pages::sign_in};
use serde::Deserialize;

use crate::{
    failure::Result,
    typed::{Typed, local, see},
    visit::Visit,
};

/// Where to go afterwards, and what just happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    next: String,
    done: String,
}

pub(crate) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result {
    if visit.is_signed_in() {
        return Ok(see(local(&asked.next).unwrap_or("/home")));
    }
    let notice = match asked.done.as_str() {
        "verified" => Some("Your account is made. Sign in with it."),
        "password" => Some("The password is changed. Sign in with the new one."),
        "setup" => Some("The operator's account is made. Sign in with it."),
        "joined" => Some("You have joined. Sign in to go on."),
        "out" => Some("You are signed out."),
        _ => None,
    };
    let next = local(&asked.next).map(str::to_owned);
    let page = props(&visit, Form::default(), next, notice).await?;
    Ok(visit.page("Sign in", || sign_in::view(page)))
}

pub(crate) async fn enter(
    visit: Visit,
    session: Session,
    headers: HeaderMap,
    typed: Typed,
) -> Result {
    let input = wire::SignIn {
        email: typed.get("email").to_owned(),
        password: typed.raw("password").to_owned(),
        remember: typed.is_ticked("remember"),
    };
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let next = local(typed.get("next")).map(str::to_owned);
    match service::sign_in(visit.ctx(), input, agent.unwrap_or_default()).await {
        Ok(made) => {
            session::open(&session, &made).await?;
            Ok(see(next.as_deref().unwrap_or("/home")))
        }
        Err(error) => {
            let form = typed.refused(visit.ctx(), error).await?;
            let page = props(&visit, form, next, None).await?;
            Ok(visit.refused("Sign in", || sign_in::view(page)))
        }
    }
}

async fn props(
    visit: &Visit,
    form: Form,
    next: Option<String>,
    notice: Option<&str>,
) -> Result<sign_in::SignIn> {
    let open = settings::sign_up(visit.ctx()).await? != SignUp::Invitation;
    Ok(sign_in::SignIn {
        visitor: visit.visitor(),
        form,
        notice: notice.map(str::to_owned),
        next,
        open,
    })
}

pub(crate) async fn leave(visit: Visit, session: Session) -> Result {
    sessions::sign_out(visit.ctx()).await?;
    session::close(&session).await?;
    Ok(see("/sign-in?done=out"))
}
