//! Imported documents: their bytes as they came, and what was read from them. Never changed.

use chrono::{DateTime, Utc};
use domain::id::OrganizationId;
use sea_orm::entity::prelude::*;
use sea_orm::{DerivePartialModel, QuerySelect};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "document")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    /// `json` or `yaml`.
    #[sea_orm(column_type = "Text")]
    pub format: String,
    #[sea_orm(column_type = "Text")]
    pub title: String,
    /// The version of the standard, as written.
    #[sea_orm(column_type = "Text")]
    pub openapi: String,
    /// Bytes.
    pub size: i64,
    #[sea_orm(column_type = "Blob")]
    pub sha256: Vec<u8>,
    #[sea_orm(column_type = "Blob")]
    pub content: Vec<u8>,
    /// JSON of `domain::openapi::Document`, a cache of what `content` says.
    #[sea_orm(column_type = "Text")]
    pub model: String,
    /// JSON list of lint findings.
    #[sea_orm(column_type = "Text")]
    pub findings: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::organization::Entity",
        from = "Column::OrganizationId",
        to = "super::organization::Column::Id"
    )]
    Organization,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// A document without its bytes and model, which may be megabytes.
#[derive(Clone, Debug, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct Head {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub format: String,
    pub title: String,
    pub openapi: String,
    pub size: i64,
    pub sha256: Vec<u8>,
    pub findings: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Option<Uuid>,
}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// The head of one, of any organization: the caller came to the id through something of its own.
    pub async fn head<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Head>, DbErr> {
        Self::find_by_id(id).into_partial_model().one(db).await
    }

    /// Only the bytes as imported, and their format.
    pub async fn content<C: ConnectionTrait>(
        db: &C,
        id: Uuid,
    ) -> Result<Option<(String, Vec<u8>)>, DbErr> {
        Self::find_by_id(id)
            .select_only()
            .columns([Column::Format, Column::Content])
            .into_tuple()
            .one(db)
            .await
    }

    /// Only the JSON of the normalised form.
    pub async fn model<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<String>, DbErr> {
        Self::find_by_id(id)
            .select_only()
            .column(Column::Model)
            .into_tuple()
            .one(db)
            .await
    }
}
