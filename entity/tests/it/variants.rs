//! Variants of upstreams: in the log, and side by side.

use chrono::TimeDelta;
use domain::key::Environment;
use domain::traffic::Record;
use entity::store::traffic::{
    Kept, RequestFilter, Resolution, Scope, Stretch, prune, requests, variants, write_batch,
};

use crate::traffic::{at, batch, hour, provider, record};
use crate::world::id;

/// Number 0 to 99: half to no variant, of the others a fifth to the canary, whose every second
/// answer is a 503 and which is ten times as slow.
fn split(number: i64) -> Record {
    let record = record(number);
    match number % 10 {
        0..5 => record,
        5 => Record {
            variant: "canary".into(),
            status: if number % 20 == 5 { 503 } else { 200 },
            total_us: 20_000,
            ..record
        },
        _ => Record {
            variant: "stable".into(),
            total_us: 2000,
            ..record
        },
    }
}

#[tokio::test]
async fn variants_stand_side_by_side() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let records: Vec<Record> = (0..100).map(split).collect();
        // In two batches, so that the second is merged with what the first left.
        write_batch(&db, batch("one"), &records[..50])
            .await
            .unwrap();
        write_batch(&db, batch("two"), &records[50..])
            .await
            .unwrap();
        write_batch(&db, batch("two"), &records[50..])
            .await
            .unwrap();
        for (resolution, step) in [
            (Resolution::Minute, TimeDelta::minutes(15)),
            (Resolution::Hour, TimeDelta::hours(1)),
        ] {
            let stretch = Stretch {
                step,
                ..hour(resolution)
            };
            let found = variants(&db, &provider(), &stretch, 10).await.unwrap();
            let told: Vec<_> = found
                .iter()
                .map(|one| {
                    let p95 = one.totals.latency.quantile(0.95).unwrap();
                    let slow = p95 > 10_000.0;
                    let totals = &one.totals;
                    (
                        one.variant.as_str(),
                        totals.count,
                        totals.server_errors,
                        slow,
                    )
                })
                .collect();
            assert_eq!(told, [("canary", 10, 5, true), ("stable", 40, 0, false)]);
            assert!(found.iter().all(|one| one.version == id("v1").into()));
            let live = Scope {
                environment: Some(Environment::Live),
                ..provider()
            };
            let other_version = Scope {
                versions: Some(vec![id("v2").into()]),
                ..provider()
            };
            let of_application = Scope {
                applications: Some(vec![id("application").into()]),
                ..provider()
            };
            let consumer = Scope::consumer(id("consumer").into());
            let stranger = Scope::provider(id("consumer").into());
            for scope in [live, other_version, of_application, consumer, stranger] {
                assert_eq!(variants(&db, &scope, &stretch, 10).await.unwrap(), []);
            }
            assert_eq!(
                variants(&db, &provider(), &stretch, 1).await.unwrap(),
                found[..1]
            );
        }

        let filter = RequestFilter {
            variant: Some("canary".into()),
            ..RequestFilter::default()
        };
        let found = requests(&db, &provider(), &filter, None, 1000)
            .await
            .unwrap();
        assert_eq!(found.len(), 10);
        assert!(found.iter().all(|one| one.record.variant == "canary"));

        let kept = Kept {
            minutes: TimeDelta::hours(1),
            ..Kept::default()
        };
        prune(&db, &kept, at(0) + TimeDelta::hours(2))
            .await
            .unwrap();
        let left = async |resolution| {
            let stretch = hour(resolution);
            variants(&db, &provider(), &stretch, 10)
                .await
                .unwrap()
                .len()
        };
        assert_eq!(left(Resolution::Minute).await, 0);
        assert_eq!(left(Resolution::Hour).await, 2);
    })
    .await;
}
