//! Who acts, in which role, and the one table of who may do what.

mod scope;
mod standing;

use serde::{Deserialize, Serialize};

pub use scope::{Resource, Scope};
pub use standing::Standing;

use crate::id::{OrganizationId, TeamId, UserId};

/// Role in an organization. Ordered: an owner may all that an admin may.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationRole {
    Member,
    Admin,
    Owner,
}

/// Role in a team. Ordered: a maintainer may all that a developer may.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TeamRole {
    Viewer,
    Developer,
    Maintainer,
}

impl OrganizationRole {
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Member];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl TeamRole {
    pub const ALL: [Self; 3] = [Self::Maintainer, Self::Developer, Self::Viewer];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Maintainer => "maintainer",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// One organization that a user belongs to, with the user's teams there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub organization: OrganizationId,
    pub role: OrganizationRole,
    /// A suspended organization is read only for its members.
    pub suspended: bool,
    pub teams: Vec<(TeamId, TeamRole)>,
}

/// The signed-in person behind a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: UserId,
    /// Runs the platform; no rights inside tenants.
    pub operator: bool,
    pub memberships: Vec<Membership>,
    /// `None`: a session, which may all that the person may. Otherwise a token's scopes.
    pub scopes: Option<Vec<Scope>>,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    Anonymous,
    Person(Person),
    /// The product itself: jobs, first run, demo. Named in the audit by what it is.
    System(&'static str),
}

/// What somebody wants to do. Each names the least role in the table below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    ReadOrganization,
    EditOrganization,
    DeleteOrganization,
    ManageMembers,
    CreateTeam,
    ReadAudit,
    ReadTeam,
    EditTeam,
    ManageTeamMembers,
    ReadApi,
    EditApi,
    /// What conditions of the organization's policies decide by: not for the API's own team to say.
    LabelApi,
    ReadUpstream,
    EditUpstream,
    /// Certificates of the organization's hosts, and what these ask of a connection. No team's: a
    /// host is everybody's who publishes there.
    ReadCertificate,
    EditCertificate,
    ReadProduct,
    EditProduct,
    /// Approve, reject, suspend, resume, revoke, grant: at the provider.
    DecideSubscription,
    ReadApplication,
    EditApplication,
    DisableApplication,
    /// What conditions of policies let an application do by: not for its own team to say.
    LabelApplication,
    ManageCredentials,
    /// Request, withdraw, pause, cancel: at the consumer.
    RequestSubscription,
    ReadTraffic,
}

/// The least standing that an action asks for: in the organization, or in the owning team.
struct Least {
    organization: OrganizationRole,
    team: Option<TeamRole>,
    scope: Scope,
}

impl Action {
    pub const ALL: [Self; 26] = [
        Self::ReadOrganization,
        Self::EditOrganization,
        Self::DeleteOrganization,
        Self::ManageMembers,
        Self::CreateTeam,
        Self::ReadAudit,
        Self::ReadTeam,
        Self::EditTeam,
        Self::ManageTeamMembers,
        Self::ReadApi,
        Self::EditApi,
        Self::LabelApi,
        Self::ReadUpstream,
        Self::EditUpstream,
        Self::ReadCertificate,
        Self::EditCertificate,
        Self::ReadProduct,
        Self::EditProduct,
        Self::DecideSubscription,
        Self::ReadApplication,
        Self::EditApplication,
        Self::DisableApplication,
        Self::LabelApplication,
        Self::ManageCredentials,
        Self::RequestSubscription,
        Self::ReadTraffic,
    ];

    /// The table.
    const fn least(self) -> Least {
        use OrganizationRole::{Admin, Member, Owner};
        use TeamRole::{Developer, Maintainer, Viewer};
        let (organization, team, resource, write) = match self {
            Self::ReadOrganization => (Member, None, Resource::Organizations, false),
            Self::EditOrganization => (Admin, None, Resource::Organizations, true),
            Self::DeleteOrganization => (Owner, None, Resource::Organizations, true),
            Self::ManageMembers => (Admin, None, Resource::Organizations, true),
            Self::CreateTeam => (Admin, None, Resource::Teams, true),
            Self::ReadAudit => (Admin, None, Resource::Audit, false),
            Self::ReadTeam => (Member, Some(Viewer), Resource::Teams, false),
            Self::EditTeam => (Admin, Some(Maintainer), Resource::Teams, true),
            Self::ManageTeamMembers => (Admin, Some(Maintainer), Resource::Teams, true),
            Self::ReadApi => (Admin, Some(Viewer), Resource::Apis, false),
            Self::EditApi => (Admin, Some(Maintainer), Resource::Apis, true),
            Self::LabelApi => (Admin, None, Resource::Apis, true),
            Self::ReadUpstream => (Admin, Some(Viewer), Resource::Upstreams, false),
            Self::EditUpstream => (Admin, Some(Maintainer), Resource::Upstreams, true),
            Self::ReadCertificate => (Member, None, Resource::Certificates, false),
            Self::EditCertificate => (Admin, None, Resource::Certificates, true),
            Self::ReadProduct => (Admin, Some(Viewer), Resource::Products, false),
            Self::EditProduct => (Admin, Some(Maintainer), Resource::Products, true),
            Self::DecideSubscription => (Admin, Some(Maintainer), Resource::Subscriptions, true),
            Self::ReadApplication => (Admin, Some(Viewer), Resource::Applications, false),
            Self::EditApplication => (Admin, Some(Developer), Resource::Applications, true),
            Self::DisableApplication => (Admin, Some(Maintainer), Resource::Applications, true),
            Self::LabelApplication => (Admin, None, Resource::Applications, true),
            Self::ManageCredentials => (Admin, Some(Developer), Resource::Applications, true),
            Self::RequestSubscription => (Admin, Some(Developer), Resource::Subscriptions, true),
            Self::ReadTraffic => (Admin, Some(Viewer), Resource::Traffic, false),
        };
        Least {
            organization,
            team,
            scope: Scope { resource, write },
        }
    }

    pub const fn is_write(self) -> bool {
        self.least().scope.write
    }
}

/// What an action is done to: something of an organization, owned by one of its teams or by the
/// organization itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    pub organization: OrganizationId,
    pub team: Option<TeamId>,
}

/// Why not. The two are told apart because a stranger must not learn that something exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody is signed in.
    #[error("sign-in required")]
    Anonymous,
    /// Not a member there: the answer is that of a thing that does not exist.
    #[error("not found")]
    Stranger,
    /// A member whose role or token does not allow it.
    #[error("not allowed")]
    Role,
}

impl Actor {
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Person(person) => Some(person),
            Self::Anonymous | Self::System(_) => None,
        }
    }

    pub fn is_operator(&self) -> bool {
        self.person().is_some_and(|person| person.operator)
    }

    pub fn membership(&self, organization: OrganizationId) -> Option<&Membership> {
        self.person()?
            .memberships
            .iter()
            .find(|m| m.organization == organization)
    }

    /// Role in a team; admins and owners of its organization stand above all teams.
    pub fn team_role(&self, owned: Owned) -> Option<TeamRole> {
        let membership = self.membership(owned.organization)?;
        if membership.role >= OrganizationRole::Admin {
            return Some(TeamRole::Maintainer);
        }
        let team = owned.team?;
        membership
            .teams
            .iter()
            .find(|(id, _)| *id == team)
            .map(|(_, role)| *role)
    }
}

/// Whether `actor` may do `action` to what `owned` says.
pub fn may(actor: &Actor, action: Action, owned: Owned) -> Result<(), Denied> {
    let person = match actor {
        Actor::System(_) => return Ok(()),
        Actor::Anonymous => return Err(Denied::Anonymous),
        Actor::Person(person) => person,
    };
    let membership = person
        .memberships
        .iter()
        .find(|membership| membership.organization == owned.organization)
        .ok_or(Denied::Stranger)?;
    let least = action.least();
    if membership.suspended && least.scope.write {
        return Err(Denied::Role);
    }
    let by_organization = membership.role >= least.organization;
    let by_team = match (least.team, owned.team) {
        (Some(role), Some(team)) => membership
            .teams
            .iter()
            .any(|(id, held)| *id == team && *held >= role),
        (Some(_) | None, _) => false,
    };
    if !(by_organization || by_team) {
        return Err(Denied::Role);
    }
    if scoped(person, least.scope) {
        Ok(())
    } else {
        Err(Denied::Role)
    }
}

/// Whether `actor` may run the platform, within a token's scopes.
pub fn may_operate(actor: &Actor, write: bool) -> Result<(), Denied> {
    match actor {
        Actor::System(_) => Ok(()),
        Actor::Anonymous => Err(Denied::Anonymous),
        Actor::Person(person) if !person.operator => Err(Denied::Stranger),
        Actor::Person(person) => {
            let wanted = Scope {
                resource: Resource::Platform,
                write,
            };
            if scoped(person, wanted) {
                Ok(())
            } else {
                Err(Denied::Role)
            }
        }
    }
}

/// Whether `actor` may see (or change) what is their own and no tenant's: their account, the list
/// of their organizations. A token needs the resource's scope.
pub fn may_own(actor: &Actor, resource: Resource, write: bool) -> Result<&Person, Denied> {
    let person = actor.person().ok_or(Denied::Anonymous)?;
    let wanted = Scope { resource, write };
    if scoped(person, wanted) {
        Ok(person)
    } else {
        Err(Denied::Role)
    }
}

fn scoped(person: &Person, wanted: Scope) -> bool {
    match &person.scopes {
        None => true,
        Some(scopes) => scopes
            .iter()
            .any(|scope| scope.resource == wanted.resource && (scope.write || !wanted.write)),
    }
}

#[cfg(test)]
mod tests;
