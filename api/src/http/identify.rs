//! The outermost layer: who calls, under which request id, and how errors leave.
//!
//! It puts a [`Ctx`] into the request's extensions. The portal uses the same layer for its pages,
//! so that there is one place where a cookie becomes a person.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::actor::Actor;
use domain::id::{Id, of};
use domain::problem::Code;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, HeaderValue};
use http::request::Parts;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::http::problem::{Refusal, log, render, route};
use crate::http::session::{self, Session};
use crate::http::{client, cookie, cross_site};
use crate::plane::Plane;
use crate::service::{people, refusals, tokens};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request id given by a layer further out, so that its log and ours agree.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// For the API: problems in JSON, `no-store`, cross-site requests refused.
pub async fn layer(State(plane): State<Arc<Plane>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let route = route(&parts.extensions);
    let (ctx, mut response) = match context(&plane, &parts).await {
        Ok(ctx) => {
            parts.extensions.insert(ctx.clone());
            let response = match cross_site_check(&parts, &ctx) {
                Ok(()) => next.run(Request::from_parts(parts, body)).await,
                Err(error) => error.into_response(),
            };
            (ctx, response)
        }
        Err((ctx, error)) => (ctx, error.into_response()),
    };
    if let Some(Refusal(error)) = response.extensions_mut().remove::<Refusal>() {
        log(&error, &ctx.request_id, &route);
        refusals::note(&ctx, &error).await;
        let kept = response.headers_mut().remove(http::header::ALLOW);
        response = render(&error, ctx.settings().portal_base(), &ctx.request_id);
        if let Some(allow) = kept {
            response.headers_mut().insert(http::header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::try_from(&ctx.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// The context of a request: token, else session cookie, else nobody. An error comes with the
/// anonymous context that it happened in.
pub async fn context(plane: &Arc<Plane>, parts: &Parts) -> Result<Ctx, (Ctx, Error)> {
    let given = parts
        .extensions
        .get::<RequestId>()
        .map(|RequestId(id)| id.clone());
    let address = client::address(parts, &plane.settings.trusted_proxies);
    let mut anonymous = Ctx::request(plane, given.unwrap_or_default(), address);
    if anonymous.request_id.is_empty() {
        anonymous.request_id = match anonymous.id::<of::Record>() {
            Ok(id) => Id::uuid(id).simple().to_string(),
            Err(error) => return Err((anonymous, error)),
        };
    }
    match identified(anonymous.clone(), parts).await {
        Ok(ctx) => Ok(ctx),
        Err(error) => Err((anonymous, error)),
    }
}

async fn identified(ctx: Ctx, parts: &Parts) -> Result<Ctx> {
    if let Some(field) = parts.headers.get(AUTHORIZATION) {
        let token = bearer(field).ok_or_else(|| {
            Error::new(
                Code::TokenInvalid,
                "Send Authorization: Bearer with a personal token.",
            )
        })?;
        let person = tokens::authenticate(&ctx, token).await?;
        return Ok(ctx.acting(Actor::Person(person)));
    }
    let Some(cookie) = parts.extensions.get::<Session>() else {
        return Ok(ctx);
    };
    // Two cookies of one name were not both set by us; neither is believed.
    if cookie::read(&parts.headers, ctx.settings()).is_none() {
        return Ok(ctx);
    }
    let Some(opened) = session::opened(cookie).await? else {
        return Ok(ctx);
    };
    match people::load(ctx.db(), opened.user).await? {
        Some(person) => Ok(ctx.acting(Actor::Person(person)).in_session(opened.session)),
        None => Ok(ctx),
    }
}

fn bearer(field: &HeaderValue) -> Option<&str> {
    let (scheme, token) = field.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Only the cookie is sent by a browser on its own; a bearer token needs no such check.
fn cross_site_check(parts: &Parts, ctx: &Ctx) -> Result<()> {
    if ctx.session.is_none() {
        return Ok(());
    }
    cross_site::check(&parts.method, &parts.headers, ctx.settings())
}
