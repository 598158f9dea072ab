//! Traffic from the workers' rings into a real store: counted once, whatever happens on the way.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::id::{ApplicationId, OrganizationId, VersionId};
use entity::database::{DatabaseSettings, Databases, connect, connect_later};
use gateway::record::{Names, Record, Rings, Short, Sink};
use gateway::store::TrafficStore;
use gateway::traffic::spool::{Spool, SpoolSettings};
use gateway::traffic::{Destination, Lines, Writer};
use migration::testing::{TestDatabase, each_backend};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, Statement, TransactionTrait,
};

use crate::switch::{Switch, until};

const CHILD: &str = "PORTUNUS_TEST_SPOOL";

fn rings() -> Arc<Rings> {
    Arc::new(Rings::new(2, Arc::new(Names::default())))
}

fn record(rings: &Rings, number: u64) -> Record {
    Record {
        at: chrono::Utc::now().timestamp_micros(),
        state: 3,
        bytes_in: 10,
        bytes_out: number,
        provider: OrganizationId::from_name("organization", "provider"),
        consumer: OrganizationId::from_name("organization", "consumer"),
        version: VersionId::from_name("version", "v1"),
        application: ApplicationId::from_name("application", "mobile"),
        status: if number.is_multiple_of(10) { 429 } else { 200 },
        total_us: 900,
        tries: 1,
        target: rings.names().intern("127.0.0.1:9000"),
        method: Short::new("GET"),
        path: Short::new("/petstore/pets/1"),
        request_id: Short::new(&format!("request-{number}")),
        ..Record::default()
    }
}

fn push(rings: &Rings, numbers: std::ops::Range<u64>) {
    let sinks: [Sink; 2] = [rings.sink(0), rings.sink(1)];
    for number in numbers {
        sinks[(number % 2) as usize].push(Box::new(record(rings, number)));
    }
}

fn writer(rings: &Arc<Rings>, directory: &Path, databases: &Databases) -> Writer {
    let settings = SpoolSettings::new(directory.join("spool"));
    let destination = Destination::Store(settings, TrafficStore(databases.traffic.clone()));
    Writer::start(rings.clone(), "node".into(), destination).unwrap()
}

async fn open(url: &str) -> Databases {
    connect_later(&DatabaseSettings::new(url)).await.unwrap()
}

/// Rows of the log, and what minutes and hours sum up to.
async fn counts(databases: &Databases) -> (u64, i64, i64) {
    let db = &databases.traffic;
    let rows = entity::request::Entity::find().count(db).await.unwrap();
    let sum = async |table: &str| {
        let sql = format!("SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) AS total FROM {table}");
        let row = db
            .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
            .await;
        row.unwrap().unwrap().try_get::<i64>("", "total").unwrap()
    };
    (rows, sum("rollup_minute").await, sum("rollup_hour").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_is_logged_and_counted_once() {
    each_backend(async |database: TestDatabase| {
        let databases = open(&database.url).await;
        let rings = rings();
        let writer = writer(&rings, database.directory.path(), &databases);
        let begun = Instant::now();
        push(&rings, 0..1_000);
        until("a thousand rows", async || {
            counts(&databases).await == (1_000, 1_000, 1_000)
        })
        .await;
        println!(
            "{:?}: request to store and rollups in {:?}",
            database.backend,
            begun.elapsed()
        );
        push(&rings, 1_000..1_500);
        let figures = writer.figures();
        writer.stop(Duration::from_secs(5)).await;
        assert_eq!(counts(&databases).await, (1_500, 1_500, 1_500));
        assert_eq!(
            (figures.stored.load(Ordering::Relaxed), figures.dropped()),
            (1_500, 0)
        );
        assert_eq!(figures.waiting_bytes.load(Ordering::Relaxed), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_stored_before_the_crash_is_not_stored_again() {
    each_backend(async |database: TestDatabase| {
        let databases = open(&database.url).await;
        let rings = rings();
        let directory = database.directory.path();
        {
            let mut spool = Spool::open(SpoolSettings::new(directory.join("spool"))).unwrap();
            push(&rings, 0..300);
            let mut records = Vec::new();
            rings.drain(|record| records.push(record.resolve(rings.names(), "node")));
            spool.append(&records[..200]);
            let batch = spool.next_batch().unwrap().unwrap();
            entity::store::traffic::write_batch(&databases.traffic, batch.id, &batch.records)
                .await
                .unwrap();
            spool.append(&records[200..]);
            // The process ends here: the store has the batch, the cursor does not know.
        }
        let writer = writer(&rings, directory, &databases);
        push(&rings, 300..400);
        until("all of it", async || counts(&databases).await.0 >= 400).await;
        writer.stop(Duration::from_secs(5)).await;
        assert_eq!(counts(&databases).await, (400, 400, 400));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_processes_left_is_stored_by_one() {
    each_backend(async |database: TestDatabase| {
        let databases = open(&database.url).await;
        let rings = rings();
        let directory = database.directory.path();
        push(&rings, 0..300);
        let mut records = Vec::new();
        rings.drain(|record| records.push(record.resolve(rings.names(), "node")));
        for (name, left) in ["spool", "spool-2", "spool-3"]
            .into_iter()
            .zip(records.chunks(100))
        {
            let mut spool = Spool::open(SpoolSettings::new(directory.join(name))).unwrap();
            assert_eq!(spool.append(left).written, 100);
        }
        let writer = writer(&rings, directory, &databases);
        until("all of it", async || counts(&databases).await.0 >= 300).await;
        writer.stop(Duration::from_secs(5)).await;
        assert_eq!(counts(&databases).await, (300, 300, 300));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_waits_in_the_spool_while_the_database_is_away() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    assert_eq!(database.backend, DbBackend::Postgres);
    let direct = connect(&DatabaseSettings::new(&database.url))
        .await
        .unwrap();
    let (line, url) = Switch::in_url(&database.url).await;
    line.cut();
    let rings = rings();
    let writer = writer(&rings, database.directory.path(), &open(&url).await);
    let figures = writer.figures();
    push(&rings, 0..2_000);
    until("the database is missed", async || {
        figures.away.load(Ordering::Relaxed)
    })
    .await;
    push(&rings, 2_000..3_000);
    assert!(figures.waiting_bytes.load(Ordering::Relaxed) > 0);
    assert!(figures.lag_us(chrono::Utc::now().timestamp_micros()) > 0);
    line.join();
    until("all of it", async || counts(&direct).await.0 == 3_000).await;
    line.cut();
    push(&rings, 3_000..3_100);
    tokio::time::sleep(Duration::from_millis(200)).await;
    line.join();
    until("the rest", async || {
        counts(&direct).await == (3_100, 3_100, 3_100)
    })
    .await;
    assert_eq!(figures.dropped(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_traffic_is_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traffic.jsonl");
    let rings = rings();
    let lines = Destination::Lines(Lines::new(path.clone(), 1 << 20));
    let writer = Writer::start(rings.clone(), "node".into(), lines).unwrap();
    push(&rings, 0..100);
    writer.stop(Duration::from_secs(5)).await;
    let text = std::fs::read_to_string(path).unwrap();
    let read = text
        .lines()
        .map(|line| serde_json::from_str::<domain::traffic::Record>(line).unwrap());
    assert_eq!(
        read.filter(|record| record.target == "127.0.0.1:9000")
            .count(),
        100
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_falls_silent_in_the_middle_is_given_the_batch_anew() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let editor = open(&database.url).await;
    let (line, url) = Switch::in_url(&database.url).await;
    let rings = rings();
    let databases = open(&url).await;
    let writer = writer(&rings, database.directory.path(), &databases);
    // The batch waits in the middle of its transaction when the line falls silent.
    let locking = editor.traffic.begin().await.unwrap();
    let lock = "LOCK TABLE request IN ACCESS EXCLUSIVE MODE";
    locking.execute_unprepared(lock).await.unwrap();
    push(&rings, 0..10);
    tokio::time::sleep(Duration::from_secs(2)).await;
    line.silence();
    locking.rollback().await.unwrap();
    let begun = Instant::now();
    while counts(&editor).await != (10, 10, 10) {
        assert!(begun.elapsed() < Duration::from_secs(60), "not in time");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let figures = writer.figures();
    assert!(figures.failures.load(Ordering::Relaxed) > 0);
    writer.stop(Duration::from_secs(5)).await;
    assert_eq!(counts(&editor).await, (10, 10, 10));
    // Its connection hangs still, and holds up no end.
    let closed = tokio::time::timeout(Duration::from_secs(15), databases.close());
    closed.await.unwrap().unwrap();
}

/// Another process, so that it can be killed: answers as fast as the clock lets it, and says how
/// many it has answered.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by kill_9_loses_at_most_the_last_100_ms"]
async fn child() {
    let Ok(directory) = std::env::var(CHILD) else {
        return;
    };
    let rings = rings();
    let nowhere = open("postgres://nobody@127.0.0.1:1/none").await;
    let _writer = writer(&rings, Path::new(&directory), &nowhere);
    let mut answered = 0;
    let mut out = std::io::stdout();
    loop {
        push(&rings, answered..answered + 100);
        answered += 100;
        writeln!(out, "\nanswered {answered}").unwrap();
        out.flush().unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn kill_9_loses_at_most_the_last_100_ms() {
    for life in [300, 555, 810] {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "traffic::child", "--nocapture"])
            .env(CHILD, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        let mut killed = None;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let Some(answered) = line
                .unwrap()
                .strip_prefix("answered ")
                .map(|n| n.parse::<u64>().unwrap())
            else {
                continue;
            };
            said.push((Instant::now(), answered));
            if killed.is_none() && said[0].0.elapsed() > Duration::from_millis(life) {
                child.kill().unwrap();
                killed = Some(Instant::now());
            }
        }
        child.wait().unwrap();
        let killed = killed.unwrap();
        let mut spool = Spool::open(SpoolSettings::new(directory.path().join("spool"))).unwrap();
        let mut spooled = 0;
        while let Some(batch) = spool.next_batch().unwrap() {
            spooled += batch.records.len() as u64;
        }
        let answered = said.last().unwrap().1;
        let before = |age| {
            let at = killed - Duration::from_millis(age);
            said.iter()
                .rev()
                .find(|(when, _)| *when <= at)
                .map_or(0, |(_, count)| *count)
        };
        println!(
            "answered {answered}, spooled {spooled}, answered 100 ms before the kill {}",
            before(100)
        );
        assert!(answered > 1_000);
        assert!(spooled >= before(100), "{spooled} of {}", before(100));
    }
}

/// Figures, not a test: `cargo test --release -p gateway --test it -- --ignored rate --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn rate() {
    const ROWS: u64 = 400_000;
    each_backend(async |database: TestDatabase| {
        let databases = open(&database.url).await;
        let rings = rings();
        let directory = database.directory.path().join("spool");
        let mut spool = Spool::open(SpoolSettings::new(directory)).unwrap();
        let mut records = Vec::new();
        let mut made = 0;
        let begun = Instant::now();
        while made < ROWS {
            push(&rings, made..made + 5_000);
            made += 5_000;
            records.clear();
            rings.drain(|record| records.push(record.resolve(rings.names(), "node")));
            assert_eq!(spool.append(&records).dropped, 0);
        }
        println!(
            "{:?}: {ROWS} records made, resolved and spooled in {:?}",
            database.backend,
            begun.elapsed()
        );
        drop(spool);
        let begun = Instant::now();
        let writer = writer(&rings, database.directory.path(), &databases);
        let figures = writer.figures();
        while figures.stored.load(Ordering::Relaxed) < ROWS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let rate = ROWS as f64 / begun.elapsed().as_secs_f64();
        println!(
            "{:?}: {rate:.0} rows/s from the spool into store and rollups",
            database.backend
        );
    })
    .await;
}

/// Figures, not a test: what a worker pays for a record, drained meanwhile as in service.
#[test]
#[ignore = "a measurement"]
fn rate_of_a_worker() {
    let rings = rings();
    let directory = tempfile::tempdir().unwrap();
    let sink = rings.sink(0);
    let sample = record(&rings, 1);
    let mut spool = Spool::open(SpoolSettings::new(directory.path().join("spool"))).unwrap();
    let mut spent = Duration::ZERO;
    let mut records = Vec::new();
    for _ in 0..500 {
        let begun = Instant::now();
        for number in 0..4_000 {
            let mut record = sink.blank();
            *record = sample.clone();
            record.bytes_out = number;
            sink.push(record);
        }
        spent += begun.elapsed();
        records.clear();
        rings.drain(|record| records.push(record.resolve(rings.names(), "node")));
        spool.append(&records);
    }
    println!(
        "{} ns per record on the worker",
        spent.as_nanos() / (500 * 4_000)
    );
}
