//! Rollups are the same however records come in batches, and a batch that comes twice is in them once.

use std::time::Instant;

use chrono::TimeDelta;
use domain::id::CredentialId;
use domain::key::Environment;
use domain::traffic::{Cached, Record};
use entity::rollup_minute;
use entity::store::traffic::{
    KeyUse, Observation, RequestFilter, Resolution, Scope, Stretch, VariantUsage, key_uses,
    observed, requests, sum_up, totals, variants, write_batch,
};
use sea_orm::{DatabaseConnection, FromQueryResult, Statement};
use uuid::Uuid;

use crate::traffic::{at, batch, hour, record, whose};
use crate::world::id;

const RECORDS: i64 = 320;
const CREDENTIALS: i64 = 5;

fn credential(side: &str, number: i64) -> Uuid {
    id(&format!("{side} {}", number % CREDENTIALS))
}

/// One of 320, over more than an hour: every third is of the same operation, all others of their own,
/// so that some rows are of many records and there are more rows than one statement has.
fn mixed(side: &str, number: i64) -> Record {
    let of = |choices: [&'static str; 3]| choices[usize::try_from(number % 3).unwrap()].to_owned();
    let operation = if number % 3 == 0 { 0 } else { number };
    Record {
        at: at(number * 12),
        provider: id(side).into(),
        credential: credential(side, number).into(),
        operation: id(&format!("operation {operation}")).into(),
        environment: if number % 7 == 0 {
            Environment::Live
        } else {
            Environment::Test
        },
        variant: of(["blue", "green", ""]),
        observed_by: of(["version/rate_limit/a plan/quota/b", "", "plan/quota/b"]),
        cached: Cached::ALL[usize::try_from(number % 8).unwrap()],
        total_us: u32::try_from(number * number).unwrap(),
        ..record(number)
    }
}

/// Stores all of them in batches of these lengths, each twice.
async fn store(db: &DatabaseConnection, side: &str, lengths: &[usize]) {
    let records: Vec<Record> = (0..RECORDS).map(|number| mixed(side, number)).collect();
    let mut rest = records.as_slice();
    for (number, length) in lengths.iter().enumerate() {
        let (now, later) = rest.split_at(*length);
        rest = later;
        let batch = batch(&format!("{side} {number}"));
        assert!(write_batch(db, batch, now).await.unwrap());
        assert!(!write_batch(db, batch, now).await.unwrap());
    }
    assert!(rest.is_empty());
}

/// All that is told of a provider but who it is; by minute and by hour.
#[derive(Debug, PartialEq)]
struct Told {
    rollups: [Vec<rollup_minute::Model>; 2],
    variants: [Vec<VariantUsage>; 2],
    observed: [Observation; 2],
    uses: Vec<KeyUse>,
    logged: usize,
}

async fn told(db: &DatabaseConnection, side: &str) -> Told {
    let scope = Scope::provider(id(side).into());
    let stretch = |resolution| Stretch {
        to: at(7200),
        ..hour(resolution)
    };
    let (minutes, hours) = (stretch(Resolution::Minute), stretch(Resolution::Hour));
    let of_variants = async |stretch: &Stretch| variants(db, &scope, stretch, 100).await.unwrap();
    let of_observed = async |stretch: &Stretch| {
        let found = observed(db, &scope, stretch, 100).await.unwrap();
        let mut found = found.unwrap();
        found
            .rows
            .sort_by_key(|row| (row.policy.clone(), row.application));
        found
    };
    let credentials: Vec<CredentialId> = (0..CREDENTIALS)
        .map(|number| credential(side, number).into())
        .collect();
    let uses = key_uses(db, &credentials).await.unwrap();
    let logged = requests(db, &scope, &RequestFilter::default(), None, 1000).await;
    Told {
        rollups: [
            rollups(db, "rollup_minute", side).await,
            rollups(db, "rollup_hour", side).await,
        ],
        variants: [of_variants(&minutes).await, of_variants(&hours).await],
        observed: [of_observed(&minutes).await, of_observed(&hours).await],
        uses: credentials.iter().map(|id| uses[id]).collect(),
        logged: logged.unwrap().len(),
    }
}

/// Rows of minutes or hours, which have the same columns.
async fn rollups(db: &DatabaseConnection, table: &str, side: &str) -> Vec<rollup_minute::Model> {
    let sql = format!(
        "SELECT * FROM {table} WHERE provider = $1 \
         ORDER BY at, operation, application, environment, class"
    );
    let read = Statement::from_sql_and_values(db.get_database_backend(), sql, [id(side).into()]);
    let mut rows = rollup_minute::Model::find_by_statement(read)
        .all(db)
        .await
        .unwrap();
    rows.iter_mut().for_each(|row| row.provider = Uuid::nil());
    rows
}

#[tokio::test]
async fn batches_of_any_length_sum_up_to_the_same() {
    crate::each(async |databases| {
        let db = databases.traffic;
        store(&db, "one by one", &[1; RECORDS as usize]).await;
        store(&db, "in parts", &[1, 2, 3, 57, 257]).await;
        store(&db, "at once", &[RECORDS as usize]).await;
        let told_once = told(&db, "one by one").await;
        assert_eq!(told_once.logged, RECORDS as usize);
        assert!(told_once.rollups[0].len() > 256);
        for rows in &told_once.rollups {
            let counts = rows.iter().map(|row| row.count);
            assert_eq!(counts.sum::<i64>(), RECORDS);
            assert!(rows.iter().any(|row| row.count > 1));
        }
        assert!(told_once.variants.iter().all(|rows| rows.len() == 2));
        assert!(told_once.observed.iter().all(|all| all.policies.len() == 2));
        for side in ["in parts", "at once"] {
            assert_eq!(told(&db, side).await, told_once, "{side}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_sum_that_does_not_fit_is_held_at_the_highest() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let strange = Record {
            bytes_in: u64::MAX,
            ..record(1)
        };
        for name in ["one", "two", "three"] {
            let records = std::slice::from_ref(&strange);
            assert!(write_batch(&db, batch(name), records).await.unwrap());
        }
        // Before and after it is moved, and once more comes to what is there.
        for (count, name) in (3..).zip(["moved", "more", "most"]) {
            for resolution in [Resolution::Minute, Resolution::Hour] {
                let stretch = hour(resolution);
                let found = totals(&db, &whose(), None, &stretch).await.unwrap();
                assert_eq!(found.count, count);
                assert!(found.bytes_in >= i64::MAX as u64);
            }
            sum_up(&db, at(3600)).await.unwrap();
            let found = totals(&db, &whose(), None, &hour(Resolution::Hour)).await;
            let found = found.unwrap();
            assert_eq!((found.count, found.bytes_in), (count, i64::MAX as u64));
            let records = std::slice::from_ref(&strange);
            assert!(write_batch(&db, batch(name), records).await.unwrap());
        }
    })
    .await;
}

/// How many records a second are stored where hardly two are of one caller, as few at once as a turn
/// of the gateway's writer finds, and as many as it gathers; run with `--release --run-ignored all`.
#[tokio::test]
#[ignore = "a measurement, of use in a release build only"]
async fn rate_of_many_callers() {
    const CALLERS: i64 = 8192;
    const ALL: i64 = 50_000;
    crate::each(async |databases| {
        let db = databases.traffic;
        let callers: Vec<Uuid> = (0..CALLERS).map(|one| id(&format!("{one}"))).collect();
        for length in [25, 2500] {
            let side = id(&format!("provider {length}"));
            let of = |number: i64| {
                let caller = callers[usize::try_from(number * 7919 % CALLERS).unwrap()];
                Record {
                    at: at(number / 5000) + TimeDelta::microseconds(number % 5000),
                    provider: side.into(),
                    application: caller.into(),
                    credential: caller.into(),
                    request_id: format!("{number:012x}{:020x}", caller.as_u128() >> 48),
                    ..record(number % 5000)
                }
            };
            let records: Vec<Record> = (0..ALL).map(of).collect();
            let start = Instant::now();
            for (number, records) in records.chunks(length).enumerate() {
                write_batch(&db, batch(&format!("{length} {number}")), records)
                    .await
                    .unwrap();
            }
            let rate = ALL as f64 / start.elapsed().as_secs_f64();
            let backend = db.get_database_backend();
            println!("{backend:?}, {length} at once: {rate:.0} records a second");
        }
    })
    .await;
}
