//! A forgotten password: a link by mail, good once for 60 minutes.

use domain::actor::{Actor, Person};
use domain::id::UserId;
use domain::name::EmailAddress;
use domain::wire::accounts as wire;
use entity::{mail_token, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::attempts::{Kind, Mail, network};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::letter::Letters;
use crate::service::links::{self, For, Purpose};
use crate::service::outbox::{self, Origin};
use crate::service::sign_up::{admit_mail, mail_sent, password};
use crate::service::{founding, sessions};
use crate::write::{Audit, Write};

/// Sends the link, if the address has an account; the answer does not tell, and an address without
/// one takes the same work.
pub async fn ask(ctx: &Ctx, input: wire::Address) -> Result<wire::MailSent> {
    let mut check = Check::new();
    let email = check.parse::<EmailAddress>("/email", &input.email);
    let (email,) = check.all((email,))?;
    let key = email.key();
    admit_mail(ctx, Mail::Reset, &key)?;
    let mut write = Write::begin(ctx).await?;
    let known = founding::find_account(write.tx(), &key)
        .await?
        .filter(|user| user.disabled_at.is_none());
    let (purpose, user, to, name) = match known {
        Some(user) => (Purpose::Reset, Some(user.id.into()), user.email, user.name),
        None => (Purpose::Nothing, None, email.to_string(), "Nobody".into()),
    };
    let whom = For {
        user,
        email_key: &key,
        payload: String::new(),
    };
    let (id, token) = links::issue(&write, purpose, whom).await?;
    let letter = Letters(ctx.settings()).reset(&to, &name, token.as_str());
    outbox::put(&mut write, &letter, Origin::Link(purpose, id)).await?;
    write.commit().await?;
    Ok(mail_sent())
}

/// Whether the link is still good, for the page behind it. Changes nothing.
pub async fn preview(ctx: &Ctx, token: &str) -> Result<()> {
    ctx.plane
        .attempts
        .admit(Kind::LinkFrom, &network(ctx.address), ctx.now)?;
    links::find(ctx, ctx.db(), Purpose::Reset, token)
        .await
        .map(|_| ())
}

/// Uses the link: the new password holds, all sessions end, the owner is told. Nobody is signed
/// in by it.
pub async fn complete(ctx: &Ctx, input: wire::CompleteReset) -> Result<()> {
    ctx.plane
        .attempts
        .admit(Kind::LinkFrom, &network(ctx.address), ctx.now)?;
    let link = links::find(ctx, ctx.db(), Purpose::Reset, &input.token).await?;
    let account = founding::find_account(ctx.db(), &link.email_key)
        .await?
        .ok_or_else(links::gone)?;
    let mut check = Check::new();
    password(
        &mut check,
        ctx,
        &input.password,
        &[&account.email, &account.name],
    );
    check.done()?;
    let hash = ctx
        .plane
        .passwords
        .hash(&input.password, ctx.random()?)
        .await?;

    let id: UserId = account.id.into();
    let ctx = &ctx.clone().acting(Actor::Person(Person {
        id,
        operator: false,
        memberships: Vec::new(),
        scopes: None,
    }));
    let mut write = Write::begin(ctx).await?;
    links::take(&write, Purpose::Reset, &input.token).await?;
    set(&mut write, &account, hash).await?;
    sessions::end_of(write.tx(), id, None).await?;
    write
        .audit(Audit::new("account.reset_password", "user", id))
        .await?;
    write.commit().await?;
    ctx.plane.attempts.guessed_right(&account.email_key);
    Ok(())
}

/// Stores a new password, ends every other way in that rests on the old one, tells the owner.
pub(crate) async fn set(write: &mut Write<'_>, account: &user::Model, hash: String) -> Result<()> {
    let now = write.ctx().now;
    user::Entity::update_many()
        .col_expr(user::Column::PasswordHash, hash.into())
        .filter(user::Column::Id.eq(account.id))
        .exec(write.tx())
        .await?;
    mail_token::Entity::update_many()
        .col_expr(mail_token::Column::UsedAt, now.into())
        .filter(mail_token::Column::UserId.eq(account.id))
        .filter(mail_token::Column::Purpose.eq(Purpose::Reset.as_str()))
        .filter(mail_token::Column::UsedAt.is_null())
        .exec(write.tx())
        .await?;
    let letter = Letters(write.ctx().settings()).password_changed(&account.email, &account.name);
    outbox::put(write, &letter, Origin::None).await
}
