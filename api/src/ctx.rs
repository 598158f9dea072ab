//! The first argument of every use-case: who acts, when, and what is at hand.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::actor::{self, Action, Actor, Owned, Person, Resource};
use domain::id::{Id, OrganizationId, SessionId, UserId};
use domain::seal::KeyRing;
use sea_orm::DatabaseConnection;

use crate::error::Result;
use crate::plane::{self, Plane};
use crate::settings::Settings;

/// Context of one request or job.
#[derive(Debug, Clone)]
pub struct Ctx {
    pub plane: Arc<Plane>,
    pub actor: Actor,
    /// The session that the actor came with; `None` for tokens, jobs and strangers.
    pub session: Option<SessionId>,
    /// Cut to microseconds. One value for the whole use-case.
    pub now: DateTime<Utc>,
    pub request_id: String,
    /// The client's, as `trusted_proxies` reveals it.
    pub address: Option<IpAddr>,
}

impl Ctx {
    /// For a request: the actor is anonymous until [`Self::acting`] says otherwise.
    pub fn request(plane: &Arc<Plane>, request_id: String, address: Option<IpAddr>) -> Self {
        Self {
            plane: Arc::clone(plane),
            actor: Actor::Anonymous,
            session: None,
            now: plane.clock.now(),
            request_id,
            address,
        }
    }

    /// For the product's own work; `name` appears in the audit.
    pub fn job(plane: &Arc<Plane>, name: &'static str) -> Self {
        Self {
            actor: Actor::System(name),
            ..Self::request(plane, format!("job-{name}"), None)
        }
    }

    /// For tests of services without HTTP.
    pub fn test(plane: &Arc<Plane>, actor: Actor) -> Self {
        Self::request(plane, "test".to_owned(), None).acting(actor)
    }

    #[must_use]
    pub fn acting(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    #[must_use]
    pub fn in_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// The database of what people edit, for reading. Writing goes through [`crate::write::Write`].
    pub fn db(&self) -> &DatabaseConnection {
        &self.plane.databases.main
    }

    pub fn settings(&self) -> &Settings {
        &self.plane.settings
    }

    /// Seals what only the management plane opens.
    pub fn portal_ring(&self) -> &KeyRing {
        &self.plane.rings.portal
    }

    /// Seals what gateways open.
    pub fn gateway_ring(&self) -> &KeyRing {
        &self.plane.rings.gateway
    }

    pub fn random<const N: usize>(&self) -> Result<[u8; N]> {
        plane::random()
    }

    /// A new id; later ones sort later.
    pub fn id<K>(&self) -> Result<Id<K>> {
        Ok(Id::from_parts(self.now, self.random()?))
    }

    /// `Err` unless the actor may do `action` to something of `organization` and `team`: 401 for
    /// nobody, 404 for a stranger, 403 for a member whose role or token is too small.
    pub fn may(
        &self,
        action: Action,
        organization: OrganizationId,
        team: Option<domain::id::TeamId>,
    ) -> Result<()> {
        Ok(actor::may(
            &self.actor,
            action,
            Owned { organization, team },
        )?)
    }

    /// Whether a button for `action` should be there: the same check as behind it.
    pub fn can(
        &self,
        action: Action,
        organization: OrganizationId,
        team: Option<domain::id::TeamId>,
    ) -> bool {
        self.may(action, organization, team).is_ok()
    }

    /// The signed-in person, for what concerns their own account.
    pub fn account(&self, write: bool) -> Result<&Person> {
        Ok(actor::may_own(&self.actor, Resource::Account, write)?)
    }

    /// The signed-in person, for the organizations that they belong to or found.
    pub fn own_organizations(&self, write: bool) -> Result<&Person> {
        Ok(actor::may_own(&self.actor, Resource::Organizations, write)?)
    }

    pub fn operate(&self, write: bool) -> Result<()> {
        Ok(actor::may_operate(&self.actor, write)?)
    }

    pub fn user_id(&self) -> Option<UserId> {
        self.actor.person().map(|person| person.id)
    }
}
