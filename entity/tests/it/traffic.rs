//! Batches into log and rollups, and what dashboards and the log read of them.

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ApplicationId, BatchId, OrganizationId};
use domain::key::Environment;
use domain::traffic::Record;
use entity::store::traffic::{
    Kept, RequestFilter, Resolution, Scope, Status, Stretch, Whose, key_uses, latest_of, prune,
    request, requests, sum_up, totals, usage, write_batch,
};

use crate::world::id;

/// A full hour, so that minutes and hours are easy to count.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 / 3600 * 3600 + seconds, 123_456_000).unwrap()
}

pub(crate) fn record(number: i64) -> Record {
    Record {
        at: at(number),
        request_id: format!("request-{number}"),
        trace_id: if number % 10 == 0 {
            format!("{number:032x}")
        } else {
            String::new()
        },
        node: "node".into(),
        state: 3,
        provider: id("provider").into(),
        consumer: id("consumer").into(),
        api: id("api").into(),
        version: id("v1").into(),
        revision: 1,
        operation: id("operation").into(),
        application: if number % 4 == 0 {
            ApplicationId::NIL
        } else {
            id("application").into()
        },
        credential: id("key").into(),
        environment: Environment::Test,
        subscription: id("subscription").into(),
        plan: id("plan").into(),
        client: "127.0.0.1".into(),
        method: "GET".into(),
        path: format!("/books/{number}%"),
        path_cut: false,
        status: if number % 10 == 0 { 429 } else { 200 },
        code: if number % 10 == 0 {
            "rate_limited".into()
        } else {
            String::new()
        },
        decided_by: String::new(),
        observed: 1 << 31,
        observed_by: String::new(),
        target: "127.0.0.1:9000".into(),
        variant: String::new(),
        tries: 1,
        bytes_in: 10,
        bytes_out: 100,
        total_us: 1000 + u32::try_from(number).unwrap(),
        policies_us: 5,
        connect_us: 6,
        first_byte_us: 7,
        units: 1,
        cached: Default::default(),
    }
}

pub(crate) fn batch(name: &str) -> BatchId {
    id(name).into()
}

pub(crate) fn provider() -> Scope {
    Scope::provider(id("provider").into())
}

pub(crate) fn whose() -> Whose {
    Whose::Provider(id("provider").into())
}

pub(crate) fn hour(resolution: Resolution) -> Stretch {
    Stretch {
        from: at(0),
        to: at(3600),
        step: TimeDelta::minutes(15),
        resolution,
    }
}

#[tokio::test]
async fn a_batch_counts_once() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let records: Vec<Record> = (1..=1000).map(record).collect();
        assert!(write_batch(&db, batch("one"), &records).await.unwrap());
        assert!(!write_batch(&db, batch("one"), &records).await.unwrap());
        assert!(write_batch(&db, batch("two"), &records[..1]).await.unwrap());
        assert!(write_batch(&db, batch("empty"), &[]).await.unwrap());
        for (resolution, step) in [
            (Resolution::Minute, TimeDelta::minutes(15)),
            (Resolution::Hour, TimeDelta::hours(1)),
        ] {
            let stretch = Stretch {
                step,
                ..hour(resolution)
            };
            let found = usage(&db, &whose(), None, &stretch, 5).await.unwrap();
            assert_eq!(found.totals.count, 1001);
            assert_eq!(found.totals.client_errors, 100);
            assert_eq!(found.totals.bytes_out, 100_100);
            let median = found.totals.latency.quantile(0.5).unwrap();
            assert!((median - 1500.0).abs() < 20.0, "{median}");
            assert_eq!(found.operations.len(), 1);
            let by_application: Vec<u64> = found
                .applications
                .iter()
                .map(|usage| usage.totals.count)
                .collect();
            assert_eq!(by_application, [751, 250]);
            let series: Vec<u64> = found
                .series
                .iter()
                .map(|point| point.totals.count)
                .collect();
            assert_eq!(series.iter().sum::<u64>(), 1001);
            assert_eq!(
                totals(&db, &whose(), None, &stretch).await.unwrap(),
                found.totals
            );
        }
        let live = Some(Environment::Live);
        let other = Whose::Consumer(id("provider").into());
        for (whose, environment) in [(whose(), live), (other, None)] {
            let stretch = hour(Resolution::Hour);
            let found = totals(&db, &whose, environment, &stretch).await.unwrap();
            assert_eq!(found.count, 0);
        }
        let uses = key_uses(&db, &[id("key").into(), id("unused").into()])
            .await
            .unwrap();
        assert_eq!(uses.len(), 1);
        let uses = uses[&id("key").into()];
        assert_eq!(
            (uses.last_used, uses.last_success, uses.first_success),
            (Some(at(1000)), Some(at(999)), Some(at(1)))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_write_the_same_minute_lose_nothing() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let nodes = (0..4).map(|node| {
            let db = db.clone();
            tokio::spawn(async move {
                for round in 0..5 {
                    // Half new keys, half shared ones.
                    let records: Vec<Record> = (0..50)
                        .map(|number| Record {
                            consumer: if number % 2 == 0 {
                                OrganizationId::NIL
                            } else {
                                id(&format!("{number}")).into()
                            },
                            ..record(number)
                        })
                        .collect();
                    write_batch(&db, batch(&format!("{node} {round}")), &records)
                        .await
                        .unwrap();
                }
            })
        });
        for node in futures::future::join_all(nodes).await {
            node.unwrap();
        }
        let found = totals(&db, &whose(), None, &hour(Resolution::Minute))
            .await
            .unwrap();
        assert_eq!(found.count, 4 * 5 * 50);
        assert_eq!(found.latency.count(), found.count);
    })
    .await;
}

#[tokio::test]
async fn the_log_is_read_by_page_and_by_filter() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let records: Vec<Record> = (1..=100).map(record).collect();
        write_batch(&db, batch("one"), &records).await.unwrap();
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = requests(&db, &provider(), &RequestFilter::default(), after, 30)
                .await
                .unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            seen.extend(page.into_iter().map(|logged| logged.record));
        }
        seen.reverse();
        assert_eq!(seen, records, "what was written is what is read");

        let none = RequestFilter::default();
        let table = [
            (
                RequestFilter {
                    status: Some(Status::Exactly(429)),
                    ..none.clone()
                },
                10,
            ),
            (
                RequestFilter {
                    status: Some(Status::Class(4)),
                    ..none.clone()
                },
                10,
            ),
            (
                RequestFilter {
                    status: Some(Status::Class(2)),
                    ..none.clone()
                },
                90,
            ),
            (
                RequestFilter {
                    code: Some("rate_limited".into()),
                    ..none.clone()
                },
                10,
            ),
            (
                RequestFilter {
                    method: Some("POST".into()),
                    ..none.clone()
                },
                0,
            ),
            (
                RequestFilter {
                    path: Some("/7%".into()),
                    ..none.clone()
                },
                1,
            ),
            (
                RequestFilter {
                    path: Some("/BOOKS".into()),
                    ..none.clone()
                },
                0,
            ),
            (
                RequestFilter {
                    request_id: Some("request-7".into()),
                    ..none.clone()
                },
                1,
            ),
            (
                RequestFilter {
                    trace_id: Some(format!("{:032x}", 10)),
                    ..none.clone()
                },
                1,
            ),
            (
                RequestFilter {
                    from: Some(at(10)),
                    to: Some(at(20)),
                    ..none.clone()
                },
                10,
            ),
            (
                RequestFilter {
                    min_us: Some(1091),
                    ..none.clone()
                },
                10,
            ),
            (
                RequestFilter {
                    api: Some(id("other").into()),
                    ..none.clone()
                },
                0,
            ),
        ];
        for (filter, count) in table {
            let found = requests(&db, &provider(), &filter, None, 1000)
                .await
                .unwrap();
            assert_eq!(found.len(), count, "{filter:?}");
        }

        let one = latest_of(&db, &provider(), "request-7")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            request(&db, &provider(), one.id).await.unwrap(),
            Some(one.clone())
        );
        let stranger = Scope::provider(id("stranger").into());
        assert_eq!(request(&db, &stranger, one.id).await.unwrap(), None);
        assert_eq!(
            request(&db, &provider(), id("no record").into())
                .await
                .unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_old_goes() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let day = 86_400;
        let records: Vec<Record> = (0..4).map(|number| record(number * day)).collect();
        write_batch(&db, batch("one"), &records).await.unwrap();
        assert_eq!(sum_up(&db, at(3 * day + 60)).await.unwrap().rows, 4);
        let kept = Kept {
            requests: TimeDelta::days(2),
            minutes: TimeDelta::days(1),
            ..Kept::default()
        };
        let pruned = prune(&db, &kept, at(3 * day + 60)).await.unwrap();
        // Of three requests nine each: three of their provider, of their consumer, and of a version.
        assert_eq!((pruned.minutes, pruned.hours), (27, 0));
        assert!(pruned.requests >= 1, "{pruned:?}");
        let left = requests(&db, &provider(), &RequestFilter::default(), None, 10)
            .await
            .unwrap();
        assert!(
            left.len() <= 3 && left.iter().any(|logged| logged.record.at == at(3 * day)),
            "{left:?}"
        );
        assert_eq!(
            prune(&db, &kept, at(3 * day + 60)).await.unwrap(),
            Default::default()
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_old_goes_also_behind_newer_rows() {
    const DAY: i64 = 86_400;
    // What is not old yet, as before a spool that waited; and what a clock that was wrong has made.
    for newer in [3 * DAY, 3_650 * DAY] {
        crate::each(async |databases| {
            let db = databases.traffic;
            // More of them than one step takes, and of several providers.
            let ahead: Vec<Record> = (0..5_100)
                .map(|number| Record {
                    at: at(newer),
                    provider: id(["another", "provider"][number as usize % 2]).into(),
                    ..record(number)
                })
                .collect();
            write_batch(&db, batch("ahead"), &ahead).await.unwrap();
            let records: Vec<Record> = (0..4).map(|number| record(number * DAY)).collect();
            write_batch(&db, batch("after"), &records).await.unwrap();
            let kept = Kept {
                requests: TimeDelta::days(2),
                ..Kept::default()
            };
            prune(&db, &kept, at(3 * DAY + 60)).await.unwrap();
            let filter = |from, to| RequestFilter {
                from,
                to,
                ..RequestFilter::default()
            };
            let old = filter(None, Some(at(DAY / 2)));
            let left = requests(&db, &provider(), &old, None, 10).await.unwrap();
            assert_eq!(left, []);
            let new = filter(Some(at(newer)), None);
            let left = requests(&db, &provider(), &new, None, 10_000)
                .await
                .unwrap();
            assert!(left.len() >= 2_550, "{}", left.len());
        })
        .await;
    }
}

/// How many records a second are stored, with rollups; run with `--release --run-ignored all`.
#[tokio::test]
#[ignore = "a measurement, of use in a release build only"]
async fn rate() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let batches: Vec<Vec<Record>> = (0..40)
            .map(|batch| {
                let record = |number: i64| Record {
                    operation: id(&format!("{}", number % 20)).into(),
                    application: id(&format!("{}", number % 7)).into(),
                    at: at(batch) + TimeDelta::microseconds(number),
                    // As a gateway makes them: the time, then chance.
                    request_id: format!(
                        "{:012x}{:020x}",
                        batch * 5000 + number,
                        id(&format!("{number}")).as_u128() >> 48
                    ),
                    ..record(number)
                };
                (0..5000).map(record).collect()
            })
            .collect();
        let start = std::time::Instant::now();
        for (number, records) in batches.iter().enumerate() {
            write_batch(&db, batch(&format!("{number}")), records)
                .await
                .unwrap();
        }
        let rate = 200_000.0 / start.elapsed().as_secs_f64();
        println!(
            "{:?}: {rate:.0} records a second",
            db.get_database_backend()
        );
    })
    .await;
}
