//! Sessions of browsers: opaque, verified on the server at each request, ended at once.

use chrono::{DateTime, Utc};
use domain::id::{SessionId, UserId};
use domain::wire::accounts as wire;
use entity::session;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder,
};

use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::secret::{SessionSecret, digest};
use crate::settings::Settings;
use crate::write::{Audit, Write};

/// A session is written to at most so often for being seen.
const TOUCH_EVERY: chrono::Duration = chrono::Duration::seconds(60);
const USER_AGENT_MAX: usize = 200;

/// What a device brought when it signed in.
#[derive(Debug, Clone, Default)]
pub struct Device {
    pub user_agent: String,
    pub remember: bool,
}

/// Makes a session within `write`. The secret goes into the cookie and is not kept.
pub(crate) async fn create(
    write: &Write<'_>,
    user: UserId,
    device: Device,
) -> Result<(session::Model, SessionSecret)> {
    let ctx = write.ctx();
    let secret = SessionSecret(ctx.random()?);
    let settings = ctx.settings();
    let absolute = ctx.now
        + if device.remember {
            settings.session_remember
        } else {
            settings.session_absolute
        };
    let row = session::ActiveModel {
        id: Set(ctx.id::<domain::id::of::Session>()?.into()),
        digest: Set(digest(&secret.0)),
        user_id: Set(Some(user.into())),
        data: Set(String::new()),
        created_at: Set(ctx.now),
        last_seen_at: Set(ctx.now),
        expires_at: Set(idle_end(ctx.now, absolute, device.remember, settings)),
        absolute_at: Set(absolute),
        remember: Set(device.remember),
        user_agent: Set(device
            .user_agent
            .chars()
            .filter(|c| !c.is_control())
            .take(USER_AGENT_MAX)
            .collect()),
        address: Set(ctx
            .address
            .map(|address| address.to_string())
            .unwrap_or_default()),
    };
    Ok((row.insert(write.tx()).await?, secret))
}

/// A remembered device may be idle as long as it is remembered.
fn idle_end(
    now: DateTime<Utc>,
    absolute: DateTime<Utc>,
    remember: bool,
    settings: &Settings,
) -> DateTime<Utc> {
    if remember {
        absolute
    } else {
        absolute.min(now + settings.session_idle)
    }
}

/// Which session the secret opens, and whose; `None` for one that ended or never was. Whether
/// that person may still come in is [`crate::service::people::load`]'s to say.
pub(crate) async fn resume(
    ctx: &Ctx,
    secret: SessionSecret,
) -> Result<Option<(SessionId, UserId)>> {
    let found = session::Entity::find()
        .filter(session::Column::Digest.eq(digest(&secret.0)))
        .one(ctx.db())
        .await?;
    let Some(row) = found.filter(|row| row.expires_at > ctx.now && row.absolute_at > ctx.now)
    else {
        return Ok(None);
    };
    let Some(user) = row.user_id else {
        return Ok(None);
    };
    let id = row.id.into();
    if ctx.now - row.last_seen_at >= TOUCH_EVERY {
        touch(ctx, row).await?;
    }
    Ok(Some((id, user.into())))
}

/// Ends what the secret opens: the browser gets another session, or none.
pub(crate) async fn forget(ctx: &Ctx, secret: SessionSecret) -> Result<()> {
    session::Entity::delete_many()
        .filter(session::Column::Digest.eq(digest(&secret.0)))
        .exec(ctx.db())
        .await?;
    Ok(())
}

/// Notes that the session was used. It may have been ended meanwhile; then nothing happens.
async fn touch(ctx: &Ctx, row: session::Model) -> Result<()> {
    let end = idle_end(ctx.now, row.absolute_at, row.remember, ctx.settings());
    session::Entity::update_many()
        .col_expr(session::Column::LastSeenAt, ctx.now.into())
        .col_expr(session::Column::ExpiresAt, end.into())
        .filter(session::Column::Id.eq(row.id))
        .exec(ctx.db())
        .await?;
    Ok(())
}

/// The caller's devices, the newest first.
pub async fn list(ctx: &Ctx) -> Result<Vec<wire::Session>> {
    let person = ctx.account(false)?;
    let rows = session::Entity::find()
        .filter(session::Column::UserId.eq(person.id.uuid()))
        .filter(session::Column::ExpiresAt.gt(ctx.now))
        .order_by_desc(session::Column::LastSeenAt)
        .all(ctx.db())
        .await?;
    Ok(rows.into_iter().map(|row| shown(ctx, row)).collect())
}

pub(crate) fn shown(ctx: &Ctx, row: session::Model) -> wire::Session {
    let id = row.id.into();
    wire::Session {
        id,
        current: ctx.session == Some(id),
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        expires_at: row.expires_at,
        remember: row.remember,
        user_agent: row.user_agent,
        address: row.address,
    }
}

/// Ends one of the caller's sessions.
pub async fn end(ctx: &Ctx, id: SessionId) -> Result<()> {
    let person = ctx.account(true)?;
    let write = Write::begin(ctx).await?;
    let ended = session::Entity::delete_many()
        .filter(session::Column::Id.eq(id.uuid()))
        .filter(session::Column::UserId.eq(person.id.uuid()))
        .exec(write.tx())
        .await?;
    if ended.rows_affected == 0 {
        return Err(Error::not_found());
    }
    write
        .audit(Audit::new("session.end", "session", id))
        .await?;
    write.commit().await
}

/// Signs out the session that the request came with.
pub async fn sign_out(ctx: &Ctx) -> Result<()> {
    match ctx.session {
        Some(session) => end(ctx, session).await,
        None => Ok(()),
    }
}

/// Ends all of the caller's sessions but the one that asks. Says how many.
pub async fn end_others(ctx: &Ctx) -> Result<u64> {
    let person = ctx.account(true)?;
    let write = Write::begin(ctx).await?;
    let ended = end_of(write.tx(), person.id, ctx.session).await?;
    write
        .audit(
            Audit::new("session.end_others", "user", person.id)
                .after(serde_json::json!({ "sessions": ended })),
        )
        .await?;
    write.commit().await?;
    Ok(ended)
}

/// Ends all sessions of `user` but `kept`: after a new password, a lost role, a disabled account.
pub(crate) async fn end_of<C: ConnectionTrait>(
    tx: &C,
    user: UserId,
    kept: Option<SessionId>,
) -> Result<u64> {
    let mut query = session::Entity::delete_many().filter(session::Column::UserId.eq(user.uuid()));
    if let Some(kept) = kept {
        query = query.filter(session::Column::Id.ne(kept.uuid()));
    }
    Ok(query.exec(tx).await?.rows_affected)
}
