//! How times, durations, sizes, rates and numbers are written: the one place for it.
//!
//! Times are UTC. Nothing here reads a clock: who formats says what time it is now.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Utc};
use leptos::prelude::*;

/// A whole number with thousands apart: `69,808`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun, in the plural where it must: `1 key`, `2,000 keys`.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", count(number))
}

/// A short form for axes and tiles: `950`, `2.5k`, `12k`, `3.1M`.
#[must_use]
pub fn short(number: f64) -> String {
    const STEPS: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    for (step, unit) in STEPS {
        if number >= step {
            return format!("{}{unit}", trimmed(number / step));
        }
    }
    trimmed(number)
}

/// A share of one, as per cent: `0.31 %`, `12 %`, `<0.01 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.01 {
        return "<0.01 %".to_owned();
    }
    let digits = match percent {
        p if p == 0.0 || p >= 10.0 => 0,
        p if p >= 1.0 => 1,
        _ => 2,
    };
    format!("{percent:.digits$} %")
}

/// Bytes in units of 1,000: `812 B`, `14 kB`, `2.3 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    for (unit, name) in UNITS {
        if bytes >= unit {
            return format!("{} {name}", trimmed(bytes as f64 / unit as f64));
        }
    }
    format!("{bytes} B")
}

/// A latency, given in microseconds: `<0.1 ms`, `0.4 ms`, `84 ms`, `2.1 s`.
#[must_use]
pub fn latency(micros: u64) -> String {
    if (1..50).contains(&micros) {
        return "<0.1 ms".to_owned();
    }
    if micros >= 1_000_000 {
        return format!("{} s", trimmed(micros as f64 / 1e6));
    }
    format!("{} ms", trimmed(micros as f64 / 1e3))
}

/// A span of whole seconds in its two largest units: `45 s`, `2 min`, `23 h 12 min`, `7 d`.
#[must_use]
pub fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut text = String::new();
    let mut rest = seconds;
    let mut parts = 0;
    for (unit, name) in UNITS {
        let whole = rest / unit;
        rest %= unit;
        if whole == 0 {
            // A gap ends it: "2 d 5 s" would pretend a precision that nobody asked for.
            if parts == 1 {
                break;
            }
            continue;
        }
        if parts == 1 {
            text.push(' ');
        }
        let _ = write!(text, "{whole} {name}");
        parts += 1;
        if parts == 2 {
            break;
        }
    }
    if text.is_empty() {
        "0 s".to_owned()
    } else {
        text
    }
}

/// A rate limit in words: `600 a minute`, `5 per 10 s`.
#[must_use]
pub fn rate(limit: u64, seconds: u64) -> String {
    let limit = count(limit);
    match seconds {
        1 => format!("{limit} a second"),
        60 => format!("{limit} a minute"),
        3_600 => format!("{limit} an hour"),
        86_400 => format!("{limit} a day"),
        other => format!("{limit} per {}", span(other)),
    }
}

/// A day: `20 Nov 2025`.
#[must_use]
pub fn day(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y").to_string()
}

/// A point in time to the minute, with the zone: `20 Nov 2025, 14:02 UTC`.
#[must_use]
pub fn moment(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M UTC").to_string()
}

/// A point in time beside now: `just now`, `3 min ago`, `in 2 h`; a date beyond a month.
#[must_use]
pub fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    const MONTH: u64 = 30 * 86_400;
    let away = (at - now).num_seconds();
    let distance = away.unsigned_abs();
    let rounded = match distance {
        0..60 => return if away > 0 { "in a moment" } else { "just now" }.to_owned(),
        60..3_600 => span(distance / 60 * 60),
        3_600..86_400 => span(distance / 3_600 * 3_600),
        86_400..MONTH => span(distance / 86_400 * 86_400),
        _ if at.year() == now.year() => return at.format("%-d %b").to_string(),
        _ => return day(at),
    };
    if away > 0 {
        format!("in {rounded}")
    } else {
        format!("{rounded} ago")
    }
}

/// [`relative`] as an element that carries the absolute time.
#[must_use]
pub fn time(at: DateTime<Utc>, now: DateTime<Utc>) -> impl IntoView {
    stamped(at, relative(at, now))
}

/// [`day`] as an element that carries the absolute time.
#[must_use]
pub fn date(at: DateTime<Utc>) -> impl IntoView {
    stamped(at, day(at))
}

fn stamped(at: DateTime<Utc>, words: String) -> impl IntoView {
    view! {
        <time datetime=at.format("%Y-%m-%dT%H:%M:%SZ").to_string() title=moment(at)>
            {words}
        </time>
    }
}

/// One digit behind the point below ten, none above, and no `.0`.
fn trimmed(number: f64) -> String {
    let text = if number < 9.95 {
        format!("{number:.1}")
    } else {
        format!("{number:.0}")
    };
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "key", "keys"), "1 key");
        assert_eq!(short(2_500.0), "2.5k");
        assert_eq!(short(12_000.0), "12k");
        assert_eq!(percent(0.0142), "1.4 %");
        assert_eq!(percent(0.0031), "0.31 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(size(812), "812 B");
        assert_eq!(size(2_300_000), "2.3 MB");
        assert_eq!(latency(0), "0 ms");
        assert_eq!(latency(30), "<0.1 ms");
        assert_eq!(latency(400), "0.4 ms");
        assert_eq!(latency(84_000), "84 ms");
        assert_eq!(rate(600, 60), "600 a minute");
    }

    #[test]
    fn spans_and_distances() {
        assert_eq!(span(0), "0 s");
        assert_eq!(span(83_520), "23 h 12 min");
        assert_eq!(span(2 * 86_400 + 5), "2 d");
        let now = DateTime::from_timestamp(1_763_647_200, 0).unwrap();
        let at = |seconds| now + chrono::TimeDelta::seconds(seconds);
        assert_eq!(relative(now, now), "just now");
        assert_eq!(relative(at(-190), now), "3 min ago");
        assert_eq!(relative(at(7_200), now), "in 2 h");
        assert_eq!(relative(at(-40 * 86_400), now), "11 Oct");
        assert_eq!(relative(at(-400 * 86_400), now), "16 Oct 2024");
    }
}
