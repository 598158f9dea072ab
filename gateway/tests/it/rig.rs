//! What every test stands on: gateway, upstream, client.

pub mod client;
pub mod frames;
pub mod moody;
pub mod name_server;
pub mod origin;
pub mod peer;
pub mod recorder;
pub mod redis;
pub mod upstream;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use domain::key::{ApiKey, Environment};
use domain::manifest;
use domain::snapshot::Snapshot;
use gateway::clock::Clock;
use gateway::source::{Change, Changes, channel};
use gateway::{Handle, RedisUrl, Settings, start};

pub use client::{Answer, Client};
pub use name_server::{Entry, NameServer};
pub use recorder::Recorder;
pub use upstream::Upstream;

/// A gateway with an upstream behind it. Its clock stands still until a test moves it.
pub struct Rig {
    pub handle: Handle,
    pub changes: Changes,
    pub upstream: Upstream,
    time: Arc<AtomicU64>,
}

/// `@UPSTREAM@` in a file stands for the upstream's address, `@KEY1@` and so on for keys.
pub fn snapshot(text: &str, upstream: &Upstream, number: u64) -> Snapshot {
    let mut text = text.replace("@UPSTREAM@", &upstream.address.to_string());
    for number in 1..10 {
        text = text.replace(&format!("@KEY{number}@"), key(number).as_str());
    }
    let manifest = manifest::read(&text, &|_| None).unwrap();
    manifest::resolve(&manifest, number, &document).unwrap()
}

fn document(name: &str) -> Result<Vec<u8>, String> {
    match name {
        "notes.yaml" => Ok(include_bytes!("../documents/notes.yaml").to_vec()),
        "answers.yaml" => Ok(include_bytes!("../documents/answers.yaml").to_vec()),
        "pets.yaml" => Ok(include_bytes!("../documents/pets.yaml").to_vec()),
        // Those of others are not ours to have here.
        _ => std::fs::read(real(name)).map_err(|error| format!("no file {name}: {error}")),
    }
}

/// Where a real document of others lies, if it is there: beside the checkout.
pub fn real(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/openapi");
    folder.join(name)
}

/// The same key for the same number in every test.
pub fn key(number: u8) -> ApiKey {
    ApiKey::from_random(Environment::Live, &[number; 64]).unwrap()
}

/// Noon of a day.
pub const START: &str = "2026-11-20T12:00:00Z";

impl Rig {
    pub async fn new(text: &str) -> Self {
        Self::with(text, |_| {}).await
    }

    pub async fn with(text: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let upstream = Upstream::start().await;
        let (clock, time) = Clock::manual(START.parse().unwrap());
        let mut settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            admin: Some("127.0.0.1:0".parse().unwrap()),
            workers: Some(2),
            clock,
            ..Settings::default()
        };
        change(&mut settings);
        let (changes, receiver) = channel();
        let handle = start(settings, receiver).unwrap();
        let rig = Self {
            handle,
            changes,
            upstream,
            time,
        };
        rig.load(text, 1).await;
        rig
    }

    /// Hands over a whole state, and waits until every worker serves it.
    pub async fn load(&self, text: &str, number: u64) {
        let snapshot = snapshot(text, &self.upstream, number);
        self.change(Change::Full(Box::new(snapshot)), number).await;
    }

    pub async fn change(&self, change: Change, number: u64) {
        self.changes.send(change).await.unwrap();
        let mut state = self.handle.state.clone();
        state.wait_for(|served| *served == number).await.unwrap();
        self.handle.ready().await;
    }

    pub fn advance(&self, seconds: u64) {
        self.time.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }

    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.time.load(Ordering::Relaxed) as i64).unwrap()
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.handle.gateway).await
    }

    /// One request on a connection of its own.
    pub async fn send(&self, request: &str) -> Answer {
        self.client().await.send(request).await
    }

    /// `GET path` with further header lines.
    pub async fn get(&self, path: &str, fields: &[&str]) -> Answer {
        self.client().await.get(path, fields).await
    }

    /// The records so far, as they would be stored.
    pub fn records(&self) -> Vec<domain::traffic::Record> {
        let mut records = Vec::new();
        let rings = &self.handle.rings;
        rings.drain(|record| records.push(record.resolve(rings.names(), "n")));
        records
    }

    /// Waits for `count` records: the last is written just after its answer.
    pub async fn wait_records(&self, count: usize) -> Vec<domain::traffic::Record> {
        let mut records = Vec::new();
        while records.len() < count {
            records.extend(self.records());
            tokio::task::yield_now().await;
        }
        records
    }

    /// Waits for what is kept of `count` requests, as it would be stored.
    pub async fn wait_details(&self, count: usize) -> Vec<domain::traffic::Detail> {
        let mut details = Vec::new();
        while details.len() < count {
            details.extend(self.handle.rings.next_detail("n"));
            tokio::task::yield_now().await;
        }
        details
    }

    pub async fn admin(&self, path: &str) -> Answer {
        let mut client = Client::connect(self.handle.admin.unwrap()).await;
        client.get(path, &[]).await
    }
}

impl self::redis::RedisServer {
    pub fn url(&self) -> RedisUrl {
        RedisUrl::new(self.address())
    }
}
