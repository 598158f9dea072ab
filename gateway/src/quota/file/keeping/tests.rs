//! What a restart finds at each moment: after a kill, beside a new file, without a disk.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::policy::Period;
use uuid::Uuid;

use super::*;
use crate::quota::QuotaKey;
use crate::quota::file::load;

const LIMIT: u64 = 1 << 40;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000, 0).unwrap()
}

fn key(subject: u128) -> QuotaKey {
    QuotaKey {
        attach: Uuid::from_u128(1),
        name: "q".into(),
        subject: Uuid::from_u128(subject),
    }
}

fn count(quotas: &Quotas, subject: u128, requests: u64) {
    let counter = quotas.counter(&key(subject), Period::Month, Tz::UTC, now());
    for _ in 0..requests {
        assert!(counter.admit(LIMIT, now().timestamp()).admitted);
    }
}

/// What a process that starts now goes on from.
fn found(data: &Path, subject: u128) -> u64 {
    let quotas = Quotas::default();
    load(&quotas, data, now()).unwrap();
    let counter = quotas.counter(&key(subject), Period::Month, Tz::UTC, now());
    LIMIT - 1 - counter.peek(LIMIT, now().timestamp()).left
}

fn length(data: &Path) -> u64 {
    std::fs::metadata(data.join(NAME)).unwrap().len()
}

/// A file that is in its place.
async fn kept(quotas: &Arc<Quotas>, data: &Path) -> Keeping {
    let mut keeping = Keeping::new(quotas.clone(), data);
    keeping.renew();
    keeping.put().await;
    assert!(keeping.file.is_some());
    keeping
}

#[tokio::test]
async fn what_is_counted_is_found_after_a_kill_and_after_an_end() {
    let data = tempfile::tempdir().unwrap();
    let quotas = Arc::<Quotas>::default();
    for ends in [false, true] {
        let (stop, stopped) = watch::channel(false);
        let keeping = keep(
            quotas.clone(),
            data.path().to_owned(),
            Clock::default(),
            stopped,
        );
        let keeping = tokio::spawn(keeping);
        for _ in 0..5 {
            count(&quotas, 1, 3);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if ends {
            count(&quotas, 1, 1);
            stop.send_replace(true);
            keeping.await.unwrap();
            assert_eq!(found(data.path(), 1), 31);
        } else {
            let begun = Instant::now();
            while found(data.path(), 1) < 15 {
                assert!(begun.elapsed() < Duration::from_secs(5), "not in the file");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            keeping.abort();
        }
    }
}

#[tokio::test]
async fn only_what_changed_is_added_and_a_count_may_fall() {
    let data = tempfile::tempdir().unwrap();
    let quotas = Arc::<Quotas>::default();
    count(&quotas, 1, 1);
    count(&quotas, 2, 1);
    let mut keeping = kept(&quotas, data.path()).await;
    keeping.add(MOST).await;
    let before = length(data.path());
    keeping.add(MOST).await;
    assert_eq!(length(data.path()), before);
    count(&quotas, 2, 8);
    keeping.add(MOST).await;
    let line = length(data.path()) - before;
    assert!((1..=before / 4 + 1).contains(&line), "{line} of {before}");
    assert_eq!((found(data.path(), 1), found(data.path(), 2)), (1, 9));
    let counter = quotas.counter(&key(2), Period::Month, Tz::UTC, now());
    counter.give_back(counter.period());
    keeping.add(MOST).await;
    assert_eq!(found(data.path(), 2), 8);
}

#[tokio::test]
async fn what_is_counted_beside_a_new_file_is_found_before_and_after() {
    let data = tempfile::tempdir().unwrap();
    let quotas = Arc::<Quotas>::default();
    let mut keeping = kept(&quotas, data.path()).await;
    for _ in 0..50 {
        count(&quotas, 1, 1);
        keeping.add(MOST).await;
    }
    let long = length(data.path());
    keeping.tend().await;
    assert!(keeping.renewal.is_none(), "short enough");
    keeping.added = ADDED + 1;
    keeping.tend().await;
    // Its counters are written, and it is not in its place.
    while !keeping.renewal.as_ref().unwrap().writing.is_finished() {
        tokio::task::yield_now().await;
    }
    let renewal = keeping.renewal.take();
    count(&quotas, 1, 1);
    count(&quotas, 2, 7);
    keeping.renewal = renewal.map(|Renewal { writing, since }| Renewal {
        writing: tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            writing.await.unwrap()
        }),
        since,
    });
    keeping.add(MOST).await;
    assert_eq!((found(data.path(), 1), found(data.path(), 2)), (51, 7));
    keeping.put().await;
    assert!(length(data.path()) < long);
    assert_eq!((found(data.path(), 1), found(data.path(), 2)), (51, 7));
    count(&quotas, 1, 1);
    keeping.add(MOST).await;
    assert_eq!(found(data.path(), 1), 52, "the new one is added to");
    keeping.end().await;
}

#[tokio::test]
async fn a_disk_that_fails_is_written_again_with_everything() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("later");
    let quotas = Arc::<Quotas>::default();
    let mut keeping = Keeping::new(quotas.clone(), &data);
    count(&quotas, 1, 4);
    for _ in 0..2 {
        keeping.tend().await;
        keeping.add(MOST).await;
        keeping.put().await;
        assert!(keeping.file.is_none() && keeping.is_told);
    }
    std::fs::create_dir(&data).unwrap();
    keeping.tend().await;
    keeping.put().await;
    assert!(!keeping.is_told);
    assert_eq!(found(&data, 1), 4, "though it was looked at before");

    // Something that cannot be written to.
    keeping.file = Some(Arc::new(File::open(data.join(NAME)).unwrap()));
    count(&quotas, 1, 1);
    keeping.add(MOST).await;
    assert!(keeping.file.is_none());
    keeping.end().await;
    assert_eq!(found(&data, 1), 5);
}

/// After that the system says once that it has lost something, and not what.
#[tokio::test]
async fn a_disk_that_did_not_keep_what_was_added_gets_a_new_file() {
    let data = tempfile::tempdir().unwrap();
    let quotas = Arc::<Quotas>::default();
    let mut keeping = kept(&quotas, data.path()).await;
    count(&quotas, 1, 3);
    keeping.add(MOST).await;
    let lost = async { Err(io::Error::other("a test's own")) };
    keeping.syncing = Some(tokio::spawn(lost));
    while !keeping.syncing.as_ref().unwrap().is_finished() {
        tokio::task::yield_now().await;
    }
    // Nothing of it is there.
    std::fs::write(data.path().join(NAME), "").unwrap();
    keeping.tend().await;
    assert!(keeping.is_told && keeping.file.is_none());
    keeping.put().await;
    assert!(!keeping.is_told && keeping.file.is_some());
    assert_eq!(found(data.path(), 1), 3);
}

#[tokio::test]
async fn very_many_are_written_over_several_looks_and_none_is_forgotten() {
    const SUBJECTS: u128 = 20_000;
    let data = tempfile::tempdir().unwrap();
    let quotas = Arc::<Quotas>::default();
    let mut keeping = kept(&quotas, data.path()).await;
    (0..SUBJECTS).for_each(|subject| count(&quotas, subject, 1));
    let mut looks = 0;
    let after = loop {
        let before = keeping.added;
        keeping.add(MOST).await;
        if keeping.added == before {
            break before;
        }
        looks += 1;
    };
    assert!((4..=8).contains(&looks), "{looks}");
    assert!(after > 0);
    let again = Quotas::default();
    load(&again, data.path(), now()).unwrap();
    assert_eq!(again.keys().len(), SUBJECTS as usize);
}
