//! `quota`: so many requests per calendar period.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Requests per calendar period of the subscription (of the application outside a plan). Counters
/// survive restarts; several nodes share them within a stated overshoot.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Requests per period, 1 to 1,000,000,000,000,000.
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_u64), extend("x-unit" = "requests"))]
    pub limit: u64,
    /// The calendar period after which the count begins anew.
    pub period: Period,
    /// IANA name of the zone in which the period begins; UTC unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"UTC")]
    pub time_zone: Option<String>,
}

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    /// Monday to Sunday (ISO 8601).
    Week,
    Month,
}

impl Period {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The period around `now`: its start and the start of the next, in UTC. A midnight that a
    /// change of clocks skips counts as the first instant that exists after it.
    pub fn bounds(self, now: DateTime<Utc>, zone: chrono_tz::Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        let today = now.with_timezone(&zone).date_naive();
        let first = match self {
            Self::Day => today,
            Self::Week => today - Days::new(u64::from(today.weekday().num_days_from_monday())),
            Self::Month => today.with_day(1).unwrap_or(today),
        };
        let next = match self {
            Self::Day => first + Days::new(1),
            Self::Week => first + Days::new(7),
            Self::Month => first + Months::new(1),
        };
        (midnight(first, zone), midnight(next, zone))
    }
}

fn midnight(date: NaiveDate, zone: chrono_tz::Tz) -> DateTime<Utc> {
    let mut at = date.and_time(NaiveTime::MIN);
    loop {
        if let Some(instant) = zone.from_local_datetime(&at).earliest() {
            return instant.with_timezone(&Utc);
        }
        at += chrono::Duration::minutes(15);
    }
}

impl Written for Quota {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !(1..=1_000_000_000_000_000).contains(&self.limit) {
            found.push(Invalid::new(
                "/limit",
                "Use a limit of 1 to 1,000,000,000,000,000 requests.",
            ));
        }
        if self.time_zone.is_some() && self.zone().is_none() {
            found.push(Invalid::new(
                "/time_zone",
                "Name a zone of the IANA database, such as Europe/Berlin.",
            ));
        }
        found
    }

    fn words(&self) -> String {
        format!("{} a {}", self.limit, self.period.as_str())
    }
}

impl Quota {
    /// `None` when the zone has a name that is not in the IANA database.
    pub fn zone(&self) -> Option<chrono_tz::Tz> {
        match &self.time_zone {
            Some(name) => name.parse().ok(),
            None => Some(chrono_tz::UTC),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_local_midnight() {
        let table = [
            (
                Period::Day,
                "2026-11-21T01:00:00Z",
                "UTC",
                "2026-11-21T00:00:00Z",
                "2026-11-22T00:00:00Z",
            ),
            (
                Period::Day,
                "2026-11-21T23:30:00Z",
                "Europe/Berlin",
                "2026-11-21T23:00:00Z",
                "2026-11-22T23:00:00Z",
            ),
            (
                Period::Week,
                "2026-11-22T12:00:00Z",
                "UTC",
                "2026-11-16T00:00:00Z",
                "2026-11-23T00:00:00Z",
            ),
            (
                Period::Month,
                "2026-12-31T23:59:59Z",
                "UTC",
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            // The clocks go forward at midnight in Santiago: the day begins at one.
            (
                Period::Day,
                "2026-09-06T12:00:00Z",
                "America/Santiago",
                "2026-09-06T04:00:00Z",
                "2026-09-07T03:00:00Z",
            ),
        ];
        for (period, now, zone, start, next) in table {
            let bounds = period.bounds(now.parse().unwrap(), zone.parse().unwrap());
            assert_eq!(
                bounds,
                (start.parse().unwrap(), next.parse().unwrap()),
                "{now} {zone}"
            );
        }
    }
}
