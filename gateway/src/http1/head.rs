//! Reads the head of a request and judges its raw bytes for what others repair in silence: line
//! ends, version, target, and everything that says how long the body is.

use http::Method;
use memchr::memchr;

use crate::fields::{Fields, Name, Unread};
use crate::head::{Head, Target};
use crate::settings::Limits;

/// No method is longer.
pub(crate) const METHOD_BYTES: usize = 16;

/// How the body of a message is delimited (RFC 9112 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// 0 for no body.
    Length(u64),
    Chunked,
}

impl Framing {
    /// Bytes of the body; `None` where nothing says it beforehand.
    pub(crate) const fn length(self) -> Option<u64> {
        match self {
            Self::Length(length) => Some(length),
            Self::Chunked => None,
        }
    }
}

/// The status with which a head is refused.
pub(crate) type Refused = u16;

/// Where the head ends: behind its empty line. `from` is how far earlier calls have looked.
/// A line that ends with a bare LF refuses the message at once.
pub(crate) fn end(bytes: &[u8], from: usize) -> Result<Option<usize>, Refused> {
    let mut start = from;
    while let Some(length) = memchr(b'\n', &bytes[start..]) {
        let at = start + length;
        if at == 0 || bytes[at - 1] != b'\r' {
            return Err(400);
        }
        if at >= 3 && bytes[at - 3..at] == *b"\r\n\r" {
            return Ok(Some(at + 1));
        }
        start = at + 1;
    }
    Ok(None)
}

/// A whole head.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// In a box: it is handed on from step to step.
    pub(crate) head: Box<Head>,
    pub(crate) framing: Framing,
    /// Spoken in HTTP/1.0.
    pub(crate) is_old: bool,
    /// The client wants the connection to live on (RFC 9112 §9.3).
    pub(crate) keeps: bool,
    /// The client waits for a word before it sends its body (RFC 9110 §10.1.1).
    pub(crate) expects: bool,
}

/// Reads a whole head, its empty line included.
pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Parsed, Refused> {
    if bytes.len() > limits.head_bytes {
        return Err(431);
    }
    let end = memchr(b'\n', bytes).ok_or(400_u16)?;
    let line = bytes[..end].strip_suffix(b"\r").ok_or(400_u16)?;
    let (method, target, is_old) = request_line(line, limits)?;
    let fields = Fields::read(bytes, end + 1, limits.fields, limits.field_bytes);
    let fields = fields.map_err(|unread| match unread {
        Unread::TooMany | Unread::TooLong => 431_u16,
        Unread::Malformed => 400,
    })?;
    let framing = framing(&fields, is_old)?;
    let keeps = if is_old {
        has_token(&fields, Name::Connection, b"keep-alive")
    } else {
        !has_token(&fields, Name::Connection, b"close")
    };
    let asks_websocket = !is_old
        && method == Method::GET
        && has_token(&fields, Name::Upgrade, b"websocket")
        && has_token(&fields, Name::Connection, b"upgrade")
        && framing == Framing::Length(0);
    let expects = !is_old
        && framing != Framing::Length(0)
        && has_token(&fields, Name::Expect, b"100-continue");
    let mut head = Box::new(Head::new(method, target, fields));
    head.asks_websocket = asks_websocket;
    Ok(Parsed {
        head,
        framing,
        is_old,
        keeps,
        expects,
    })
}

/// Method, target and whether it is HTTP/1.0 (RFC 9112 §3).
fn request_line(line: &[u8], limits: &Limits) -> Result<(Method, Target, bool), Refused> {
    let first = memchr(b' ', line).ok_or(400_u16)?;
    let (method, rest) = (&line[..first], &line[first + 1..]);
    let second = memchr(b' ', rest).ok_or(400_u16)?;
    let (target, version) = (&rest[..second], &rest[second + 1..]);
    if target.len() > limits.target_bytes {
        return Err(414);
    }
    if method.is_empty() || method.len() > METHOD_BYTES {
        return Err(400);
    }
    if target.is_empty() || target.iter().any(is_odd) {
        return Err(400);
    }
    let is_old = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => return Err(505),
        _ => return Err(400),
    };
    let method = Method::from_bytes(method).map_err(|_| 400_u16)?;
    let at = first + 1..first + 1 + second;
    let target = Target::read(line, at, &method).ok_or(400_u16)?;
    Ok((method, target, is_old))
}

/// What no target has: it would have to be encoded (RFC 3986 §2), and readers differ about it.
pub(crate) const fn is_odd(byte: &u8) -> bool {
    matches!(byte, 0..=0x20 | 0x7f.. | b'#' | b'\\' | b'<' | b'>' | b'`' | b'"')
}

fn framing(fields: &Fields, is_old: bool) -> Result<Framing, Refused> {
    let mut lengths = fields.all(Name::ContentLength);
    let length = match (lengths.next(), lengths.next()) {
        (None, _) => None,
        (Some(value), None) => Some(content_length(value).ok_or(400_u16)?),
        (Some(_), Some(_)) => return Err(400),
    };
    let mut codings = fields.all(Name::TransferEncoding);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(Framing::Length(length.unwrap_or(0))),
        (Some(_), Some(_)) => Err(400),
        (Some(_), None) if is_old || length.is_some() => Err(400),
        (Some(value), None) if value.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (Some(_), None) => Err(501),
    }
}

/// Whether a list field has the token `token` (RFC 9110 §5.6.1).
pub(crate) fn has_token(fields: &Fields, name: Name, token: &[u8]) -> bool {
    let mut parts = fields
        .all(name)
        .flat_map(|value| value.split(|byte| *byte == b','));
    parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

/// Digits only (RFC 9110 §8.6): no sign, no list, no overflow.
pub(crate) fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum, digit: &u8| sum * 10 + u64::from(digit - b'0');
    Some(value.iter().fold(0, add))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(head: &str) -> Result<Framing, Refused> {
        let head = head.as_bytes();
        match end(head, 0)? {
            Some(end) => {
                assert_eq!(end, head.len());
                parse(head, &Limits::default()).map(|parsed| parsed.framing)
            }
            None => Err(0),
        }
    }

    #[test]
    fn framing_is_unambiguous_or_refused() {
        for (fields, verdict) in [
            ("", Ok(Framing::Length(0))),
            ("Content-Length: 5\r\n", Ok(Framing::Length(5))),
            ("transfer-encoding:Chunked \r\n", Ok(Framing::Chunked)),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(400)),
            ("Content-Length: 5, 5\r\n", Err(400)),
            ("Content-Length: +5\r\n", Err(400)),
            ("Content-Length: -1\r\n", Err(400)),
            ("Content-Length: 99999999999999999999\r\n", Err(400)),
            ("Content-Length:\r\n", Err(400)),
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                Err(400),
            ),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
            ("Transfer-Encoding: chunked, chunked\r\n", Err(501)),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Err(400),
            ),
            ("Transfer-Encoding: identity\r\n", Err(501)),
            ("A: b\r\n folded\r\n", Err(400)),
            (": empty\r\n", Err(400)),
            ("A: b\n", Err(400)),
        ] {
            let head = format!("POST /x HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            assert_eq!(judge(&head), verdict, "{fields:?}");
        }
    }

    #[test]
    fn request_lines() {
        for (line, verdict) in [
            ("GET / HTTP/1.1", Ok(Framing::Length(0))),
            ("GET / HTTP/1.0", Ok(Framing::Length(0))),
            ("GET / HTTP/1.2", Err(505)),
            ("GET / HTTP/2.0", Err(505)),
            ("GET /", Err(400)),
            ("GET  / HTTP/1.1", Err(400)),
            ("GET / HTTP/1.1 ", Err(400)),
            ("GET /#f HTTP/1.1", Err(400)),
            ("GET /\\ HTTP/1.1", Err(400)),
            ("GET /\u{e9} HTTP/1.1", Err(400)),
            ("GET / http/1.1", Err(400)),
        ] {
            assert_eq!(
                judge(&format!("{line}\r\nHost: h\r\n\r\n")),
                verdict,
                "{line:?}"
            );
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9000));
        assert_eq!(judge(&long), Err(414));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101));
        assert_eq!(judge(&many), Err(431));
        let wide = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(17_000));
        assert_eq!(judge(&wide), Err(431));
    }

    #[test]
    fn an_end_is_found_in_pieces() {
        let head = b"GET / HTTP/1.1\r\nHost: h\r\n\r\nrest";
        for split in 0..28 {
            let found = end(&head[..split], 0).unwrap();
            assert_eq!(found, (split >= 27).then_some(27), "{split}");
        }
        assert_eq!(end(b"\n", 0), Err(400));
    }
}
