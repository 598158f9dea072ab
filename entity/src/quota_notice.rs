//! Who was told that a quota is nearly, or wholly, used up: once a period.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quota_notice")]
pub struct Model {
    /// Id of the organization, API, version, operation or plan.
    #[sea_orm(primary_key, auto_increment = false)]
    pub attach: Uuid,
    /// Of the policy.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub name: String,
    /// Its start, in seconds since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub period: i64,
    /// The subscription, or the application outside of plans.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    /// 80 or 100.
    #[sea_orm(primary_key, auto_increment = false)]
    pub percent: i32,
    pub told_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
