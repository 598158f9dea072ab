//! Nodes report themselves again and again, and are one row each.

use entity::store::node::{Report, list, prune, report};

use crate::world::{at, id};

#[tokio::test]
async fn a_node_is_as_it_last_reported() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let mut one = Report {
            id: id("one").into(),
            name: "gateway-1".into(),
            kind: "gateway".into(),
            version: "0.1.0".into(),
            group: String::new(),
            region: String::new(),
            state: 7,
            cpu: 0.25,
            memory: 1 << 26,
            connections: 12,
            dropped: 0,
            unreadable: 2,
            started_at: at(0),
        };
        report(&db, one.clone(), at(5)).await.unwrap();
        one.state = 9;
        one.unreadable = 0;
        report(&db, one.clone(), at(10)).await.unwrap();
        one.id = id("two").into();
        one.name = "gateway-0".into();
        report(&db, one, at(6)).await.unwrap();
        let nodes = list(&db, at(0)).await.unwrap();
        let seen: Vec<_> = nodes
            .iter()
            .map(|node| (node.name.as_str(), node.state, node.last_seen_at))
            .collect();
        assert_eq!(seen, [("gateway-0", 9, at(6)), ("gateway-1", 9, at(10))]);
        assert!(nodes.iter().all(|node| node.unreadable == 0));
        assert_eq!(prune(&db, at(8)).await.unwrap(), 1);
        assert_eq!(list(&db, at(0)).await.unwrap().len(), 1);
    })
    .await;
}
