//! What was counted a moment ago is on the disk, also while that writes something else.

use std::collections::BTreeMap;

use chrono::DateTime;
use chrono_tz::Tz;
use domain::policy::Period;
use uuid::Uuid;

use super::*;
use crate::quota::QuotaKey;

const NODE: NodeId = NodeId::NIL;

fn count(quotas: &Quotas, subject: u128, requests: u64) {
    let key = QuotaKey {
        attach: Uuid::from_u128(9),
        name: "quota".into(),
        subject: Uuid::from_u128(subject),
    };
    let counter = quotas.counter(&key, Period::Day, Tz::UTC, DateTime::UNIX_EPOCH);
    for _ in 0..requests {
        assert!(counter.admit(1 << 40, 0).admitted);
    }
}

/// What a process that starts now has for the database, by subject.
fn found(data: &Path) -> BTreeMap<u128, u64> {
    let left = Gathering::open(Arc::default(), Some(data), NODE, 0);
    let mut found = BTreeMap::new();
    for row in left.journal.flushes.iter().flat_map(|flush| &flush.rows) {
        *found.entry(row.key.subject.as_u128()).or_default() += row.by;
    }
    found
}

#[tokio::test]
async fn what_was_counted_is_found_before_and_after_each_state() {
    let data = tempfile::tempdir().unwrap();
    let quotas = Arc::<Quotas>::default();
    let mut gathering = Gathering::open(quotas.clone(), Some(data.path()), NODE, 0);
    count(&quotas, 1, 1);
    gathering.gather().await;
    gathering.save().await;
    assert_eq!(found(data.path()), BTreeMap::from([(1, 1)]));
    for round in 1..=3 {
        count(&quotas, 1, 1);
        count(&quotas, 2, 1);
        gathering.gather().await;
        gathering.gather().await;
        let expected = BTreeMap::from([(1, 1 + round), (2, round)]);
        assert_eq!(found(data.path()), expected);
        gathering.journal.next(MOST_ROWS, 0);
        gathering.save().await;
        assert_eq!(found(data.path()), expected);
    }
    // All of it has arrived, and what is counted now has not.
    gathering.journal.arrived(3);
    count(&quotas, 3, 2);
    gathering.save().await;
    gathering.gather().await;
    assert_eq!(found(data.path()), BTreeMap::from([(3, 2)]));
    gathering.end();
    count(&quotas, 3, 9);
    gathering.gather().await;
    assert_eq!(found(data.path()), BTreeMap::from([(3, 2)]));
}

/// While the database is away a state may be large, and it is the same each second but for a few rows.
#[tokio::test]
async fn a_state_is_not_written_again_for_what_lies_beside_it() {
    let data = tempfile::tempdir().unwrap();
    let quotas = Arc::<Quotas>::default();
    let mut gathering = Gathering::open(quotas.clone(), Some(data.path()), NODE, 0);
    count(&quotas, 1, 1);
    gathering.gather().await;
    gathering.journal.next(MOST_ROWS, 0);
    gathering.save().await;
    let state = || std::fs::read(data.path().join("quota.flush")).unwrap();
    let before = state();
    for round in 1..=3 {
        count(&quotas, 2, 1);
        gathering.gather().await;
        gathering.save().await;
        assert!(state() == before && !gathering.is_ahead);
        assert_eq!(found(data.path()), BTreeMap::from([(1, 1), (2, round)]));
    }
    // Its number is of use only where the disk has it; and what lies beside has a bound.
    gathering.journal.next(MOST_ROWS, 0);
    gathering.save().await;
    let numbered = state();
    assert!(numbered != before);
    count(&quotas, 2, 1);
    gathering.gather().await;
    gathering.disk.as_mut().unwrap().add(2 * 1024 * 1024);
    gathering.save().await;
    assert!(state() != numbered);
    // The last of all is in no line, also where an earlier flush is still under way.
    count(&quotas, 3, 1);
    gathering.end();
    gathering.save().await;
    let expected = BTreeMap::from([(1, 1), (2, 4), (3, 1)]);
    assert_eq!(found(data.path()), expected);
}

#[tokio::test]
async fn a_disk_that_fails_has_everything_once_it_works() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("later");
    let quotas = Arc::<Quotas>::default();
    let mut gathering = Gathering::open(quotas.clone(), Some(&data), NODE, 0);
    for _ in 0..2 {
        count(&quotas, 1, 1);
        gathering.gather().await;
        gathering.save().await;
        assert_eq!(found(&data), BTreeMap::new());
    }
    std::fs::create_dir(&data).unwrap();
    gathering.save().await;
    count(&quotas, 1, 1);
    gathering.gather().await;
    assert_eq!(found(&data), BTreeMap::from([(1, 3)]));
}

#[tokio::test]
async fn of_very_many_each_is_gathered_once() {
    const SUBJECTS: u128 = 10_000;
    let data = tempfile::tempdir().unwrap();
    let quotas = Arc::<Quotas>::default();
    let mut gathering = Gathering::open(quotas.clone(), Some(data.path()), NODE, 0);
    gathering.save().await;
    (0..SUBJECTS).for_each(|subject| count(&quotas, subject, 1));
    gathering.gather().await;
    let waiting = gathering.journal.waiting();
    assert!((MOST..MOST + 1_000).contains(&waiting), "{waiting}");
    for _ in 0..3 {
        gathering.gather().await;
    }
    let found = found(data.path());
    assert_eq!(found.len(), SUBJECTS as usize);
    assert!(found.values().all(|by| *by == 1));
}

#[tokio::test]
async fn without_a_disk_nothing_is_kept_and_all_is_gathered() {
    let quotas = Arc::<Quotas>::default();
    let mut gathering = Gathering::open(quotas.clone(), None, NODE, 0);
    assert_eq!(gathering.pause(), EVERY);
    count(&quotas, 1, 1);
    gathering.gather().await;
    count(&quotas, 2, 1);
    gathering.end();
    gathering.save().await;
    assert_eq!(gathering.journal.waiting(), 2);
}
