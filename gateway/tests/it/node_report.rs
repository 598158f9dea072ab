//! What a node says of itself, as everybody reads it.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use domain::id::NodeId;
use entity::database::{DatabaseSettings, connect};
use entity::store::node::list;
use gateway::store::node::{Identity, Load, run};
use migration::testing::{TestDatabase, each_backend};
use tokio::sync::watch;

use crate::switch::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_reports_the_state_that_it_serves() {
    each_backend(async |database: TestDatabase| {
        let db = connect(&DatabaseSettings::new(&database.url))
            .await
            .unwrap()
            .traffic;
        let identity = Identity {
            id: NodeId::from_name("node", "one"),
            name: "one".into(),
            kind: "gateway".into(),
            started_at: Utc::now(),
        };
        let (serve, state) = watch::channel(4);
        let load = || Load {
            connections: 7,
            dropped: 2,
            unreadable: 3,
        };
        let task = tokio::spawn(run(db.clone(), identity, state, load));
        let reported = async |wanted: i64| {
            let since = Utc::now() - TimeDelta::minutes(1);
            let nodes = list(&db, since).await.unwrap();
            nodes.iter().any(|node| {
                node.name == "one"
                    && node.state == wanted
                    && node.connections == 7
                    && node.dropped == 2
                    && node.unreadable == 3
                    && node.memory > 0
            })
        };
        until("the first report", async || reported(4).await).await;
        serve.send_replace(5);
        let changed = Instant::now();
        until("the change", async || reported(5).await).await;
        assert!(changed.elapsed() < Duration::from_millis(2_500));
        drop(serve);
        task.await.unwrap();
    })
    .await;
}
