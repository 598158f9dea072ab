//! The formats that are checked where a policy asks for it; every other is a note.

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, NaiveDate};
use serde_json::Number;

use super::value::integer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Date,
    DateTime,
    Uuid,
    Ipv4,
    Ipv6,
    Email,
    Uri,
    Byte,
    Int32,
    Int64,
}

impl Format {
    pub(super) fn read(written: &str) -> Option<Self> {
        Some(match written {
            "date" => Self::Date,
            "date-time" => Self::DateTime,
            "uuid" => Self::Uuid,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "email" => Self::Email,
            "uri" => Self::Uri,
            "byte" => Self::Byte,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            _ => return None,
        })
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Date => "a date like 2026-11-29",
            Self::DateTime => "a time like 2026-11-29T12:00:00Z",
            Self::Uuid => "a UUID",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Email => "a mail address",
            Self::Uri => "a URI with its scheme",
            Self::Byte => "Base64",
            Self::Int32 => "a number of 32 bits",
            Self::Int64 => "a number of 64 bits",
        }
    }

    pub(super) fn fits_text(self, text: &str) -> bool {
        match self {
            Self::Date => text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
            Self::DateTime => DateTime::parse_from_rfc3339(text).is_ok(),
            Self::Uuid => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Email => is_mail(text),
            Self::Uri => url::Url::parse(text).is_ok(),
            Self::Byte => {
                use base64::Engine;
                base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .is_ok()
            }
            Self::Int32 | Self::Int64 => true,
        }
    }

    pub(super) fn fits_number(self, number: &Number) -> bool {
        match self {
            Self::Int32 => integer(number).is_some_and(|n| i32::try_from(n).is_ok()),
            Self::Int64 => integer(number).is_some_and(|n| i64::try_from(n).is_ok()),
            _ => true,
        }
    }
}

/// Something before the last @ and a name behind it; the rest only its host can know.
fn is_mail(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, host)| {
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
        (1..=64).contains(&local.len())
            && (1..=255).contains(&host.len())
            && !host.starts_with('.')
            && !host.ends_with('.')
            && text.chars().all(is_plain)
    })
}
