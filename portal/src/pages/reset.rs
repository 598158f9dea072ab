//! A forgotten password.

use api::http::extract::Path;
use api::service::password_resets as service;
use domain::wire::accounts as wire;
use frontend::{form::Form, pages::reset};

use super::sign_up::mail_sent;
use crate::{
    failure::Result,
    headers::without_referrer,
    typed::{Typed, see},
    visit::Visit,
};

const ASK: &str = "Forgot the password?";
const CHOOSE: &str = "Choose a new password";

pub(crate) async fn show(visit: Visit) -> Result {
    Ok(visit.page(ASK, || reset::ask(&visit.visitor(), &Form::default())))
}

pub(crate) async fn ask(visit: Visit, typed: Typed) -> Result {
    let input = wire::Address {
        email: typed.get("email").to_owned(),
    };
    match service::ask(visit.ctx(), input).await {
        Ok(sent) => Ok(mail_sent(&visit, sent, None)),
        Err(error) => {
            let form = typed.refused(visit.ctx(), error).await?;
            Ok(visit.refused(ASK, || reset::ask(&visit.visitor(), &form)))
        }
    }
}

pub(crate) async fn link(visit: Visit, Path(token): Path<String>) -> Result {
    service::preview(visit.ctx(), &token).await?;
    let least = visit.ctx().settings().password_min;
    let page = visit.page(CHOOSE, || {
        reset::choose(&visit.visitor(), &Form::default(), least)
    });
    Ok(without_referrer(page))
}

pub(crate) async fn choose(visit: Visit, Path(token): Path<String>, typed: Typed) -> Result {
    let input = wire::CompleteReset {
        token,
        password: typed.raw("password").to_owned(),
    };
    match service::complete(visit.ctx(), input).await {
        Ok(()) => Ok(see("/sign-in?done=password")),
        Err(error) => {
            let form = typed.refused(visit.ctx(), error).await?;
            let least = visit.ctx().settings().password_min;
            let page = visit.refused(CHOOSE, || reset::choose(&visit.visitor(), &form, least));
            Ok(without_referrer(page))
        }
    }
}
