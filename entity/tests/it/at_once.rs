//! A state that several connections load together is the one that a single connection loads.

use std::sync::Mutex;

use domain::key::Environment;
use domain::lifecycle::ApplicationState;
use domain::snapshot::{Application, Credential, Kind, Subscription};
use entity::database::{Databases, begin_write};
use entity::snapshot::{Watcher, load, load_at_once};
use entity::{change, credential};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait};

use crate::world::{at, credential, id, plant};

/// What was shown.
#[derive(Default)]
struct Shown {
    applications: Mutex<Vec<Application>>,
    credentials: Mutex<Vec<Credential>>,
    subscriptions: Mutex<Vec<Subscription>>,
}

impl Watcher for Shown {
    fn applications(&self, all: &[Application]) {
        self.applications.lock().unwrap().extend_from_slice(all);
    }

    fn credentials(&self, all: &[Credential]) {
        self.credentials.lock().unwrap().extend_from_slice(all);
    }

    fn subscriptions(&self, all: &[Subscription]) {
        self.subscriptions.lock().unwrap().extend_from_slice(all);
    }
}

#[tokio::test]
async fn all_pages_are_read_and_shown_once() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        // With the one that is there already, two pages and a row.
        let names: Vec<String> = (0..8000).map(|number| format!("key {number}")).collect();
        let tx = begin_write(&db).await.unwrap();
        for names in names.chunks(500) {
            let rows = names.iter().map(|name| {
                let mut row = credential(name);
                // Some are as most are, and others have more to say.
                if row.id.as_bytes()[15].is_multiple_of(2) {
                    row.cidrs = "[]".to_owned();
                    row.expires_at = None;
                }
                credential::ActiveModel::from(row)
            });
            let inserting = credential::Entity::insert_many(rows);
            inserting.exec_without_returning(&tx).await.unwrap();
        }
        change::append(&tx, Kind::Credential, id("key 0"), at(0))
            .await
            .unwrap();
        tx.commit().await.unwrap();

        let shown = Shown::default();
        let whole = load_at_once(&db, &shown).await.unwrap();
        assert_eq!(whole, load(&db).await.unwrap());
        let parts = whole.parts;
        assert_eq!(parts.credentials.len(), names.len() + 1);
        assert!(parts.credentials.is_sorted_by_key(|one| one.id.uuid()));
        for one in &parts.credentials {
            let is_usual = one.cidrs.is_empty();
            assert_eq!(one.lifetime.expires_at.is_none(), is_usual);
            let own = one.id.uuid();
            assert_eq!(
                one.digest.0,
                *[&own.as_bytes()[..], &own.as_bytes()[..]].concat()
            );
        }
        assert_eq!(shown.applications.into_inner().unwrap(), parts.applications);
        assert_eq!(shown.credentials.into_inner().unwrap(), parts.credentials);
        let subscriptions = shown.subscriptions.into_inner().unwrap();
        assert_eq!(subscriptions, parts.subscriptions);
    })
    .await;
}

/// Changes in one transaction what is read by different connections.
async fn write(db: &DatabaseConnection, turn: usize) {
    let word = |words: [&'static str; 2]| words[turn % 2];
    let tx = begin_write(db).await.unwrap();
    for (table, column, words) in [
        ("organization", "state", ["active", "suspended"]),
        ("credential", "environment", ["live", "test"]),
        ("application", "state", ["active", "disabled"]),
    ] {
        let statement = format!("UPDATE {table} SET {column} = '{}'", word(words));
        tx.execute_unprepared(&statement).await.unwrap();
    }
    change::append(&tx, Kind::Organization, id("provider"), at(0))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_connections_see_one_moment() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        let writing = db.clone();
        let writer = tokio::spawn(async move {
            for turn in 1..=60 {
                write(&writing, turn).await;
            }
        });
        loop {
            let is_over = writer.is_finished();
            let parts = load_at_once(&db, &()).await.unwrap().parts;
            let is_second = parts.organizations[0].suspended;
            let environment = parts.credentials[0].environment;
            assert_eq!(environment == Environment::Test, is_second);
            let state = parts.applications[0].state;
            assert_eq!(state == ApplicationState::Disabled, is_second);
            if is_over {
                break;
            }
        }
        writer.await.unwrap();
    })
    .await;
}
