//! `portunus token`: a personal token for a user, from the machine's console.

use api::Ctx;
use api::service::tokens::{self, TokenFor};

use super::management::{self, Addresses};
use super::{keys, say, start, store};
use crate::cli::Token;
use crate::settings::Problems;

pub fn run(token: &Token) -> anyhow::Result<()> {
    let settings = start::settings(token.common.settings.as_deref(), &token.common.flags())?;
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
        let ctx = Ctx::job(&plane, "token");
        let life = chrono::Duration::from_std(token.expires.duration())?;
        let input = TokenFor {
            email: token.user.clone(),
            name: "command line".to_owned(),
            scopes: token.scope.clone(),
            expires_at: ctx.now + life,
        };
        let made = tokens::create_for(&ctx, input).await;
        databases.close().await?;
        say::line(made.map_err(|error| explained(token, error))?.value)
    })
}

/// What was wrong with the command, by its flags; other failures as they are.
fn explained(token: &Token, error: api::Error) -> anyhow::Error {
    if error.code.status() >= 500 {
        return error.into();
    }
    let sentences: Vec<String> = error
        .invalid
        .iter()
        .map(|found| format!("{}: {}", flag(token, &found.pointer), found.message))
        .collect();
    if sentences.is_empty() {
        return Problems(vec![error.detail]).into();
    }
    Problems(sentences).into()
}

/// The part of the command line that a pointer into [`TokenFor`] speaks of.
fn flag(token: &Token, pointer: &str) -> String {
    let scope = pointer
        .strip_prefix("/scopes/")
        .and_then(|index| token.scope.get(index.parse::<usize>().ok()?));
    match (pointer, scope) {
        (_, Some(scope)) => format!("--scope {scope}"),
        ("/email", None) => format!("--user {}", token.user),
        ("/expires_at", None) => format!("--expires {}", token.expires),
        (other, None) => other.to_owned(),
    }
}
