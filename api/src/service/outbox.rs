//! The outbox: mails wait here, sealed, until they are sent, their link is used, or 7 days passed.

use chrono::Duration;
use domain::id::{EventId, InvitationId, MailId};
use domain::problem::Code;
use domain::wire::platform as wire;
use domain::wire::{Page, Paging};
use entity::mail;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::letter::Letter;
use crate::paging::Window;
use crate::service::links::Purpose;
use crate::write::{Audit, Write};

/// A mail that could not be sent is given up after this; so is one that nobody picked up.
pub const KEPT: Duration = Duration::days(7);

/// The state of a mail that is to be sent.
pub(crate) const WAITING: &str = "waiting";

const WARNING: &str =
    "Whoever reads this mail can act as its recipient. That you opened it is in the audit.";

/// What a mail's link belongs to, so that the mail goes when the link is used.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    None,
    /// A mail of [`Purpose::Nothing`] is never sent nor shown; it is forgotten with its link.
    Link(Purpose, Uuid),
    Invitation(InvitationId),
    Event(EventId),
}

/// The sealed part of a mail.
#[derive(Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Puts a mail into the outbox within `write`.
pub(crate) async fn put(write: &mut Write<'_>, letter: &Letter, origin: Origin) -> Result<()> {
    let ctx = write.ctx();
    let id: MailId = ctx.id()?;
    let body = serde_json::to_vec(&Body {
        text: letter.text(),
        html: letter.html(),
    })?;
    let row = mail::ActiveModel {
        id: Set(id.into()),
        kind: Set(letter.kind.to_owned()),
        recipient: Set(letter.recipient.clone()),
        subject: Set(letter.subject.clone()),
        body: Set(ctx
            .portal_ring()
            .seal(&body, Uuid::nil(), id.uuid(), ctx.random()?)?),
        state: Set(match origin {
            Origin::Link(Purpose::Nothing, _) => "nothing".to_owned(),
            Origin::Link(Purpose::SignUp | Purpose::Reset, _)
            | Origin::None
            | Origin::Invitation(_)
            | Origin::Event(_) => WAITING.to_owned(),
        }),
        tries: Set(0),
        next_try_at: Set(ctx.now),
        last_error: Set(String::new()),
        mail_token_id: Set(match origin {
            Origin::Link(_, id) => Some(id),
            Origin::None | Origin::Invitation(_) | Origin::Event(_) => None,
        }),
        invitation_id: Set(match origin {
            Origin::Invitation(id) => Some(id.uuid()),
            Origin::None | Origin::Link(..) | Origin::Event(_) => None,
        }),
        event_id: Set(match origin {
            Origin::Event(id) => Some(id.uuid()),
            Origin::None | Origin::Link(..) | Origin::Invitation(_) => None,
        }),
        created_at: Set(ctx.now),
    };
    mail::Entity::insert(row)
        .exec_without_returning(write.tx())
        .await?;
    write.mailed();
    Ok(())
}

/// Opens a mail's body.
pub(crate) fn open(ctx: &Ctx, row: &mail::Model) -> Result<Body> {
    let clear = ctx.portal_ring().open(&row.body, Uuid::nil(), row.id)?;
    Ok(serde_json::from_slice(&clear)?)
}

/// Removes the mails of a token whose link was used.
pub(crate) async fn forget_token<C: ConnectionTrait>(tx: &C, token: Uuid) -> Result<()> {
    mail::Entity::delete_many()
        .filter(mail::Column::MailTokenId.eq(token))
        .exec(tx)
        .await?;
    Ok(())
}

/// Removes the mails of an invitation that was answered or withdrawn.
pub(crate) async fn forget_invitation<C: ConnectionTrait>(tx: &C, invitation: Uuid) -> Result<()> {
    mail::Entity::delete_many()
        .filter(mail::Column::InvitationId.eq(invitation))
        .exec(tx)
        .await?;
    Ok(())
}

/// Whether the operator may read mails: only while nothing sends them.
pub fn is_readable(ctx: &Ctx) -> bool {
    ctx.settings().smtp_url.is_none()
}

/// What waits, the newest first. For the operator.
pub async fn list(ctx: &Ctx, paging: &Paging) -> Result<Page<wire::Mail>> {
    ctx.operate(false)?;
    let window = Window::<Uuid>::new(paging)?;
    let mut query = mail::Entity::find()
        .filter(mail::Column::State.eq(WAITING))
        .order_by_desc(mail::Column::Id)
        .limit(window.fetch());
    if let Some(after) = window.after {
        query = query.filter(mail::Column::Id.lt(after));
    }
    let rows = query.all(ctx.db()).await?;
    let page = window.page(rows, |row| row.id);
    crate::paging::mapped(page, |row| Ok(shown(row)))
}

fn shown(row: mail::Model) -> wire::Mail {
    wire::Mail {
        id: row.id.into(),
        kind: row.kind,
        recipient: row.recipient,
        subject: row.subject,
        state: row.state,
        tries: row.tries,
        last_error: row.last_error,
        created_at: row.created_at,
    }
}

/// Shows one mail to the operator while there is no SMTP, and notes that in the audit.
pub async fn show(ctx: &Ctx, id: MailId) -> Result<wire::ShownMail> {
    ctx.operate(true)?;
    if !is_readable(ctx) {
        return Err(Error::new(
            Code::Forbidden,
            "Mails can be read here only while no SMTP server is configured.",
        ));
    }
    let write = Write::begin(ctx).await?;
    let row = mail::Entity::find_by_id(id.uuid())
        .filter(mail::Column::State.eq(WAITING))
        .one(write.tx())
        .await?
        .ok_or_else(Error::not_found)?;
    let body = open(ctx, &row)?;
    // Not the recipient, not even as a digest: what is in the chain cannot be erased.
    let told = serde_json::json!({ "kind": row.kind });
    write
        .audit(Audit::new("mail.show", "mail", id).after(told))
        .await?;
    write.commit().await?;
    Ok(wire::ShownMail {
        mail: shown(row),
        text: body.text,
        warning: WARNING.to_owned(),
    })
}
