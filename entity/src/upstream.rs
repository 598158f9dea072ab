//! Upstreams: where requests go. Edited live.

use chrono::{DateTime, Utc};
use domain::id::{OrganizationId, TeamId, UpstreamId};
use domain::snapshot::{self, ClientCertificate, PrivateKey};
use domain::upstream::UpstreamSettings;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_json};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upstream")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub team_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// JSON of `domain::upstream::UpstreamSettings`.
    #[sea_orm(column_type = "Text")]
    pub settings: String,
    /// Sealed for (organization, upstream) with the gateway's key ring.
    #[sea_orm(column_type = "Text", nullable)]
    pub credential: Option<String>,
    /// PEM, shown to targets that ask for a certificate.
    #[sea_orm(column_type = "Text", nullable)]
    pub client_certificate: Option<String>,
    /// Sealed for (organization, [`ClientCertificate::place`]) with the gateway's key ring.
    #[sea_orm(column_type = "Text", nullable)]
    pub client_key: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub etag: i64,
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

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: UpstreamId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    pub fn in_team(team: TeamId) -> Select<Self> {
        Self::find().filter(Column::TeamId.eq(team.uuid()))
    }
}

impl Model {
    pub fn settings(&self) -> Result<UpstreamSettings, RowError> {
        read_json("upstream.settings", &self.settings)
    }

    /// What cannot be read is told in it.
    pub fn to_state(self) -> snapshot::Upstream {
        let (settings, unreadable) = match self.settings() {
            Ok(settings) => (settings, None),
            Err(error) => (UpstreamSettings::default(), Some(error.to_string())),
        };
        let Self {
            id,
            organization_id,
            team_id: _,
            name,
            settings: _,
            credential,
            client_certificate,
            client_key,
            created_at: _,
            updated_at: _,
            etag: _,
        } = self;
        snapshot::Upstream {
            id: id.into(),
            organization: organization_id.into(),
            name,
            settings,
            credential: credential.map_or(snapshot::Secret::None, snapshot::Secret::Sealed),
            client_certificate: client_certificate
                .zip(client_key)
                .map(|(certificate, key)| ClientCertificate {
                    certificate,
                    key: PrivateKey::Sealed(key),
                }),
            unreadable,
        }
    }
}
