//! Keys of an application. The page that shows one is the answer to the form that made it.

use api::{http::extract::Path, service::credentials as service};
use axum::{
    http::{HeaderValue, header},
    response::Response,
};
use chrono::{DateTime, Utc};
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
use frontend::{form::Form, format, pages::application};
use leptos::prelude::AnyView;

use super::{
    applications::{home, load},
    claims::Terms,
    confirm,
};
use crate::{
    failure::{Failure, Result},
    place::Workspace,
    typed::{Typed, moment, see},
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

const ROLL: &str = "Roll a key";

pub(crate) async fn ask_roll(here: Workspace, Path((_, _, id, key)): Path<One>) -> Result {
    here.must(Action::ManageCredentials)?;
    let found = load(&here, id).await?;
    let old = one(&here, id, key).await?;
    let page = roll_props(&here, found, old, Form::default());
    Ok(here.visit.page(ROLL, || application::roll(page)))
}

fn roll_props(
    here: &Workspace,
    application: Application,
    key: Credential,
    form: Form,
) -> application::Roll {
    application::Roll {
        visitor: here.visitor(),
        place: here.place.clone(),
        application,
        key,
        form,
    }
}

pub(crate) async fn roll(
    here: Workspace,
    Path((_, _, id, key)): Path<One>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    let old = one(&here, id, key).await?;
    let rolled = match chosen(&typed) {
        Ok(input) => service::roll(here.ctx(), key, input).await,
        Err(error) => Err(error),
    };
    match rolled {
        Ok(made) => {
            let before = made.rolled.as_ref().map(|old| became(old, here.ctx().now));
            Ok(created(&here, found, made, before))
        }
        Err(error) => {
            let form = typed.refused(here.ctx(), error).await?;
            let page = roll_props(&here, found, old, form);
            Ok(here.visit.refused(ROLL, || application::roll(page)))
        }
    }
}

/// One of the menu, or a time that was written.
fn chosen(typed: &Typed) -> api::Result<RollKey> {
    if typed.has("retires_at") {
        let at = moment(typed.get("retires_at")).ok_or_else(|| {
            let message = "Write a day like 2026-12-31, or a time like 2026-12-31T08:00:00Z.";
            api::Error::field("/retires_at", message)
        })?;
        return Ok(RollKey {
            overlap: None,
            retires_at: Some(at),
        });
    }
    let overlap = Overlap::parse(typed.get("overlap"))
        .ok_or_else(|| api::Error::new(Code::BadRequest, "Choose when the old key stops."))?;
    Ok(RollKey {
        overlap: Some(overlap),
        retires_at: None,
    })
}

/// What is said of the old key.
fn became(old: &Credential, now: DateTime<Utc>) -> String {
    match old.retires_at {
        Some(at) if at > now => {
            format!("{} still works until {}.", old.name, format::moment(at))
        }
        Some(_) | None => format!("{} stopped working with this.", old.name),
    }
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
