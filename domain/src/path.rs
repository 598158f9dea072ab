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
    if is_plain(path.as_bytes()) {
        return Ok(Canonical {
            path: Cow::Borrowed(path),
            has_encoded_slash: false,
        });
    }
    resolve(path)
}

/// Whether it is canonical at a glance, as most paths are: nothing in it is encoded or has to be, and
/// no segment is empty or begins with a dot. Both looks go to the end, so that many bytes are looked at
/// in one step.
fn is_plain(path: &[u8]) -> bool {
    let is_odd = |byte: &u8| {
        let is_told = (*byte == b'%') | (*byte == b'\\') | (*byte == b'#') | (*byte == b'?');
        is_told | !(b'!'..0x7f).contains(byte)
    };
    let is_border =
        |(byte, next): (&u8, &u8)| (*byte == b'/') & ((*next == b'/') | (*next == b'.'));
    let [b'/', behind @ ..] = path else {
        return false;
    };
    let pairs = path.iter().zip(behind);
    !behind.iter().fold(false, |odd, byte| odd | is_odd(byte))
        && !pairs.fold(false, |border, pair| border | is_border(pair))
}

/// The same of any path, segment by segment.
fn resolve(path: &str) -> Result<Canonical<'_>, PathError> {
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
mod tests;
