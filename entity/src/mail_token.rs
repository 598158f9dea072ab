//! Single-use links that were sent by mail: sign-up, verification, reset, change of address.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub purpose: String,
    /// SHA-256 of the token.
    #[sea_orm(unique, column_type = "Blob")]
    pub digest: Vec<u8>,
    /// Absent while the account does not exist yet.
    pub user_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub email_key: String,
    /// JSON; for a sign-up the pending account with its password hash.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id"
    )]
    User,
}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// `digest` is the SHA-256 of the token.
    pub fn by_token(digest: &[u8]) -> Select<Self> {
        Self::find().filter(Column::Digest.eq(digest.to_vec()))
    }

    /// Those of one purpose that were sent to an address (its key).
    pub fn sent_to(email_key: &str, purpose: &str) -> Select<Self> {
        Self::find()
            .filter(Column::EmailKey.eq(email_key))
            .filter(Column::Purpose.eq(purpose))
    }
}
