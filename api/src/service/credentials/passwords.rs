//! User names with passwords, for `basic_auth`. One that we make is as random as a key and is found as
//! one: by a digest of user name and password together. It leaves in the answer that makes it and is
//! nowhere else. Of one that somebody chose an argon2id hash is kept, and gateways find it by its user
//! name.

use domain::actor::Action;
use domain::application::is_user_name;
use domain::id::ApplicationId;
use domain::key::{KeyDigest, PASSWORD_PREFIX};
use domain::password_hash::PasswordHash;
use domain::problem::Invalid;
use domain::wire::credentials::{MakePassword, NewPassword};

use super::claims::must_be_free;
use super::show;
use super::wanted::{Face, Wanted, insert};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::passwords;
use crate::secret::LinkToken;
use crate::service::applications;
use crate::write::Write;

/// Fewest characters of a password that somebody chose, and most.
const LENGTH: (usize, usize) = (8, 128);

pub async fn make_password(
    ctx: &Ctx,
    application: ApplicationId,
    input: MakePassword,
) -> Result<NewPassword> {
    applications::load(ctx, ctx.db(), application, Action::ManageCredentials).await?;
    let MakePassword {
        name,
        environment,
        user,
        password,
        argon2id,
        expires_at,
        cidrs,
    } = input;
    let mut check = Check::new();
    let wanted = Wanted::read(ctx, &mut check, &name, environment, expires_at, &cidrs);
    let user = user.trim();
    check.that(is_user_name(user), "/user", || {
        "Give 1 to 100 characters without a colon.".to_owned()
    });
    if let Some(why) = password.as_deref().and_then(|one| objection(one, user)) {
        check.add(Invalid::new("/password", why));
    }
    let mut hash = None;
    if let Some(text) = argon2id {
        check.that(password.is_none(), "/argon2id", || {
            "Give either a password or its hash.".to_owned()
        });
        match PasswordHash::read(&text) {
            Ok(read) => hash = Some(read),
            Err(why) => check.add(Invalid::new("/argon2id", why)),
        }
    }
    check.done()?;
    if let Some(password) = password {
        let text = ctx.plane.passwords.hash(&password, ctx.random()?).await?;
        hash = Some(PasswordHash::read(&text).map_err(Error::internal)?);
    }
    let mut made = None;
    let face = match hash {
        Some(hash) => Face::Chosen { user, hash },
        None => {
            let password = format!("{PASSWORD_PREFIX}{}", LinkToken::new(ctx)?.as_str());
            let pair = KeyDigest::of(format!("{user}:{password}").as_bytes());
            made = Some(password);
            let digest = KeyDigest::of_password(&pair.0);
            Face::Password { digest, user }
        }
    };
    let mut write = Write::begin(ctx).await?;
    let application =
        applications::load(ctx, write.tx(), application, Action::ManageCredentials).await?;
    if made.is_none() {
        let claim = KeyDigest::of_user(user.as_bytes());
        must_be_free(&mut write, &application, claim, "/user").await?;
    }
    let row = insert(&mut write, &application, face, wanted).await?;
    write.commit().await?;
    Ok(NewPassword {
        credential: show(ctx, row).await?,
        user: user.to_owned(),
        password: made,
    })
}

/// Why it cannot be chosen. What begins as ours do is never compared with a hash.
fn objection(password: &str, user: &str) -> Option<String> {
    let (least, most) = LENGTH;
    if password.chars().count() > most {
        return Some(format!("Use at most {most} characters."));
    }
    if password.chars().any(char::is_control) {
        return Some("Use no control characters.".to_owned());
    }
    if password.starts_with("ptn_") {
        return Some("What begins with ptn_ is made by the platform.".to_owned());
    }
    passwords::objection(password, least, &[user])
}
