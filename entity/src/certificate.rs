//! Certificates of hosts. Their private keys are sealed for the gateways.

use chrono::{DateTime, Utc};
use domain::id::OrganizationId;
use domain::snapshot::{self, PrivateKey};
use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `None`: the platform's.
    pub organization_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// Also shown to clients that name no host.
    pub is_default: bool,
    /// PEM, the host's own first.
    #[sea_orm(column_type = "Text")]
    pub chain: String,
    /// Sealed for (organization, certificate) with the gateway's key ring.
    #[sea_orm(column_type = "Text")]
    pub key: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub etag: i64,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "certificate {} ({})", self.id, self.name)
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_many = "super::certificate_host::Entity")]
    Hosts,
}

impl Related<super::certificate_host::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Hosts.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    pub fn of_platform() -> Select<Self> {
        Self::find().filter(Column::OrganizationId.is_null())
    }
}

/// Whose something is in a state; what is the platform's has the id that nobody has.
pub(crate) fn owner(organization: Option<Uuid>) -> OrganizationId {
    organization.map_or(OrganizationId::NIL, OrganizationId::from_uuid)
}

impl Model {
    /// `hosts` are those that it is shown for.
    pub fn to_state(self, hosts: Vec<String>) -> snapshot::Certificate {
        let Self {
            id,
            organization_id,
            name,
            is_default,
            chain,
            key,
            created_at: _,
            updated_at: _,
            etag: _,
        } = self;
        snapshot::Certificate {
            id: id.into(),
            organization: owner(organization_id),
            name,
            hosts,
            default: is_default,
            certificate: chain,
            key: PrivateKey::Sealed(key),
        }
    }
}
