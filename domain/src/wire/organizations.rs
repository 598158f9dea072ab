//! Organizations, their teams, members and invitations.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::{OrganizationRole, TeamRole};
use crate::id::{InvitationId, OrganizationId, TeamId, UserId};
use crate::organization::{ClientAddresses, OrganizationState};
use crate::policy::Policy;
use crate::problem::Invalid;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Organization {
    pub id: OrganizationId,
    pub slug: String,
    pub name: String,
    pub state: OrganizationState,
    /// Where its versions may answer.
    pub grants: Vec<Grant>,
    /// How much of a client's address the records of its APIs keep.
    #[serde(default)]
    pub client_addresses: ClientAddresses,
    pub created_at: DateTime<Utc>,
    /// The caller's role in it; absent for the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<OrganizationRole>,
    pub etag: i64,
}

/// A part of the gateway's address space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Grant {
    /// `/foxglove`; `/` is everything that nobody else was granted.
    pub path: String,
    /// Empty: any host.
    #[serde(default)]
    pub hosts: Vec<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CreateOrganization {
    #[schema(required)]
    pub name: String,
    /// Its name in addresses; made from the name when left out.
    pub slug: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct EditOrganization {
    #[schema(required)]
    pub name: String,
    /// How much of a client's address the records of its APIs keep; as it is when left out.
    pub client_addresses: Option<ClientAddresses>,
}

/// What stands on the way of every call of all its APIs. Edited live, each change audited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrganizationPolicies {
    pub organization: OrganizationId,
    pub policies: Vec<Policy>,
    /// What of them this release cannot read, with pointers into the list as it is kept; it is
    /// not in `policies`, and whoever sets those takes it away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Invalid>,
    /// The organization's, for `If-Match`.
    pub etag: i64,
}

/// All of them: what is left out is taken away.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetOrganizationPolicies {
    pub policies: Vec<Policy>,
}

/// Set by the operator.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct EditGrants {
    #[schema(required)]
    pub grants: Vec<Grant>,
}

/// Why the operator suspends or resumes an organization.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Reason {
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Team {
    pub id: TeamId,
    pub organization: OrganizationId,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub created_at: DateTime<Utc>,
    /// The caller's standing in it; admins and owners stand above all teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<TeamRole>,
    pub etag: i64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CreateTeam {
    #[schema(required)]
    pub name: String,
    /// Its name in addresses; made from the name when left out.
    pub slug: String,
    pub description: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct EditTeam {
    #[schema(required)]
    pub name: String,
    pub description: String,
}

/// A member of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Member {
    pub user: UserId,
    pub name: String,
    pub email: String,
    pub role: OrganizationRole,
    pub joined_at: DateTime<Utc>,
    pub etag: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EditMember {
    pub role: OrganizationRole,
}

/// A member of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TeamMember {
    pub user: UserId,
    pub name: String,
    pub email: String,
    pub role: TeamRole,
    pub joined_at: DateTime<Utc>,
    pub etag: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EditTeamMember {
    pub role: TeamRole,
}

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CreateInvitation {
    #[serde(default)]
    #[schema(required)]
    pub email: String,
    #[serde(default = "member")]
    pub role: OrganizationRole,
    /// A team to join as well.
    #[serde(default, deserialize_with = "crate::wire::blank")]
    pub team: Option<TeamId>,
    #[serde(default, deserialize_with = "crate::wire::blank")]
    pub team_role: Option<TeamRole>,
}

fn member() -> OrganizationRole {
    OrganizationRole::Member
}

/// An invitation that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Invitation {
    pub id: InvitationId,
    pub organization: OrganizationId,
    pub email: String,
    pub role: OrganizationRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_role: Option<TeamRole>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// What the holder of an invitation's link sees before accepting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct InvitationOffer {
    pub organization: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    pub role: OrganizationRole,
    pub email: String,
    /// Whether name and password are to be chosen: the address has no account yet.
    pub new_account: bool,
}

#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct AcceptInvitation {
    #[schema(required)]
    pub token: String,
    /// For a new account.
    pub name: String,
    /// For a new account.
    #[schema(format = "password")]
    pub password: String,
}

impl std::fmt::Debug for AcceptInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AcceptInvitation")
    }
}
