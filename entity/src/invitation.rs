//! Invitations to an organization and perhaps a team.

use chrono::{DateTime, Utc};
use domain::actor::{OrganizationRole, TeamRole};
use domain::id::OrganizationId;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub team_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub email: String,
    #[sea_orm(column_type = "Text")]
    pub email_key: String,
    #[sea_orm(column_type = "Text")]
    pub organization_role: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub team_role: Option<String>,
    /// SHA-256 of the link's token.
    #[sea_orm(unique, column_type = "Blob")]
    pub token_digest: Vec<u8>,
    pub invited_by: Uuid,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::organization::Entity",
        from = "Column::OrganizationId",
        to = "super::organization::Column::Id"
    )]
    Organization,
    #[sea_orm(
        belongs_to = "super::team::Entity",
        from = "Column::TeamId",
        to = "super::team::Column::Id"
    )]
    Team,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl Related<super::team::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Team.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// Neither used, revoked nor expired at `now`.
    pub fn open_in_org(organization: OrganizationId, now: DateTime<Utc>) -> Select<Self> {
        Self::in_org(organization)
            .filter(Column::UsedAt.is_null())
            .filter(Column::RevokedAt.is_null())
            .filter(Column::ExpiresAt.gt(now))
    }

    /// `digest` is the SHA-256 of the link's token; whoever has the token has the scope.
    pub fn by_token(digest: &[u8]) -> Select<Self> {
        Self::find().filter(Column::TokenDigest.eq(digest.to_vec()))
    }
}

impl Model {
    pub fn organization_role(&self) -> Result<OrganizationRole, RowError> {
        read_word(
            "invitation.organization_role",
            &self.organization_role,
            OrganizationRole::parse,
        )
    }

    pub fn team_role(&self) -> Result<Option<TeamRole>, RowError> {
        self.team_role
            .as_deref()
            .map(|word| read_word("invitation.team_role", word, TeamRole::parse))
            .transpose()
    }
}
