//! Counters that nodes share: nothing twice, nothing skipped, only what concerns the reader.

use domain::id::NodeId;
use entity::store::quota::{Cursor, Key, Used, changed, flush, last_flush, load, of, prune};
use sea_orm::{DbBackend, TransactionTrait};

use crate::world::id;

const DAY: i64 = 86_400;

fn key(subject: &str) -> Key {
    Key {
        attach: id("plan"),
        name: "quota".into(),
        subject: id(subject),
        period: 0,
    }
}

fn used(subject: &str, by: u64) -> Used {
    Used {
        key: key(subject),
        until: DAY,
        by,
    }
}

fn node(name: &str) -> NodeId {
    id(name).into()
}

#[tokio::test]
async fn a_repeated_flush_adds_nothing() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let (a, b) = (node("a"), node("b"));
        assert_eq!(last_flush(&db, a).await.unwrap(), 0);
        // The same key twice in a flush is one row.
        let first = [used("s", 3), used("s", 4), used("t", 1)];
        for _ in 0..3 {
            flush(&db, a, 5, &first).await.unwrap();
        }
        flush(&db, b, 1, &[used("s", 10)]).await.unwrap();
        flush(&db, a, 6, &[used("s", 2)]).await.unwrap();
        flush(&db, a, 5, &first).await.unwrap();
        assert_eq!(last_flush(&db, a).await.unwrap(), 6);
        let total = |found: Vec<entity::store::quota::Total>, subject: &str| {
            found
                .into_iter()
                .find(|total| total.key == key(subject))
                .map(|total| total.total)
        };
        let (all, _) = load(&db, 100).await.unwrap();
        assert_eq!(total(all.clone(), "s"), Some(19));
        assert_eq!(total(all, "t"), Some(1));
        assert_eq!(load(&db, DAY).await.unwrap().0, [], "over");
        let some = of(&db, &[key("s"), key("nobody")]).await.unwrap();
        assert_eq!((some.len(), total(some, "s")), (1, Some(19)));
    })
    .await;
}

#[tokio::test]
async fn a_node_hears_only_of_what_it_holds_and_others_changed() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let (a, b) = (node("a"), node("b"));
        flush(&db, a, 1, &[used("s", 1), used("own", 1)])
            .await
            .unwrap();
        let (_, cursor) = load(&db, 0).await.unwrap();
        flush(&db, b, 1, &[used("s", 5), used("theirs", 5)])
            .await
            .unwrap();
        flush(&db, a, 2, &[used("own", 1)]).await.unwrap();
        let (found, cursor) = changed(&db, a, cursor).await.unwrap();
        let seen: Vec<_> = found
            .iter()
            .map(|total| (total.key.clone(), total.total))
            .collect();
        assert_eq!(seen, [(key("s"), 6)]);
        let (_, cursor) = changed(&db, a, cursor).await.unwrap();
        flush(&db, b, 2, &[used("s", 1)]).await.unwrap();
        assert_eq!(changed(&db, a, cursor).await.unwrap().0[0].total, 7);
        assert_eq!(changed(&db, a, Cursor::default()).await.unwrap().0.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_counters_are_one_flush() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let all: Vec<Used> = (0..10_000)
            .map(|number| used(&format!("{number}"), 1))
            .collect();
        flush(&db, node("a"), 1, &all).await.unwrap();
        flush(&db, node("a"), 2, &all).await.unwrap();
        let (found, _) = load(&db, 0).await.unwrap();
        assert_eq!(found.len(), 10_000);
        assert!(found.iter().all(|total| total.total == 2));
        let wanted: Vec<Key> = all.iter().map(|used| used.key.clone()).take(1200).collect();
        assert_eq!(of(&db, &wanted).await.unwrap().len(), 1200);
    })
    .await;
}

#[tokio::test]
async fn what_commits_late_is_still_heard() {
    crate::each(async |databases| {
        let db = databases.traffic;
        if db.get_database_backend() != DbBackend::Postgres {
            return;
        }
        let (a, b, c) = (node("a"), node("b"), node("c"));
        flush(&db, a, 1, &[used("s", 1)]).await.unwrap();
        let late = db.begin().await.unwrap();
        flush(&late, b, 1, &[used("s", 10)]).await.unwrap();
        flush(&db, c, 1, &[used("s", 100)]).await.unwrap();
        let (found, cursor) = changed(&db, a, Cursor::default()).await.unwrap();
        assert_eq!(found[0].total, 101);
        late.commit().await.unwrap();
        let (found, _) = changed(&db, a, cursor).await.unwrap();
        assert_eq!(found[0].total, 111);
    })
    .await;
}

#[tokio::test]
async fn pruning_keeps_the_change_numbers_growing() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let (a, b) = (node("a"), node("b"));
        flush(&db, a, 1, &[used("s", 1), used("t", 1)])
            .await
            .unwrap();
        flush(&db, b, 1, &[used("s", 1)]).await.unwrap();
        let (_, cursor) = load(&db, 0).await.unwrap();
        prune(&db, DAY * 2).await.unwrap();
        let next = |by| Used {
            key: Key {
                period: DAY,
                ..key("s")
            },
            until: DAY * 2,
            by,
        };
        flush(&db, a, 2, &[next(1)]).await.unwrap();
        flush(&db, b, 2, &[next(5)]).await.unwrap();
        let (found, _) = changed(&db, a, cursor).await.unwrap();
        assert_eq!(
            found.iter().map(|total| total.total).collect::<Vec<_>>(),
            [6]
        );
    })
    .await;
}
