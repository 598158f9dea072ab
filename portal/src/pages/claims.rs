//! Clients, passwords and certificates of an application.

use api::{
    http::extract::Path,
    service::{authorization_server, credentials as service},
};
use chrono::TimeDelta;
use domain::{
    actor::Action,
    id::ApplicationId,
    key::Environment,
    wire::{
        applications::Application,
        credentials::{AddCertificate, AddClient, AddSigningKey, MakeOauthClient, MakePassword},
    },
};
use frontend::{
    form::Form,
    pages::application::{self, Claiming},
};

use super::applications::{home, load};
use super::keys::once;
use crate::{
    failure::Result,
    place::Workspace,
    typed::{Typed, see},
};

/// Organization, team, application.
type Of = (String, String, ApplicationId);

const OAUTH_CLIENT: &str = "New OAuth client";
const PASSWORD: &str = "New password";
const CLIENT: &str = "Add a client";
const CERTIFICATE: &str = "Add a certificate";
const SIGNING_KEY: &str = "Add a signing key";

pub(crate) async fn new_oauth_client(here: Workspace, Path((_, _, id)): Path<Of>) -> Result {
    here.must(Action::ManageCredentials)?;
    let found = load(&here, id).await?;
    let scopes = authorization_server::scopes(here.ctx(), id).await?;
    let page = props(&here, found, Form::default(), Claiming::OauthClient(scopes));
    Ok(here.visit.page(OAUTH_CLIENT, || application::claim(page)))
}

/// Rendered from the POST itself: the secret is in this one answer, which nobody may keep.
pub(crate) async fn make_oauth_client(
    here: Workspace,
    Path((_, _, id)): Path<Of>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    let Terms {
        environment,
        expires_at,
        cidrs,
    } = Terms::read(&here, &typed);
    let input = MakeOauthClient {
        name: typed.get("name").to_owned(),
        environment,
        expires_at,
        cidrs,
    };
    match service::make_oauth_client(here.ctx(), id, input).await {
        Ok(made) => {
            let scopes = authorization_server::scopes(here.ctx(), id).await?;
            let page = application::OauthClient {
                visitor: here.visitor(),
                place: here.place.clone(),
                application: found,
                made,
                scopes,
            };
            Ok(once(&here, "Your OAuth client is ready", || {
                application::oauth_client(page)
            }))
        }
        Err(error) => {
            let form = typed.refused_under(here.ctx(), error, "cidrs").await?;
            let scopes = authorization_server::scopes(here.ctx(), id).await?;
            let page = props(&here, found, form, Claiming::OauthClient(scopes));
            Ok(here
                .visit
                .refused(OAUTH_CLIENT, || application::claim(page)))
        }
    }
}

pub(crate) async fn new_password(here: Workspace, Path((_, _, id)): Path<Of>) -> Result {
    here.must(Action::ManageCredentials)?;
    let found = load(&here, id).await?;
    let page = props(&here, found, Form::default(), Claiming::Password);
    Ok(here.visit.page(PASSWORD, || application::claim(page)))
}

/// Rendered from the POST itself: the password is in this one answer, which nobody may keep.
pub(crate) async fn make_password(
    here: Workspace,
    Path((_, _, id)): Path<Of>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    let Terms {
        environment,
        expires_at,
        cidrs,
    } = Terms::read(&here, &typed);
    let input = MakePassword {
        name: typed.get("name").to_owned(),
        environment,
        user: typed.get("user").to_owned(),
        password: Some(typed.raw("password"))
            .filter(|typed| !typed.is_empty())
            .map(str::to_owned),
        argon2id: typed.optional("argon2id"),
        expires_at,
        cidrs,
    };
    match service::make_password(here.ctx(), id, input).await {
        // There is nothing to show of one that was given.
        Ok(made) if made.password.is_none() => Ok(see(&format!("{}#claims", home(&here, id)))),
        Ok(made) => {
            let page = application::Password {
                visitor: here.visitor(),
                place: here.place.clone(),
                application: found,
                made,
            };
            Ok(once(&here, "Your password is ready", || {
                application::password(page)
            }))
        }
        Err(error) => {
            let typed = typed.without("password").without("argon2id");
            let form = typed.refused_under(here.ctx(), error, "cidrs").await?;
            let page = props(&here, found, form, Claiming::Password);
            Ok(here.visit.refused(PASSWORD, || application::claim(page)))
        }
    }
}

pub(crate) async fn new_client(here: Workspace, Path((_, _, id)): Path<Of>) -> Result {
    here.must(Action::ManageCredentials)?;
    let found = load(&here, id).await?;
    let known = service::issuers(here.ctx(), id).await?;
    // Where there is one, it is the one.
    let form = match known.as_slice() {
        [only] => Form::default().with("issuer", only.issuer.clone()),
        _ => Form::default(),
    };
    let page = props(&here, found, form, Claiming::Client(known));
    Ok(here.visit.page(CLIENT, || application::claim(page)))
}

pub(crate) async fn new_certificate(here: Workspace, Path((_, _, id)): Path<Of>) -> Result {
    here.must(Action::ManageCredentials)?;
    let found = load(&here, id).await?;
    let page = props(&here, found, Form::default(), Claiming::Certificate);
    Ok(here.visit.page(CERTIFICATE, || application::claim(page)))
}

pub(crate) async fn new_signing_key(here: Workspace, Path((_, _, id)): Path<Of>) -> Result {
    here.must(Action::ManageCredentials)?;
    let found = load(&here, id).await?;
    let page = props(&here, found, Form::default(), Claiming::SigningKey);
    Ok(here.visit.page(SIGNING_KEY, || application::claim(page)))
}

fn props(
    here: &Workspace,
    application: Application,
    form: Form,
    what: Claiming,
) -> application::Claim {
    application::Claim {
        visitor: here.visitor(),
        place: here.place.clone(),
        application,
        form,
        what,
    }
}

pub(crate) async fn add_client(
    here: Workspace,
    Path((_, _, id)): Path<Of>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    let Terms {
        environment,
        expires_at,
        cidrs,
    } = Terms::read(&here, &typed);
    let input = AddClient {
        name: typed.get("name").to_owned(),
        environment,
        issuer: typed.get("issuer").to_owned(),
        client_id: typed.get("client_id").to_owned(),
        expires_at,
        cidrs,
    };
    match service::add_client(here.ctx(), id, input).await {
        Ok(_) => Ok(see(&format!("{}#claims", home(&here, id)))),
        Err(error) => {
            let form = typed.refused_under(here.ctx(), error, "cidrs").await?;
            let known = service::issuers(here.ctx(), id).await?;
            let page = props(&here, found, form, Claiming::Client(known));
            Ok(here.visit.refused(CLIENT, || application::claim(page)))
        }
    }
}

pub(crate) async fn add_certificate(
    here: Workspace,
    Path((_, _, id)): Path<Of>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    let Terms {
        environment,
        expires_at,
        cidrs,
    } = Terms::read(&here, &typed);
    let input = AddCertificate {
        name: typed.get("name").to_owned(),
        environment,
        certificate: typed.get("certificate").to_owned(),
        certificate_name: typed.get("certificate_name").to_owned(),
        expires_at,
        cidrs,
    };
    match service::add_certificate(here.ctx(), id, input).await {
        Ok(_) => Ok(see(&format!("{}#claims", home(&here, id)))),
        Err(error) => {
            let form = typed.refused_under(here.ctx(), error, "cidrs").await?;
            let page = props(&here, found, form, Claiming::Certificate);
            Ok(here.visit.refused(CERTIFICATE, || application::claim(page)))
        }
    }
}

pub(crate) async fn add_signing_key(
    here: Workspace,
    Path((_, _, id)): Path<Of>,
    typed: Typed,
) -> Result {
    let found = load(&here, id).await?;
    let Terms {
        environment,
        expires_at,
        cidrs,
    } = Terms::read(&here, &typed);
    let input = AddSigningKey {
        name: typed.get("name").to_owned(),
        environment,
        key: typed.get("key").to_owned(),
        expires_at,
        cidrs,
    };
    match service::add_signing_key(here.ctx(), id, input).await {
        Ok(_) => Ok(see(&format!("{}#claims", home(&here, id)))),
        Err(error) => {
            let form = typed.refused_under(here.ctx(), error, "cidrs").await?;
            let page = props(&here, found, form, Claiming::SigningKey);
            Ok(here.visit.refused(SIGNING_KEY, || application::claim(page)))
        }
    }
}

/// What every new credential is asked.
pub(super) struct Terms {
    pub(super) environment: Environment,
    pub(super) expires_at: Option<chrono::DateTime<chrono::Utc>>,
    pub(super) cidrs: Vec<String>,
}

impl Terms {
    pub(super) fn read(here: &Workspace, typed: &Typed) -> Self {
        let days = typed.get("expires").parse::<i64>().ok();
        let cidrs = typed.get("cidrs").split_whitespace();
        Self {
            environment: Environment::parse(typed.get("environment")).unwrap_or_default(),
            expires_at: days.map(|days| here.ctx().now + TimeDelta::days(days.clamp(1, 3660))),
            cidrs: cidrs.map(str::to_owned).collect(),
        }
    }
}
