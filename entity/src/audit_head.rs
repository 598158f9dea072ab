//! The end of each audit chain, so that rows taken away from it are missed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_head")]
pub struct Model {
    /// The organization; the zero id is the platform.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chain: Uuid,
    /// Of the last row.
    pub sequence: i64,
    /// Of the last row.
    #[sea_orm(column_type = "Blob")]
    pub hash: Vec<u8>,
    /// HMAC-SHA-256 over the three.
    #[sea_orm(column_type = "Blob")]
    pub mac: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
