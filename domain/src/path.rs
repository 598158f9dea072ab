//! The canonical form of a request path (gateway.md §4): computed once, and then the one form
//! that is matched, logged and forwarded.
//!
//! Unreserved characters are decoded, the remaining escapes upper-cased, double slashes collapsed
//! and dot segments resolved after decoding `%2e`. A trailing slash and reserved characters stay
//! as sent. What two readers could understand in two ways is refused.

use std::borrow::Cow;

/// Why a path was refused: one sentence for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("The path does not start with a slash.")]
    NotAbsolute,
    #[error("The path has a percent sign without two hexadecimal digits.")]
    Escape,
    #[error("The path has a raw character that must be percent-encoded.")]
    Raw,
    #[error("The path is not UTF-8 when decoded.")]
    NotUtf8,
    #[error("The path has an encoded slash, backslash or NUL.")]
    Hidden,
    #[error("The path has an encoded percent sign before another escape.")]
    Twice,
    #[error("The path has a dot segment with a parameter.")]
    DotParameter,
    #[error("The path climbs above its root.")]
    Climbs,
}

/// Puts `path` (without query) into its canonical form; borrows when it is there already.
pub fn canonical(path: &str) -> Result<Cow<'_, str>, PathError> {
    let canonical = keeping_slashes(path)?;
    if canonical.has_encoded_slash {
        return Err(PathError::Hidden);
    }
    Ok(canonical.path)
}

/// A canonical path in which encoded slashes stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical<'p> {
    pub path: Cow<'p, str>,
    /// It has `%2F` or `%5C`: only for who asked for such paths, as others may take them for what
    /// divides segments.
    pub has_encoded_slash: bool,
}

/// The canonical form in which `%2F` and `%5C` stay in their segment. A dot segment between them is
/// refused all the same: whoever decodes them would climb.
pub fn keeping_slashes(path: &str) -> Result<Canonical<'_>, PathError> {
    let mut has_encoded_slash = false;
    let Some(rest) = path.strip_prefix('/') else {
        return Err(PathError::NotAbsolute);
    };
    // Segments already written, each with its slash in front; `None` while the output is the
    // input up to `start`.
    let mut out: Option<String> = None;
    let mut start = 1;
    let mut segments = rest.split('/').peekable();
    while let Some(raw) = segments.next() {
        let last = segments.peek().is_none();
        let text = segment(raw, &mut has_encoded_slash)?;
        let written = !matches!(&*text, "." | ".." | "");
        let unchanged = written && matches!(text, Cow::Borrowed(_)) || raw.is_empty() && last;
        if out.is_none() && !unchanged {
            out = Some(path[..start - 1].to_owned());
        }
        if let Some(out) = &mut out {
            if &*text == ".." {
                out.truncate(out.rfind('/').ok_or(PathError::Climbs)?);
            }
            if written || last {
                out.push('/');
            }
            if written {
                out.push_str(&text);
            }
        }
        start += raw.len() + 1;
    }
    Ok(Canonical {
        path: out.map_or(Cow::Borrowed(path), Cow::Owned),
        has_encoded_slash,
    })
}

/// One segment without its slashes, escapes normalised.
fn segment<'r>(raw: &'r str, has_encoded_slash: &mut bool) -> Result<Cow<'r, str>, PathError> {
    let bytes = raw.as_bytes();
    let mut escapes = false;
    for byte in bytes {
        match byte {
            b'%' => escapes = true,
            b'\\' | b'#' | b'?' | 0..=0x20 | 0x7f.. => return Err(PathError::Raw),
            _ => {}
        }
    }
    let text = if escapes {
        let hidden = &mut false;
        let text = decode(raw, hidden)?;
        if *hidden {
            *has_encoded_slash = true;
            check_between(&text)?;
        }
        text
    } else {
        Cow::Borrowed(raw)
    };
    if text.starts_with('.') {
        let behind = text.trim_start_matches('.');
        let dots = text.len() - behind.len();
        if dots <= 2 && (behind.starts_with(';') || behind.starts_with("%3B")) {
            return Err(PathError::DotParameter);
        }
    }
    Ok(text)
}

/// No dot segment, with or without a parameter, between encoded slashes.
fn check_between(text: &str) -> Result<(), PathError> {
    let mut rest = text;
    loop {
        let end = ["%2F", "%5C"]
            .iter()
            .filter_map(|slash| rest.find(slash))
            .min();
        let part = &rest[..end.unwrap_or(rest.len())];
        let dots = part.len() - part.trim_start_matches('.').len();
        let behind = &part[dots..];
        if matches!(dots, 1 | 2)
            && (behind.is_empty() || behind.starts_with(';') || behind.starts_with("%3B"))
        {
            return Err(PathError::Hidden);
        }
        match end {
            Some(end) => rest = &rest[end + 3..],
            None => return Ok(()),
        }
    }
}

fn decode<'r>(raw: &'r str, hidden: &mut bool) -> Result<Cow<'r, str>, PathError> {
    let bytes = raw.as_bytes();
    let mut out: Option<String> = None;
    let mut percent = false;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            if let Some(out) = &mut out {
                out.push(char::from(bytes[at]));
            }
            at += 1;
            continue;
        }
        let (byte, width) = escaped(bytes, at)?;
        percent |= byte == b'%';
        *hidden |= matches!(byte, b'/' | b'\\');
        let lower = bytes[at..at + width].iter().any(u8::is_ascii_lowercase);
        if out.is_none() && (is_unreserved(byte) || lower) {
            out = Some(raw[..at].to_owned());
        }
        if let Some(out) = &mut out {
            if is_unreserved(byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&raw[at..at + width].to_ascii_uppercase());
            }
        }
        at += width;
    }
    let text = out.map_or(Cow::Borrowed(raw), Cow::Owned);
    if percent && is_encoded_twice(&text) {
        return Err(PathError::Twice);
    }
    Ok(text)
}

/// The byte of the escape at `at`, and how many bytes to go on: 3, or those of a whole encoded
/// character beyond ASCII.
fn escaped(bytes: &[u8], at: usize) -> Result<(u8, usize), PathError> {
    let first = hex_pair(bytes, at)?;
    match first {
        0 => Err(PathError::Hidden),
        1..=0x7f => Ok((first, 3)),
        0x80.. => {
            let length = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Err(PathError::NotUtf8),
            };
            let mut character = [first, 0, 0, 0];
            for (index, place) in character.iter_mut().enumerate().take(length).skip(1) {
                *place = hex_pair(bytes, at + 3 * index).map_err(|_| PathError::NotUtf8)?;
            }
            match std::str::from_utf8(&character[..length]) {
                Ok(_) => Ok((first, 3 * length)),
                Err(_) => Err(PathError::NotUtf8),
            }
        }
    }
}

fn hex_pair(bytes: &[u8], at: usize) -> Result<u8, PathError> {
    let digit = |index: usize| {
        let byte = bytes.get(index).copied().unwrap_or_default();
        char::from(byte).to_digit(16).ok_or(PathError::Escape)
    };
    if bytes.get(at) != Some(&b'%') {
        return Err(PathError::Escape);
    }
    Ok((digit(at + 1)? * 16 + digit(at + 2)?) as u8)
}

/// RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `%252e`, `%252F`, `%255c`, and the same with more rounds of encoding.
fn is_encoded_twice(text: &str) -> bool {
    text.match_indices("%25").any(|(at, _)| {
        let mut behind = &text[at + 3..];
        while let Some(further) = behind.strip_prefix("25") {
            behind = further;
        }
        let pair = behind.get(..2).unwrap_or_default();
        ["2e", "2f", "5c"]
            .iter()
            .any(|hidden| pair.eq_ignore_ascii_case(hidden))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_forms() {
        for (path, form) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b", "/a/b"),
            ("/a///", "/a/"),
            ("/./a", "/a"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/../b", "/b"),
            ("/a/b/../..", "/"),
            ("/a/%2e%2E/b", "/b"),
            ("/%61%2D%7e", "/a-~"),
            ("/a%3ab%2c", "/a%3Ab%2C"),
            ("/a%20b", "/a%20b"),
            ("/%c3%a9", "/%C3%A9"),
            ("/%E2%82%AC", "/%E2%82%AC"),
            ("/a;x=1/b", "/a;x=1/b"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/a%25b", "/a%25b"),
            ("/(a)'!*$&+,=:@", "/(a)'!*$&+,=:@"),
        ] {
            assert_eq!(canonical(path).as_deref(), Ok(form), "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        use PathError::*;
        for (path, why) in [
            ("", NotAbsolute),
            ("*", NotAbsolute),
            ("a", NotAbsolute),
            ("/..", Climbs),
            ("/a/../..", Climbs),
            ("/%2e%2e/a", Climbs),
            ("/.//../a", Climbs),
            ("/a\\b", Raw),
            ("/é", Raw),
            ("/a\0", Raw),
            ("/a b", Raw),
            ("/a#b", Raw),
            ("/%", Escape),
            ("/%2", Escape),
            ("/%zz", Escape),
            ("/%+1", Escape),
            ("/%00", Hidden),
            ("/%2f", Hidden),
            ("/%2F", Hidden),
            ("/%5c", Hidden),
            ("/%252e", Twice),
            ("/%25%32%65", Twice),
            ("/%25252F", Twice),
            ("/%255C", Twice),
            ("/..;/a", DotParameter),
            ("/.;/a", DotParameter),
            ("/%2e%2e%3b/a", DotParameter),
            ("/%ff", NotUtf8),
            ("/%c0%ae", NotUtf8),
            ("/%ed%a0%80", NotUtf8),
            ("/%c3", NotUtf8),
            ("/%c3/%a9", NotUtf8),
            ("/%80", NotUtf8),
        ] {
            assert_eq!(canonical(path), Err(why), "{path}");
        }
    }

    #[test]
    fn encoded_slashes_may_stay() {
        for (path, form, has) in [
            ("/a/b", Ok("/a/b"), false),
            ("/a%2fb", Ok("/a%2Fb"), true),
            ("/a%5Cb/%2e%2e/c%2F", Ok("/c%2F"), true),
            ("/%2F%2f", Ok("/%2F%2F"), true),
            ("/a%2F..b", Ok("/a%2F..b"), true),
            ("/..%2Fa", Err(PathError::Hidden), true),
            ("/a%2F..", Err(PathError::Hidden), true),
            ("/a%2f%2e%2e%5cb", Err(PathError::Hidden), true),
            ("/a%5C.;x=1", Err(PathError::Hidden), true),
            ("/a%2F..%3bx", Err(PathError::Hidden), true),
            ("/a%2F/../..", Err(PathError::Climbs), true),
            ("/a%252fb", Err(PathError::Twice), true),
            ("/a%2f%00", Err(PathError::Hidden), true),
        ] {
            let found = keeping_slashes(path);
            assert_eq!(
                found.as_ref().map(|found| &*found.path),
                form.as_ref().map(|f| *f),
                "{path}"
            );
            if let Ok(found) = found {
                assert_eq!(found.has_encoded_slash, has, "{path}");
            }
        }
    }

    #[test]
    fn what_is_canonical_is_not_copied() {
        for path in ["/", "/a/b/", "/a%20b/.well-known/%C3%A9"] {
            assert!(matches!(canonical(path), Ok(Cow::Borrowed(_))), "{path}");
        }
    }

    proptest! {
        #[test]
        fn canonical_is_stable_and_never_climbs(path in "(/|a|[.]|[.][.]|;|%2e|%2E|%25|%2|5|c|f|%41|%c3%a9|%3b|b){0,14}") {
            let path = format!("/{path}");
            if let Ok(form) = canonical(&path) {
                prop_assert!(form.starts_with('/') && !form.contains("//"));
                prop_assert!(form.split('/').all(|part| part != "." && part != ".."));
                let again = canonical(&form);
                prop_assert_eq!(again.as_deref(), Ok(&*form));
                prop_assert!(matches!(again, Ok(Cow::Borrowed(_))));
            }
        }

        #[test]
        fn with_encoded_slashes_it_is_stable_and_never_climbs(path in "(/|a|[.]|[.][.]|;|%2e|%2f|%5C|%5c|%2F|%25|%3b){0,14}") {
            let path = format!("/{path}");
            if let Ok(found) = keeping_slashes(&path) {
                let form = &*found.path;
                let climbs = |part: &str| matches!(part.split(';').next(), Some("." | ".."));
                prop_assert!(!form.replace("%2F", "/").replace("%5C", "/").replace("%3B", ";").split('/').any(climbs));
                let sent = path.to_ascii_lowercase();
                prop_assert_eq!(found.has_encoded_slash, sent.contains("%2f") || sent.contains("%5c"));
                let again = keeping_slashes(form);
                prop_assert_eq!(again.as_ref().map(|again| &*again.path), Ok(form));
            }
        }

        #[test]
        fn any_text_is_survived(path in "\\PC{0,40}") {
            let _ = canonical(&path);
        }
    }
}
