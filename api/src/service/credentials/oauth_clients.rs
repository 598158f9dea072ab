//! OAuth clients of the platform's own token endpoint. The secret leaves in the answer that makes it
//! and is nowhere else.

use domain::actor::Action;
use domain::id::ApplicationId;
use domain::key::KeyDigest;
use domain::wire::credentials::{MakeOauthClient, NewOauthClient};

use super::show;
use super::wanted::{Face, Wanted, insert};
use crate::check::Check;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::secret::LinkToken;
use crate::service::{applications, authorization_server};
use crate::write::Write;

/// A value that begins so never reaches an upstream.
const PREFIX: &str = "ptn_cs_";

pub async fn make_oauth_client(
    ctx: &Ctx,
    application: ApplicationId,
    input: MakeOauthClient,
) -> Result<NewOauthClient> {
    applications::load(ctx, ctx.db(), application, Action::ManageCredentials).await?;
    let MakeOauthClient {
        name,
        environment,
        expires_at,
        cidrs,
    } = input;
    let mut check = Check::new();
    let wanted = Wanted::read(ctx, &mut check, &name, environment, expires_at, &cidrs);
    check.done()?;
    let secret = format!("{PREFIX}{}", LinkToken::new(ctx)?.as_str());
    let face = Face::Platform {
        secret: KeyDigest::of(secret.as_bytes()),
    };
    let mut write = Write::begin(ctx).await?;
    let application =
        applications::load(ctx, write.tx(), application, Action::ManageCredentials).await?;
    let row = insert(&mut write, &application, face, wanted).await?;
    write.commit().await?;
    Ok(NewOauthClient {
        client_id: row.id.to_string(),
        credential: show(ctx, row).await?,
        client_secret: secret,
        token_endpoint: authorization_server::token_endpoint(ctx),
    })
}
