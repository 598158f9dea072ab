//! The outbox.

use chrono::{DateTime, Utc};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    #[sea_orm(column_type = "Text")]
    pub recipient: String,
    #[sea_orm(column_type = "Text")]
    pub subject: String,
    /// Sealed with the portal's key ring for (zero id, mail).
    #[sea_orm(column_type = "Text")]
    pub body: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub tries: i32,
    pub next_try_at: DateTime<Utc>,
    #[sea_orm(column_type = "Text")]
    pub last_error: String,
    /// The link in it; the mail goes when the link is used.
    pub mail_token_id: Option<Uuid>,
    pub invitation_id: Option<Uuid>,
    pub event_id: Option<Uuid>,
    pub created_at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::mail_token::Entity",
        from = "Column::MailTokenId",
        to = "super::mail_token::Column::Id"
    )]
    MailToken,
    #[sea_orm(
        belongs_to = "super::invitation::Entity",
        from = "Column::InvitationId",
        to = "super::invitation::Column::Id"
    )]
    Invitation,
}

impl Related<super::mail_token::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::MailToken.def()
    }
}

impl Related<super::invitation::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Invitation.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Those in `state` that may be tried at `now`, of all recipients, oldest first.
    pub fn due(state: &str, now: DateTime<Utc>) -> Select<Self> {
        Self::find()
            .filter(Column::State.eq(state))
            .filter(Column::NextTryAt.lte(now))
            .order_by_asc(Column::NextTryAt)
    }
}
