//! How old an answer is, and for how long it is fresh (RFC 9111 §4.2). Seconds, and never more of
//! them than there can be.

use std::time::UNIX_EPOCH;

use super::directives::{LONGEST, Said, number};
use crate::fields::{Fields, Name};

/// What a policy says where an answer says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usual {
    pub(crate) ttl: Option<u64>,
    pub(crate) heuristic: bool,
    pub(crate) stale_while_revalidate: u64,
    pub(crate) stale_if_error: u64,
}

/// When the request went out and its answer came: seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
}

/// What an answer's own fields come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// When it came.
    pub(crate) age: u64,
    /// 0 for none.
    pub(crate) lifetime: u64,
    /// The answer itself says how long.
    pub(crate) is_explicit: bool,
}

impl Freshness {
    pub(crate) fn of(
        status: u16,
        fields: &Fields,
        said: &Said,
        usual: &Usual,
        times: Exchange,
    ) -> Self {
        let date = fields
            .get(Name::Date)
            .and_then(date)
            .unwrap_or(times.answered);
        let explicit = explicit(fields, said, date);
        let lifetime = explicit.or_else(|| assumed(status, fields, said, usual, date));
        Self {
            age: age(fields, date, times),
            lifetime: lifetime.unwrap_or(0).min(LONGEST),
            is_explicit: explicit.is_some(),
        }
    }
}

/// RFC 9111 §4.2.1.
fn explicit(fields: &Fields, said: &Said, date_s: u64) -> Option<u64> {
    if let Some(seconds) = said.s_maxage.or(said.max_age) {
        return Some(seconds);
    }
    let mut lines = fields.named("expires");
    let expires = lines.next()?;
    // Two of them, or one that is no date: it has expired (RFC 9111 §5.3).
    let expires = if lines.next().is_none() {
        date(expires)
    } else {
        None
    };
    Some(expires.map_or(0, |expires| expires.saturating_sub(date_s)))
}

/// Those that may be kept without anybody having said so (RFC 9110 §15.1).
const fn is_usual(status: u16) -> bool {
    matches!(
        status,
        200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501
    )
}

fn assumed(status: u16, fields: &Fields, said: &Said, usual: &Usual, date_s: u64) -> Option<u64> {
    if let Some(ttl) = usual.ttl
        && is_usual(status)
        && !matches!(status, 405 | 414 | 501)
    {
        return Some(ttl);
    }
    if !usual.heuristic || !(is_usual(status) || said.public) {
        return None;
    }
    let modified = fields.named("last-modified").next().and_then(date)?;
    Some((date_s.saturating_sub(modified) / 10).min(24 * 3600))
}

/// RFC 9111 §4.2.3.
fn age(fields: &Fields, date_s: u64, times: Exchange) -> u64 {
    let mut lines = fields.named("age");
    let told = match (lines.next(), lines.next()) {
        (None, _) => 0,
        // Nobody knows how old it is: too old.
        (Some(one), None) => number(one).unwrap_or(LONGEST),
        (Some(_), Some(_)) => LONGEST,
    };
    let delay = times.answered.saturating_sub(times.asked);
    let apparent = times.answered.saturating_sub(date_s);
    told.saturating_add(delay).max(apparent).min(LONGEST)
}

/// Seconds since 1970, in any of the three forms (RFC 9110 §5.6.7).
pub(crate) fn date(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let time = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: u64 = 1_795_176_000;

    fn at(seconds: i64) -> String {
        let time = UNIX_EPOCH + std::time::Duration::from_secs(NOON.saturating_add_signed(seconds));
        httpdate::fmt_http_date(time)
    }

    fn of(status: u16, lines: &[(&str, String)], usual: &Usual) -> (u64, u64) {
        let mut fields = Fields::new(b"");
        for (name, value) in lines {
            fields.push(name, value.as_bytes());
        }
        let said = Said::read(fields.named("cache-control"));
        let times = Exchange {
            asked: NOON,
            answered: NOON + 1,
        };
        let found = Freshness::of(status, &fields, &said, usual, times);
        (found.age, found.lifetime)
    }

    #[test]
    fn ages_and_lifetimes() {
        let none = Usual::default();
        let guess = Usual {
            heuristic: true,
            ..none
        };
        let ttl = Usual {
            ttl: Some(30),
            ..guess
        };
        let cc = |text: &str| ("cache-control", text.to_owned());
        let line = |name, seconds| (name, at(seconds));
        let text = |name, text: &str| (name, text.to_owned());
        for (status, lines, usual, is) in [
            (200, vec![], none, (1, 0)),
            (200, vec![cc("max-age=60")], none, (1, 60)),
            (200, vec![cc("max-age=60, s-maxage=5")], none, (1, 5)),
            (
                200,
                vec![cc("max-age=60"), line("expires", 5)],
                none,
                (1, 60),
            ),
            (
                200,
                vec![line("expires", 10), line("date", 0)],
                none,
                (1, 10),
            ),
            (
                200,
                vec![line("expires", 10), line("date", 20)],
                none,
                (1, 0),
            ),
            (
                200,
                vec![line("expires", 10), text("date", "x")],
                none,
                (1, 9),
            ),
            (
                200,
                vec![text("expires", "0"), line("date", 0)],
                none,
                (1, 0),
            ),
            (
                200,
                vec![line("expires", 10), line("expires", 10)],
                none,
                (1, 0),
            ),
            (
                200,
                vec![cc("max-age=60"), text("age", "50")],
                none,
                (51, 60),
            ),
            (
                200,
                vec![cc("max-age=60"), line("date", -100)],
                none,
                (101, 60),
            ),
            (200, vec![text("age", "x")], none, (LONGEST, 0)),
            (200, vec![text("age", "0, 0")], none, (LONGEST, 0)),
            (200, vec![text("age", "-1")], none, (LONGEST, 0)),
            (200, vec![line("last-modified", -1000)], none, (1, 0)),
            (200, vec![line("last-modified", -1000)], guess, (1, 100)),
            (
                200,
                vec![line("last-modified", -9_999_999)],
                guess,
                (1, 86_400),
            ),
            (403, vec![line("last-modified", -1000)], guess, (1, 0)),
            (
                599,
                vec![line("last-modified", -1000), cc("public")],
                guess,
                (1, 100),
            ),
            (200, vec![line("last-modified", -1000)], ttl, (1, 30)),
            (501, vec![], ttl, (1, 0)),
            (500, vec![], ttl, (1, 0)),
            (500, vec![cc("max-age=9")], ttl, (1, 9)),
        ] {
            assert_eq!(of(status, &lines, &usual), is, "{status} {lines:?}");
        }
    }

    proptest! {
        #[test]
        fn no_number_is_too_large(
            age in any::<u64>(), max_age in any::<u64>(), asked in any::<u64>(), answered in any::<u64>(),
        ) {
            let mut fields = Fields::new(b"");
            fields.push("age", age.to_string().as_bytes());
            fields.push("cache-control", format!("max-age={max_age}").as_bytes());
            let said = Said::read(fields.named("cache-control"));
            let times = Exchange { asked, answered };
            let found = Freshness::of(200, &fields, &said, &Usual::default(), times);
            prop_assert!(found.age <= LONGEST && found.lifetime <= LONGEST);
        }
    }
}
