//! The operator's pages. For anybody else they do not exist.

mod nodes;
mod organizations;
mod outbox;
mod overview;
mod settings;

use axum::{
    extract::FromRequestParts,
    http::request::Parts,
    routing::{get, post},
};
use frontend::{frame::Place, pages::publish::At};

use super::people::audit::{self, Wanted};
use crate::{
    failure::{Failure, Result},
    routes::Pages,
    typed::Typed,
    visit::{Portal, Visit},
};

pub(crate) fn routes() -> Pages {
    Pages::default()
        .route("/operator", get(overview::show))
        .route("/operator/organizations", get(organizations::list))
        .route(
            "/operator/organizations/{organization}",
            get(organizations::show).post(organizations::act),
        )
        .route("/operator/nodes", get(nodes::list))
        .route("/operator/outbox", get(outbox::list))
        .route("/operator/outbox/{mail}", post(outbox::show))
        .route("/operator/settings", get(settings::show))
        .route(
            "/operator/settings/{name}",
            get(settings::back).post(settings::save),
        )
        .route("/operator/audit", get(audit_list).post(audit_verify))
}

/// A visit by the operator. As a handler's parameter it answers 404 to everybody else, and leads
/// whoever is not signed in to the sign-in.
#[derive(Clone, Debug)]
struct Operating(Visit);

impl Operating {
    fn at(&self) -> At {
        At {
            visitor: self.0.visitor(),
            place: Place::platform(),
            now: self.0.ctx().now,
        }
    }
}

impl FromRequestParts<Portal> for Operating {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Failure> {
        let Ok(visit) = Visit::from_request_parts(parts, portal).await;
        visit.signed_in()?;
        visit.ctx().operate(!parts.method.is_safe())?;
        Ok(Self(visit))
    }
}

async fn audit_list(
    here: Operating,
    api::http::extract::Query(wanted): api::http::extract::Query<Wanted>,
) -> Result {
    audit::of_platform(&here.0, here.at(), &wanted).await
}

async fn audit_verify(here: Operating, typed: Typed) -> Result {
    audit::verify_platform(&here.0, here.at(), &typed).await
}
