//! Gateway nodes as they last reported.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "node")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub version: String,
    #[sea_orm(column_type = "Text")]
    pub group: String,
    #[sea_orm(column_type = "Text")]
    pub region: String,
    pub state: i64,
    /// 1.0 is one core busy.
    pub cpu: f64,
    /// Resident bytes.
    pub memory: i64,
    pub connections: i64,
    /// Traffic records lost since the start.
    pub dropped: i64,
    /// Objects of its state that it cannot read, or only in part.
    pub unreadable: i64,
    pub started_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
