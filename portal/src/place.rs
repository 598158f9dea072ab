//! The workspace of an address: `/o/{organization}/…` and `/o/{organization}/t/{team}/…`.

use api::{
    http::extract,
    service::{organizations, teams},
};
use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    actor::{Action, Owned},
    id::{OrganizationId, TeamId},
    problem::Code,
    wire::organizations::{Organization, Team},
};
use frontend::frame::{self, Visitor};

use crate::{
    failure::Failure,
    visit::{Portal, Visit},
};

/// A visit inside a workspace. As a handler's parameter it resolves the names in the address;
/// a stranger gets 404, and whoever is not signed in is led to the sign-in.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub visit: Visit,
    pub organization: Organization,
    /// Absent under `/o/{organization}/` without a team.
    pub team: Option<Team>,
    /// What the frame around the page shows.
    pub place: frame::Place,
}

impl Workspace {
    #[must_use]
    pub fn ctx(&self) -> &api::Ctx {
        self.visit.ctx()
    }

    #[must_use]
    pub fn visitor(&self) -> Visitor {
        self.visit.visitor()
    }

    /// `/o/{organization}` or `/o/{organization}/t/{team}`.
    #[must_use]
    pub fn address(&self) -> String {
        self.place.address()
    }

    #[must_use]
    pub fn organization_id(&self) -> OrganizationId {
        self.organization.id
    }

    #[must_use]
    pub fn team_id(&self) -> Option<TeamId> {
        self.team.as_ref().map(|team| team.id)
    }

    /// The team of the address, for pages that only teams have.
    ///
    /// # Errors
    /// Not found, without one.
    pub fn in_team(&self) -> Result<&Team, Failure> {
        self.team
            .as_ref()
            .ok_or_else(|| Failure::of(Code::NotFound))
    }

    /// `Err` unless the reader may do `action` to something of this workspace: a form that would
    /// be refused is not shown.
    ///
    /// # Errors
    /// As the service behind the form would say it.
    pub fn must(&self, action: Action) -> Result<(), Failure> {
        Ok(self
            .ctx()
            .may(action, self.organization.id, self.team_id())?)
    }

    /// Whether a button for `action` on something of this workspace should be there.
    #[must_use]
    pub fn can(&self, action: Action) -> bool {
        self.ctx().can(action, self.organization.id, self.team_id())
    }
}

impl FromRequestParts<Portal> for Workspace {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Failure> {
        let Ok(visit) = Visit::from_request_parts(parts, portal).await;
        visit.signed_in()?;
        let names = extract::names(parts, portal).await?;
        let named = |wanted: &str| {
            names
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let ctx = visit.ctx();
        let slug = named("organization").ok_or_else(|| Failure::of(Code::NotFound))?;
        let organization = organizations::by_slug(ctx, slug).await?;
        let team = match named("team") {
            Some(slug) => Some(teams::by_slug(ctx, organization.id, slug).await?),
            None => None,
        };
        let owned = Owned {
            organization: organization.id,
            team: team.as_ref().map(|team| team.id),
        };
        let place = frame::Place::new(
            &ctx.actor,
            owned,
            (organization.slug.clone(), organization.name.clone()),
            team.as_ref()
                .map(|team| (team.slug.clone(), team.name.clone())),
        );
        Ok(Self {
            visit,
            organization,
            team,
            place,
        })
    }
}
