//! A whole gateway joined to a real database: a call is logged, the node reports itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use domain::id::NodeId;
use domain::policy::Period;
use domain::seal::KeyRing;
use entity::database::{DatabaseSettings, connect_later};
use gateway::quota::{Counter, QuotaKey};
use gateway::settings::Settings;
use gateway::source::disk::{Disk, NAME};
use gateway::source::{Changes, channel};
use gateway::store::node::Identity;
use gateway::store::{Join, Joined};
use gateway::{Handle, Inherited, prepare};
use migration::testing::{TestDatabase, each_backend};
use sea_orm::EntityTrait;

use crate::switch::{Switch, until};

async fn joined(url: &str, data: &std::path::Path) -> (Handle, Joined) {
    let (handle, join, changes) = waiting(url, data).await;
    let joined = join.start(&handle, changes).unwrap();
    handle.begin();
    (handle, joined)
}

/// Its turn has not come.
async fn waiting(url: &str, data: &std::path::Path) -> (Handle, Join, Changes) {
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin: None,
        workers: Some(2),
        node: "one".into(),
        data: Some(data.to_owned()),
        ..Settings::default()
    };
    let clock = settings.clock.clone();
    let (changes, received) = channel();
    let handle = prepare(settings, received, Inherited::default()).unwrap();
    let join = Join {
        databases: connect_later(&DatabaseSettings::new(url)).await.unwrap(),
        database_url: url.to_owned(),
        told: None,
        identity: Identity {
            id: NodeId::from_name("node", "one"),
            name: "one".into(),
            kind: "gateway".into(),
            started_at: Utc::now(),
        },
        data: data.to_owned(),
        disk: Some(Disk::new(data, &KeyRing::new(vec![[1; 32]]))),
        clock,
    };
    (handle, join, changes)
}

/// A counter of a month, in which the test does not end.
fn counted(handle: &Handle) -> std::sync::Arc<Counter> {
    let key = QuotaKey {
        attach: uuid::Uuid::from_u128(1),
        name: "month".into(),
        subject: uuid::Uuid::from_u128(2),
    };
    let zone = chrono_tz::Tz::UTC;
    handle.quotas.counter(&key, Period::Month, zone, Utc::now())
}

fn get(handle: &Handle, path: &str) -> String {
    let mut stream = TcpStream::connect(handle.gateway).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_logged_also_those_of_a_restart_without_the_database() {
    each_backend(async |database: TestDatabase| {
        let data = database.directory.path().join("data");
        let direct = connect_later(&DatabaseSettings::new(&database.url))
            .await
            .unwrap();
        let (line, url) = match Switch::of(&database).await {
            Some((line, url)) => (Some(line), url),
            None => (None, database.url.clone()),
        };
        let (handle, joined_once) = joined(&url, &data).await;
        handle.ready().await;
        assert!(get(&handle, "/nothing/here?secret=1").starts_with("HTTP/1.1 404"));
        let logged = async || {
            entity::request::Entity::find()
                .all(&direct.traffic)
                .await
                .unwrap()
        };
        until("the call is logged", async || logged().await.len() == 1).await;
        let row = logged().await.remove(0);
        assert_eq!(
            (
                row.status,
                row.code.as_str(),
                row.path.as_str(),
                row.node.as_str()
            ),
            (404, "no_route", "/nothing/here", "one")
        );
        until("the node reports itself", async || {
            let since = Utc::now() - TimeDelta::minutes(1);
            let nodes = entity::store::node::list(&direct.traffic, since)
                .await
                .unwrap();
            nodes.iter().any(|node| node.name == "one")
        })
        .await;

        if let Some(line) = &line {
            line.cut();
        }
        get(&handle, "/second");
        for _ in 0..3 {
            assert!(counted(&handle).admit(10, Utc::now().timestamp()).admitted);
        }
        handle.shutdown().await;
        joined_once.leave().await;
        let (handle, joined_again) = joined(&url, &data).await;
        tokio::time::timeout(Duration::from_secs(10), handle.ready())
            .await
            .unwrap();
        get(&handle, "/third");
        // A quota goes on from what the node knew, also while its database is away.
        let admission = counted(&handle).admit(10, Utc::now().timestamp());
        assert_eq!((admission.admitted, admission.left), (true, 6));
        if let Some(line) = &line {
            assert_eq!(logged().await.len(), 1);
            line.join();
        }
        until("all calls are logged", async || logged().await.len() == 3).await;
        handle.shutdown().await;
        joined_again.leave().await;
        assert_eq!(logged().await.len(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_turn_never_comes_writes_no_state() {
    each_backend(async |database: TestDatabase| {
        let data = database.directory.path().join("data");
        let (handle, join, changes) = waiting(&database.url, &data).await;
        let joined = join.prepare(&handle, changes).unwrap();
        handle.ready().await;
        handle.shutdown().await;
        joined.leave().await;
        // The file is written beside all that, should it be.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!data.join(NAME).exists());
    })
    .await;
}

/// Who was to be relieved goes on as the node, and who began in its place steps down: what each has
/// counted reaches the database once, also what was counted while that was away.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_around_a_take_over_that_fails_is_shared_once() {
    each_backend(async |database: TestDatabase| {
        let data = database.directory.path().join("data");
        let direct = connect_later(&DatabaseSettings::new(&database.url))
            .await
            .unwrap();
        let (line, url) = match Switch::of(&database).await {
            Some((line, url)) => (Some(line), url),
            None => (None, database.url.clone()),
        };
        let ask = |handle: &Handle, times: u32| {
            for _ in 0..times {
                let admission = counted(handle).admit(1000, Utc::now().timestamp());
                assert!(admission.admitted);
            }
        };
        let stored = async || {
            let now = Utc::now().timestamp();
            let (totals, _) = entity::store::quota::load(&direct.traffic, now)
                .await
                .unwrap();
            totals.iter().map(|total| total.total).sum::<u64>()
        };
        let (old, mut before) = joined(&url, &data).await;
        ask(&old, 1);
        until("the first is stored", async || stored().await == 1).await;
        let (new, join, changes) = waiting(&url, &data).await;
        let mut after = join.prepare(&new, changes).unwrap();
        if let Some(line) = &line {
            line.cut();
        }
        ask(&old, 32);
        before.hand_over().await;
        after.begin();
        new.begin();
        ask(&old, 2);
        ask(&new, 4);
        before.resume(&old).await;
        ask(&old, 8);
        if let Some(line) = &line {
            line.join();
        }
        after.relieve(&new).await;
        ask(&new, 16);
        new.shutdown().await;
        after.leave().await;
        until("all is stored", async || stored().await == 63).await;
        until("the node knows of all", async || {
            counted(&old).peek(1000, Utc::now().timestamp()).left == 1000 - 63 - 1
        })
        .await;
        old.shutdown().await;
        before.leave().await;
        assert_eq!(stored().await, 63, "nothing is counted twice");
    })
    .await;
}
