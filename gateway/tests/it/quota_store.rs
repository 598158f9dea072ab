//! Quota counters of several nodes over a real database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use chrono_tz::Tz;
use domain::id::NodeId;
use domain::policy::Period;
use entity::database::{DatabaseSettings, connect_later};
use entity::store::quota::load;
use gateway::clock::Clock;
use gateway::quota::{Counter, QuotaKey, Quotas, file};
use gateway::store::quota::QuotaStore;
use migration::testing::{TestDatabase, each_backend};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::switch::{Switch, until};

fn key(subject: u128) -> QuotaKey {
    QuotaKey {
        attach: Uuid::from_u128(1),
        name: "quota".into(),
        subject: Uuid::from_u128(subject),
    }
}

/// A node: its counters, and what shares them.
struct Node {
    quotas: Arc<Quotas>,
    clock: Clock,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    async fn start(name: &str, url: &str, data: &Path) -> Self {
        let db = connect_later(&DatabaseSettings::new(url))
            .await
            .unwrap()
            .traffic;
        let quotas = Arc::<Quotas>::default();
        let clock = Clock::default();
        file::load(&quotas, data, clock.utc()).unwrap();
        let (stop, stopped) = watch::channel(false);
        let store = QuotaStore {
            db,
            node: NodeId::from_name("node", name),
            quotas: quotas.clone(),
            data: Some(data.to_owned()),
            own_from: i64::MAX,
            clock: clock.clone(),
        };
        let kept = file::keep(
            quotas.clone(),
            data.to_owned(),
            clock.clone(),
            stopped.clone(),
        );
        let tasks = vec![tokio::spawn(store.run(stopped)), tokio::spawn(kept)];
        Self {
            quotas,
            clock,
            stop,
            tasks,
        }
    }

    fn counter(&self, subject: u128) -> Arc<Counter> {
        self.quotas
            .counter(&key(subject), Period::Month, Tz::UTC, self.clock.utc())
    }

    /// Admitted of `asked` requests.
    fn ask(&self, subject: u128, limit: u64, asked: u64) -> u64 {
        let counter = self.counter(subject);
        let now = Utc::now().timestamp();
        (0..asked)
            .filter(|_| counter.admit(limit, now).admitted)
            .count() as u64
    }

    /// What the node believes is used.
    fn used(&self, subject: u128) -> u64 {
        let counter = self.counter(subject);
        let admission = counter.admit(1 << 40, Utc::now().timestamp());
        counter.give_back(counter.period());
        (1 << 40) - admission.left - 1
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// As `kill -9` does: nothing more is written.
    fn kill(self) {
        for task in self.tasks {
            task.abort();
        }
    }
}

async fn stored(url: &str, subject: u128) -> u64 {
    let db = connect_later(&DatabaseSettings::new(url))
        .await
        .unwrap()
        .traffic;
    let (totals, _) = load(&db, Utc::now().timestamp()).await.unwrap();
    let subject = Uuid::from_u128(subject);
    totals
        .iter()
        .filter(|total| total.key.subject == subject)
        .map(|total| total.total)
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_a_quota_within_the_stated_overshoot() {
    each_backend(async |database: TestDatabase| {
        const LIMIT: u64 = 300;
        // What a rate limit would admit on one node in two seconds.
        const PER_TWO_SECONDS: u64 = 100;
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let nodes = [
            Node::start("one", &database.url, one.path()).await,
            Node::start("two", &database.url, two.path()).await,
        ];
        let admitted = AtomicU64::new(0);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(7) {
            for node in &nodes {
                admitted.fetch_add(node.ask(1, LIMIT, 1), Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(2_000 / PER_TWO_SECONDS)).await;
        }
        let admitted = admitted.into_inner();
        println!(
            "{:?}: two nodes admitted {admitted} of {LIMIT}, stated at most {}",
            database.backend,
            LIMIT + PER_TWO_SECONDS
        );
        assert!(
            (LIMIT..=LIMIT + PER_TWO_SECONDS).contains(&admitted),
            "{admitted}"
        );
        let [first, second] = nodes;
        first.stop().await;
        second.stop().await;
        assert_eq!(stored(&database.url, 1).await, admitted);

        // A third node knows it with its first request.
        let three = tempfile::tempdir().unwrap();
        let third = Node::start("three", &database.url, three.path()).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(third.ask(1, LIMIT, 5), 0);
        assert_eq!(third.used(1), admitted);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_used_is_known_wherever_a_subject_comes_later() {
    each_backend(async |database: TestDatabase| {
        const LIMIT: u64 = 100;
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let nodes = [
            Node::start("one", &database.url, one.path()).await,
            Node::start("two", &database.url, two.path()).await,
        ];
        let [first, second] = &nodes;
        // One that the second holds and counts nothing of: whoever came was refused by something else.
        assert_eq!(second.used(4), 0);
        // Both hold the subject in this month, and the first alone in the next.
        assert_eq!((first.ask(1, LIMIT, 1), second.ask(1, LIMIT, 1)), (1, 1));
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(first.ask(4, LIMIT, 91), 91);
        let next = (Utc::now() + chrono::Duration::days(40)).timestamp();
        let counter = first.counter(1);
        assert!((0..90).all(|_| counter.admit(LIMIT, next).admitted));
        until("both months are stored", async || {
            stored(&database.url, 1).await == 92 && stored(&database.url, 4).await == 91
        })
        .await;
        // What came behind it everybody has heard of: nobody looks so far back any more.
        for subject in [2, 3] {
            first.ask(subject, LIMIT, 1);
            until("another subject is stored", async || {
                stored(&database.url, subject).await == 1
            })
            .await;
        }
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let counter = second.counter(1);
        assert!(counter.admit(LIMIT, next).admitted);
        assert_eq!(second.ask(4, LIMIT, 1), 1);
        until("the second knows what the first has used", async || {
            counter.peek(LIMIT, next).left == LIMIT - 92 && second.used(4) == 92
        })
        .await;
        for node in nodes {
            node.stop().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_survive_a_crash_and_the_database_being_away() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let (line, url) = Switch::in_url(&database.url).await;
    let data = tempfile::tempdir().unwrap();
    let node = Node::start("one", &url, data.path()).await;
    node.ask(1, 1_000, 10);
    until("ten are stored", async || {
        stored(&database.url, 1).await == 10
    })
    .await;
    line.cut();
    node.ask(1, 1_000, 20);
    node.ask(2, 1_000, 5);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    node.kill();

    // Restarted without the database it goes on from its own files.
    let node = Node::start("one", &url, data.path()).await;
    assert_eq!((node.used(1), node.used(2)), (30, 5));
    node.ask(1, 1_000, 1);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    node.kill();
    let node = Node::start("one", &url, data.path()).await;
    line.join();
    until("all is stored", async || {
        stored(&database.url, 1).await == 31
    })
    .await;
    assert_eq!(stored(&database.url, 2).await, 5);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!((node.used(1), node.used(2)), (31, 5));
    node.ask(1, 1_000, 4);
    node.stop().await;
    assert_eq!(
        (
            stored(&database.url, 1).await,
            stored(&database.url, 2).await
        ),
        (35, 5)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_forgets_what_it_counted_in_its_last_moment_at_most() {
    each_backend(async |database: TestDatabase| {
        const LIMIT: u64 = 1 << 40;
        // Twice what is promised, as everything here runs on the same few cores.
        const MOMENT: Duration = Duration::from_millis(200);
        let data = tempfile::tempdir().unwrap();
        let (mut least, mut most) = (0, 0);
        for life in [250, 700, 1_400] {
            let node = Node::start("one", &database.url, data.path()).await;
            let (begun, mut times) = (Instant::now(), Vec::new());
            while begun.elapsed() < Duration::from_millis(life) {
                assert_eq!(node.ask(1, LIMIT, 3), 3);
                times.push(Instant::now());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let killed = Instant::now();
            node.kill();
            let before = times.iter().filter(|at| **at + MOMENT < killed);
            least += 3 * before.count() as u64;
            most += 3 * times.len() as u64;
            // A write that had begun comes to its end, as one in the system would.
            tokio::time::sleep(Duration::from_millis(100)).await;

            let quotas = Quotas::default();
            file::load(&quotas, data.path(), Utc::now()).unwrap();
            let counter = quotas.counter(&key(1), Period::Month, Tz::UTC, Utc::now());
            let left = counter.peek(LIMIT, Utc::now().timestamp()).left;
            let used = LIMIT - 1 - left;
            assert!(
                (least..=most).contains(&used),
                "{used} of {least} to {most}"
            );
        }
        let node = Node::start("one", &database.url, data.path()).await;
        until("what the node counted is stored", async || {
            stored(&database.url, 1).await >= least
        })
        .await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let stored = stored(&database.url, 1).await;
        assert!(
            (least..=most).contains(&stored),
            "{stored} of {least} to {most}"
        );
        assert_eq!(node.used(1), stored);
        node.stop().await;
    })
    .await;
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        // What is under way to its place is not there a moment later.
        let entry = entry.unwrap();
        let _ = std::fs::copy(entry.path(), to.join(entry.file_name()));
    }
}

/// A disk that is put back to what it was, or that took nothing for a while, has counts without a
/// number that the database has got since.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_is_put_back_counts_nothing_twice() {
    each_backend(async |database: TestDatabase| {
        let (data, former) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let node = Node::start("one", &database.url, data.path()).await;
        node.ask(1, 1_000, 3);
        until("three are stored", async || {
            stored(&database.url, 1).await == 3
        })
        .await;
        node.ask(5, 1_000, 1);
        let line = key(5).subject.to_string();
        until("another is on the disk, and has no number", async || {
            copy(data.path(), former.path());
            ["quota.flush.since-1", "quota.flush.since-2"]
                .iter()
                .filter_map(|name| std::fs::read_to_string(former.path().join(name)).ok())
                .any(|text| text.contains(&line))
        })
        .await;
        until("it is stored", async || stored(&database.url, 5).await == 1).await;
        node.kill();
        // A write that had begun comes to its end.
        tokio::time::sleep(Duration::from_millis(100)).await;

        copy(former.path(), data.path());
        let node = Node::start("one", &database.url, data.path()).await;
        node.ask(2, 1_000, 1);
        until("what comes then is stored", async || {
            stored(&database.url, 2).await == 1
        })
        .await;
        let totals = [
            stored(&database.url, 1).await,
            stored(&database.url, 5).await,
        ];
        assert_eq!(totals, [3, 1]);
        until("the node knows it", async || {
            (node.used(1), node.used(5)) == (3, 1)
        })
        .await;
        node.stop().await;
    })
    .await;
}

/// A clock that was ahead has left numbers in the database that are above those of now.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_journal_is_lost_goes_on_behind_its_numbers() {
    each_backend(async |database: TestDatabase| {
        let db = connect_later(&DatabaseSettings::new(database.url.as_str()))
            .await
            .unwrap()
            .traffic;
        let now = Utc::now();
        let (period, until_then) = Period::Month.bounds(now, Tz::UTC);
        let used = entity::store::quota::Used {
            key: entity::store::quota::Key {
                attach: key(1).attach,
                name: key(1).name.to_string(),
                subject: key(1).subject,
                period: period.timestamp(),
            },
            until: until_then.timestamp(),
            by: 2,
        };
        let ahead = (now + chrono::Duration::days(400)).timestamp_micros();
        let node = NodeId::from_name("node", "one");
        entity::store::quota::flush(&db, node, ahead, &[used])
            .await
            .unwrap();
        let data = tempfile::tempdir().unwrap();
        let node = Node::start("one", &database.url, data.path()).await;
        node.ask(1, 1_000, 3);
        until("what is counted now is stored", async || {
            stored(&database.url, 1).await == 5
        })
        .await;
        node.stop().await;
    })
    .await;
}
