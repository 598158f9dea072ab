//! `portunus gateway`: the data plane alone.

use entity::database::connect_later;

use super::data_plane::{self, Neighbours};
use super::start::{self, Ready};
use super::{keys, services, store};
use crate::cli::Gateway;
use crate::settings::Problems;

pub fn run(gateway: &Gateway) -> anyhow::Result<()> {
    let settings = start::settings(gateway.common.settings.as_deref(), &gateway.flags())?;
    start::data_directory(&settings.data)?;
    start::runtime()?.block_on(async {
        let plane = match &gateway.config {
            Some(path) => data_plane::from_file(&settings, path)?,
            None => {
                let ring = keys::required(settings.gateway_key.as_ref(), "PORTUNUS_GATEWAY_KEY")?;
                let address = store::address(&settings);
                let databases = connect_later(&address)
                    .await
                    .map_err(|error| Problems(vec![error.to_string()]))?;
                let neighbours = Neighbours {
                    portal_url: settings.portal_url.clone(),
                    told: None,
                    own: services::addresses(&settings).await,
                };
                data_plane::from_database(&settings, databases, ring, neighbours)?
            }
        };
        // A gateway whose database is away and that has no last state waits for one; it is told to
        // end like any other.
        let stop = start::told_to_end();
        tokio::pin!(stop);
        let ready = tokio::select! {
            () = plane.handle.ready() => true,
            () = &mut stop => false,
        };
        if ready {
            let said = Ready {
                gateway: Some(start::url(plane.handle.gateway)),
                admin: plane.handle.admin.map(start::url),
                ..Ready::default()
            };
            said.say(gateway.ready_json)?;
            stop.await;
        }
        plane.leave().await;
        Ok(())
    })
}
