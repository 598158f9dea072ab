//! How often something may be tried: counters per subject in memory, with a bound on how many
//! subjects are remembered. Never a permanent lock-out.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};

use crate::error::{Error, Result};

/// How many subjects are remembered. At 40 B each the table stays below a megabyte; when it is
/// full, what is over goes first, then what would be forgotten soonest.
const CAPACITY: usize = 20_000;

/// What is counted. The number after each is how many are admitted in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sign-ins per network address: 20 a minute.
    SignInFrom,
    /// Mails asked for per mail address: 5 an hour of each kind, so that nobody can use up
    /// another's password reset by asking for something else.
    MailTo(Mail),
    /// Mails asked for per network address: 60 an hour, for many people behind one address.
    MailFrom,
    /// Looking at single-use links per network address: 60 a minute.
    LinkFrom,
    /// Purges of caches per API: 120 a minute.
    PurgeOf,
    /// Tokens asked for per network address: 600 a minute.
    TokenFrom,
    /// Refusals written to the audit per unknown caller: one row a minute.
    RefusalOf,
}

/// What a mail is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mail {
    SignUp,
    Resend,
    Reset,
    Invitation,
}

impl Kind {
    const fn limit(self) -> (u32, Duration) {
        match self {
            Self::SignInFrom => (20, Duration::minutes(1)),
            Self::MailTo(_) => (5, Duration::hours(1)),
            Self::MailFrom => (60, Duration::hours(1)),
            Self::LinkFrom => (60, Duration::minutes(1)),
            Self::PurgeOf => (120, Duration::minutes(1)),
            Self::TokenFrom => (600, Duration::minutes(1)),
            Self::RefusalOf => (1, Duration::minutes(1)),
        }
    }
}

/// Free failures of an account before its back-off begins: 1 s, doubling to 15 minutes.
const FREE_FAILURES: u32 = 5;
const LONGEST_BACK_OFF: Duration = Duration::minutes(15);

#[derive(Debug, Clone, Copy)]
struct Cell {
    count: u32,
    /// Windows: when this one ends. Back-off: until when the account waits.
    until: DateTime<Utc>,
    /// When the cell may be forgotten.
    forget: DateTime<Utc>,
}

/// The counters of a process. Keys are keyed hashes, so that neither addresses nor names are
/// kept and nobody outside can aim at a collision.
#[derive(Debug, Default)]
pub struct Attempts {
    cells: Mutex<HashMap<u64, Cell>>,
    hasher: RandomState,
}

impl Attempts {
    /// Counts one attempt; `Err` (429 with the seconds to wait) if it is one too many.
    pub fn admit(&self, kind: Kind, subject: &str, now: DateTime<Utc>) -> Result<()> {
        self.count(kind, subject, now)
            .map_err(|until| Error::too_many(seconds_until(until, now)))
    }

    /// Counts one attempt and says whether it was within the limit.
    pub fn is_within(&self, kind: Kind, subject: &str, now: DateTime<Utc>) -> bool {
        self.count(kind, subject, now).is_ok()
    }

    fn count(&self, kind: Kind, subject: &str, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        let (limit, window) = kind.limit();
        let key = self.hasher.hash_one((kind, subject));
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut cells, key, now);
        let cell = cells.entry(key).or_insert(Cell {
            count: 0,
            until: now + window,
            forget: now + window,
        });
        if cell.until <= now {
            *cell = Cell {
                count: 0,
                until: now + window,
                forget: now + window,
            };
        }
        if cell.count >= limit {
            return Err(cell.until);
        }
        cell.count += 1;
        Ok(())
    }

    /// Counts one guess at the password of `subject`; `Err` (429) while it waits after earlier
    /// ones, which is not counted. Every guess counts as wrong from its start, under one lock:
    /// counted only when its hash was computed, many at once would all pass. Known and unknown
    /// addresses are treated alike.
    pub fn may_guess(&self, subject: &str, now: DateTime<Utc>) -> Result<()> {
        let key = self.hasher.hash_one(("guess", subject));
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut cells, key, now);
        let cell = cells.entry(key).or_insert(Cell {
            count: 0,
            until: now,
            forget: now,
        });
        if cell.until > now {
            return Err(Error::too_many(seconds_until(cell.until, now)));
        }
        if cell.forget <= now {
            cell.count = 0;
        }
        cell.count = cell.count.saturating_add(1);
        let wait = match cell.count.checked_sub(FREE_FAILURES) {
            None | Some(0) => Duration::zero(),
            Some(over) => Duration::seconds(1_i64 << (over - 1).min(20)).min(LONGEST_BACK_OFF),
        };
        cell.until = now + wait;
        cell.forget = cell.until + Duration::hours(1);
        Ok(())
    }

    /// The right password, or a reset, ends the back-off.
    pub fn guessed_right(&self, subject: &str) {
        let key = self.hasher.hash_one(("guess", subject));
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        cells.remove(&key);
    }
}

fn seconds_until(until: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    let millis = (until - now).num_milliseconds().max(0);
    u64::try_from(millis).unwrap_or(0).div_ceil(1000)
}

fn make_room(cells: &mut HashMap<u64, Cell>, key: u64, now: DateTime<Utc>) {
    if cells.len() < CAPACITY || cells.contains_key(&key) {
        return;
    }
    cells.retain(|_, cell| cell.forget > now);
    if cells.len() < CAPACITY {
        return;
    }
    // A tenth at once, so that a flood of new subjects does not pay for a scan each.
    let mut ends: Vec<DateTime<Utc>> = cells.values().map(|cell| cell.forget).collect();
    let (_, edge, _) = ends.select_nth_unstable(CAPACITY / 10);
    let edge = *edge;
    cells.retain(|_, cell| cell.forget > edge);
}

/// The network that an address is counted by: itself, or its /64 for IPv6.
pub fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn twenty_a_minute_then_again() {
        let attempts = Attempts::default();
        for _ in 0..20 {
            attempts.admit(Kind::SignInFrom, "a", at(0)).unwrap();
        }
        let error = attempts.admit(Kind::SignInFrom, "a", at(10)).unwrap_err();
        assert_eq!(error.retry_after, Some(50));
        attempts.admit(Kind::SignInFrom, "b", at(10)).unwrap();
        attempts.admit(Kind::SignInFrom, "a", at(60)).unwrap();
    }

    #[test]
    fn back_off_doubles_and_ends() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            attempts.may_guess("x", at(0)).unwrap();
        }
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            attempts.may_guess("x", at(now)).unwrap();
            for _ in 0..3 {
                let error = attempts.may_guess("x", at(now)).unwrap_err();
                assert_eq!(
                    error.retry_after,
                    Some(wait),
                    "what is refused adds nothing"
                );
            }
            now += wait.cast_signed();
        }
        attempts.may_guess("x", at(now)).unwrap();
        attempts.guessed_right("x");
        attempts.may_guess("x", at(now)).unwrap();
    }

    #[test]
    fn many_guesses_at_once_are_counted_one_by_one() {
        let attempts = Attempts::default();
        let admitted = std::thread::scope(|scope| {
            let guesses: Vec<_> = (0..64)
                .map(|_| scope.spawn(|| attempts.may_guess("x", at(0)).is_ok()))
                .collect();
            let answers = guesses.into_iter().map(|guess| guess.join().unwrap());
            answers.filter(|admitted| *admitted).count()
        });
        assert_eq!(admitted, 6);
    }

    #[test]
    fn a_flood_of_subjects_stays_within_the_bound() {
        let attempts = Attempts::default();
        for _ in 0..7 {
            let _ = attempts.may_guess("victim", at(0));
        }
        for n in 0..CAPACITY * 2 {
            let _ = attempts.admit(Kind::SignInFrom, &n.to_string(), at(0));
        }
        assert!(attempts.cells.lock().unwrap().len() <= CAPACITY);
        assert!(
            attempts.may_guess("victim", at(0)).is_err(),
            "the longer memory stays"
        );
    }

    #[test]
    fn ipv6_is_counted_by_64() {
        let of = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
