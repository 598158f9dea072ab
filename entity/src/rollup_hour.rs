//! Traffic by hour.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rollup_hour")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: Uuid,
    /// Start of the hour, in microseconds since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub at: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub consumer: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub plan: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub application: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub environment: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub class: i16,
    pub count: i64,
    pub bytes_in: i64,
    pub bytes_out: i64,
    /// `domain::traffic::Histogram::to_bytes`.
    #[sea_orm(column_type = "Blob")]
    pub latency: Vec<u8>,
    pub cache_hits: i64,
    pub cache_stale: i64,
    pub cache_misses: i64,
    pub cache_passes: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
