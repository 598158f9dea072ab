//! Quota counters in a file of `--data`: what a node without a database, or whose database is
//! down at its start, continues from.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::policy::Period;
use serde::{Deserialize, Serialize};

use super::{Counter, QuotaKey, Quotas};
use crate::clock::Clock;
use crate::disk_file;

/// Name of the file inside of the data directory.
pub const NAME: &str = "quota.jsonl";

/// How often it is written without a database: how much `kill -9` may forget.
pub const ALONE: Duration = Duration::from_secs(1);
/// The same beside a database, whose counts win as soon as it answers, and where what it does not
/// have yet is kept each second anyway.
pub const BESIDE: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    key: QuotaKey,
    kind: Period,
    /// IANA name.
    zone: String,
    period: i64,
    total: u64,
}

/// Reads the file, if it is there, into counters of periods that are not over. A damaged line is
/// skipped: the others still count.
pub fn load(quotas: &Quotas, data: &Path, now: DateTime<Utc>) -> io::Result<usize> {
    let file = match std::fs::File::open(data.join(NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut count = 0;
    for line in BufReader::new(file).split(b'\n') {
        let Ok(line) = serde_json::from_slice::<Line>(&line?) else {
            continue;
        };
        let Ok(zone) = line.zone.parse() else {
            continue;
        };
        quotas.preset(line.key, line.kind, zone, now, line.period, line.total);
        count += 1;
    }
    Ok(count)
}

/// Writes all counters, by rename, so that a reader never sees half a file.
pub fn save(quotas: &Quotas, data: &Path) -> io::Result<()> {
    write(quotas, data, Counter::total)
}

/// Writes all counters for a process that takes over. What is counted from then on is in
/// [`Quotas::take`], and what was counted before it is not.
pub fn hand_over(quotas: &Quotas, data: &Path) -> io::Result<()> {
    quotas.take(usize::MAX);
    write(quotas, data, Counter::settled)
}

fn write(quotas: &Quotas, data: &Path, count: fn(&Counter) -> u64) -> io::Result<()> {
    disk_file::replace(&data.join(NAME), |file| {
        let mut out = BufWriter::new(file);
        for (key, counter) in quotas.all() {
            let (kind, zone) = counter.kind();
            let line = Line {
                key,
                kind,
                zone: zone.name().to_owned(),
                period: counter.period(),
                total: count(&counter),
            };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    })
}

/// Saves every so often, if something changed, and once more when `stop` says so.
pub async fn keep(
    quotas: Arc<Quotas>,
    data: PathBuf,
    clock: Clock,
    every: Duration,
    mut stop: tokio::sync::watch::Receiver<bool>,
) {
    let mut seen = None;
    loop {
        let stopping = tokio::select! {
            () = tokio::time::sleep(every) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        let sum = quotas.fingerprint();
        if seen != Some(sum) {
            let (all, directory) = (quotas.clone(), data.clone());
            match tokio::task::spawn_blocking(move || save(&all, &directory)).await {
                Ok(Ok(())) => seen = Some(sum),
                Ok(Err(error)) => tracing::warn!(%error, "Quota counters could not be written."),
                Err(error) => tracing::error!(%error, "Writing quota counters ended abnormally."),
            }
        }
        if stopping {
            return;
        }
        quotas.sweep(clock.utc());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Used;
    use chrono_tz::Tz;
    use uuid::Uuid;

    #[test]
    fn counters_survive_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let key = QuotaKey {
            attach: Uuid::from_u128(1),
            name: "q".into(),
            subject: Uuid::from_u128(2),
        };
        let before = Quotas::default();
        before
            .counter(&key, Period::Month, Tz::UTC, now)
            .admit(9, now.timestamp());
        save(&before, data.path()).unwrap();
        // A line that is not even text.
        let path = data.path().join(NAME);
        let damaged = [&b"\xff\xfe\n"[..], &std::fs::read(&path).unwrap()].concat();
        std::fs::write(path, damaged).unwrap();

        let after = Quotas::default();
        assert_eq!(load(&after, data.path(), now).unwrap(), 1);
        let counter = after.counter(&key, Period::Month, Tz::UTC, now);
        assert_eq!(counter.admit(9, now.timestamp()).left, 7);

        let counter = before.counter(&key, Period::Month, Tz::UTC, now);
        hand_over(&before, data.path()).unwrap();
        counter.admit(9, now.timestamp());
        let taking = Quotas::default();
        load(&taking, data.path(), now).unwrap();
        taking.credit(before.take(usize::MAX));
        let counter = taking.counter(&key, Period::Month, Tz::UTC, now);
        assert_eq!(counter.peek(9, now.timestamp()).left, 6);
        let unseen = Quotas::default();
        let again = Used {
            key: key.clone(),
            period: counter.period(),
            by: 2,
            until: 0,
        };
        unseen.credit(vec![again.clone(), again]);
        let counter = unseen.counter(&key, Period::Month, Tz::UTC, now);
        assert_eq!(counter.peek(9, now.timestamp()).left, 4);

        let later = Quotas::default();
        let next = now + chrono::Duration::days(40);
        load(&later, data.path(), next).unwrap();
        let counter = later.counter(&key, Period::Month, Tz::UTC, next);
        assert_eq!(counter.admit(9, next.timestamp()).left, 8);
        assert_eq!(load(&later, &data.path().join("none"), now).unwrap(), 0);
    }
}
