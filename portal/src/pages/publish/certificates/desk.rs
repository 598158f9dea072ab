//! Whose certificates a page is about: those of the organization in the address, or the
//! platform's, for its operator.

use api::Ctx;
use api::http::extract;
use api::service::certificates::Owner;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::actor::Action;
use frontend::{frame::Place, pages::publish::At};

use crate::{
    failure::Failure,
    place::Workspace,
    visit::{Portal, Visit},
};

/// A visit that is about the certificates of `owner`.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) visit: Visit,
    pub(super) owner: Owner,
    place: Place,
}

impl Desk {
    pub(super) fn ctx(&self) -> &Ctx {
        self.visit.ctx()
    }

    pub(super) fn at(&self) -> At {
        At {
            visitor: self.visit.visitor(),
            place: self.place.clone(),
            now: self.ctx().now,
        }
    }

    /// Where the list is.
    pub(super) fn home(&self) -> String {
        format!("{}/certificates", self.place.address())
    }

    pub(super) fn of_platform(&self) -> bool {
        self.owner == Owner::Platform
    }

    /// `Err` unless the reader may change what is here: a form that would be refused is not shown.
    pub(super) fn must_edit(&self) -> Result<(), Failure> {
        match self.owner {
            Owner::Organization(id) => Ok(self.ctx().may(Action::EditCertificate, id, None)?),
            Owner::Platform => Ok(self.ctx().operate(true)?),
        }
    }

    pub(super) fn may_edit(&self) -> bool {
        self.must_edit().is_ok()
    }
}

impl FromRequestParts<Portal> for Desk {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Failure> {
        let names = extract::names(parts, portal).await?;
        if names.iter().any(|(name, _)| name == "organization") {
            let workspace = Workspace::from_request_parts(parts, portal).await?;
            return Ok(Self {
                owner: Owner::Organization(workspace.organization_id()),
                place: workspace.place,
                visit: workspace.visit,
            });
        }
        let Ok(visit) = Visit::from_request_parts(parts, portal).await;
        visit.signed_in()?;
        visit.ctx().operate(!parts.method.is_safe())?;
        Ok(Self {
            owner: Owner::Platform,
            place: Place::platform(),
            visit,
        })
    }
}
