//! What caches did, in the log and as sums of rollups.

use chrono::TimeDelta;
use domain::traffic::{CacheSums, Cached, Record};
use entity::store::traffic::{
    RequestFilter, Resolution, Stretch, requests, totals, usage, write_batch,
};

use crate::traffic::{at, batch, hour, provider, record, whose};

/// Number 0 to 99: of each ten four hits, a stale one, two misses, one that passes.
fn asked(number: i64) -> Record {
    let cached = match number % 10 {
        0..=2 => Cached::Hit,
        3 => Cached::Shared,
        4 => Cached::Stale,
        5 => Cached::Stored,
        6 => Cached::Validated,
        7 => Cached::Pass,
        _ => Cached::None,
    };
    Record {
        cached,
        ..record(number)
    }
}

#[tokio::test]
async fn hits_are_summed_by_minute_and_hour() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let records: Vec<Record> = (0..100).map(asked).collect();
        // In two batches, so that the second is merged with what the first left.
        for (name, records) in [("one", &records[..50]), ("two", &records[50..])] {
            write_batch(&db, batch(name), records).await.unwrap();
        }
        write_batch(&db, batch("two"), &records[50..])
            .await
            .unwrap();
        // What met no cache adds nothing.
        write_batch(&db, batch("three"), &[record(1)])
            .await
            .unwrap();
        let sums = CacheSums {
            hits: 40,
            stale: 10,
            misses: 20,
            passes: 10,
        };
        for (resolution, step) in [
            (Resolution::Minute, TimeDelta::minutes(1)),
            (Resolution::Hour, TimeDelta::hours(1)),
        ] {
            let stretch = Stretch {
                step,
                ..hour(resolution)
            };
            let found = usage(&db, &whose(), None, &stretch, 5).await.unwrap();
            assert_eq!((found.totals.count, found.totals.cache), (101, sums));
            let all = totals(&db, &whose(), None, &stretch).await.unwrap();
            assert_eq!(all.cache, sums);
            let mut of_points = CacheSums::default();
            for point in &found.series {
                of_points.merge(&point.totals.cache);
            }
            assert_eq!(of_points, sums);
            assert_eq!(found.operations[0].totals.cache, sums);
        }
        let first = found_in_minute(&db).await;
        assert_eq!(first.hits + first.stale + first.misses + first.passes, 48);
        for (cached, count) in [
            (Cached::Hit, 30),
            (Cached::Shared, 10),
            (Cached::Miss, 0),
            (Cached::None, 21),
        ] {
            let filter = RequestFilter {
                cached: Some(cached),
                ..RequestFilter::default()
            };
            let owner = provider();
            let found = requests(&db, &owner, &filter, None, 1000).await.unwrap();
            assert_eq!(found.len(), count, "{cached:?}");
            assert!(found.iter().all(|one| one.record.cached == cached));
        }
    })
    .await;
}

/// Of the seconds 0 to 59.
async fn found_in_minute(db: &sea_orm::DatabaseConnection) -> CacheSums {
    let stretch = Stretch {
        from: at(0),
        to: at(59),
        step: TimeDelta::minutes(1),
        resolution: Resolution::Minute,
    };
    totals(db, &whose(), None, &stretch).await.unwrap().cache
}
