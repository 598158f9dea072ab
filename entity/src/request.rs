//! The request log: one row per record.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Microseconds since 1970.
    pub at: i64,
    #[sea_orm(column_type = "Text")]
    pub request_id: String,
    /// `None` for none, which its index leaves out.
    #[sea_orm(column_type = "Text", nullable)]
    pub trace_id: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub node: String,
    pub state: i64,
    pub provider: Uuid,
    pub consumer: Uuid,
    pub api: Uuid,
    pub version: Uuid,
    pub revision: i32,
    pub operation: Uuid,
    pub application: Uuid,
    pub credential: Uuid,
    pub subscription: Uuid,
    pub plan: Uuid,
    pub environment: i16,
    #[sea_orm(column_type = "Text")]
    pub client: String,
    #[sea_orm(column_type = "Text")]
    pub method: String,
    #[sea_orm(column_type = "Text")]
    pub path: String,
    pub path_cut: bool,
    pub status: i16,
    #[sea_orm(column_type = "Text")]
    pub code: String,
    #[sea_orm(column_type = "Text")]
    pub decided_by: String,
    pub observed: i64,
    #[sea_orm(column_type = "Text")]
    pub target: String,
    /// Empty for none.
    #[sea_orm(column_type = "Text")]
    pub variant: String,
    pub tries: i16,
    pub bytes_in: i64,
    pub bytes_out: i64,
    pub total_us: i64,
    pub policies_us: i64,
    pub connect_us: i64,
    pub first_byte_us: i64,
    pub units: i64,
    /// `domain::traffic::Cached::number`.
    pub cached: i16,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
