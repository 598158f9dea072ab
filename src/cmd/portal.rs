//! `portunus portal`: management API and pages alone.

use api::Rings;

use super::management::{self, Addresses, Management};
use super::start::{self, Ready};
use super::{admin, keys, services, store};
use crate::cli::Portal;

pub fn run(portal: &Portal) -> anyhow::Result<()> {
    let settings = start::settings(portal.common.settings.as_deref(), &portal.flags())?;
    start::data_directory(&settings.data)?;
    let rings = Rings {
        portal: keys::required(settings.portal_key.as_ref(), "PORTUNUS_PORTAL_KEY")?,
        gateway: keys::required(settings.gateway_key.as_ref(), "PORTUNUS_GATEWAY_KEY")?,
    };
    start::runtime()?.block_on(async {
        let listener = start::bind("portal", settings.portal).await?;
        let health = start::bind(
            "admin",
            settings.admin.unwrap_or(([127, 0, 0, 1], 9091).into()),
        )
        .await?;
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
        let plane = management::plane(&settings, databases.clone(), rings, &addresses)?;
        let management = Management::start(&settings, plane, listener, addresses).await?;
        let health =
            tokio::spawn(axum::serve(health, admin::router(databases.clone())).into_future());
        let said = Ready {
            portal: Some(start::url(bound)),
            admin: Some(start::url(admin_bound)),
            first_run: management.first_run.clone(),
            ..Ready::default()
        };
        said.say(portal.ready_json)?;
        start::told_to_end().await;
        health.abort();
        management.leave(settings.drain).await;
        databases.close().await?;
        Ok(())
    })
}
