//! `portunus token`: a personal token for a user, from the machine's console.

use api::Ctx;
use api::service::tokens;
use domain::wire::accounts::CreateToken;

use super::management::{self, Addresses};
use super::{keys, start, store};
use crate::cli::Token;
use crate::settings::Problems;

const DAY_MILLIS: u64 = 86_400_000;

pub fn run(token: &Token) -> anyhow::Result<()> {
    let settings = start::settings(token.common.settings.as_deref(), &token.common.flags())?;
    let days = token.expires.as_millis().div_ceil(DAY_MILLIS);
    let Ok(expires_in_days) = u32::try_from(days) else {
        return Err(Problems(vec!["--expires is too long.".to_owned()]).into());
    };
    start::runtime()?.block_on(async {
        let rings = keys::rings(&settings)?;
        let databases = store::open_existing(&settings).await?;
        store::check_schema(&databases).await?;
        let addresses = Addresses {
            portal: management::public(settings.portal_url.as_deref(), settings.portal)?,
            gateway: management::public(settings.gateway_url.as_deref(), settings.gateway)?,
            own: Vec::new(),
            upstream_allow: Vec::new(),
        };
        let plane = management::plane(&settings, databases.clone(), rings, &addresses)?;
        let input = CreateToken {
            name: "command line".to_owned(),
            scopes: token.scope.clone(),
            expires_in_days,
        };
        let made = tokens::create_for(&Ctx::job(&plane, "token"), &token.user, input).await?;
        println!("{}", made.value);
        databases.close().await?;
        Ok(())
    })
}
