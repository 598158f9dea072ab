//! Rows and stores on real databases: SQLite always, PostgreSQL where the runner names one.

// Clippy knows only functions marked as tests; all of this is one.
#![allow(clippy::unwrap_used)]

mod at_once;
mod cached;
mod credentials;
mod details;
mod lifecycle;
mod nodes;
mod observed;
mod quota;
mod snapshot;
mod sums;
mod traffic;
mod unread;
mod usage;
mod variants;
mod world;
mod writing;

use entity::database::{DatabaseSettings, Databases, connect};
use migration::testing::{TestDatabase, each_backend};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs a test on each backend with both databases open.
async fn each<F: AsyncFn(Databases)>(test: F) {
    each_backend(async |database: TestDatabase| {
        let databases = open(&database).await;
        test(databases.clone()).await;
        databases.close().await.unwrap();
    })
    .await;
}

async fn open(database: &TestDatabase) -> Databases {
    let settings = DatabaseSettings {
        traffic_url: Some(database.traffic_url.clone()),
        main_connections: 16,
        ..DatabaseSettings::new(&database.url)
    };
    connect(&settings).await.unwrap()
}
