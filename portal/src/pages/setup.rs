//! The first run: the operator's account, by the link of the console.

use api::http::extract::Path;
use api::service::first_run as service;
use domain::wire::accounts as wire;
use frontend::{form::Form, pages::setup};

use crate::{
    failure::Result,
    headers::without_referrer,
    typed::{Typed, see},
    visit::Visit,
};

const TITLE: &str = "Set up the portal";

pub(crate) async fn link(visit: Visit, Path(token): Path<String>) -> Result {
    service::preview(visit.ctx(), &token).await?;
    let least = visit.ctx().settings().password_min;
    let page = visit.page(TITLE, || {
        setup::view(&visit.visitor(), &Form::default(), least)
    });
    Ok(without_referrer(page))
}

pub(crate) async fn complete(visit: Visit, Path(token): Path<String>, typed: Typed) -> Result {
    let input = wire::FirstRun {
        token,
        email: typed.get("email").to_owned(),
        name: typed.get("name").to_owned(),
        password: typed.raw("password").to_owned(),
    };
    match service::complete(visit.ctx(), input).await {
        Ok(_) => Ok(see("/sign-in?done=setup")),
        Err(error) => {
            let form = typed.refused(visit.ctx(), error).await?;
            let least = visit.ctx().settings().password_min;
            let page = visit.refused(TITLE, || setup::view(&visit.visitor(), &form, least));
            Ok(without_referrer(page))
        }
    }
}
