//! Signing in: one answer for every wrong pair, in the same time, with a back-off that always
//! ends.

use domain::actor::Actor;
use domain::id::UserId;
use domain::name::EmailAddress;
use domain::problem::Code;
use domain::wire::accounts as wire;
use entity::user;
use sea_orm::EntityTrait;
use serde_json::json;

use crate::attempts::{Kind, network};
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::passwords::MAX_BYTES;
use crate::secret::SessionSecret;
use crate::service::sessions::{self, Device};
use crate::service::{founding, people};
use crate::write::{Audit, Write};

/// A new session: what the cookie holds, and how long it is kept.
#[derive(Debug)]
pub struct SignedIn {
    pub session: wire::Session,
    pub secret: SessionSecret,
    /// Seconds for `Max-Age`; `None`: until the browser closes.
    pub max_age: Option<i64>,
}

/// Checks address and password and makes a session. `user_agent` names the device in the list.
pub async fn sign_in(ctx: &Ctx, input: wire::SignIn, user_agent: &str) -> Result<SignedIn> {
    let attempts = &ctx.plane.attempts;
    attempts.admit(Kind::SignInFrom, &network(ctx.address), ctx.now)?;
    // A megabyte is refused before it costs anything.
    if input.password.len() > MAX_BYTES || input.email.len() > 254 {
        return Err(wrong());
    }
    // What is no address is still tried, as one that nobody has.
    let key = input
        .email
        .parse::<EmailAddress>()
        .map_or_else(|_| input.email.to_lowercase(), |email| email.key());
    attempts.may_guess(&key, ctx.now)?;

    let found = founding::find_account(ctx.db(), &key)
        .await?
        .filter(|user| user.disabled_at.is_none());
    let stored = found.as_ref().map(|user| user.password_hash.clone());
    let verdict = ctx
        .plane
        .passwords
        .verify(&input.password, stored.clone())
        .await?;
    let Some(user) = found.filter(|_| verdict.right) else {
        return Err(wrong());
    };
    attempts.guessed_right(&key);
    let renewed = match verdict.outdated {
        true => Some(
            ctx.plane
                .passwords
                .hash(&input.password, ctx.random()?)
                .await?,
        ),
        false => None,
    };
    let device = Device {
        user_agent: user_agent.to_owned(),
        remember: input.remember,
    };
    open(
        ctx,
        user.id.into(),
        Known {
            hash: stored,
            renewed,
        },
        device,
    )
    .await
}

/// The hash that the password was checked against, and one to put in its place.
struct Known {
    hash: Option<String>,
    renewed: Option<String>,
}

async fn open(ctx: &Ctx, id: UserId, known: Known, device: Device) -> Result<SignedIn> {
    let person = people::load(ctx.db(), id).await?.ok_or_else(wrong)?;
    let ctx = &ctx.clone().acting(Actor::Person(person));
    let write = Write::begin(ctx).await?;
    let user = user::Entity::find_by_id(id.uuid())
        .one(write.tx())
        .await?
        .ok_or_else(wrong)?;
    // The password was changed, or the account disabled, while we were checking.
    if Some(&user.password_hash) != known.hash.as_ref() || user.disabled_at.is_some() {
        return Err(wrong());
    }
    let changed = user::ActiveModel {
        id: sea_orm::ActiveValue::Unchanged(user.id),
        last_sign_in_at: sea_orm::ActiveValue::Set(Some(ctx.now)),
        password_hash: match known.renewed {
            Some(hash) => sea_orm::ActiveValue::Set(hash),
            None => sea_orm::ActiveValue::NotSet,
        },
        ..<user::ActiveModel as sea_orm::ActiveModelTrait>::default()
    };
    user::Entity::update(changed).exec(write.tx()).await?;
    let max_age = device
        .remember
        .then(|| ctx.settings().session_remember.num_seconds());
    let remember = device.remember;
    let (row, secret) = sessions::create(&write, id, device).await?;
    write
        .audit(
            Audit::new("session.create", "session", row.id).after(json!({ "remember": remember })),
        )
        .await?;
    write.commit().await?;
    let session = wire::Session {
        current: true,
        ..sessions::shown(ctx, row)
    };
    Ok(SignedIn {
        session,
        secret,
        max_age,
    })
}

fn wrong() -> Error {
    Error::new(
        Code::CredentialsWrong,
        "The address or the password is wrong.",
    )
}
