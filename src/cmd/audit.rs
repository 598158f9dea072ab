//! `portunus audit verify`: recomputes every chain.

use api::Ctx;
use api::service::audit::{self, Chain};

use super::exit::No;
use super::management::{self, Addresses};
use super::{keys, say, start, store};
use crate::cli::Common;

pub fn run(common: &Common) -> anyhow::Result<()> {
    let settings = start::settings(common.settings.as_deref(), &common.flags())?;
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
        let ctx = Ctx::job(&plane, "audit verify");
        let mut broken = Vec::new();
        for chain in audit::chains(&ctx).await? {
            let name = match chain {
                Chain::Platform => "platform".to_owned(),
                Chain::Organization(id) => id.to_string(),
            };
            let verdict = audit::verify(&ctx, chain).await?;
            match verdict.broken_at {
                Some(row) => broken.push(format!("{name}: row {row} was changed or taken out.")),
                None => say::line(format_args!(
                    "{name}: {} rows, intact, head {}",
                    verdict.rows, verdict.head
                ))?,
            }
        }
        databases.close().await?;
        if broken.is_empty() {
            Ok(())
        } else {
            Err(No(broken.join("\n")).into())
        }
    })
}
