//! The head of an upstream's answer, and where its body ends (RFC 9112 §6.3). What could be read in
//! two ways is no answer.

use crate::fields::{Fields, Name, Unread};
use crate::http1::{content_length, has_token};

/// Larger heads are not taken.
pub(super) const LARGEST: usize = 64 * 1024;
const MOST: usize = 256;

/// How the body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    /// By the end of the connection.
    Close,
}

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(super) framing: Framing,
    /// The connection may be used again.
    pub(super) keeps: bool,
    /// The seconds of `Keep-Alive: timeout=5`.
    pub(super) promised: Option<u64>,
}

/// Not an answer that only one reading fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<Unread> for Malformed {
    fn from(_: Unread) -> Self {
        Self
    }
}

/// Reads the head that `bytes` begins with, and how long it is; `None` when more is needed.
/// `to_head`: it answers a HEAD.
pub(super) fn parse(bytes: &[u8], to_head: bool) -> Result<Option<(Head, usize)>, Malformed> {
    let Some(end) = end(bytes) else {
        return if bytes.len() > LARGEST {
            Err(Malformed)
        } else {
            Ok(None)
        };
    };
    let line = memchr::memchr(b'\n', bytes).ok_or(Malformed)?;
    let (is_old, status) = status_line(&bytes[..line])?;
    let fields = Fields::read(&bytes[..end], line + 1, MOST, LARGEST)?;
    let promised = fields.all(Name::KeepAlive).find_map(promised);
    let framing = framing(&fields, status, is_old, to_head)?;
    let keeps = if is_old {
        has_token(&fields, Name::Connection, b"keep-alive")
    } else {
        !has_token(&fields, Name::Connection, b"close")
    };
    let head = Head {
        status,
        fields,
        framing,
        keeps: keeps && framing != Framing::Close,
        promised,
    };
    Ok(Some((head, end)))
}

/// Where the empty line ends. Lines that end with a bare LF are read, and written anew with CRLF.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut lines = memchr::memchr_iter(b'\n', bytes);
    lines.find_map(|at| match bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Whether it is HTTP/1.0, and the status.
fn status_line(line: &[u8]) -> Result<(bool, u16), Malformed> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (version, rest) = line.split_at_checked(9).ok_or(Malformed)?;
    let is_old = match version {
        b"HTTP/1.1 " => false,
        b"HTTP/1.0 " => true,
        _ => return Err(Malformed),
    };
    match rest {
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']
        | [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Ok((is_old, digit(a) * 100 + digit(b) * 10 + digit(c)))
        }
        _ => Err(Malformed),
    }
}

fn framing(
    fields: &Fields,
    status: u16,
    is_old: bool,
    to_head: bool,
) -> Result<Framing, Malformed> {
    let mut lengths = fields.all(Name::ContentLength);
    let length = match (lengths.next(), lengths.next()) {
        (None, _) => None,
        (Some(value), None) => Some(content_length(value).ok_or(Malformed)?),
        (Some(_), Some(_)) => return Err(Malformed),
    };
    let mut codings = fields.all(Name::TransferEncoding);
    let is_chunked = match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(value), None) if value.eq_ignore_ascii_case(b"chunked") && !is_old => true,
        (Some(_), _) => return Err(Malformed),
    };
    if is_chunked && length.is_some() {
        return Err(Malformed);
    }
    Ok(match length {
        _ if to_head || matches!(status, 100..=199 | 204 | 304) => Framing::Length(0),
        _ if is_chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::Close,
    })
}

fn promised(value: &[u8]) -> Option<u64> {
    let value = std::str::from_utf8(value).ok()?;
    let mut parts = value.split(',').map(str::trim);
    parts.find_map(|part| part.strip_prefix("timeout=")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<(u16, Framing, bool)>, Malformed> {
        let found = parse(text.as_bytes(), false)?;
        Ok(found.map(|(head, end)| {
            assert_eq!(end, text.len());
            (head.status, head.framing, head.keeps)
        }))
    }

    #[test]
    fn an_answer_ends_in_one_place_or_is_none() {
        use Framing::{Chunked, Close, Length};
        for (head, verdict) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some((200, Close, false))),
            (
                "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n",
                Some((200, Length(5), true)),
            ),
            (
                "HTTP/1.1 200 \nContent-Length: 5\n\n",
                Some((200, Length(5), true)),
            ),
            (
                "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: Chunked\r\n\r\n",
                Some((404, Chunked, true)),
            ),
            (
                "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n",
                Some((204, Length(0), true)),
            ),
            (
                "HTTP/1.1 200 x\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n",
                Some((200, Length(0), false)),
            ),
            (
                "HTTP/1.0 200 x\r\nContent-Length: 0\r\n\r\n",
                Some((200, Length(0), false)),
            ),
            (
                "HTTP/1.0 200 x\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
                Some((200, Length(0), true)),
            ),
            (
                "HTTP/1.1 200 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                None,
            ),
            (
                "HTTP/1.1 200 x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
                None,
            ),
            ("HTTP/1.1 200 x\r\nContent-Length: 5, 5\r\n\r\n", None),
            (
                "HTTP/1.1 200 x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                None,
            ),
            ("HTTP/1.0 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", None),
            ("HTTP/1.1 200 x\r\nA: b\r\n c\r\n\r\n", None),
            ("HTTP/1.1 200 x\r\nA: b\rc\r\n\r\n", None),
            ("HTTP/1.1 2000 x\r\n\r\n", None),
            ("HTTP/1.1 099 x\r\n\r\n", None),
            ("HTTP/2.0 200 x\r\n\r\n", None),
            ("ICY 200 OK\r\n\r\n", None),
        ] {
            assert_eq!(read(head).ok().flatten(), verdict, "{head:?}");
        }
        assert!(
            parse(b"HTTP/1.1 200 OK\r\nA: b\r\n", false)
                .unwrap()
                .is_none()
        );
        assert!(parse(&[b'a'; LARGEST + 1], false).is_err());
        assert_eq!(promised(b"max=5, timeout=7"), Some(7));
    }
}
