//! Quota counters in a file of `--data`: what a node without a database, or whose database is
//! down at its start, continues from.
//!
//! A line holds all that a counter has in its period, and the last line of a counter counts. So a
//! line may be added where another one is, read twice, or cut off by a crash, and nothing is counted
//! twice.

mod keeping;

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use domain::policy::Period;
use serde::{Deserialize, Serialize};

use super::counter::Standing;
use super::{Counter, QuotaKey, Quotas};
use crate::disk_file;

pub use keeping::keep;

/// Name of the file inside of the data directory.
pub const NAME: &str = "quota.jsonl";

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    key: QuotaKey,
    kind: Period,
    /// IANA name.
    zone: Cow<'static, str>,
    period: i64,
    total: u64,
}

impl Line {
    fn of(key: QuotaKey, standing: Standing) -> Self {
        Self {
            key,
            kind: standing.kind,
            zone: standing.zone.name().into(),
            period: standing.period,
            total: standing.total,
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }
}

/// Reads the file, if it is there, into counters of the present periods. What it has of others is
/// kept beside: a machine may begin with a wrong clock. A damaged line is skipped: the others still
/// count.
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
    disk_file::replace(&data.join(NAME), |file| write_all(quotas, file, count))
}

fn write_all(quotas: &Quotas, out: impl Write, count: fn(&Counter) -> u64) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    for (key, counter) in quotas.all() {
        if let Some(former) = counter.former() {
            Line::of(key.clone(), former).write(&mut out)?;
        }
        Line::of(key, counter.standing(count)).write(&mut out)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Used;
    use chrono_tz::Tz;
    use uuid::Uuid;

    /// What a crash may leave: the last whole line of a counter counts, however often it is there.
    #[test]
    fn a_file_with_lines_added_is_read_to_its_last_whole_one() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let key = QuotaKey {
            attach: Uuid::from_u128(1),
            name: "q".into(),
            subject: Uuid::from_u128(2),
        };
        let (month, _) = Period::Month.bounds(now, Tz::UTC);
        let (day, _) = Period::Day.bounds(now, Tz::UTC);
        let line = |kind, period: DateTime<Utc>, total| {
            let standing = Standing {
                kind,
                zone: Tz::UTC,
                period: period.timestamp(),
                total,
            };
            let mut bytes = Vec::new();
            let line = Line::of(key.clone(), standing);
            line.write(&mut bytes).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let of = |total| line(Period::Month, month, total);
        let cut = |total, left: usize| {
            let mut line = of(total);
            line.truncate(line.len() - left);
            line
        };
        let former = now - chrono::Duration::days(40);
        let cases = [
            ("nothing", String::new(), 0),
            ("lines added", of(3) + &of(4) + &of(6), 6),
            ("read twice", (of(3) + &of(4)).repeat(2), 4),
            ("fewer in the end", of(5) + &of(4), 4),
            ("a line cut off", of(3) + &cut(4, 9), 3),
            ("a line without its end", of(3) + &cut(4, 1), 4),
            ("cut off, and written on", cut(3, 9) + &of(4) + &of(5), 5),
            (
                "a line of a period that is over",
                of(3) + &line(Period::Month, former, 9),
                3,
            ),
            (
                "counted by day before",
                line(Period::Day, day, 9) + &of(2),
                2,
            ),
        ];
        for (what, text, total) in cases {
            let data = tempfile::tempdir().unwrap();
            std::fs::write(data.path().join(NAME), text).unwrap();
            let quotas = Quotas::default();
            load(&quotas, data.path(), now).unwrap();
            let counter = quotas.counter(&key, Period::Month, Tz::UTC, now);
            let left = counter.peek(100, now.timestamp()).left;
            assert_eq!(99 - left, total, "{what}");
        }
    }

    /// A machine may begin at 1970, and hear a moment later what time it is.
    #[test]
    fn a_clock_that_is_wrong_at_a_start_forgets_nothing() {
        let now = DateTime::from_timestamp(1_000_000_000, 0).unwrap();
        let key = QuotaKey {
            attach: Uuid::from_u128(1),
            name: "q".into(),
            subject: Uuid::from_u128(2),
        };
        let used = |quotas: &Quotas| {
            let counter = quotas.counter(&key, Period::Month, Tz::UTC, now);
            99 - counter.peek(100, now.timestamp()).left
        };
        for wrong in [DateTime::UNIX_EPOCH, now + chrono::Duration::days(400)] {
            let data = tempfile::tempdir().unwrap();
            let before = Quotas::default();
            let counter = before.counter(&key, Period::Month, Tz::UTC, now);
            assert!((0..3).all(|_| counter.admit(100, now.timestamp()).admitted));
            save(&before, data.path()).unwrap();

            let meanwhile = Quotas::default();
            load(&meanwhile, data.path(), wrong).unwrap();
            let counter = meanwhile.counter(&key, Period::Month, Tz::UTC, wrong);
            assert_eq!(counter.peek(100, wrong.timestamp()).left, 99);
            drop(counter);
            save(&meanwhile, data.path()).unwrap();
            meanwhile.sweep(now);
            assert_eq!(used(&meanwhile), 3, "{wrong}");

            let after = Quotas::default();
            load(&after, data.path(), now).unwrap();
            assert_eq!(used(&after), 3, "{wrong}");
        }
        let later = Quotas::default();
        let counter = later.counter(&key, Period::Month, Tz::UTC, now);
        counter.recall(0, 3);
        drop(counter);
        later.sweep(now + chrono::Duration::days(40));
        assert_eq!(later.count(), 0, "what is over long since holds nothing");
    }

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
