//! Checks the raw bytes of a request head for what the HTTP library would repair in silence:
//! line ends, version, target, and everything that says how long the body is.

use memchr::memchr;

use crate::settings::Limits;

/// How the body of a message is delimited (RFC 9112 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// 0 for no body.
    Length(u64),
    Chunked,
}

/// The status with which a head is refused.
pub(super) type Refused = u16;

/// Where the head ends: behind its empty line. `from` is how far earlier calls have looked.
/// A line that ends with a bare LF refuses the message at once.
pub(super) fn end(bytes: &[u8], from: usize) -> Result<Option<usize>, Refused> {
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

/// Judges a whole head, its empty line included.
pub(super) fn check(head: &[u8], limits: &Limits) -> Result<Framing, Refused> {
    if head.len() > limits.head_bytes {
        return Err(431);
    }
    let mut rest = head;
    let version = request_line(next_line(&mut rest)?, limits)?;
    let mut length = None;
    let mut chunked = false;
    let mut fields = 0;
    loop {
        let line = next_line(&mut rest)?;
        let Some(first) = line.first() else {
            break;
        };
        fields += 1;
        if fields > limits.fields || line.len() > limits.field_bytes {
            return Err(431);
        }
        // Only these two say something about framing; the library judges the others.
        match first {
            b'c' | b'C' => {
                if let Some(value) = value_of(line, b"content-length") {
                    if length.is_some() {
                        return Err(400);
                    }
                    length = Some(content_length(value)?);
                }
            }
            b't' | b'T' => {
                if let Some(value) = value_of(line, b"transfer-encoding") {
                    if chunked || version == Version::Http10 {
                        return Err(400);
                    }
                    if !value.eq_ignore_ascii_case(b"chunked") {
                        return Err(501);
                    }
                    chunked = true;
                }
            }
            b' ' | b'\t' | b':' => return Err(400),
            _ => {}
        }
    }
    match (length, chunked) {
        (Some(_), true) => Err(400),
        (None, true) => Ok(Framing::Chunked),
        (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// The next line without its CRLF.
fn next_line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Refused> {
    let at = memchr(b'\n', rest).ok_or(400_u16)?;
    let line = rest[..at].strip_suffix(b"\r").ok_or(400_u16)?;
    *rest = &rest[at + 1..];
    Ok(line)
}

fn request_line(line: &[u8], limits: &Limits) -> Result<Version, Refused> {
    let first = memchr(b' ', line).ok_or(400_u16)?;
    let (method, rest) = (&line[..first], &line[first + 1..]);
    let second = memchr(b' ', rest).ok_or(400_u16)?;
    let (target, version) = (&rest[..second], &rest[second + 1..]);
    if target.len() > limits.target_bytes {
        return Err(414);
    }
    let is_odd = |byte: &u8| matches!(byte, 0..=0x20 | 0x7f.. | b'#' | b'\\');
    if method.is_empty() || method.len() > 16 || target.is_empty() || target.iter().any(is_odd) {
        return Err(400);
    }
    match version {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(505),
        _ => Err(400),
    }
}

/// The trimmed value, if the line's name is `name` (given in lower case).
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (shown, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    shown.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// Digits only (RFC 9110 §8.6): no sign, no list, no overflow.
fn content_length(value: &[u8]) -> Result<u64, Refused> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(400);
    }
    Ok(value
        .iter()
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(head: &str) -> Result<Framing, Refused> {
        let head = head.as_bytes();
        match end(head, 0)? {
            Some(end) => {
                assert_eq!(end, head.len());
                check(head, &Limits::default())
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
