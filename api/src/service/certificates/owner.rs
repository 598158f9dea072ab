//! Whose certificates and hosts somebody works on: an organization's, or the platform's. The
//! platform's operator sees everybody's, as one host has one owner.

use domain::actor::Action;
use domain::id::OrganizationId;
use entity::{certificate, host};
use sea_orm::{EntityTrait, Select};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::write::Audit;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Organization(OrganizationId),
    Platform,
}

impl Owner {
    pub(crate) fn of(organization: Option<Uuid>) -> Self {
        organization.map_or(Self::Platform, |id| Self::Organization(id.into()))
    }

    /// As rows have it.
    pub(crate) fn id(self) -> Option<Uuid> {
        match self {
            Self::Organization(id) => Some(id.uuid()),
            Self::Platform => None,
        }
    }

    pub(crate) fn may(self, ctx: &Ctx, action: Action) -> Result<()> {
        match self {
            Self::Organization(id) => ctx.may(action, id, None),
            Self::Platform => ctx.operate(action.is_write()),
        }
    }

    /// Those that can be seen from here.
    pub(super) fn certificates(self) -> Select<certificate::Entity> {
        match self {
            Self::Organization(id) => certificate::Entity::in_org(id),
            Self::Platform => certificate::Entity::find(),
        }
    }

    /// Its own.
    pub(super) fn own_certificates(self) -> Select<certificate::Entity> {
        match self {
            Self::Organization(id) => certificate::Entity::in_org(id),
            Self::Platform => certificate::Entity::of_platform(),
        }
    }

    /// Those that can be seen from here.
    pub(crate) fn hosts(self) -> Select<host::Entity> {
        match self {
            Self::Organization(id) => host::Entity::in_org(id),
            Self::Platform => host::Entity::find(),
        }
    }

    /// Its own.
    pub(crate) fn own_hosts(self) -> Select<host::Entity> {
        match self {
            Self::Organization(id) => host::Entity::in_org(id),
            Self::Platform => host::Entity::of_platform(),
        }
    }

    /// For the audit of its chain.
    pub(crate) fn audit(self, action: &'static str, object: impl Into<Uuid>) -> Audit {
        let kind = action.split_once('.').map_or(action, |(kind, _)| kind);
        let audit = Audit::new(action, kind, object);
        match self {
            Self::Organization(id) => audit.of(id),
            Self::Platform => audit,
        }
    }
}
