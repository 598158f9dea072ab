//! What one host asks of a connection.

use api::http::extract::Query;
use api::service::hosts as service;
use domain::certificate::{HostSettings, TlsMode};
use domain::problem::Code;
use frontend::form::Form;
use frontend::pages::publish::certificates::host;
use serde::Deserialize;

use super::desk::Desk;
use crate::{
    failure::{Failure, Result},
    typed::{Typed, see},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// Empty: a new one.
    host: String,
}

pub(super) async fn show(desk: Desk, Query(asked): Query<Asked>) -> Result {
    if asked.host.is_empty() {
        desk.must_edit()?;
        return Ok(page(&desk, Form::default(), None, false));
    }
    let found = service::get(desk.ctx(), desk.owner, &asked.host).await?;
    let form = Form::default()
        .with("tls", found.tls.map_or("", TlsMode::as_str))
        .with("client_ca", found.client_ca.unwrap_or_default())
        .with("client_crl", found.client_crl.unwrap_or_default())
        .with("client_crl_current", ticked(found.client_crl_current))
        .with("etag", found.etag.to_string());
    Ok(page(&desk, form, Some(found.host), false))
}

const fn ticked(is: bool) -> &'static str {
    match is {
        true => "yes",
        false => "",
    }
}

pub(super) async fn act(desk: Desk, typed: Typed) -> Result {
    let (ctx, owner) = (desk.ctx(), desk.owner);
    let (name, etag) = (typed.get("host").to_owned(), typed.etag());
    let done = match typed.get("do") {
        "save" => {
            let input = HostSettings {
                tls: TlsMode::parse(typed.get("tls")),
                client_ca: typed.optional("client_ca"),
                client_crl: typed.optional("client_crl"),
                client_crl_current: typed.is_ticked("client_crl_current"),
            };
            service::put(ctx, owner, &name, etag, input)
                .await
                .map(|_| ())
        }
        "remove" => service::delete(ctx, owner, &name, etag).await,
        _ => return Err(Failure::of(Code::BadRequest)),
    };
    let mut error = match done {
        Ok(()) => return Ok(see(&desk.home())),
        Err(error) => error,
    };
    // What is said of the whole is said of the name.
    for invalid in &mut error.invalid {
        if invalid.pointer.is_empty() {
            invalid.pointer = "/host".to_owned();
        }
    }
    let form = typed.refused(ctx, error).await?;
    let existing = etag.is_some().then_some(name);
    Ok(page(&desk, form, existing, true))
}

fn page(
    desk: &Desk,
    form: Form,
    existing: Option<String>,
    is_refused: bool,
) -> axum::response::Response {
    let props = host::Edit {
        at: desk.at(),
        form,
        existing,
        may_edit: desk.may_edit(),
    };
    let view = move || host::edit(props);
    match is_refused {
        true => desk.visit.refused("Host", view),
        false => desk.visit.page("Host", view),
    }
}
