//! What a client asks of an answer that is there: whether it changed, and which part of it
//! (RFC 9110 §13, §14).

use std::ops::Range;

use super::freshness::date;
use super::stored::Stored;

/// A request's conditions and range, as it sent them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    /// All of `If-None-Match`.
    pub(crate) none_match: Option<Vec<u8>>,
    pub(crate) modified_since: Option<Vec<u8>>,
    pub(crate) range: Option<Vec<u8>>,
    pub(crate) if_range: Option<Vec<u8>>,
}

/// What of an answer the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    /// It has it.
    NotModified,
    Bytes(Range<usize>),
    /// It asked for bytes that are not there.
    Outside,
}

impl Conditions {
    pub(crate) const fn is_empty(&self) -> bool {
        self.none_match.is_none() && self.modified_since.is_none() && self.range.is_none()
    }

    /// `is_get`: ranges are of GET alone.
    pub(crate) fn part(&self, stored: &Stored, is_get: bool) -> Part {
        if self.has_it(stored) {
            return Part::NotModified;
        }
        match &self.range {
            Some(range) if is_get && stored.status == 200 && self.is_of(stored) => {
                range_of(range, stored.body.len())
            }
            Some(_) | None => Part::All,
        }
    }

    /// RFC 9110 §13.2.2.
    fn has_it(&self, stored: &Stored) -> bool {
        if !matches!(stored.status, 200..=299) {
            return false;
        }
        if let Some(none_match) = &self.none_match {
            return match &stored.etag {
                Some(etag) => is_named(none_match, etag),
                None => none_match.trim_ascii() == b"*",
            };
        }
        let Some(since) = self.modified_since.as_deref().and_then(date) else {
            return false;
        };
        let modified = stored.modified.as_deref().and_then(date);
        modified.is_some_and(|modified| modified <= since)
    }

    /// Whether the range is of this very answer (RFC 9110 §13.1.5).
    fn is_of(&self, stored: &Stored) -> bool {
        let Some(if_range) = &self.if_range else {
            return true;
        };
        let is = |kept: &Option<Box<[u8]>>| kept.as_deref() == Some(if_range.trim_ascii());
        if if_range.starts_with(b"W/") {
            return false;
        }
        if if_range.starts_with(b"\"") {
            return is(&stored.etag);
        }
        is(&stored.modified)
    }
}

/// Whether a list of entity tags has this one, weakly compared.
fn is_named(list: &[u8], etag: &[u8]) -> bool {
    fn opaque(tag: &[u8]) -> &[u8] {
        tag.strip_prefix(b"W/").unwrap_or(tag)
    }
    list.trim_ascii() == b"*" || entity_tags(list).any(|tag| opaque(tag) == opaque(etag))
}

/// The entity tags of a list, as they are written.
pub(crate) fn entity_tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let members = list.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b',' && !quoted
    });
    members.map(<[u8]>::trim_ascii)
}

/// One range of bytes; of several, or of what is none, all is given (RFC 9110 §14.2).
fn range_of(value: &[u8], length: usize) -> Part {
    let text = std::str::from_utf8(value).unwrap_or_default().trim();
    let Some((unit, set)) = text.split_once('=') else {
        return Part::All;
    };
    let Some((first, last)) = set.trim().split_once('-') else {
        return Part::All;
    };
    let number = |text: &str| -> Option<usize> {
        let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        is_plain.then(|| text.parse().unwrap_or(usize::MAX))
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Part::All;
    }
    match (first, number(first), last, number(last)) {
        ("", _, _, Some(0)) => Part::Outside,
        ("", _, _, Some(count)) if length > 0 => Part::Bytes(length.saturating_sub(count)..length),
        ("", _, _, Some(_)) => Part::Outside,
        (_, Some(first), "", _) if first < length => Part::Bytes(first..length),
        (_, Some(first), _, Some(last)) if first <= last && first < length => {
            Part::Bytes(first..last.saturating_add(1).min(length))
        }
        (_, Some(first), _, Some(last)) if first > last => Part::All,
        (_, Some(_), "", _) | (_, Some(_), _, Some(_)) => Part::Outside,
        _ => Part::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (value, is) in [
            ("bytes=0-1", Part::Bytes(0..2)),
            ("bytes=1-", Part::Bytes(1..10)),
            ("bytes=-1", Part::Bytes(9..10)),
            ("bytes=-100", Part::Bytes(0..10)),
            ("BYTES=5-100", Part::Bytes(5..10)),
            ("bytes=5-99999999999999999999999999", Part::Bytes(5..10)),
            ("bytes=9-9", Part::Bytes(9..10)),
            ("bytes=10-", Part::Outside),
            ("bytes=10-11", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=2-1", Part::All),
            ("bytes=0-1,3-4", Part::All),
            ("bytes=+1-2", Part::All),
            ("bytes=a-b", Part::All),
            ("bytes=-", Part::All),
            ("bytes", Part::All),
            ("lines=0-1", Part::All),
        ] {
            assert_eq!(range_of(value.as_bytes(), 10), is, "{value}");
        }
        assert_eq!(range_of(b"bytes=-1", 0), Part::Outside);
    }

    #[test]
    fn entity_tags_are_found_in_lists() {
        for (list, etag, is) in [
            ("\"a\"", "\"a\"", true),
            ("W/\"a\"", "\"a\"", true),
            ("\"a\"", "W/\"a\"", true),
            ("\"b\", \"a\" , \"c\"", "\"a\"", true),
            ("\"b,\"a\"", "\"a\"", false),
            ("*", "\"a\"", true),
            ("a", "\"a\"", false),
            ("\"A\"", "\"a\"", false),
            ("", "\"a\"", false),
        ] {
            assert_eq!(is_named(list.as_bytes(), etag.as_bytes()), is, "{list}");
        }
    }
}
