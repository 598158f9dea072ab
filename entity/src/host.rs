//! What single hosts ask of a connection.

use chrono::{DateTime, Utc};
use domain::certificate::{HostSettings, TlsMode};
use domain::id::OrganizationId;
use domain::snapshot;
use sea_orm::entity::prelude::*;

use crate::certificate::owner;
use crate::row::{RowError, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "host")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `None`: the platform's.
    pub organization_id: Option<Uuid>,
    /// `api.example.com` or `*.example.com`.
    #[sea_orm(unique, column_type = "Text")]
    pub host: String,
    #[sea_orm(column_type = "Text", nullable)]
    pub tls: Option<String>,
    /// PEM.
    #[sea_orm(column_type = "Text", nullable)]
    pub client_ca: Option<String>,
    /// PEM.
    #[sea_orm(column_type = "Text", nullable)]
    pub client_crl: Option<String>,
    /// `None`: no.
    pub client_crl_current: Option<bool>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub etag: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    pub fn of_platform() -> Select<Self> {
        Self::find().filter(Column::OrganizationId.is_null())
    }
}

impl Model {
    pub fn tls(&self) -> Result<Option<TlsMode>, RowError> {
        let mode = |word: &String| read_word("host.tls", word, TlsMode::parse);
        self.tls.as_ref().map(mode).transpose()
    }

    pub fn settings(&self) -> Result<HostSettings, RowError> {
        Ok(HostSettings {
            tls: self.tls()?,
            client_ca: self.client_ca.clone(),
            client_crl: self.client_crl.clone(),
            client_crl_current: self.client_crl_current.unwrap_or_default(),
        })
    }

    /// A word that is not known asks for TLS.
    pub fn to_state(self) -> snapshot::Host {
        let tls = self.tls();
        let tls = tls.unwrap_or(Some(TlsMode::Required));
        let Self {
            id,
            organization_id,
            host,
            tls: _,
            client_ca,
            client_crl,
            client_crl_current,
            created_at: _,
            updated_at: _,
            etag: _,
        } = self;
        snapshot::Host {
            id: id.into(),
            organization: owner(organization_id),
            host,
            tls,
            client_ca,
            client_crl,
            client_crl_current: client_crl_current.unwrap_or_default(),
        }
    }
}
