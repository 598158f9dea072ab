//! Accounts: signing up and in, one's own profile, sessions and personal tokens.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::actor::{OrganizationRole, TeamRole};
use crate::id::{OrganizationId, SessionId, TeamId, TokenId, UserId};
use crate::organization::OrganizationState;

/// The answer to everything that sends a mail: the same for known and unknown addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MailSent {
    pub message: String,
}

#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct SignUp {
    #[schema(required)]
    pub email: String,
    #[schema(required, format = "password")]
    pub password: String,
    #[schema(required)]
    pub name: String,
    /// Name of the organization to make.
    #[schema(required)]
    pub organization: String,
}

/// A mail address alone: resend, reset.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Address {
    #[schema(required)]
    pub email: String,
}

/// What a link by mail carries.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Link {
    #[schema(required)]
    pub token: String,
}

/// What the link of a sign-up would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUpOffer {
    pub email: String,
    pub name: String,
    pub organization: String,
}

/// The link of a sign-up with the password that was chosen there.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct VerifySignUp {
    #[schema(required)]
    pub token: String,
    #[schema(required, format = "password")]
    pub password: String,
}

/// The account that a link made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verified {
    pub email: String,
    /// Slug of its organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
}

/// The first operator, by the link of the console.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct FirstRun {
    #[schema(required)]
    pub token: String,
    #[schema(required)]
    pub email: String,
    #[schema(required)]
    pub name: String,
    #[schema(required, format = "password")]
    pub password: String,
}

#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct SignIn {
    #[schema(required)]
    pub email: String,
    #[schema(required, format = "password")]
    pub password: String,
    /// Keep this device signed in for 30 days.
    #[serde(deserialize_with = "crate::wire::checkbox")]
    pub remember: bool,
}

#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CompleteReset {
    #[schema(required)]
    pub token: String,
    #[schema(required, format = "password")]
    pub password: String,
}

#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct ChangePassword {
    #[schema(required, format = "password")]
    pub current: String,
    #[schema(required, format = "password")]
    pub password: String,
}

/// The signed-in person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Account {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub operator: bool,
    pub created_at: DateTime<Utc>,
    pub memberships: Vec<AccountMembership>,
    pub etag: i64,
}

/// One organization of the signed-in person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccountMembership {
    pub organization: OrganizationId,
    pub slug: String,
    pub name: String,
    pub state: OrganizationState,
    pub role: OrganizationRole,
    /// Teams that the person is a member of.
    pub teams: Vec<AccountTeam>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccountTeam {
    pub team: TeamId,
    pub slug: String,
    pub name: String,
    pub role: TeamRole,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct EditAccount {
    #[schema(required)]
    pub name: String,
}

/// A signed-in device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub current: bool,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub remember: bool,
    pub user_agent: String,
    pub address: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CreateToken {
    #[schema(required)]
    pub name: String,
    /// `<resource>:read` or `<resource>:write`.
    #[schema(required)]
    pub scopes: Vec<String>,
    /// Days until it expires: 1 to 366.
    #[schema(required)]
    pub expires_in_days: u32,
}

/// A personal token, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    /// Its first characters, to recognize it by.
    pub display_id: String,
    pub scopes: Vec<String>,
    pub created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A new token with its value, which is shown this once.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewToken {
    pub token: Token,
    pub value: String,
}

/// Bodies with a secret in them say nothing in a log.
macro_rules! silent {
    ($($name:ident),+) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        })+
    };
}
silent!(
    SignUp,
    Link,
    VerifySignUp,
    FirstRun,
    SignIn,
    CompleteReset,
    ChangePassword,
    NewToken
);
