//! Which certificate is shown for a host. A host has one: it is the key of the table.

use domain::id::CertificateId;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_host")]
pub struct Model {
    /// `api.example.com` or `*.example.com`.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub host: String,
    pub certificate_id: Uuid,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::certificate::Entity",
        from = "Column::CertificateId",
        to = "super::certificate::Column::Id"
    )]
    Certificate,
}

impl Related<super::certificate::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Certificate.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// By name.
    pub fn of(certificate: CertificateId) -> Select<Self> {
        Self::find()
            .filter(Column::CertificateId.eq(certificate.uuid()))
            .order_by_asc(Column::Host)
    }
}
