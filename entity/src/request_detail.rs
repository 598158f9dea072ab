//! What `log_detail` kept of requests: one row per request, found by what its record says.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request_detail")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub provider: Uuid,
    /// Microseconds since 1970.
    pub at: i64,
    #[sea_orm(column_type = "Text")]
    pub node: String,
    #[sea_orm(column_type = "Text")]
    pub request_id: String,
    pub consumer: Uuid,
    pub version: Uuid,
    pub application: Uuid,
    /// Length of `seen`.
    pub bytes: i64,
    /// [`domain::traffic::detail::Seen`] as JSON.
    #[sea_orm(column_type = "Text")]
    pub seen: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
