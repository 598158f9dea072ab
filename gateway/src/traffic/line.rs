//! A record as a line of JSON. At tens of thousands of lines a second it is a good part of what a
//! request costs, so it is written by hand: names need no escaping, most texts none either, and
//! lines come in the order of time.

use std::io::{self, Write};

use chrono::{DateTime, Datelike, Utc};
use domain::hex;
use domain::traffic::Record;
use uuid::Uuid;

use crate::text::digits;

/// Longer than most lines are, in bytes.
const ROOM: usize = 2048;

/// Writes one line after the other in one place.
#[derive(Debug, Default)]
pub(super) struct Line {
    out: Vec<u8>,
    /// Of the line before, in seconds since 1970, and how it was written.
    second: i64,
    written: Vec<u8>,
}

/// Members one after the other, each with the comma in front of it. Names are constants of the
/// program this way, and writing one is a store or two.
macro_rules! members {
    ($write:ident, $out:ident: $($name:literal = $value:expr,)*) => {
        $(
            $out.extend_from_slice(concat!(",\"", $name, "\":").as_bytes());
            $write($out, $value);
        )*
    };
}

impl Line {
    /// One object, as serde would write it, and the line's end.
    ///
    /// # Errors
    /// None that memory would not have: writing into it does not fail.
    pub(super) fn of(&mut self, record: &Record) -> io::Result<&[u8]> {
        let Record {
            at,
            request_id,
            trace_id,
            node,
            state,
            provider,
            consumer,
            api,
            version,
            revision,
            operation,
            application,
            credential,
            environment,
            subscription,
            plan,
            client,
            method,
            path,
            path_cut,
            status,
            code,
            decided_by,
            observed,
            observed_by,
            target,
            variant,
            tries,
            bytes_in,
            bytes_out,
            total_us,
            policies_us,
            connect_us,
            first_byte_us,
            units,
            cached,
        } = record;
        self.out.clear();
        self.out.reserve(ROOM);
        self.out.extend_from_slice(b"{\"at\":");
        self.time(at)?;
        let out = &mut self.out;
        members! { id, out:
            "provider" = provider.uuid(),
            "consumer" = consumer.uuid(),
            "api" = api.uuid(),
            "version" = version.uuid(),
            "operation" = operation.uuid(),
            "application" = application.uuid(),
            "credential" = credential.uuid(),
            "subscription" = subscription.uuid(),
            "plan" = plan.uuid(),
        }
        members! { text, out:
            "request_id" = request_id,
            "node" = node,
            "method" = method,
            "path" = path,
            "decided_by" = decided_by,
            "target" = target,
            "variant" = variant,
            "observed_by" = observed_by,
        }
        members! { plain, out:
            "trace_id" = trace_id,
            "environment" = environment.as_str(),
            "client" = client,
            "code" = code,
            "cached" = cached.as_str(),
        }
        members! { number, out:
            "state" = *state,
            "revision" = u64::from(*revision),
            "status" = u64::from(*status),
            "observed" = u64::from(*observed),
            "tries" = u64::from(*tries),
            "bytes_in" = *bytes_in,
            "bytes_out" = *bytes_out,
            "total_us" = u64::from(*total_us),
            "policies_us" = u64::from(*policies_us),
            "connect_us" = u64::from(*connect_us),
            "first_byte_us" = u64::from(*first_byte_us),
            "units" = u64::from(*units),
        }
        out.extend_from_slice(b",\"path_cut\":");
        out.extend_from_slice(if *path_cut { b"true}\n" } else { b"false}\n" });
        Ok(out)
    }

    /// RFC 3339 in UTC, with as many digits behind the second as it has: none, three or six.
    fn time(&mut self, at: &DateTime<Utc>) -> io::Result<()> {
        let (second, nanos) = (at.timestamp(), at.timestamp_subsec_nanos());
        if nanos % 1000 != 0 || nanos >= 1_000_000_000 || !(0..=9999).contains(&at.year()) {
            return Ok(serde_json::to_writer(&mut self.out, at)?);
        }
        if self.written.is_empty() || self.second != second {
            self.written.clear();
            self.second = second;
            write!(self.written, "\"{}", at.format("%Y-%m-%dT%H:%M:%S"))?;
        }
        self.out.extend_from_slice(&self.written);
        let micros = nanos / 1000;
        let (mut part, count) = match micros {
            0 => (0, 0),
            _ if micros.is_multiple_of(1000) => (micros / 1000, 3),
            _ => (micros, 6),
        };
        let mut digits = *b".000000";
        for at in (1..=count).rev() {
            digits[at] = b'0' + (part % 10) as u8;
            part /= 10;
        }
        if count > 0 {
            self.out.extend_from_slice(&digits[..=count]);
        }
        self.out.extend_from_slice(b"Z\"");
        Ok(())
    }
}

/// As text (RFC 9562 §4). Most requests have some that are absent.
fn id(out: &mut Vec<u8>, id: Uuid) {
    let mut text = *b"\"00000000-0000-0000-0000-000000000000\"";
    if !id.is_nil() {
        let digits = hex::sixteen(id.as_bytes());
        text[1..9].copy_from_slice(&digits[..8]);
        text[10..14].copy_from_slice(&digits[8..12]);
        text[15..19].copy_from_slice(&digits[12..16]);
        text[20..24].copy_from_slice(&digits[16..20]);
        text[25..37].copy_from_slice(&digits[20..]);
    }
    out.extend_from_slice(&text);
}

fn text(out: &mut Vec<u8>, text: &str) {
    if text.is_empty() {
        return out.extend_from_slice(b"\"\"");
    }
    // Without a way out in the middle, so that many bytes are looked at in one step.
    if text.bytes().fold(false, |odd, byte| odd | is_odd(byte)) {
        // Writing a text into memory does not fail.
        let escaped = serde_json::to_vec(text);
        out.extend_from_slice(&escaped.unwrap_or_else(|_| b"\"\"".to_vec()));
        return;
    }
    plain(out, text);
}

/// What may have to be escaped.
const fn is_odd(byte: u8) -> bool {
    !matches!(byte, b' '..0x7f) | (byte == b'"') | (byte == b'\\')
}

/// A text that nobody but this program made: digits, addresses, words of the vocabulary.
fn plain(out: &mut Vec<u8>, text: &str) {
    debug_assert!(!text.bytes().any(is_odd), "{text:?}");
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Most numbers of a record are 0 or 1.
fn number(out: &mut Vec<u8>, number: u64) {
    match number {
        0..=9 => out.push(b'0' + number as u8),
        _ => out.extend_from_slice(digits(number, &mut [0; 20])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    #[test]
    fn a_line_is_what_serde_would_write() {
        let names = record::Names::default();
        let mut line = Line::default();
        for path in ["/plain", "/\"quoted\\", "/é", "/\u{7f}\u{1}\n", ""] {
            for at in [
                "2026-11-21T06:07:08.123456Z",
                "2026-11-21T06:07:08.000001Z",
                "2026-11-21T06:07:08.12Z",
                "2026-11-21T06:07:08Z",
                "2026-11-21T06:07:09.000000001Z",
                "2026-11-21T06:07:59.9999999Z",
                "1969-12-31T23:59:59.5Z",
                "0000-01-01T00:00:00Z",
                "+12026-11-21T06:07:08.5Z",
            ] {
                let mut record = record::Record::default().resolve(&names, "node 1");
                record.path = path.to_owned();
                record.path_cut = path.is_empty();
                record.trace_id = "0af7651916cd43dd8448eb211c80319c".to_owned();
                record.bytes_in = u64::MAX;
                record.provider = Uuid::from_u128(0x0123_4567_89ab_cdef_0011_2233_4455_66ff).into();
                record.at = at.parse().unwrap();
                let written = line.of(&record).unwrap();
                let (end, object) = written.split_last().unwrap();
                assert_eq!(*end, b'\n');
                let ours: serde_json::Value = serde_json::from_slice(object).unwrap();
                assert_eq!(ours, serde_json::to_value(&record).unwrap());
            }
        }
    }
}
