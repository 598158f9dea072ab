//! User names with passwords, for `basic_auth`. A password is as random as a key and is found as one:
//! by a digest of user name and password together. It leaves in the answer that makes it and is
//! nowhere else.

use domain::actor::Action;
use domain::application::is_user_name;
use domain::id::ApplicationId;
use domain::key::{KeyDigest, PASSWORD_PREFIX};
use domain::wire::credentials::{MakePassword, NewPassword};

use super::show;
use super::wanted::{Face, Wanted, insert};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::secret::LinkToken;
use crate::service::applications;
use crate::write::Write;

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
        expires_at,
        cidrs,
    } = input;
    let mut check = Check::new();
    let wanted = Wanted::read(ctx, &mut check, &name, environment, expires_at, &cidrs);
    let user = user.trim();
    check.that(is_user_name(user), "/user", || {
        "Give 1 to 100 characters without a colon.".to_owned()
    });
    check.done()?;
    let password = format!("{PASSWORD_PREFIX}{}", LinkToken::new(ctx)?.as_str());
    let pair = KeyDigest::of(format!("{user}:{password}").as_bytes());
    let face = Face::Password {
        digest: KeyDigest::of_password(&pair.0),
        user,
    };
    let mut write = Write::begin(ctx).await?;
    let application =
        applications::load(ctx, write.tx(), application, Action::ManageCredentials).await?;
    let row = insert(&mut write, &application, face, wanted).await?;
    write.commit().await?;
    Ok(NewPassword {
        credential: show(ctx, row).await?,
        user: user.to_owned(),
        password,
    })
}
