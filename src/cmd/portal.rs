//! `portunus portal`: management API and pages alone.

use std::sync::Arc;

use api::Rings;

use super::management::{self, Addresses, Prepared};
use super::preflight::Preflight;
use super::start::{self, Ready};
use super::{admin, data_plane, explain, services, store};
use crate::cli::Portal;

pub fn run(portal: &Portal) -> anyhow::Result<()> {
    let settings = start::settings(portal.common.settings.as_deref(), &portal.flags())?;
    let _held = start::data_directory(&settings.data)?;
    let admin_address = settings.admin.unwrap_or(([127, 0, 0, 1], 9091).into());
    start::runtime()?.block_on(async {
        let mut preflight = Preflight::default();
        preflight.listeners(&[("portal", settings.portal), ("admin", admin_address)]);
        let portal_key = preflight.key(settings.portal_key.as_ref(), "PORTUNUS_PORTAL_KEY");
        let gateway_key = preflight.key(settings.gateway_key.as_ref(), "PORTUNUS_GATEWAY_KEY");
        preflight.management(&settings);
        preflight.database(&settings).await;
        preflight.finish()?;
        // Finished above, with a sentence for each that is missing.
        let Some(keys) = portal_key.zip(gateway_key) else {
            return Ok(());
        };
        let rings = Rings {
            portal: keys.0,
            gateway: keys.1,
        };
        let listener = start::bind("portal", settings.portal).await?;
        let health = start::bind("admin", admin_address).await?;
        let (bound, admin_bound) = (listener.local_addr()?, health.local_addr()?);
        let databases = store::open(&settings).await?;
        store::check_schema(&databases).await?;
        let mut own = services::addresses(&settings).await;
        own.extend([bound, admin_bound, settings.gateway]);
        let addresses = Addresses {
            portal: management::public(settings.portal_url.as_deref(), bound)?,
            gateway: management::public(settings.gateway_url.as_deref(), settings.gateway)?,
            own,
            upstream_allow: Vec::new(),
        };
        let ring = rings.gateway.clone();
        let plane = management::plane(&settings, databases.clone(), rings, &addresses)?;
        let explaining = data_plane::explaining(&settings, Some(ring));
        explain::alone(&plane, databases.clone(), explaining);
        let admin = admin::router(databases.clone(), Arc::clone(&plane));
        let mut management = Prepared::new(&settings, plane, addresses).await?;
        management.make_first_run().await?;
        let management = management.serve(listener);
        let health = tokio::spawn(axum::serve(health, admin).into_future());
        let said = Ready {
            portal: Some(start::url(bound)),
            admin: Some(start::url(admin_bound)),
            first_run: management.first_run.clone(),
            ..Ready::default()
        };
        let stop = start::told_to_end();
        said.say(portal.ready_json)?;
        stop.await;
        health.abort();
        management.leave(settings.drain).await;
        databases.close().await?;
        Ok(())
    })
}
