//! Accounts of people.

use chrono::{DateTime, Utc};
use domain::name::EmailAddress;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub email: String,
    /// `EmailAddress::key` of `email`.
    #[sea_orm(unique, column_type = "Text")]
    pub email_key: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// PHC string of argon2id.
    #[sea_orm(column_type = "Text")]
    pub password_hash: String,
    pub operator: bool,
    pub verified_at: Option<DateTime<Utc>>,
    pub disabled_at: Option<DateTime<Utc>>,
    /// Wrong passwords since the last right one.
    pub failed_count: i32,
    /// Back-off: no sign-in is tried before.
    pub not_before: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub last_sign_in_at: Option<DateTime<Utc>>,
    pub etag: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn by_email(email: &EmailAddress) -> Select<Self> {
        Self::find().filter(Column::EmailKey.eq(email.key()))
    }

    pub fn operators() -> Select<Self> {
        Self::find()
            .filter(Column::Operator.eq(true))
            .filter(Column::DisabledAt.is_null())
    }
}
