//! Public keys by which applications sign requests. Their `keyid` is the credential's id: nobody can
//! name somebody else's.

use domain::actor::Action;
use domain::id::ApplicationId;
use domain::problem::Invalid;
use domain::signing::SigningKey;
use domain::wire::credentials::{AddSigningKey, Credential};

use super::show;
use super::wanted::{Face, Wanted, insert};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::{Error, Result};
use crate::service::applications;
use crate::write::Write;

pub async fn add_signing_key(
    ctx: &Ctx,
    application: ApplicationId,
    input: AddSigningKey,
) -> Result<Credential> {
    applications::load(ctx, ctx.db(), application, Action::ManageCredentials).await?;
    let AddSigningKey {
        name,
        environment,
        key,
        expires_at,
        cidrs,
    } = input;
    let mut check = Check::new();
    let wanted = Wanted::read(ctx, &mut check, &name, environment, expires_at, &cidrs);
    let key = SigningKey::read(&key);
    if let Err(why) = &key {
        check.add(Invalid::new("/key", *why));
    }
    check.done()?;
    let key = key.map_err(|_| Error::internal("a key that was read"))?;
    let mut write = Write::begin(ctx).await?;
    let application =
        applications::load(ctx, write.tx(), application, Action::ManageCredentials).await?;
    let row = insert(&mut write, &application, Face::Signing(key), wanted).await?;
    write.commit().await?;
    show(ctx, row).await
}
