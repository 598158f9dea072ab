//! Keys of an application. The page that shows one is the answer to the form that made it.

use api::{http::extract::Path, service::credentials as service};
use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use domain::{
    actor::Action,
    application::Overlap,
    id::{ApplicationId, CredentialId},
    problem::Code,
    wire::{
        applications::Application,
        credentials::{CreateKey, Credential, NewKey, RollKey},
    },
};
use frontend::{form::Form, pages::application};
use leptos::prelude::AnyView;

use super::{
    applications::{home, load},
    claims::Terms,
    confirm,
};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, see},
};

/// Organization, team, application.
type Of = (String, String, ApplicationId);
/// And one of its keys.
type One = (String, String, ApplicationId, CredentialId);

pub(crate) async fn new(here: Workspace, Path((_, _, id)): Path<Of>) -> Result {
    here.must(Action::ManageCredentials)?;
    let found = load(&here, id).await?;
    let page = new_props(&here, found, Form::default());
    Ok(here.visit.page("New key", || application::new_key(page)))
}

fn new_props(here: &Workspace, application: Application, form: Form) -> application::NewKey {
    application::NewKey {
        visitor: here.visitor(),
        place: here.place.clone(),
        application,
        form,
    }
}

pub(crate) async fn create(here: Workspace, Path((_, _, id)): Path<Of>, typed: Typed) -> Result {
    let found = load(&here, id).await?;
    let Terms {
        environment,
        expires_at,
        cidrs,
    } = Terms::read(&here, &typed);
    let input = CreateKey {
        name: typed.get("name").to_owned(),
        environment,
        expires_at,
        cidrs,
    };
    match service::create(here.ctx(), id, input).await {
        Ok(made) => Ok(created(&here, found, made, None)),
        Err(error) => {
            let page = new_props(
                &here,
                found,
                typed.refused_under(here.ctx(), error, "cidrs").await?,
            );
            Ok(here.visit.refused("New key", || application::new_key(page)))
        }
    }
}

/// Rendered from the POST itself: the value is in this one answer, which nobody may keep.
fn created(
    here: &Workspace,
    application: Application,
    made: NewKey,
    before: Option<String>,
) -> Response {
    let page = application::Created {
        visitor: here.visitor(),
        place: here.place.clone(),
        application,
        made,
        before,
    };
    once(here, "Your key is ready", || application::created(page))
}

/// A page that shows a secret: nobody may keep it.
pub(super) fn once(here: &Workspace, title: &str, page: impl FnOnce() -> AnyView) -> Response {
    let mut response = here.visit.page(title, page);
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response
}

pub(crate) async fn roll(
    here: Workspace,
    Path((_, _, id, key)): Path<One>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    let old = one(&here, id, key).await?;
    let overlap =
        Overlap::parse(typed.get("overlap")).ok_or_else(|| Failure::of(Code::BadRequest))?;
    let made = service::roll(here.ctx(), key, RollKey { overlap }).await?;
    let before = match overlap {
        Overlap::None => format!("{} stopped working with this.", old.name),
        Overlap::Hour => format!("{} still works for an hour.", old.name),
        Overlap::Day => format!("{} still works for 24 hours.", old.name),
        Overlap::Week => format!("{} still works for seven days.", old.name),
    };
    Ok(created(&here, found, made, Some(before)))
}

async fn one(here: &Workspace, application: ApplicationId, id: CredentialId) -> Result<Credential> {
    let key = service::get(here.ctx(), id).await?;
    if key.application != application {
        return Err(Failure::of(Code::NotFound));
    }
    Ok(key)
}

pub(crate) async fn ask_revoke(here: Workspace, Path((_, _, id, key)): Path<One>) -> Result {
    here.must(Action::ManageCredentials)?;
    let page = revoke_props(&here, id, key, Form::default()).await?;
    Ok(here
        .visit
        .page("Revoke a key", || application::revoke(page)))
}

async fn revoke_props(
    here: &Workspace,
    id: ApplicationId,
    key: CredentialId,
    form: Form,
) -> Result<application::Revoke> {
    Ok(application::Revoke {
        visitor: here.visitor(),
        place: here.place.clone(),
        application: load(here, id).await?,
        key: one(here, id, key).await?,
        form,
        now: here.ctx().now,
    })
}

pub(crate) async fn revoke(
    here: Workspace,
    Path((_, _, id, key)): Path<One>,
    typed: Typed,
) -> Result {
    load(&here, id).await?;
    let found = one(&here, id, key).await?;
    let form = match confirm::named(typed, &found.name) {
        Ok(typed) => match service::revoke(here.ctx(), key).await {
            Ok(_) => return Ok(see(&home(&here, id))),
            Err(error) => typed.refused(here.ctx(), error).await?,
        },
        Err(form) => form,
    };
    let page = revoke_props(&here, id, key, form).await?;
    Ok(here
        .visit
        .refused("Revoke a key", || application::revoke(page)))
}
