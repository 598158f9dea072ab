//! `portunus up`: everything in one process.

use std::sync::Arc;

use api::Rings;
use gateway::Inherited;

use super::data_plane::{self, Neighbours};
use super::management::{self, Addresses, Prepared};
use super::preflight::Preflight;
use super::start::{self, Ready};
use super::takeover::{Offer, Predecessor, Successors};
use super::{explain, keys, services, store};
use crate::cli::Up;
use crate::demo;
use crate::settings::{Problems, Settings};

pub fn run(up: &Up) -> anyhow::Result<()> {
    let settings = start::settings(up.common.settings.as_deref(), &up.flags())?;
    if up.demo && !is_all_loopback(&settings) {
        let sentence =
            "--demo makes accounts with known passwords, so it serves loopback addresses only.";
        return Err(Problems(vec![sentence.to_owned()]).into());
    }
    start::runtime()?.block_on(serve(up, settings))
}

/// Before anything is written.
async fn check(settings: &Settings, inherited: &Sockets) -> Result<(), Problems> {
    let mut preflight = Preflight::default();
    if inherited.portal.is_none() {
        preflight.listeners(&[("portal", settings.portal)]);
    }
    preflight.listeners(&data_plane::to_open(settings, &inherited.gateway));
    preflight.management(settings);
    preflight.database(settings).await;
    preflight.finish()
}

/// What another process hands over.
struct Sockets {
    gateway: Inherited,
    portal: Option<std::net::TcpListener>,
}

async fn serve(up: &Up, settings: Settings) -> anyhow::Result<()> {
    let mut predecessor = match up.takeover {
        true => Predecessor::ask(&settings.data).await?,
        false => None,
    };
    let held = start::take_data_directory(&settings, predecessor.as_mut())?;
    let inherited = Sockets {
        gateway: data_plane::inherited(&settings, predecessor.as_mut()),
        portal: predecessor
            .as_mut()
            .and_then(|predecessor| predecessor.portal(settings.portal)),
    };
    check(&settings, &inherited).await?;
    let rings = Rings {
        portal: keys::given_or_kept(settings.portal_key.as_ref(), &settings.data, "portal.key")?,
        gateway: keys::given_or_kept(settings.gateway_key.as_ref(), &settings.data, "gateway.key")?,
    };
    let listener = match inherited.portal {
        Some(listener) => listener,
        None => start::bind("portal", settings.portal).await?.into_std()?,
    };
    let bound = listener.local_addr()?;
    let databases = store::open(&settings).await?;
    migration::up(&databases.main, &databases.traffic).await?;
    store::check_schema(&databases).await?;

    let portal_url = management::public(settings.portal_url.as_deref(), bound)?;
    // One channel tells the gateway of every change that this process commits.
    let (changed, told) = tokio::sync::watch::channel(0);
    let services = services::addresses(&settings).await;
    let neighbours = Neighbours {
        portal_url: Some(portal_url.as_str().trim_end_matches('/').to_owned()),
        told: Some(told),
        own: services.iter().copied().chain([bound]).collect(),
    };
    let mut data_plane = data_plane::from_database(
        &settings,
        databases.clone(),
        rings.gateway.clone(),
        neighbours,
        inherited.gateway,
    )?;
    let sample = if up.demo {
        Some(demo::Sample::start().await?)
    } else {
        None
    };

    let gateway = data_plane.handle.gateway;
    let addresses = Addresses {
        portal: portal_url,
        gateway: management::public(settings.gateway_url.as_deref(), gateway)?,
        own: services
            .into_iter()
            .chain([bound, gateway])
            .chain(data_plane.handle.admin)
            .chain(data_plane.handle.gateway_tls)
            .collect(),
        upstream_allow: if is_all_loopback(&settings) {
            loopback()
        } else {
            Vec::new()
        },
    };
    let gateway_ring = rings.gateway.clone();
    let plane = management::plane(&settings, databases.clone(), rings, &addresses)?;
    forward(&plane, changed);
    let shown = Arc::clone(&plane);
    data_plane
        .handle
        .add_metrics(Box::new(move |out| shown.webhooks.write(out)));
    explain::beside(
        &plane,
        databases.clone(),
        data_plane::explaining(&settings, Some(gateway_ring)),
        data_plane.handle.counts(true),
    );
    let mut management = Prepared::new(&settings, plane, addresses).await?;
    if let Some(mut predecessor) = predecessor {
        data_plane.handle.ready().await;
        predecessor.turn().await?;
        data_plane.begin()?;
        match predecessor.relieve().await {
            Ok(()) => {
                data_plane.own();
                data_plane.count_on(predecessor.remains());
            }
            Err(problems) => {
                let counted = data_plane.step_down().await;
                predecessor.counted(counted).await;
                return Err(problems.into());
            }
        }
        // The link that the other has told is good until here; nothing else serves any more.
        if let Err(error) = management.make_first_run().await {
            tracing::error!(%error, "The link for the first operator cannot be made.");
        }
    } else {
        management.make_first_run().await?;
        data_plane.begin()?;
        data_plane.own();
    }
    let kept = listener.try_clone()?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let management = management.serve(listener);
    let filled = match &sample {
        Some(sample) => Some(demo::fill(&management.plane, sample, &settings.data, gateway).await?),
        None => None,
    };
    data_plane.handle.ready().await;
    let said = Ready {
        portal: Some(start::url(bound)),
        gateway: Some(start::url(gateway)),
        gateway_tls: data_plane.handle.gateway_tls.map(start::secure_url),
        admin: data_plane.handle.admin.map(start::url),
        first_run: management.first_run.clone().filter(|_| filled.is_none()),
        demo: filled,
    };
    let stop = start::told_to_end();
    let successors = Successors::listen(&settings.data);
    said.say(up.ready_json)?;
    tokio::pin!(stop);
    let successor = loop {
        let offer = || {
            Ok(Offer {
                lock: held.try_clone()?,
                gateway: data_plane.handle.listeners()?,
                portal: Some(kept.try_clone()?),
            })
        };
        let ready = tokio::select! {
            () = &mut stop => break None,
            ready = successors.next(offer) => ready,
        };
        if let Some(successor) = data_plane.give_turn(ready).await {
            break Some(successor);
        }
    };
    drop(kept);
    // Who asks from now on asks another process.
    let preparing = successors.preparing();
    if let Some(mut successor) = successor.or(preparing) {
        let leaving = tokio::spawn(management.leave(settings.drain));
        data_plane.relieve().await;
        successor.go().await;
        data_plane.leave().await;
        successor.counted(Vec::new()).await;
        leaving.await?;
    } else {
        management.leave(settings.drain).await;
        data_plane.leave().await;
    }
    databases.close().await?;
    Ok(())
}

/// The plane announces changes on a channel of its own; the gateway was started before it.
fn forward(plane: &api::Plane, changed: tokio::sync::watch::Sender<u64>) {
    let mut from = plane.changes.subscribe();
    tokio::spawn(async move {
        while from.changed().await.is_ok() {
            changed.send_replace(*from.borrow_and_update());
        }
    });
}

fn is_all_loopback(settings: &Settings) -> bool {
    let admin = settings.admin.is_none_or(|admin| admin.ip().is_loopback());
    let tls = settings
        .gateway_tls
        .is_none_or(|tls| tls.ip().is_loopback());
    settings.portal.ip().is_loopback() && settings.gateway.ip().is_loopback() && admin && tls
}

/// On one machine for one person, upstreams on the same machine are the usual case.
fn loopback() -> Vec<ipnet::IpNet> {
    let v4 = ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(127, 0, 0, 0), 8);
    let v6 = ipnet::Ipv6Net::new_assert(std::net::Ipv6Addr::LOCALHOST, 128);
    vec![v4.into(), v6.into()]
}
