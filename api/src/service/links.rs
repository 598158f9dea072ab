//! Single-use links by mail: made with a digest, used once by compare-and-set.

use chrono::Duration;
use domain::id::UserId;
use domain::problem::Code;
use entity::mail_token;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::secret::{LinkToken, digest};
use crate::service::outbox;
use crate::write::Write;

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    SignUp,
    Reset,
    /// Does nothing: written for an unknown address, with a mail that is never sent, so that it
    /// takes as long as for a known one.
    Nothing,
}

impl Purpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::Reset => "reset",
            Self::Nothing => "nothing",
        }
    }

    fn life(self) -> Duration {
        match self {
            Self::SignUp => Duration::hours(24),
            Self::Reset => Duration::minutes(60),
            Self::Nothing => Duration::zero(),
        }
    }
}

/// Whom a link is for.
#[derive(Debug)]
pub(crate) struct For<'a> {
    pub(crate) user: Option<UserId>,
    pub(crate) email_key: &'a str,
    /// JSON.
    pub(crate) payload: String,
}

/// Makes a link. The token is for the mail; its row's id ties the mail to it.
pub(crate) async fn issue(
    write: &Write<'_>,
    purpose: Purpose,
    whom: For<'_>,
) -> Result<(Uuid, LinkToken)> {
    let ctx = write.ctx();
    let token = LinkToken::new(ctx)?;
    let id = ctx.id::<domain::id::of::Mail>()?.uuid();
    let row = mail_token::ActiveModel {
        id: Set(id),
        purpose: Set(purpose.as_str().to_owned()),
        digest: Set(token.digest()),
        user_id: Set(whom.user.map(Into::into)),
        email_key: Set(whom.email_key.to_owned()),
        payload: Set(whom.payload),
        created_at: Set(ctx.now),
        expires_at: Set(ctx.now + purpose.life()),
        used_at: Set(None),
    };
    mail_token::Entity::insert(row)
        .exec_without_returning(write.tx())
        .await?;
    Ok((id, token))
}

/// The link, if it is still good; changes nothing.
pub(crate) async fn find<C: ConnectionTrait>(
    ctx: &Ctx,
    db: &C,
    purpose: Purpose,
    token: &str,
) -> Result<mail_token::Model> {
    let found = mail_token::Entity::find()
        .filter(mail_token::Column::Digest.eq(digest(token.as_bytes())))
        .filter(mail_token::Column::Purpose.eq(purpose.as_str()))
        .one(db)
        .await?;
    found
        .filter(|row| row.used_at.is_none() && row.expires_at > ctx.now)
        .ok_or_else(gone)
}

/// Uses the link, which nobody can do twice, and removes its mail.
pub(crate) async fn take(
    write: &Write<'_>,
    purpose: Purpose,
    token: &str,
) -> Result<mail_token::Model> {
    let ctx = write.ctx();
    let row = find(ctx, write.tx(), purpose, token).await?;
    let used = mail_token::Entity::update_many()
        .col_expr(mail_token::Column::UsedAt, ctx.now.into())
        .filter(mail_token::Column::Id.eq(row.id))
        .filter(mail_token::Column::UsedAt.is_null())
        .exec(write.tx())
        .await?;
    if used.rows_affected != 1 {
        return Err(gone());
    }
    outbox::forget_token(write.tx(), row.id).await?;
    Ok(row)
}

/// Used, over, or never there: one answer for all.
pub(crate) fn gone() -> Error {
    Error::new(
        Code::LinkUsed,
        "The link was used already or its time is over. Ask for a new one.",
    )
}
