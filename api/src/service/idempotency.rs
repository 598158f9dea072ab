//! Answers kept for `Idempotency-Key`: first call wins, repetitions read.

use chrono::Duration;
use domain::id::{Id, UserId, of};
use domain::problem::Code;
use entity::idempotency;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, SqlErr};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::{Error, Result};

/// How long an answer is kept.
const KEPT: Duration = Duration::hours(24);
/// How long a call may run before another may take its key: a process may have died in it.
const RUNNING: Duration = Duration::minutes(2);

/// What a key means now.
#[derive(Debug)]
pub enum Begun {
    /// It is new: do the work, then [`finish`] or [`abandon`].
    Now,
    /// The answer of the first call.
    Again(String),
}

/// Takes `key` for `user`, for the request whose digest is `request`.
pub async fn begin(ctx: &Ctx, user: UserId, key: &str, request: [u8; 32]) -> Result<Begun> {
    // Twice at most: once more after an expired row was cleared away.
    for _ in 0..2 {
        let row = idempotency::ActiveModel {
            actor_id: Set(user.into()),
            key: Set(key.to_owned()),
            request: Set(request.to_vec()),
            status: Set(0),
            response: Set(String::new()),
            created_at: Set(ctx.now),
            expires_at: Set(ctx.now + RUNNING),
        };
        match idempotency::Entity::insert(row)
            .exec_without_returning(ctx.db())
            .await
        {
            Ok(_) => return Ok(Begun::Now),
            Err(error) => match error.sql_err() {
                Some(SqlErr::UniqueConstraintViolation(_)) => {}
                Some(_) | None => return Err(error.into()),
            },
        }
        if let Some(answer) = kept(ctx, user, key, request).await? {
            return Ok(Begun::Again(answer));
        }
    }
    Err(Error::new(
        Code::Conflict,
        "The first request with this Idempotency-Key is still running.",
    ))
}

async fn kept(ctx: &Ctx, user: UserId, key: &str, request: [u8; 32]) -> Result<Option<String>> {
    let Some(row) = idempotency::Entity::find_by_id((user.uuid(), key.to_owned()))
        .one(ctx.db())
        .await?
    else {
        return Ok(None);
    };
    if row.expires_at <= ctx.now {
        idempotency::Entity::delete_many()
            .filter(idempotency::Column::ActorId.eq(user.uuid()))
            .filter(idempotency::Column::Key.eq(key))
            .filter(idempotency::Column::ExpiresAt.lte(ctx.now))
            .exec(ctx.db())
            .await?;
        return Ok(None);
    }
    if row.request != request {
        return Err(Error::new(
            Code::IdempotencyConflict,
            "This Idempotency-Key was used for another request.",
        ));
    }
    if row.status == 0 {
        return Err(Error::new(
            Code::Conflict,
            "The first request with this Idempotency-Key is still running.",
        ));
    }
    let clear = ctx
        .portal_ring()
        .open(&row.response, user.uuid(), place(key))?;
    Ok(Some(String::from_utf8(clear).map_err(Error::internal)?))
}

/// Keeps the answer, sealed.
pub async fn finish(ctx: &Ctx, user: UserId, key: &str, status: u16, answer: &str) -> Result<()> {
    let sealed =
        ctx.portal_ring()
            .seal(answer.as_bytes(), user.uuid(), place(key), ctx.random()?)?;
    idempotency::Entity::update_many()
        .col_expr(idempotency::Column::Status, i32::from(status).into())
        .col_expr(idempotency::Column::Response, sealed.into())
        .col_expr(idempotency::Column::ExpiresAt, (ctx.now + KEPT).into())
        .filter(idempotency::Column::ActorId.eq(user.uuid()))
        .filter(idempotency::Column::Key.eq(key))
        .exec(ctx.db())
        .await?;
    Ok(())
}

/// Gives the key back: a refused request may be corrected and sent again under the same key.
pub async fn abandon(ctx: &Ctx, user: UserId, key: &str) -> Result<()> {
    idempotency::Entity::delete_many()
        .filter(idempotency::Column::ActorId.eq(user.uuid()))
        .filter(idempotency::Column::Key.eq(key))
        .exec(ctx.db())
        .await?;
    Ok(())
}

/// Binds the sealed answer to its key.
fn place(key: &str) -> Uuid {
    Id::<of::Record>::from_name("idempotency", key).uuid()
}
