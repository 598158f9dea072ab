//! Configuration from a real database: how fast a change arrives, and what happens without one.

use std::time::{Duration, Instant};

use chrono::Utc;
use domain::explain::{Asked, KeyState, Sight};
use domain::id::OrganizationId;
use domain::seal::KeyRing;
use domain::snapshot::{Kind, Organization};
use entity::database::{DatabaseSettings, Databases, begin_write, connect, connect_later};
use gateway::Settings;
use gateway::duty::Pen;
use gateway::source::database::DatabaseSource;
use gateway::source::disk::Disk;
use gateway::source::{Change, channel};
use gateway::store::DatabaseExplainer;
use migration::testing::{TestDatabase, each_backend};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, TransactionTrait,
};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::switch::{Switch, until};

async fn add_organization(databases: &Databases, slug: &str) -> u64 {
    let id = OrganizationId::from_name("organization", slug).uuid();
    let now = Utc::now();
    let tx = begin_write(&databases.main).await.unwrap();
    let row = entity::organization::ActiveModel {
        id: Set(id),
        slug: Set(slug.into()),
        name: Set(slug.into()),
        state: Set("active".into()),
        grants: Set("[]".into()),
        client_addresses: Set("whole".into()),
        policies: Set("[]".into()),
        created_at: Set(now),
        created_by: Set(None),
        etag: Set(1),
    };
    row.insert(&tx).await.unwrap();
    let number = entity::change::append(&tx, Kind::Organization, id, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    number
}

async fn remove_organization(databases: &Databases, slug: &str) -> u64 {
    let id = OrganizationId::from_name("organization", slug).uuid();
    let tx = begin_write(&databases.main).await.unwrap();
    entity::organization::Entity::delete_by_id(id)
        .exec(&tx)
        .await
        .unwrap();
    let number = entity::change::append(&tx, Kind::Organization, id, Utc::now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    number
}

/// The same number, and another change: the database is one that was restored.
async fn restore(databases: &Databases, number: u64) {
    let row = entity::change::ActiveModel {
        number: Set(number as i64),
        object_id: Set(uuid::Uuid::from_u128(9)),
        ..Default::default()
    };
    row.update(&databases.main).await.unwrap();
}

struct Running {
    changes: mpsc::Receiver<Change>,
    needs_full: watch::Sender<bool>,
}

impl Running {
    async fn next(&mut self) -> Change {
        timeout(Duration::from_secs(10), self.changes.recv())
            .await
            .unwrap()
            .unwrap()
    }

    async fn next_full(&mut self) -> domain::snapshot::Snapshot {
        match self.next().await {
            Change::Full(snapshot) => *snapshot,
            Change::Delta(delta) => panic!("not whole: {delta:?}"),
        }
    }

    async fn next_delta(&mut self) -> domain::snapshot::Delta {
        match self.next().await {
            Change::Delta(delta) => *delta,
            Change::Full(snapshot) => panic!("whole: {snapshot:?}"),
        }
    }
}

async fn start(url: &str, told: Option<watch::Receiver<u64>>, disk: Option<Disk>) -> Running {
    let main = connect_later(&DatabaseSettings::new(url))
        .await
        .unwrap()
        .main;
    let (changes, received) = channel();
    let (needs_full, wanted) = watch::channel(false);
    let source = DatabaseSource {
        main,
        listen: told.is_none().then(|| url.to_owned()),
        told,
        changes,
        disk,
        pen: Pen::default(),
        needs_full: wanted,
    };
    tokio::spawn(source.run());
    Running {
        changes: received,
        needs_full,
    }
}

fn slugs(organizations: &[Organization]) -> Vec<&str> {
    organizations
        .iter()
        .map(|organization| organization.slug.as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_arrives_in_time_from_another_process_and_from_this_one() {
    each_backend(async |database: TestDatabase| {
        let editor = connect(&DatabaseSettings::new(&database.url))
            .await
            .unwrap();
        add_organization(&editor, "first").await;
        let (tell, told) = watch::channel(0);
        let mut far = start(&database.url, None, None).await;
        let mut near = start(&database.url, Some(told), None).await;
        for node in [&mut far, &mut near] {
            assert_eq!(
                slugs(&node.next_full().await.parts.organizations),
                ["first"]
            );
        }
        let (mut slowest_far, mut slowest_near) = (Duration::ZERO, Duration::ZERO);
        for round in 0..10 {
            let slug = format!("round-{round}");
            let number = add_organization(&editor, &slug).await;
            let committed = Instant::now();
            tell.send_replace(number);
            let delta = near.next_delta().await;
            slowest_near = slowest_near.max(committed.elapsed());
            let other = far.next_delta().await;
            slowest_far = slowest_far.max(committed.elapsed());
            assert_eq!(delta, other);
            assert_eq!(
                (delta.state, slugs(&delta.put.organizations)),
                (number, vec![slug.as_str()])
            );
            tokio::time::sleep(Duration::from_millis(7 * round)).await;
        }
        println!(
            "{:?}: change after {slowest_near:?} in process, {slowest_far:?} in another",
            database.backend
        );
        assert!(
            slowest_near < Duration::from_millis(500) && slowest_far < Duration::from_millis(500)
        );

        remove_organization(&editor, "first").await;
        let gone = far.next_delta().await;
        let id = OrganizationId::from_name("organization", "first").uuid();
        assert_eq!(gone.gone, [(Kind::Organization, id)]);
        far.needs_full.send_replace(true);
        assert_eq!(far.next_full().await.parts.organizations.len(), 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_serves_on_and_starts_again_without_its_database() {
    each_backend(async |database: TestDatabase| {
        let editor = connect(&DatabaseSettings::new(&database.url))
            .await
            .unwrap();
        add_organization(&editor, "first").await;
        let data = tempfile::tempdir().unwrap();
        let disk = Disk::new(data.path(), &KeyRing::new(vec![[7; 32]]));
        let (line, url) = match database.backend {
            DbBackend::Postgres => {
                let (switch, url) = Switch::in_url(&database.url).await;
                (Some(switch), url)
            }
            _ => (None, database.url.clone()),
        };
        let mut node = start(&url, None, Some(disk.clone())).await;
        node.next_full().await;
        let last = add_organization(&editor, "second").await;
        assert_eq!(node.next_delta().await.state, last);
        until(
            "the state on disk",
            async || matches!(disk.load(), Ok(Some(snapshot)) if snapshot.state == last),
        )
        .await;

        // A SQLite file cannot be cut off, but be somewhere else.
        let away = match &line {
            Some(line) => {
                line.cut();
                url.clone()
            }
            None => format!("sqlite://{}/empty/portunus.sqlite", data.path().display()),
        };
        assert!(
            timeout(Duration::from_millis(300), node.changes.recv())
                .await
                .is_err()
        );
        drop(node);
        let mut restarted = start(&away, None, Some(disk.clone())).await;
        let state = restarted.next_full().await;
        assert_eq!((state.state, state.parts.organizations.len()), (last, 2));

        if let Some(line) = &line {
            let after = add_organization(&editor, "third").await;
            let joined = Instant::now();
            line.join();
            let delta = restarted.next_delta().await;
            println!(
                "caught up {:?} after the database was back",
                joined.elapsed()
            );
            assert_eq!(
                (delta.state, slugs(&delta.put.organizations)),
                (after, vec!["third"])
            );
            // A second later it listens again.
            tokio::time::sleep(Duration::from_secs(3)).await;
            add_organization(&editor, "fourth").await;
            assert_eq!(
                slugs(&restarted.next_delta().await.put.organizations),
                ["fourth"]
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_falls_silent_in_the_middle_is_asked_anew() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let editor = connect(&DatabaseSettings::new(&database.url))
        .await
        .unwrap();
    let (line, url) = Switch::in_url(&database.url).await;
    let mut node = start(&url, None, None).await;
    node.next_full().await;
    // The node looks each second: it has asked, and waits, when the line falls silent.
    let locking = editor.main.begin().await.unwrap();
    let lock = "LOCK TABLE change IN ACCESS EXCLUSIVE MODE";
    locking.execute_unprepared(lock).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    line.silence();
    locking.rollback().await.unwrap();
    let number = add_organization(&editor, "second").await;
    let heard = timeout(Duration::from_secs(30), node.changes.recv()).await;
    match heard.unwrap().unwrap() {
        Change::Full(snapshot) => assert_eq!(snapshot.state, number),
        Change::Delta(delta) => panic!("not whole: {delta:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_asks_for_what_has_changed_only() {
    each_backend(async |database: TestDatabase| {
        let editor = connect(&DatabaseSettings::new(&database.url))
            .await
            .unwrap();
        let data = tempfile::tempdir().unwrap();
        let disk = Disk::new(data.path(), &KeyRing::new(vec![[7; 32]]));
        let on_disk = async |number| {
            until(
                "the state on disk",
                async || matches!(disk.load(), Ok(Some(snapshot)) if snapshot.state == number),
            )
            .await;
        };
        let mut last = add_organization(&editor, "first").await;
        for round in 0..3 {
            let mut node = start(&database.url, None, Some(disk.clone())).await;
            let state = node.next_full().await;
            assert_eq!(state.state, last, "{round}");
            assert_eq!(state.parts.organizations.len(), (2 * round).max(1));
            // The first of these is while nobody is there, but in the first round.
            if round > 0 {
                let missed = node.next_delta().await;
                last = missed.state;
                assert_eq!(
                    slugs(&missed.put.organizations),
                    [format!("away-{}", round - 1)]
                );
            }
            on_disk(last).await;
            last = add_organization(&editor, &format!("there-{round}")).await;
            assert_eq!(node.next_delta().await.state, last);
            on_disk(last).await;
            drop(node);
            // It has gone when its channel is closed.
            tokio::time::sleep(Duration::from_millis(300)).await;
            add_organization(&editor, &format!("away-{round}")).await;
        }

        let newest = entity::change::newest(&editor.main).await.unwrap();
        restore(&editor, last).await;
        let mut node = start(&database.url, None, Some(disk.clone())).await;
        let state = node.next_full().await;
        assert_eq!((state.state, state.parts.organizations.len()), (newest, 7));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_explains_takes_a_restored_database_as_another_one() {
    each_backend(async |database: TestDatabase| {
        let databases = connect(&DatabaseSettings::new(&database.url))
            .await
            .unwrap();
        let last = add_organization(&databases, "first").await;
        let explainer = DatabaseExplainer::alone(databases.clone(), Settings::default());
        let asked = Asked {
            method: "GET".into(),
            target: "http://a.test/".into(),
            ..Asked::default()
        };
        let told = async || {
            let told = explainer.explain(&asked, KeyState::Judged, &Sight::Everything);
            let told = told.await.unwrap();
            (told.state, told.verdict.code.unwrap())
        };
        assert_eq!(told().await, (last, "no_route".to_owned()));
        let now = Utc::now();
        let host = entity::host::ActiveModel {
            id: Set(uuid::Uuid::from_u128(8)),
            organization_id: Set(None),
            host: Set("a.test".into()),
            tls: Set(Some("required".into())),
            client_ca: Set(None),
            client_crl: Set(None),
            client_crl_current: Set(None),
            created_at: Set(now),
            updated_at: Set(now),
            etag: Set(1),
        };
        host.insert(&databases.main).await.unwrap();
        restore(&databases, last).await;
        assert_eq!(told().await, (last, "https_required".to_owned()));
    })
    .await;
}
