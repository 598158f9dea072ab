//! Durations as people write them in files and forms: `500ms`, `60s`, `5m`, `24h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A positive length of time, up to 10 years, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(schemars::JsonSchema, utoipa::ToSchema)]
#[schema(value_type = String, example = "60s")]
#[schemars(extend("pattern" = r"^[0-9]+(ms|s|m|h|d)$"))]
pub struct Span(u64);

/// Longest span: more is a typing error.
const MAX_MILLIS: u64 = 10 * 366 * 24 * 3600 * 1000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Write a duration as a number and a unit: 500ms, 60s, 5m, 24h or 7d.")]
pub struct SpanError;

impl Span {
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Seconds, rounded up: a client told to wait must not come back too early.
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(1000)
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| SpanError)?;
        let unit = match &text[digits..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(SpanError),
        };
        match number.checked_mul(unit) {
            Some(millis) if (1..=MAX_MILLIS).contains(&millis) => Ok(Self(millis)),
            _ => Err(SpanError),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1000, "s"),
        ] {
            // A minute is written 60s and a day 24h in the documents; keep the larger unit only
            // when there is more than one of it, so that text survives a round trip unchanged.
            if self.0.is_multiple_of(unit) && self.0 / unit > 1 {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        if self.0.is_multiple_of(1000) {
            return write!(f, "{}s", self.0 / 1000);
        }
        write!(f, "{}ms", self.0)
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_write() {
        for (text, millis) in [
            ("1ms", 1),
            ("60s", 60_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("90s", 90_000),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.as_millis(), millis);
            assert_eq!(span.to_string(), text);
        }
        for bad in [
            "",
            "60",
            "s",
            "-1s",
            "0s",
            "1w",
            "1 s",
            "99999999999999999999s",
            "100000d",
            "1s ",
        ] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
