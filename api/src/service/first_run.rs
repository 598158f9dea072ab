//! The first operator: by a single-use link on the console, or from the environment. There is
//! never a default password.

use chrono::Duration;
use domain::actor::{Actor, Person};
use domain::id::UserId;
use domain::name::{DisplayName, EmailAddress};
use domain::wire::accounts as wire;
use entity::{first_run, user};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
};

use crate::attempts::{Kind, network};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::letter::path;
use crate::secret::{LinkToken, digest};
use crate::service::founding::{self, NewAccount};
use crate::service::links;
use crate::service::sign_up::password;
use crate::write::{Audit, Write};

const LIFE: Duration = Duration::hours(24);

/// At the start of the portal: makes the operator from the settings if there are such and no
/// operator yet; else a new link. `Some` is the link to print.
pub async fn prepare(ctx: &Ctx) -> Result<Option<String>> {
    if has_operator(ctx.db()).await? {
        return Ok(None);
    }
    if let Some(given) = ctx.settings().first_operator.clone() {
        let input = wire::FirstRun {
            token: String::new(),
            email: given.email,
            name: "Operator".to_owned(),
            password: given.password,
        };
        let (new, id) = checked(ctx, &input).await?;
        let write = Write::begin(ctx).await?;
        // Another process may have been faster.
        if !has_operator(write.tx()).await? {
            make(&write, new, id).await?;
        }
        write.commit().await?;
        return Ok(None);
    }
    let write = Write::begin(ctx).await?;
    let token = LinkToken::new(ctx)?;
    // One link at a time: that of the latest start.
    first_run::Entity::delete_many()
        .filter(first_run::Column::UsedAt.is_null())
        .exec(write.tx())
        .await?;
    let row = first_run::ActiveModel {
        id: Set(ctx.id::<domain::id::of::Token>()?.into()),
        digest: Set(token.digest()),
        created_at: Set(ctx.now),
        expires_at: Set(ctx.now + LIFE),
        used_at: Set(None),
    };
    first_run::Entity::insert(row)
        .exec_without_returning(write.tx())
        .await?;
    write.commit().await?;
    Ok(Some(ctx.settings().link(&format!(
        "{}/{}",
        path::SETUP,
        token.as_str()
    ))))
}

async fn has_operator<C: ConnectionTrait>(db: &C) -> Result<bool> {
    Ok(user::Entity::find()
        .filter(user::Column::Operator.eq(true))
        .count(db)
        .await?
        > 0)
}

/// Whether the link is still good, for the page behind it. Changes nothing.
pub async fn preview(ctx: &Ctx, token: &str) -> Result<()> {
    ctx.plane
        .attempts
        .admit(Kind::LinkFrom, &network(ctx.address), ctx.now)?;
    find(ctx, ctx.db(), token).await.map(|_| ())
}

async fn find<C: ConnectionTrait>(ctx: &Ctx, db: &C, token: &str) -> Result<first_run::Model> {
    let found = first_run::Entity::find()
        .filter(first_run::Column::Digest.eq(digest(token.as_bytes())))
        .one(db)
        .await?;
    found
        .filter(|row| row.used_at.is_none() && row.expires_at > ctx.now)
        .ok_or_else(links::gone)
}

/// Uses the link: makes the operator. Of two at once, one wins.
pub async fn complete(ctx: &Ctx, input: wire::FirstRun) -> Result<wire::Verified> {
    ctx.plane
        .attempts
        .admit(Kind::LinkFrom, &network(ctx.address), ctx.now)?;
    find(ctx, ctx.db(), &input.token).await?;
    let (new, id) = checked(ctx, &input).await?;
    let ctx = &ctx.clone().acting(Actor::Person(Person {
        id,
        operator: true,
        memberships: Vec::new(),
        scopes: None,
    }));
    let write = Write::begin(ctx).await?;
    let row = find(ctx, write.tx(), &input.token).await?;
    if has_operator(write.tx()).await? {
        return Err(links::gone());
    }
    let used = first_run::Entity::update_many()
        .col_expr(first_run::Column::UsedAt, ctx.now.into())
        .filter(first_run::Column::Id.eq(row.id))
        .filter(first_run::Column::UsedAt.is_null())
        .exec(write.tx())
        .await?;
    if used.rows_affected != 1 {
        return Err(links::gone());
    }
    let email = new.email.to_string();
    make(&write, new, id).await?;
    write.commit().await?;
    Ok(wire::Verified {
        email,
        organization: None,
    })
}

async fn checked(ctx: &Ctx, input: &wire::FirstRun) -> Result<(NewAccount, UserId)> {
    let mut check = Check::new();
    let email = check.parse::<EmailAddress>("/email", &input.email);
    let name = check.parse::<DisplayName>("/name", &input.name);
    password(
        &mut check,
        ctx,
        &input.password,
        &[&input.email, &input.name],
    );
    let (email, name) = check.all((email, name))?;
    let password_hash = ctx
        .plane
        .passwords
        .hash(&input.password, ctx.random()?)
        .await?;
    let id: UserId = ctx.id()?;
    Ok((
        NewAccount {
            id,
            email,
            name,
            password_hash,
            operator: true,
        },
        id,
    ))
}

async fn make(write: &Write<'_>, new: NewAccount, id: UserId) -> Result<()> {
    if founding::find_account(write.tx(), &new.email.key())
        .await?
        .is_some()
    {
        return Err(Error::taken(
            "/email",
            "An account has this address already; choose another.",
        ));
    }
    founding::account(write, new).await?;
    write
        .audit(Audit::new("platform.first_operator", "user", id))
        .await
}
