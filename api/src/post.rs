//! The mail worker: takes what waits in the outbox to the SMTP server.
//!
//! Several processes may run it: a mail is claimed by moving its next try, compare-and-set, so
//! that it is sent once unless a process dies between sending and removing it.

use std::sync::Arc;

use chrono::Duration;
use entity::mail;
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::plane::Plane;
use crate::service::outbox;

const BATCH: u64 = 50;
/// A claimed mail is anyone's again after this.
const CLAIM: Duration = Duration::minutes(5);
const LONGEST_WAIT: Duration = Duration::hours(4);
const SMTP_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A connection pool to the SMTP server.
pub type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Why `url` names no SMTP server, as a sentence that holds no password.
pub fn check_server(url: &str) -> Result<(), String> {
    Transport::from_url(url)
        .map(|_| ())
        .map_err(|_| "The setting smtp_url is not an SMTP address.".to_owned())
}

/// Why `text` cannot be the sender of mails, as a sentence.
pub fn check_sender(text: &str) -> Result<(), String> {
    text.parse::<lettre::message::Mailbox>()
        .map(|_| ())
        .map_err(|_| {
            "The setting mail_from is not a sender like Portunus <portal@example.com>.".to_owned()
        })
}

/// The transport that the settings name; `None` without one.
///
/// # Errors
/// The URL cannot be used; the message holds no password.
pub fn transport(plane: &Plane) -> Result<Option<Transport>, String> {
    let Some(url) = &plane.settings.smtp_url else {
        return Ok(None);
    };
    let builder = Transport::from_url(url)
        .map_err(|_| "The setting smtp_url is not an SMTP address.".to_owned())?;
    Ok(Some(builder.timeout(Some(SMTP_PATIENCE)).build()))
}

/// Sends what is due. Says how many were sent.
pub async fn deliver(plane: &Arc<Plane>, transport: &Transport) -> Result<u64> {
    let ctx = Ctx::job(plane, "mail");
    let due = mail::Entity::find()
        .filter(mail::Column::State.eq(outbox::WAITING))
        .filter(mail::Column::NextTryAt.lte(ctx.now))
        .order_by_asc(mail::Column::NextTryAt)
        .limit(BATCH)
        .all(ctx.db())
        .await?;
    let mut sent = 0;
    for row in due {
        if !claim(&ctx, &row).await? {
            continue;
        }
        match send(&ctx, transport, &row).await {
            Ok(()) => {
                mail::Entity::delete_by_id(row.id).exec(ctx.db()).await?;
                sent += 1;
            }
            Err(error) => postpone(&ctx, &row, &error).await?,
        }
    }
    Ok(sent)
}

async fn claim(ctx: &Ctx, row: &mail::Model) -> Result<bool> {
    let claimed = mail::Entity::update_many()
        .col_expr(mail::Column::NextTryAt, (ctx.now + CLAIM).into())
        .filter(mail::Column::Id.eq(row.id))
        .filter(mail::Column::NextTryAt.eq(row.next_try_at))
        .exec(ctx.db())
        .await?;
    Ok(claimed.rows_affected == 1)
}

async fn send(ctx: &Ctx, transport: &Transport, row: &mail::Model) -> Result<()> {
    let body = outbox::open(ctx, row)?;
    let from: Mailbox = ctx.settings().sender().parse().map_err(Error::internal)?;
    let to: Mailbox = row.recipient.parse().map_err(Error::internal)?;
    let message = Message::builder()
        .from(from)
        .to(to)
        .subject(&row.subject)
        // RFC 3834 §5: out-of-office replies should not answer us.
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(body.text, body.html))
        .map_err(Error::internal)?;
    transport.send(message).await.map_err(Error::internal)?;
    Ok(())
}

/// `Auto-Submitted: auto-generated`.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// 1 minute, doubling to 4 hours; the outbox forgets it after 7 days.
async fn postpone(ctx: &Ctx, row: &mail::Model, error: &Error) -> Result<()> {
    let doublings = u32::try_from(row.tries.clamp(0, 10)).unwrap_or(0);
    let wait = Duration::minutes(1_i64 << doublings).min(LONGEST_WAIT);
    let reason: String = error
        .source
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect();
    tracing::warn!(mail.id = %row.id, mail.kind = row.kind, tries = row.tries + 1, error = reason, "a mail could not be sent");
    mail::Entity::update_many()
        .col_expr(mail::Column::Tries, (row.tries + 1).into())
        .col_expr(mail::Column::NextTryAt, (ctx.now + wait).into())
        .col_expr(mail::Column::LastError, reason.into())
        .filter(mail::Column::Id.eq(row.id))
        .exec(ctx.db())
        .await?;
    Ok(())
}
