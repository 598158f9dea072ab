//! Times and spans of time.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use super::function::Function;
use super::{Failure, Value};

pub(super) fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.to_utc())
}

/// `1h30m`, `1.5s`, `-20ms`
pub(super) fn span(text: &str) -> Option<TimeDelta> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let count: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let units = [
            ("ns", 1.0),
            ("us", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 6e10),
            ("h", 3.6e12),
        ];
        let (unit, worth) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
        nanos += count * worth;
        rest = &rest[unit.len()..];
    }
    let in_range = nanos < 9.2e18;
    in_range.then(|| TimeDelta::nanoseconds((sign * nanos) as i64))
}

/// A part of a time in a zone, UTC unless one is named; of a span, all of it in that unit.
pub(super) fn part(
    function: Function,
    value: &Value<'_>,
    zone: Option<&Value<'_>>,
) -> Result<i64, Failure> {
    let failure = Failure::Kind("a part of a time");
    if let Value::Span(span) = value {
        return match function {
            Function::Hours => Ok(span.num_hours()),
            Function::Minutes => Ok(span.num_minutes()),
            Function::Seconds => Ok(span.num_seconds()),
            _ => Err(failure),
        };
    }
    let Value::Time(time) = value else {
        return Err(failure);
    };
    let zone: Tz = match zone {
        None => Tz::UTC,
        Some(Value::Text(name)) => name.parse().map_err(|_| failure.clone())?,
        Some(_) => return Err(failure),
    };
    let time = time.with_timezone(&zone);
    Ok(match function {
        Function::FullYear => time.year().into(),
        Function::Month => time.month0().into(),
        Function::Date => time.day().into(),
        Function::DayOfMonth => time.day0().into(),
        Function::DayOfWeek => time.weekday().num_days_from_sunday().into(),
        Function::DayOfYear => time.ordinal0().into(),
        Function::Hours => time.hour().into(),
        Function::Minutes => time.minute().into(),
        Function::Seconds => time.second().into(),
        _ => return Err(failure),
    })
}
