//! What dashboards show is what was recorded, however much of it has been moved into sums.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ApplicationId, OperationId, OrganizationId, VersionId};
use domain::key::Environment;
use domain::traffic::{Cached, Record};
use entity::store::traffic::{
    ApplicationUsage, Kept, OperationUsage, Point, Resolution, Stretch, Totals, Usage, Whose,
    prune, sum_up, totals, usage, write_batch,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::traffic::{at, batch, record};
use crate::world::id;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Neither a full hour nor a full quarter, so that stretches have edges.
fn now() -> DateTime<Utc> {
    at(13 * HOUR + 7 * MINUTE + 11)
}

/// A chance that is the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % most
    }
}

fn provider(number: i64) -> OrganizationId {
    id(&format!("provider {number}")).into()
}

fn consumer(number: i64) -> OrganizationId {
    id(&format!("consumer {number}")).into()
}

/// Each provider has two.
fn version(number: i64) -> VersionId {
    id(&format!("version {number}")).into()
}

/// Each consumer has two; the last one is nobody.
fn application(number: i64) -> ApplicationId {
    match number {
        4 => ApplicationId::NIL,
        number => id(&format!("application {number}")).into(),
    }
}

/// Most of the last hour, some a month old, and a few of a clock that is ahead.
fn drawn(chance: &mut Chance, number: i64) -> Record {
    let ages = [2 * MINUTE, HOUR, 26 * HOUR, 8 * DAY, 33 * DAY];
    let age = ages[usize::try_from(chance.below(5)).unwrap()];
    let (of, by) = (chance.below(4), chance.below(5));
    let operation = match chance.below(3) {
        0 => OperationId::NIL,
        other => id(&format!("operation {of} {other}")).into(),
    };
    let age = match number {
        300.. if number % 20 == 0 => -chance.below(3 * HOUR),
        _ => chance.below(age),
    };
    Record {
        at: now() - TimeDelta::seconds(age),
        provider: provider(of / 2),
        version: version(of),
        operation,
        consumer: match by {
            4 => OrganizationId::NIL,
            by => consumer(by / 2),
        },
        application: application(by),
        environment: match chance.below(3) {
            0 => Environment::Live,
            _ => Environment::Test,
        },
        plan: id(&format!("plan {}", chance.below(2))).into(),
        status: [200, 204, 301, 404, 429, 500, 503][usize::try_from(chance.below(7)).unwrap()],
        cached: Cached::ALL[usize::try_from(chance.below(8)).unwrap()],
        bytes_in: u64::try_from(chance.below(1000)).unwrap(),
        total_us: u32::try_from(chance.below(90_000)).unwrap(),
        ..record(number)
    }
}

/// As the four ranges of dashboards are.
fn stretches() -> [Stretch; 4] {
    [
        (HOUR, MINUTE, Resolution::Minute),
        (DAY, 15 * MINUTE, Resolution::Minute),
        (7 * DAY, 2 * HOUR, Resolution::Hour),
        (30 * DAY, 6 * HOUR, Resolution::Hour),
    ]
    .map(|(length, step, resolution)| {
        let end = (now().timestamp().div_euclid(step) + 1) * step;
        let to = DateTime::from_timestamp(end, 0).unwrap();
        Stretch {
            from: to - TimeDelta::seconds(length),
            to,
            step: TimeDelta::seconds(step),
            resolution,
        }
    })
}

fn everybody() -> Vec<Whose> {
    vec![
        Whose::Provider(provider(0)),
        Whose::Provider(provider(1)),
        Whose::Provider(id("stranger").into()),
        Whose::Consumer(consumer(0)),
        Whose::Consumer(consumer(1)),
        Whose::Versions(provider(0), vec![version(1)]),
        Whose::Versions(provider(0), vec![version(0), version(1)]),
        Whose::Versions(provider(0), vec![]),
        Whose::Applications(consumer(1), vec![application(2)]),
        Whose::Applications(consumer(1), vec![application(2), application(3)]),
    ]
}

fn is_in(record: &Record, whose: &Whose, environment: Option<Environment>) -> bool {
    let of_it = match whose {
        Whose::Provider(provider) => record.provider == *provider,
        Whose::Consumer(consumer) => record.consumer == *consumer,
        Whose::Versions(_, versions) => versions.contains(&record.version),
        Whose::Applications(_, applications) => applications.contains(&record.application),
    };
    of_it && environment.is_none_or(|one| one == record.environment)
}

/// The lines with most requests, as they are told.
fn busiest<K: Ord + Copy>(lines: HashMap<K, Totals>, top: usize) -> Vec<(K, Totals)> {
    let mut lines: Vec<(K, Totals)> = lines.into_iter().collect();
    lines.sort_by(|(a, one), (b, other)| other.count.cmp(&one.count).then(a.cmp(b)));
    lines.truncate(top);
    lines
}

/// What a dashboard has to show of these records.
fn expected(records: &[&Record], stretch: &Stretch, top: usize) -> Usage {
    let points = (stretch.to - stretch.from).num_seconds() / stretch.step.num_seconds();
    let mut found = Usage {
        series: (0..i32::try_from(points).unwrap())
            .map(|number| Point {
                at: stretch.from + stretch.step * number,
                totals: Totals::default(),
            })
            .collect(),
        ..Usage::default()
    };
    let mut operations: HashMap<(VersionId, OperationId), Totals> = HashMap::new();
    let mut applications: HashMap<(ApplicationId, OrganizationId), Totals> = HashMap::new();
    for record in records {
        if record.at < stretch.from || record.at >= stretch.to {
            continue;
        }
        found.totals.add(record);
        let point = (record.at - stretch.from).num_seconds() / stretch.step.num_seconds();
        let point = &mut found.series[usize::try_from(point).unwrap()];
        point.totals.add(record);
        let operation = (record.version, record.operation);
        operations.entry(operation).or_default().add(record);
        let application = (record.application, record.consumer);
        applications.entry(application).or_default().add(record);
    }
    let operation = |((version, operation), totals)| OperationUsage {
        version,
        operation,
        totals,
    };
    let application = |((application, consumer), totals)| ApplicationUsage {
        application,
        consumer,
        totals,
    };
    let operations = busiest(operations, top).into_iter();
    let applications = busiest(applications, top).into_iter();
    found.operations = operations.map(operation).collect();
    found.applications = applications.map(application).collect();
    found
}

/// Every dashboard shows these records, no more and no less.
async fn all_is_told(db: &DatabaseConnection, records: &[Record], when: &str) {
    for whose in everybody() {
        for environment in [None, Some(Environment::Live)] {
            let of_it: Vec<&Record> = records
                .iter()
                .filter(|record| is_in(record, &whose, environment))
                .collect();
            for (stretch, top) in stretches().into_iter().zip([10, 2, 3, 10]) {
                let told = usage(db, &whose, environment, &stretch, top).await.unwrap();
                let wanted = expected(&of_it, &stretch, top);
                assert_eq!(told, wanted, "{when}: {whose:?}, {environment:?}");
                let before = stretch.before(Resolution::Hour);
                let told = totals(db, &whose, environment, &before).await.unwrap();
                let wanted = expected(&of_it, &before, top).totals;
                assert_eq!(told, wanted, "before, {when}: {whose:?}, {environment:?}");
            }
        }
    }
}

/// Moves all that is older than the minute of `until`.
async fn move_all(db: &DatabaseConnection, until: DateTime<Utc>) {
    while sum_up(db, until).await.unwrap().more {}
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let read = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(read).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn dashboards_show_what_was_recorded_wherever_it_stands() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let mut chance = Chance(7);
        let records: Vec<Record> = (0..500).map(|number| drawn(&mut chance, number)).collect();
        let (early, late) = records.split_at(300);
        write_batch(&db, batch("early"), early).await.unwrap();
        all_is_told(&db, early, "nothing is moved").await;
        move_all(&db, now() - TimeDelta::minutes(30)).await;
        assert!(number(&db, "SELECT COUNT(*) FROM rollup_minute").await > 0);
        all_is_told(&db, early, "a part is moved").await;
        // Most of it is older than what was moved.
        write_batch(&db, batch("late"), late).await.unwrap();
        all_is_told(&db, &records, "some came late").await;
        move_all(&db, now()).await;
        all_is_told(&db, &records, "all but the present minute is moved").await;
        move_all(&db, now() + TimeDelta::hours(4)).await;
        assert_eq!(number(&db, "SELECT COUNT(*) FROM rollup_minute").await, 0);
        all_is_told(&db, &records, "all is moved").await;
        let nothing = sum_up(&db, now() + TimeDelta::hours(5)).await.unwrap();
        assert_eq!(nothing, Default::default());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_move_beside_writers_lose_nothing_and_count_nothing_twice() {
    const ROUNDS: i64 = 12;
    const EACH: i64 = 40;
    crate::each(async |databases| {
        let db = databases.traffic;
        let writers = (0..2).map(|writer| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut chance = Chance(u64::try_from(writer).unwrap());
                for round in 0..ROUNDS {
                    let records: Vec<Record> = (0..EACH)
                        .map(|number| Record {
                            at: at(chance.below(HOUR)),
                            provider: provider(0),
                            ..drawn(&mut chance, number)
                        })
                        .collect();
                    let name = batch(&format!("{writer} {round}"));
                    assert!(write_batch(&db, name, &records).await.unwrap());
                }
            })
        });
        let movers = (0..2).map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    sum_up(&db, at(2 * HOUR)).await.unwrap();
                }
            })
        });
        let tasks: Vec<_> = writers.chain(movers).collect();
        // What is read meanwhile is never more than there is, and never less than it was.
        let stretch = Stretch {
            from: at(0),
            to: at(HOUR),
            step: TimeDelta::hours(1),
            resolution: Resolution::Hour,
        };
        let whose = Whose::Provider(provider(0));
        let mut before = 0;
        while !tasks.iter().all(|task| task.is_finished()) {
            let found = usage(&db, &whose, None, &stretch, 100).await.unwrap();
            let counts = found.applications.iter().map(|one| one.totals.count);
            assert_eq!(counts.sum::<u64>(), found.totals.count);
            assert!(found.totals.count >= before);
            before = found.totals.count;
        }
        for task in tasks {
            task.await.unwrap();
        }
        move_all(&db, at(2 * HOUR)).await;
        let all = 2 * ROUNDS * EACH;
        for table in ["usage_minute", "usage_hour", "usage_day"] {
            let sql = format!("SELECT CAST(SUM(count) AS bigint) FROM {table} WHERE kind = 10");
            assert_eq!(number(&db, &sql).await, all, "{table}");
        }
        let found = totals(&db, &whose, None, &stretch).await.unwrap();
        assert_eq!(
            (found.count, found.latency.count()),
            (all as u64, all as u64)
        );
    })
    .await;
}

#[tokio::test]
async fn the_past_is_copied_once_with_what_comes_late_into_it() {
    const HOURS: i64 = 10;
    crate::each(async |databases| {
        let db = databases.traffic;
        // Of each hour one request, three days ago, and one of the last day.
        let hour = |number: i64| at(number * HOUR - 3 * DAY);
        let of = |at: DateTime<Utc>| Record { at, ..record(1) };
        let mut records: Vec<Record> = (0..HOURS).map(|number| of(hour(number))).collect();
        records.push(of(at(-HOUR)));
        write_batch(&db, batch("past"), &records).await.unwrap();
        // As the upgrade does it.
        let next = hour(0).timestamp_micros() - 123_456;
        let until = at(-DAY).timestamp_micros() - 123_456;
        for sql in [
            format!("INSERT INTO usage_past (next, until) VALUES ({next}, {until})"),
            format!("DELETE FROM rollup_minute WHERE at < {until}"),
        ] {
            db.execute_unprepared(&sql).await.unwrap();
        }
        let mut late = async |name: &str, at: DateTime<Utc>| {
            write_batch(&db, batch(name), &[of(at)]).await.unwrap();
            records.push(of(at));
        };
        let moved = sum_up(&db, at(0)).await.unwrap();
        assert_eq!((moved.rows, moved.more), (1, true));
        let copied = sum_up(&db, at(0)).await.unwrap();
        assert_eq!((copied.rows, copied.more), (1, true));
        // Into an hour that is copied, one that is not, one that nothing was in, before and after all.
        late("copied", hour(0)).await;
        late("not copied", hour(5)).await;
        late("new", hour(HOURS + 4)).await;
        late("first", hour(-5)).await;
        late("last", at(-2 * HOUR)).await;
        // Two at once do not copy the same hour.
        for _ in 0..2 {
            let (one, two) = tokio::join!(sum_up(&db, at(0)), sum_up(&db, at(0)));
            assert!(one.unwrap().more && two.unwrap().more);
        }
        late("again", hour(1)).await;
        late("still not copied", hour(HOURS - 1)).await;
        move_all(&db, at(0)).await;
        for table in ["usage_past", "rollup_minute"] {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(number(&db, &sql).await, 0, "{table}");
        }
        let all: Vec<&Record> = records.iter().collect();
        for step in [1, 12] {
            let stretch = Stretch {
                from: DateTime::from_timestamp(at(-7 * DAY).timestamp(), 0).unwrap(),
                to: DateTime::from_timestamp(at(DAY).timestamp(), 0).unwrap(),
                step: TimeDelta::hours(step),
                resolution: Resolution::Hour,
            };
            let whose = Whose::Provider(id("provider").into());
            let told = usage(&db, &whose, None, &stretch, 10).await.unwrap();
            assert_eq!(told, expected(&all, &stretch, 10));
            assert_eq!(told.totals.count, records.len() as u64);
        }
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_not_forgotten_and_sums_are() {
    crate::each(async |databases| {
        let db = databases.traffic;
        write_batch(&db, batch("one"), &[record(1)]).await.unwrap();
        let kept = Kept::default();
        // It was on its way for longer than minutes are kept.
        let later = at(5 * DAY);
        assert_eq!(prune(&db, &kept, later).await.unwrap().minutes, 0);
        move_all(&db, later).await;
        let pruned = prune(&db, &kept, later).await.unwrap();
        // For its provider, consumer and version three each, and two for its application.
        assert_eq!((pruned.minutes, pruned.hours), (11, 0));
        let stretch = Stretch {
            from: at(0),
            to: at(HOUR),
            step: TimeDelta::hours(1),
            resolution: Resolution::Hour,
        };
        let whose = Whose::Consumer(id("consumer").into());
        let found = totals(&db, &whose, None, &stretch).await.unwrap();
        assert_eq!(found.count, 1);
        let pruned = prune(&db, &kept, at(800 * DAY)).await.unwrap();
        // By hour and by day, and the rollup of its hour.
        assert_eq!(pruned.hours, 23);
        let found = totals(&db, &whose, None, &stretch).await.unwrap();
        assert_eq!(found, Totals::default());
    })
    .await;
}
