//! Ten thousand changes while requests are served: none fails because of one or waits for it, and
//! each is in force as soon as the node says so. What they cost is measured by `bench/curves`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::id::{ApplicationId, CredentialId, SubscriptionId, VersionId};
use domain::key::KeyDigest;
use domain::lifecycle::ApplicationState;
use domain::seal::KeyRing;
use domain::snapshot::{Delta, Kind, Parts, Snapshot};
use gateway::source::Change;
use gateway::source::disk::Disk;

use crate::rig::{Client, Rig, key, snapshot};

const SHOP: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { shop: { versions: { v1: { match: { path: /shop }, upstream: echo, policies: [{ key_auth: {} }] } } } }
products: { shop: { versions: [shop/v1], plans: { free: { policies: [{ rate_limit: { limit: 1000000, window: 60s } }] } } } }
applications:
  steady: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
  changing: { keys: [{ name: a, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

const ROUTES: usize = 1_000;
const KEYS: usize = 20_000;
/// Each is waited for and looked at.
const WATCHED: u64 = 600;
/// With these, which come as fast as they are taken.
const ALL: u64 = 10_000;
/// How many there are on a machine so slow that all of them would take longer than this.
const LEAST: u64 = 3_000;
const TIME: Duration = Duration::from_secs(25);
const CLIENTS: usize = 4;
/// Requests before the first change.
const QUIET: usize = 1_000;
/// Of a hundred requests, 99 are answered within this, whatever else the machine does.
const BOUND: Duration = Duration::from_millis(500);

/// The shop among many others.
fn large(rig: &Rig) -> Snapshot {
    let mut whole = snapshot(SHOP, &rig.upstream, 2);
    let parts = &mut whole.parts;
    let version = parts.versions[0].clone();
    for index in 0..ROUTES {
        let mut one = version.clone();
        one.id = VersionId::from_name("version", &index.to_string());
        one.revision.route.path = format!("/route/{index}");
        one.revision.policies.clear();
        parts.products[0].versions.push(one.id);
        parts.versions.push(one);
    }
    let (application, credential) = (parts.applications[0].clone(), parts.credentials[0].clone());
    let subscription = parts.subscriptions[0].clone();
    for index in 0..KEYS {
        let name = index.to_string();
        let id = ApplicationId::from_name("application", &name);
        let mut one = application.clone();
        one.id = id;
        parts.applications.push(one);
        let mut one = credential.clone();
        one.id = CredentialId::from_name("credential", &name);
        one.digest = KeyDigest::of(name.as_bytes());
        one.application = id;
        parts.credentials.push(one);
        let mut one = subscription.clone();
        one.id = SubscriptionId::from_name("subscription", &name);
        one.application = id;
        parts.subscriptions.push(one);
    }
    whole
}

/// The parts that change, as they were.
struct Changing {
    parts: Parts,
    version: domain::snapshot::Version,
}

fn put(number: u64, parts: Parts) -> Delta {
    Delta {
        from: number - 1,
        state: number,
        put: parts,
        gone: Vec::new(),
    }
}

impl Changing {
    /// One of the usual changes, and what two requests say afterwards: to `/shop` with the second
    /// key, and to `/new` without any.
    fn step(&self, number: u64, now: chrono::DateTime<chrono::Utc>) -> (Delta, u16, u16) {
        let mut parts = Parts::default();
        match number % 8 {
            0 => {
                parts.credentials = self.parts.credentials.clone();
                parts.credentials[0].lifetime.revoked_at = Some(now);
                (put(number, parts), 401, 404)
            }
            1 => {
                parts.credentials = self.parts.credentials.clone();
                (put(number, parts), 200, 404)
            }
            2 => {
                parts.versions.push(self.version.clone());
                (put(number, parts), 200, 200)
            }
            3 => {
                let mut delta = put(number, parts);
                delta.gone.push((Kind::Version, self.version.id.uuid()));
                (delta, 200, 404)
            }
            4 => {
                parts.plans = self.parts.plans.clone();
                let limit = r#"[{"rate_limit":{"limit":900000,"window":"60s"}}]"#;
                parts.plans[0].policies = serde_json::from_str(limit).unwrap();
                (put(number, parts), 200, 404)
            }
            5 => {
                parts.plans = self.parts.plans.clone();
                parts.applications = self.parts.applications.clone();
                parts.applications[0].state = ApplicationState::Disabled;
                (put(number, parts), 403, 404)
            }
            6 => {
                let mut delta = put(number, parts);
                let id = self.parts.subscriptions[0].id;
                delta.gone.push((Kind::Subscription, id.uuid()));
                delta.put.applications = self.parts.applications.clone();
                (delta, 403, 404)
            }
            _ => {
                parts.subscriptions = self.parts.subscriptions.clone();
                (put(number, parts), 200, 404)
            }
        }
    }
}

/// What 99 of a hundred did not exceed.
fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_changes_under_load() {
    let rig = Rig::new("portunus: 1\n").await;
    let whole = large(&rig);
    let of = key(2).digest();
    let credential = whole.parts.credentials.iter().find(|one| one.digest == of);
    let application = credential.unwrap().application;
    let mut version = whole.parts.versions[1].clone();
    version.id = VersionId::from_name("version", "new");
    version.revision.route.path = "/new".to_owned();
    let mut parts = Parts {
        plans: whole.parts.plans.clone(),
        ..Parts::default()
    };
    parts.credentials.extend(credential.cloned());
    let applications = whole.parts.applications.iter();
    parts.applications = applications
        .filter(|one| one.id == application)
        .cloned()
        .collect();
    let subscriptions = whole.parts.subscriptions.iter();
    let own = subscriptions.filter(|one| one.application == application);
    parts.subscriptions = own.cloned().collect();
    let changing = Changing { parts, version };
    // By way of the disk, as a node that starts without its database.
    let data = tempfile::tempdir().unwrap();
    let disk = Disk::new(data.path(), &KeyRing::new(vec![[1; 32]]));
    disk.save(&whole).unwrap();
    let loaded = disk.load().unwrap().unwrap();
    assert_eq!(loaded, whole);
    rig.change(Change::Full(Box::new(loaded)), 2).await;

    let (stop, changes) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let served = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for index in 0..CLIENTS {
        let mut client = Client::connect(rig.handle.gateway).await;
        let (stop, changes, served) = (stop.clone(), changes.clone(), served.clone());
        clients.push(tokio::spawn(async move {
            let field = format!("X-Api-Key: {}", key(1).as_str());
            let route = format!("/route/{}", index * 100);
            let (mut quiet, mut changing) = (Vec::new(), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                for (path, fields) in [("/shop", &[&*field][..]), (&*route, &[][..])] {
                    let is_quiet = !changes.load(Ordering::Relaxed);
                    let asked = Instant::now();
                    let answer = client.get(path, fields).await;
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    let took = if is_quiet { &mut quiet } else { &mut changing };
                    took.push(asked.elapsed());
                }
                served.fetch_add(2, Ordering::Relaxed);
            }
            (quiet, changing)
        }));
    }
    let is_warm = async || served.load(Ordering::Relaxed) >= QUIET;
    crate::switch::until("requests before the first change", is_warm).await;
    changes.store(true, Ordering::Relaxed);
    let began = Instant::now();

    let field = format!("X-Api-Key: {}", key(2).as_str());
    let mut client = rig.client().await;
    let mut number = 2;
    while number < WATCHED {
        number += 1;
        let (delta, shop, new) = changing.step(number, rig.now());
        rig.change(Change::Delta(Box::new(delta)), number).await;
        assert_eq!(
            client.get("/shop", &[&field]).await.status,
            shop,
            "{number}"
        );
        assert_eq!(client.get("/new", &[]).await.status, new, "{number}");
    }
    let (mut shop, mut new) = (0, 0);
    while number < ALL && (number < LEAST || began.elapsed() < TIME) {
        number += 1;
        let delta;
        (delta, shop, new) = changing.step(number, rig.now());
        rig.changes
            .send(Change::Delta(Box::new(delta)))
            .await
            .unwrap();
    }
    let mut state = rig.handle.state.clone();
    state.wait_for(|served| *served == number).await.unwrap();
    rig.handle.ready().await;
    assert_eq!(client.get("/shop", &[&field]).await.status, shop);
    assert_eq!(client.get("/new", &[]).await.status, new);
    stop.store(true, Ordering::Relaxed);
    let (mut quiet, mut during) = (Vec::new(), Vec::new());
    for client in clients {
        let (before, meanwhile) = client.await.unwrap();
        quiet.extend(before);
        during.extend(meanwhile);
    }
    let (asked, elapsed) = (during.len(), began.elapsed());
    let (quiet, meanwhile) = (p99(quiet), p99(during));
    println!(
        "{number} changes in {elapsed:?} under {asked} requests: p99 {quiet:?} before, {meanwhile:?} meanwhile"
    );
    assert!(asked > 100, "{asked}");
    assert!(meanwhile < BOUND, "{meanwhile:?}, and {quiet:?} before");
    let metrics = rig.admin("/metrics").await.body;
    for line in [
        format!("portunus_config_state {number}"),
        format!("portunus_worker_config_state{{worker=\"1\"}} {number}"),
        "portunus_config_refused_total{why=\"gap\"} 0".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_a_newer_release_is_refused_and_counted() {
    let rig = Rig::new(SHOP).await;
    let mut newer = snapshot(SHOP, &rig.upstream, 9);
    newer.schema += 1;
    newer.parts = Parts::default();
    rig.changes
        .send(Change::Full(Box::new(newer)))
        .await
        .unwrap();
    let counted = async || {
        let metrics = rig.admin("/metrics").await.body;
        metrics.contains("portunus_config_refused_total{why=\"newer_schema\"} 1")
    };
    crate::switch::until("the refused state in the metrics", counted).await;
    let field = format!("X-Api-Key: {}", key(1).as_str());
    assert_eq!(rig.get("/shop", &[&field]).await.status, 200);
    assert_eq!(*rig.handle.state.borrow(), 1, "the old one serves on");
}
