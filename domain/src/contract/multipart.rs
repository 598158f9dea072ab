//! Bodies of several parts (RFC 7578, in the syntax of RFC 2046 §5.1), read strictly: where readers
//! differ in what is a part, or in what it is called, there is nothing to compare with a document.

use std::borrow::Cow;

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
    /// Each part of a form has one.
    pub(super) name: Option<&'b str>,
    pub(super) media_type: Option<&'b str>,
    /// `Content-Transfer-Encoding`, or `Content-Encoding`.
    pub(super) encoding: Option<&'b str>,
    /// All lines of its header.
    head: &'b str,
    pub(super) body: &'b [u8],
}

impl Part<'_> {
    /// The lines of a header field, joined by commas.
    pub(super) fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let lines = self.head.split("\r\n");
        let lines = lines.filter_map(|line| line.split_once(':'));
        let lines = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<&str> = lines.map(|(_, value)| value.trim_matches(SPACE)).collect();
        match values[..] {
            [] => None,
            [only] => Some(Cow::Borrowed(only)),
            [..] => Some(Cow::Owned(values.join(", "))),
        }
    }
}

/// Around the value of a header field.
const SPACE: [char; 2] = [' ', '\t'];

const UNCLEAR: &str = "A line begins with the boundary, and is none.";
const WRONG_HEAD: &str = "A part has a header that cannot be read.";
pub(super) const NO_NAME: &str = "A part has no name.";

/// What stands between the parts, as the media type of the body says. `None`: nothing that may, or
/// readers differ in what it is.
pub(super) fn boundary(media_type: &str) -> Option<&str> {
    if !names_one_boundary(media_type) {
        return None;
    }
    let boundary = parameter(media_type, "boundary").ok().flatten()?;
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let is_short = (1..=LONGEST_BOUNDARY).contains(&boundary.len());
    let fits = is_short && boundary.bytes().all(is_one) && !boundary.ends_with(' ');
    // Without quotes these end it for some readers, or begin a comment.
    let is_quoted = || media_type.contains(&format!("\"{boundary}\""));
    (fits && (!boundary.contains(['(', ')', ',']) || is_quoted())).then_some(boundary)
}

/// Some readers take the first `boundary` in it for the parameter, wherever it stands: in another
/// parameter's name, or in its value.
fn names_one_boundary(media_type: &str) -> bool {
    let lower = media_type.to_ascii_lowercase();
    let Some((before, behind)) = lower.split_once("boundary") else {
        return false;
    };
    let is_begin = before.trim_end_matches(SPACE).ends_with(';');
    let is_outside = before.matches('"').count().is_multiple_of(2);
    is_begin && is_outside && behind.starts_with('=')
}

/// The parts in their order; those of a form have names. An error is a sentence.
pub(super) fn read<'b>(
    body: &'b [u8],
    boundary: &str,
    is_form: bool,
) -> Result<Vec<Part<'b>>, &'static str> {
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
        let (head, behind) = match inside.strip_prefix(b"\r\n") {
            // It has no header (RFC 2046 §5.1).
            Some(behind) if !is_form => ("", behind),
            Some(_) | None => split_head(inside)?,
        };
        let (content, behind) = split_content(behind, dashed)?;
        parts.push(part(head, content, is_form)?);
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

fn part<'b>(head: &'b str, body: &'b [u8], is_form: bool) -> Result<Part<'b>, &'static str> {
    let (mut disposition, mut media_type, mut encoding) = (None, None, None);
    let lines = head.split("\r\n").filter(|_| !head.is_empty());
    for line in lines {
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
        if known.replace(value.trim_matches(SPACE)).is_some() {
            return Err("A part has a header field twice.");
        }
    }
    let name = match disposition {
        Some(disposition) if essence(disposition) == "form-data" => name_of(disposition)?,
        Some(_) if is_form => return Err("A part is none of a form."),
        None if is_form => return Err(NO_NAME),
        Some(_) | None => None,
    };
    if is_form && name.is_none() {
        return Err(NO_NAME);
    }
    Ok(Part {
        name,
        media_type,
        encoding,
        head,
        body,
    })
}

/// The name that a part says it has.
fn name_of(disposition: &str) -> Result<Option<&str>, &'static str> {
    let name = parameter(disposition, "name")?;
    let name = name.filter(|name| !name.is_empty());
    // Of `\"` some make a quote, and others two characters.
    match name.is_some_and(|name| name.contains('\\')) {
        true => Err(WRONG_HEAD),
        false => Ok(name),
    }
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
                let behind = behind.trim_start_matches(SPACE);
                // A backslash in front of the quote may have it go on.
                let is_over = behind.is_empty() || behind.starts_with(';');
                match is_over && !value.ends_with('\\') && !name.contains('\'') {
                    true => (value, behind),
                    false => return Err(WRONG_HEAD),
                }
            }
            None => {
                let (value, behind) = behind.split_at(behind.find(';').unwrap_or(behind.len()));
                let value = value.trim_end_matches(SPACE);
                // To some an apostrophe begins what is quoted, and goes on behind a semicolon.
                let is_open = value.starts_with('\'')
                    || !value.matches('\'').count().is_multiple_of(2)
                    || name.contains('\'');
                match is_open || value.is_empty() || value.contains([' ', '\t', '"', '\\']) {
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
mod tests;
