//! One visit of one page: the portal, the ids of the request and who looks.

use std::{convert::Infallible, sync::Arc};

use api::{
    Ctx, Plane,
    http::{cookie, identify::RequestId},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
    response::{Html, IntoResponse, Response},
};
use domain::problem::Code;
use frontend::{
    document::{self, Shell, Theme},
    frame::{Person, Visitor},
};
use leptos::prelude::IntoView;

use crate::{assets::Assets, failure::Failure, headers::Nonce, person, settings::Settings};

/// What all requests share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Portal(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    assets: Assets,
    plane: Arc<Plane>,
}

impl Portal {
    /// Reads the static files; they are kept in memory.
    ///
    /// # Errors
    /// A sentence, if the folder of the browser part is there but cannot be read.
    pub fn new(settings: Settings, plane: Arc<Plane>) -> Result<Self, String> {
        let assets = Assets::load(settings.site_dir.as_deref())?;
        Ok(Self(Arc::new(Shared {
            settings,
            assets,
            plane,
        })))
    }

    /// The management plane that the pages are a door of.
    #[must_use]
    pub fn plane(&self) -> &Arc<Plane> {
        &self.0.plane
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn assets(&self) -> &Assets {
        &self.0.assets
    }
}

/// The first parameter of every page handler.
#[derive(Clone, Debug)]
pub struct Visit {
    portal: Portal,
    ctx: Ctx,
    nonce: Arc<str>,
    theme: Theme,
    person: Option<Person>,
}

impl Visit {
    #[must_use]
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// What services take first: who looks, and when.
    #[must_use]
    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.ctx.request_id
    }

    /// Whether somebody is signed in.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        self.ctx.actor.person().is_some()
    }

    /// `Err`, which leads to the sign-in and back, unless somebody is signed in.
    pub fn signed_in(&self) -> Result<&Person, Failure> {
        self.person
            .as_ref()
            .ok_or_else(|| Failure::of(Code::SignInRequired))
    }

    /// What the frame around a page needs to know.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        Visitor {
            site: self.portal.settings().site_name.clone(),
            theme: self.theme,
            person: self.person.clone(),
            scripted: self.portal.assets().addresses().script.is_some(),
        }
    }

    /// Renders a page: 200.
    #[must_use]
    pub fn page<V: IntoView>(&self, title: &str, view: impl FnOnce() -> V) -> Response {
        let shell = Shell {
            title,
            site: &self.portal.settings().site_name,
            theme: self.theme,
            nonce: &self.nonce,
            assets: self.portal.assets().addresses(),
        };
        Html(document::render(&shell, view)).into_response()
    }

    /// Renders a page again whose form was refused: 422, with what was typed and what is wrong.
    #[must_use]
    pub fn refused<V: IntoView>(&self, title: &str, view: impl FnOnce() -> V) -> Response {
        (StatusCode::UNPROCESSABLE_ENTITY, self.page(title, view)).into_response()
    }
}

impl FromRequestParts<Portal> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Infallible> {
        let theme = cookie(&parts.headers, "theme").map(Theme::from_cookie);
        let nonce = parts.extensions.get::<Nonce>().map(|nonce| nonce.0.clone());
        let looking = parts.extensions.get::<Looking>().cloned();
        let looking = looking.unwrap_or_else(|| Looking::nobody(portal, parts));
        Ok(Self {
            portal: portal.clone(),
            ctx: looking.ctx,
            nonce: nonce.unwrap_or_default(),
            theme: theme.unwrap_or_default(),
            person: looking.person,
        })
    }
}

/// Who looks, found out once per request by [`identify`].
#[derive(Clone, Debug)]
struct Looking {
    ctx: Ctx,
    person: Option<Person>,
}

impl Looking {
    fn nobody(portal: &Portal, parts: &Parts) -> Self {
        let id = parts.extensions.get::<RequestId>();
        let id = id.map(|RequestId(id)| id.clone()).unwrap_or_default();
        Self {
            ctx: Ctx::request(portal.plane(), id, None),
            person: None,
        }
    }
}

/// Finds out who looks and leaves it in the request, for every [`Visit`] of it. The management
/// API does that for itself, and files are for anybody.
pub(crate) async fn identify(portal: &Portal, parts: &mut Parts) -> Result<(), Failure> {
    let path = parts.uri.path();
    if path.starts_with("/api/") || path.starts_with("/assets/") {
        return Ok(());
    }
    let (ctx, found) = match api::http::identify::context(portal.plane(), parts).await {
        Ok(ctx) => match person::of(&ctx).await {
            Ok(person) => (ctx, Ok(person)),
            Err(error) => (ctx, Err(error)),
        },
        Err((ctx, error)) => (ctx, Err(error)),
    };
    let (person, result) = match found {
        Ok(person) => (person, Ok(())),
        Err(error) => (None, Err(error.into())),
    };
    parts.extensions.insert(Looking { ctx, person });
    result
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    cookie::pairs(headers)
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}
