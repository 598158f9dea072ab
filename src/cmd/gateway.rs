//! `portunus gateway`: the data plane alone.

use ::gateway::Inherited;
use domain::seal::KeyRing;
use entity::database::connect_later;

use super::data_plane::{self, DataPlane, Neighbours};
use super::preflight::Preflight;
use super::start::{self, DataDirectory, Ready};
use super::takeover::{Offer, Predecessor, Successors};
use super::{services, store};
use crate::cli::Gateway;
use crate::settings::{Problems, Settings};

pub fn run(gateway: &Gateway) -> anyhow::Result<()> {
    let settings = start::settings(gateway.common.settings.as_deref(), &gateway.flags())?;
    start::runtime()?.block_on(serve(gateway, &settings))
}

async fn serve(gateway: &Gateway, settings: &Settings) -> anyhow::Result<()> {
    let mut predecessor = match gateway.takeover {
        true => Predecessor::ask(&settings.data).await?,
        false => None,
    };
    let held = start::take_data_directory(settings, predecessor.as_mut())?;
    let inherited = data_plane::inherited(settings, predecessor.as_mut());
    let ring = check(settings, gateway.config.is_some(), &inherited).await?;
    let mut plane = match (&gateway.config, ring) {
        (Some(path), _) => data_plane::from_file(settings, path, inherited)?,
        (None, None) => return Ok(()), // said by the check
        (None, Some(ring)) => {
            let address = store::address(settings);
            let databases = connect_later(&address)
                .await
                .map_err(|error| Problems(vec![error.to_string()]))?;
            let neighbours = Neighbours {
                portal_url: settings.portal_url.clone(),
                told: None,
                own: services::addresses(settings).await,
            };
            data_plane::from_database(settings, databases, ring, neighbours, inherited)?
        }
    };
    let stop = start::told_to_end();
    tokio::pin!(stop);
    if predecessor.is_none() {
        plane.begin()?;
        plane.own();
    }
    // A gateway whose database is away and that has no last state waits for one; it is told to
    // end like any other.
    tokio::select! {
        () = plane.handle.ready() => {}
        () = &mut stop => {
            plane.leave().await;
            return Ok(());
        }
    }
    if let Some(mut predecessor) = predecessor {
        tokio::select! {
            turn = predecessor.turn() => turn?,
            () = &mut stop => {
                plane.leave().await;
                return Ok(());
            }
        }
        plane.begin()?;
        match predecessor.relieve().await {
            Ok(()) => {
                plane.own();
                plane.count_on(predecessor.remains());
            }
            Err(problems) => {
                let counted = plane.step_down().await;
                predecessor.counted(counted).await;
                return Err(problems.into());
            }
        }
    }
    let said = Ready {
        gateway: Some(start::url(plane.handle.gateway)),
        gateway_tls: plane.handle.gateway_tls.map(start::secure_url),
        admin: plane.handle.admin.map(start::url),
        ..Ready::default()
    };
    let successors = Successors::listen(&settings.data);
    said.say(gateway.ready_json)?;
    let successor = loop {
        let ready = tokio::select! {
            () = &mut stop => break None,
            ready = successors.next(|| offer(&plane, &held)) => ready,
        };
        if let Some(successor) = plane.give_turn(ready).await {
            break Some(successor);
        }
    };
    // Who asks from now on asks another process.
    let preparing = successors.preparing();
    let Some(mut successor) = successor.or(preparing) else {
        plane.leave().await;
        return Ok(());
    };
    plane.relieve().await;
    successor.go().await;
    let counted = plane.leave().await;
    successor.counted(counted).await;
    Ok(())
}

fn offer(plane: &DataPlane, held: &DataDirectory) -> std::io::Result<Offer> {
    Ok(Offer {
        lock: held.try_clone()?,
        gateway: plane.handle.listeners()?,
        portal: None,
    })
}

/// Before anything serves. A gateway that has served before needs no database to start; one that
/// has not would wait for it for ever, so it must be there with its schema.
async fn check(
    settings: &Settings,
    file: bool,
    inherited: &Inherited,
) -> anyhow::Result<Option<KeyRing>> {
    let mut preflight = Preflight::default();
    preflight.listeners(&data_plane::to_open(settings, inherited));
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
