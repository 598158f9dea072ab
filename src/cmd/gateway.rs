//! `portunus gateway`: the data plane alone.

use domain::seal::KeyRing;
use entity::database::connect_later;

use super::data_plane::{self, Neighbours};
use super::preflight::Preflight;
use super::start::{self, Ready};
use super::{services, store};
use crate::cli::Gateway;
use crate::settings::{Problems, Settings};

pub fn run(gateway: &Gateway) -> anyhow::Result<()> {
    let settings = start::settings(gateway.common.settings.as_deref(), &gateway.flags())?;
    let _held = start::data_directory(&settings.data)?;
    start::runtime()?.block_on(async {
        let ring = check(&settings, gateway.config.is_some()).await?;
        let plane = match (&gateway.config, ring) {
            (Some(path), _) => data_plane::from_file(&settings, path)?,
            (None, None) => return Ok(()), // said by the check
            (None, Some(ring)) => {
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
                gateway_tls: plane.handle.gateway_tls.map(start::secure_url),
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

/// Before anything serves. A gateway that has served before needs no database to start; one that
/// has not would wait for it for ever, so it must be there with its schema.
async fn check(settings: &Settings, file: bool) -> anyhow::Result<Option<KeyRing>> {
    let mut preflight = Preflight::default();
    preflight.listeners(&[
        ("gateway", settings.gateway),
        ("admin", data_plane::admin(settings)),
    ]);
    preflight.listeners(data_plane::tls(settings).as_slice());
    if file {
        preflight.finish()?;
        return Ok(None);
    }
    let ring = preflight.key(settings.gateway_key.as_ref(), "PORTUNUS_GATEWAY_KEY");
    let mut found = None;
    if !settings.data.join(gateway::source::disk::NAME).exists() {
        found = preflight.note(store::open_existing(settings).await);
    }
    preflight.finish()?;
    if let Some(databases) = found {
        store::check_schema(&databases).await?;
        databases.close().await?;
    }
    Ok(ring)
}
