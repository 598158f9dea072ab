//! Bodies of several parts (RFC 7578, in the syntax of RFC 2046 §5.1), read strictly: where readers
//! differ in what is a part, or in what it is called, there is nothing to compare with a document.

use super::media::essence;

/// Most parts of a body.
const MOST_PARTS: usize = 1000;
/// Most bytes of a part's header.
const MOST_HEAD: usize = 8 * 1024;
/// Characters of a boundary (RFC 2046 §5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'b> {
    pub(super) name: &'b str,
    pub(super) media_type: Option<&'b str>,
    /// `Content-Transfer-Encoding`, or `Content-Encoding`.
    pub(super) encoding: Option<&'b str>,
    pub(super) body: &'b [u8],
}

const UNCLEAR: &str = "A line begins with the boundary, and is none.";
const WRONG_HEAD: &str = "A part has a header that cannot be read.";
const NO_NAME: &str = "A part has no name.";

/// What stands between the parts, as the media type of the body says. `None`: nothing that may.
pub(super) fn boundary(media_type: &str) -> Option<&str> {
    let boundary = parameter(media_type, "boundary").ok().flatten()?;
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let is_short = (1..=LONGEST_BOUNDARY).contains(&boundary.len());
    let fits = is_short && boundary.bytes().all(is_one) && !boundary.ends_with(' ');
    fits.then_some(boundary)
}

/// The parts in their order. An error is a sentence.
pub(super) fn read<'b>(body: &'b [u8], boundary: &str) -> Result<Vec<Part<'b>>, &'static str> {
    let dashed = ["--", boundary].concat();
    let dashed = dashed.as_bytes();
    let body = body.strip_prefix(b"\r\n").unwrap_or(body);
    let mut rest = body
        .strip_prefix(dashed)
        .ok_or("The body does not begin with its boundary.")?;
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return match end {
                b"" | b"\r\n" => Ok(parts),
                _ => Err("Something stands behind the last part."),
            };
        }
        let inside = rest.strip_prefix(b"\r\n").ok_or(UNCLEAR)?;
        if parts.len() == MOST_PARTS {
            return Err("The body has more parts than can be checked.");
        }
        let (head, behind) = split_head(inside)?;
        let (content, behind) = split_content(behind, dashed)?;
        parts.push(part(head, content)?);
        rest = behind;
    }
}

/// The header of a part, and what is behind it.
fn split_head(inside: &[u8]) -> Result<(&str, &[u8]), &'static str> {
    let most = inside.len().min(MOST_HEAD + 4);
    let mut windows = inside[..most].windows(4);
    let end = windows
        .position(|four| four == b"\r\n\r\n")
        .ok_or("A part has no header, or a longer one than is read.")?;
    let head = std::str::from_utf8(&inside[..end]);
    let head = head.map_err(|_| "A part's header is not UTF-8.")?;
    Ok((head, &inside[end + 4..]))
}

/// The content of a part, and what is behind the boundary that ends it. Some readers take a line
/// feed alone for the end of a line, so the boundary is at the begin of no other line.
fn split_content<'b>(
    behind: &'b [u8],
    dashed: &[u8],
) -> Result<(&'b [u8], &'b [u8]), &'static str> {
    if behind.starts_with(dashed) {
        return Err(UNCLEAR);
    }
    for (at, byte) in behind.iter().enumerate() {
        if matches!(byte, b'\r' | b'\n')
            && let Some(rest) = behind[at + 1..].strip_prefix(dashed)
        {
            let content = behind[..=at].strip_suffix(b"\r\n").ok_or(UNCLEAR)?;
            return Ok((content, rest));
        }
    }
    Err("The last part has no end.")
}

fn part<'b>(head: &'b str, body: &'b [u8]) -> Result<Part<'b>, &'static str> {
    let (mut disposition, mut media_type, mut encoding) = (None, None, None);
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(WRONG_HEAD)?;
        let is_plain = value.chars().all(|c| c == '\t' || !c.is_control());
        if !is_token(name) || !is_plain {
            return Err(WRONG_HEAD);
        }
        let known = match name.to_ascii_lowercase().as_str() {
            "content-disposition" => &mut disposition,
            "content-type" => &mut media_type,
            "content-transfer-encoding" | "content-encoding" => &mut encoding,
            // Readers pass over all others (RFC 7578 §4.8).
            _ => continue,
        };
        if known.replace(value.trim_matches([' ', '\t'])).is_some() {
            return Err("A part has a header field twice.");
        }
    }
    let disposition = disposition.ok_or(NO_NAME)?;
    if essence(disposition) != "form-data" {
        return Err("A part is none of a form.");
    }
    let name = parameter(disposition, "name")?;
    let name = name.filter(|name| !name.is_empty()).ok_or(NO_NAME)?;
    // Of `\"` some make a quote, and others two characters.
    if name.contains('\\') {
        return Err(WRONG_HEAD);
    }
    Ok(Part {
        name,
        media_type,
        encoding,
        body,
    })
}

/// One of the parameters behind a value (RFC 9110 §5.6.6). The error: they cannot be read, or readers
/// differ in which is the one.
fn parameter<'t>(text: &'t str, wanted: &str) -> Result<Option<&'t str>, &'static str> {
    let mut found = None;
    let (_, mut rest) = text.split_once(';').unwrap_or((text, ""));
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return Ok(found);
        }
        let (name, behind) = rest.split_once('=').ok_or(WRONG_HEAD)?;
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => {
                let (value, behind) = quoted.split_once('"').ok_or(WRONG_HEAD)?;
                let behind = behind.trim_start_matches([' ', '\t']);
                // A backslash in front of the quote may have it go on.
                let is_over = behind.is_empty() || behind.starts_with(';');
                match is_over && !value.ends_with('\\') {
                    true => (value, behind),
                    false => return Err(WRONG_HEAD),
                }
            }
            None => {
                let (value, behind) = behind.split_at(behind.find(';').unwrap_or(behind.len()));
                let value = value.trim_end_matches([' ', '\t']);
                match value.is_empty() || value.contains([' ', '\t', '"', '\\']) {
                    true => return Err(WRONG_HEAD),
                    false => (value, behind),
                }
            }
        };
        if !is_token(name) {
            return Err(WRONG_HEAD);
        }
        rest = behind;
        // `name*` and `name*0` (RFC 2231, RFC 5987) are the same to some, and unknown to others.
        let (plain, is_extended) = match name.split_once('*') {
            Some((plain, _)) => (plain, true),
            None => (name, false),
        };
        if plain.eq_ignore_ascii_case(wanted) && (is_extended || found.replace(value).is_some()) {
            return Err(WRONG_HEAD);
        }
    }
}

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_one_that_may_be_and_only_one() {
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        for (media_type, expected) in [
            ("multipart/form-data; boundary=a-b_1", Some("a-b_1")),
            (
                "multipart/form-data;BOUNDARY=\"a b:?\" ; x=y",
                Some("a b:?"),
            ),
            ("multipart/form-data; boundary=a;", Some("a")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"\"", None),
            ("multipart/form-data; boundary=\"a \"", None),
            ("multipart/form-data; boundary=\"a", None),
            ("multipart/form-data; boundary=a b", None),
            ("multipart/form-data; boundary=a\u{e4}", None),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary*=a", None),
            ("multipart/form-data; boundary*0=a; boundary*1=b", None),
            ("multipart/form-data; boundary", None),
            (&*long, None),
        ] {
            assert_eq!(boundary(media_type), expected, "{media_type}");
        }
    }

    fn names(body: &str) -> Result<Vec<(&str, &[u8])>, &'static str> {
        let parts = read(body.as_bytes(), "b")?;
        Ok(parts.into_iter().map(|one| (one.name, one.body)).collect())
    }

    #[test]
    fn what_all_readers_see_alike_is_read() {
        let a = "Content-Disposition: form-data; name=\"a\"";
        for (body, expected) in [
            ("--b--".to_owned(), &[][..]),
            (format!("--b\r\n{a}\r\n\r\n1\r\n--b--\r\n"), &[("a", "1")]),
            (format!("\r\n--b\r\n{a}\r\n\r\n\r\n--b--"), &[("a", "")]),
            (
                format!("--b\r\n{a}\r\n\r\n1\r\n--b\r\n{a}; filename=\"C:\\x\"\r\n\r\n2\r\n--b--"),
                &[("a", "1"), ("a", "2")],
            ),
            // What only looks like the end.
            (
                format!("--b\r\n{a}\r\n\r\nx--b\r\r\n-b\r\n--\r\n--b--"),
                &[("a", "x--b\r\r\n-b\r\n--")],
            ),
            (
                "--b\r\nX-Own: 1\r\ncontent-disposition:FORM-DATA ;Name=a;filename*=utf-8''x\r\n\r\n1\r\n--b--".to_owned(),
                &[("a", "1")],
            ),
        ] {
            let expected: Vec<_> = expected.iter().map(|(n, b)| (*n, b.as_bytes())).collect();
            assert_eq!(names(&body), Ok(expected), "{body}");
        }
        let body = "--b\r\nContent-Type: text/a;b=c\r\nContent-Transfer-Encoding: 8bit\r\n\
                    Content-Disposition: form-data; name=a\r\n\r\n1\r\n--b--";
        let only = Part {
            name: "a",
            media_type: Some("text/a;b=c"),
            encoding: Some("8bit"),
            body: b"1",
        };
        assert_eq!(read(body.as_bytes(), "b"), Ok(vec![only]));
    }

    #[test]
    fn what_readers_see_in_two_ways_is_refused() {
        let one = |head: &str| format!("--b\r\n{head}\r\n\r\n1\r\n--b--");
        let of = |rest: &str| one(&format!("Content-Disposition: form-data{rest}"));
        let inside = |content: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n{content}\r\n--b--")
        };
        let long = of(&format!("; name=a; filename=\"{}\"", "x".repeat(MOST_HEAD)));
        let no_end = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1";
        for body in [
            String::new(),
            "--".to_owned(),
            "--b".to_owned(),
            "--b\r\n".to_owned(),
            "--b\r\n\r\n\r\n--b--".to_owned(),
            // In front of the first part, and behind the last.
            format!("x\r\n{}", of("; name=a")),
            format!("{}\r\n--b\r\n", of("; name=a")),
            "--b--x".to_owned(),
            // The boundary begins what is none.
            "--bb\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--bb--".to_owned(),
            inside("1\r\n--bc\r\n"),
            inside("1\n--b\r\nContent-Disposition: form-data; name=role\r\n\r\n1"),
            inside("1\r--b--"),
            inside("--b\r\nContent-Disposition: form-data; name=role\r\n\r\n1"),
            no_end.to_owned(),
            format!("{no_end}\r\n--"),
            format!("{no_end}\r\n--b"),
            // Headers.
            one("Content-Type: text/plain"),
            one("Content-Disposition : form-data; name=a"),
            one("Content-Disposition: form-data;\r\n name=a"),
            one("Content-Disposition: form-data; name=a\nX: y"),
            one("Content-Disposition: form-data; name=a\r\nno field"),
            one("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b"),
            one("Content-Disposition: form-data; name=a\r\nContent-Type: a/b\r\ncontent-type: c/d"),
            one("Content-Disposition: attachment; name=a"),
            of(""),
            of("; filename=a"),
            of("; name="),
            of("; name=\"\""),
            of("; name=a; name=b"),
            of("; name=a; NAME=a"),
            of("; name*=utf-8''a"),
            of("; name=a; name*=utf-8''b"),
            of("; name=\"a\\\"; name=\\\"b\""),
            of("; filename=\"x\\\"; name=a"),
            of("; name=\"a\" b"),
            of("; name=a b"),
            of("; name=\"a\u{0}\""),
            of("; name"),
            long,
        ] {
            assert!(names(&body).is_err(), "{body}");
        }
        let latin1 = b"--b\r\nContent-Disposition: form-data; name=\xe4\r\n\r\n1\r\n--b--";
        assert!(read(latin1, "b").is_err());
    }

    #[test]
    fn there_are_so_many_parts_and_no_more() {
        let one = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
        for (count, fits) in [(MOST_PARTS, true), (MOST_PARTS + 1, false)] {
            let body = format!("{}--b--", one.repeat(count));
            assert_eq!(names(&body).is_ok(), fits, "{count}");
        }
    }

    /// What begins like the boundary again and again is looked at once.
    #[test]
    fn reading_costs_what_the_body_is_long() {
        let boundary = "a".repeat(LONGEST_BOUNDARY);
        let near = format!("\r\n--{}", &boundary[1..]);
        let content = near.repeat(50_000);
        let body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\n{content}\r\n--{boundary}--"
        );
        let began = std::time::Instant::now();
        let parts = read(body.as_bytes(), &boundary).unwrap();
        assert_eq!(parts[0].body.len(), content.len());
        assert!(began.elapsed().as_millis() < 3000, "{:?}", began.elapsed());
    }
}
