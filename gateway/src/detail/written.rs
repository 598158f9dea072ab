//! What was copied as it is kept: read, and masked. Not on a worker's thread.

use chrono::DateTime;
use domain::mask::{self, MASK, Masked, holds_key};
use domain::policy::log_detail::Type;
use domain::traffic::detail::{Body, Detail, Field, LeftOut, Message, Seen};

use super::packed::unpacked;
use super::xml::xml;
use super::{Capture, Caught, Copied, Lines, Side};
use crate::policy::LogDetail;

impl Caught {
    /// Lets go of everything that was copied.
    pub(crate) fn written(self, node: &str) -> Detail {
        let Capture {
            rules,
            charge: _charge,
            request,
            answer,
        } = *self.capture;
        Detail {
            at: DateTime::from_timestamp_micros(self.at).unwrap_or_default(),
            request_id: self.request_id.as_str().to_owned(),
            node: node.to_owned(),
            provider: self.provider,
            consumer: self.consumer,
            version: self.version,
            application: self.application,
            seen: Seen {
                request: message(request, &rules),
                answer: message(answer, &rules),
            },
        }
    }
}

fn message(side: Side, rules: &LogDetail) -> Message {
    Message {
        fields_cut: side.fields.as_ref().is_some_and(|lines| lines.is_cut),
        fields: side.fields.map(|lines| fields(&lines, rules)),
        body: side.body.and_then(|body| self::body(&body, rules)),
    }
}

fn fields(lines: &Lines, rules: &LogDetail) -> Vec<Field> {
    let lines = lines.bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    });
    lines
        .map(|(name, value)| field(&text(name), &text(value), rules))
        .collect()
}

fn field(name: &str, value: &str, rules: &LogDetail) -> Field {
    let mut own = rules.fields.iter();
    let is_masked =
        mask::is_secret(name) || own.any(|known| mask::same_name(known, name)) || holds_key(value);
    let shown = match is_masked {
        true => MASK.to_owned(),
        // Whatever the field is called: an address may have a password in it, or be a key itself.
        false if mask::is_address(name) || value.contains("://") => mask::address(value),
        false => value.to_owned(),
    };
    Field {
        name: name.to_owned(),
        masked: is_masked || shown != value,
        value: shown,
    }
}

/// As much of it as is text, on one line.
fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = text.chars().map(|c| match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    shown.collect()
}

/// `None` where there was none.
fn body(copied: &Copied, rules: &LogDetail) -> Option<Body> {
    if copied.passed == 0 {
        return None;
    }
    let body = Body {
        media_type: told(&copied.media_type),
        bytes: copied.passed,
        ..Body::default()
    };
    let masked = copied.kind.and_then(|kind| read(kind, copied, rules));
    Some(match masked {
        Err(why) => Body {
            left_out: Some(why),
            ..body
        },
        Ok(Masked {
            text,
            count,
            is_cut,
        }) => Body {
            text: Some(text),
            masked: count,
            cut: is_cut,
            ..body
        },
    })
}

/// What may be told of a media type (RFC 9110 §8.3.1): its essence and its charset, where they are
/// written as they should be. Any other parameter may be anything.
fn told(media_type: &str) -> String {
    let is_plain = |part: &&str| {
        let mut bytes = part.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~/=\"".contains(&byte))
    };
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().filter(is_plain).unwrap_or_default();
    let is_charset = |part: &&str| {
        let name = part.get(..8);
        name.is_some_and(|name| name.eq_ignore_ascii_case("charset="))
    };
    let told = match parts.find(is_charset).filter(is_plain) {
        Some(charset) => format!("{essence}; {charset}"),
        None => essence.to_owned(),
    };
    match holds_key(&told) {
        true => MASK.to_owned(),
        false => told,
    }
}

fn read(kind: Type, copied: &Copied, rules: &LogDetail) -> Result<Masked, LeftOut> {
    let mut bytes = copied.bytes.as_slice();
    let is_whole = copied.is_ended && copied.passed == bytes.len() as u64;
    let (paths, most) = (&rules.paths, rules.max_bytes);
    let is_text = kind == Type::Text;
    let held = is_text.then(|| unpacked(bytes)).flatten();
    if let Some(held) = &held
        && (looks_like(held, &copied.media_type) != Type::Text || has_key(held))
    {
        bytes = held;
    }
    let kind = match is_text {
        true => looks_like(bytes, &copied.media_type),
        false => kind,
    };
    let masked = match kind {
        // With blanks or lines, or in letters of any kind, it is none that was encoded.
        Type::Form if is_text && !bytes.iter().all(u8::is_ascii_graphic) => {
            mask::lines(paths, bytes, is_whole, most)
        }
        Type::Json => mask::json(paths, bytes, is_whole, most),
        Type::Form => mask::form(paths, bytes.trim_ascii(), is_whole, most),
        Type::Xml => xml(paths, bytes, is_whole, most),
        Type::Text => mask::text(bytes, is_whole, most),
    };
    match masked.text.is_empty() && !bytes.trim_ascii().is_empty() {
        true => Err(LeftOut::Unreadable),
        false => Ok(masked),
    }
}

fn has_key(bytes: &[u8]) -> bool {
    holds_key(&String::from_utf8_lossy(bytes))
}

/// What a text is that may be something whose values are masked: some servers read what was sent
/// under a wrong name.
fn looks_like(bytes: &[u8], media_type: &str) -> Type {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = start.trim_ascii_start();
    let is_page = media_type.to_ascii_lowercase().starts_with("text/html");
    match start.first() {
        Some(b'{' | b'[' | b'"') => Type::Json,
        Some(b'<') if !is_page => Type::Xml,
        Some(_) if begins_form(start) => Type::Form,
        Some(_) | None => Type::Text,
    }
}

/// Whether a text's first line begins like a form: with a name, or several, and a `=`.
fn begins_form(text: &[u8]) -> bool {
    let end = text.iter().position(|b| matches!(b, b'=' | b'\r' | b'\n'));
    let Some((name, b"=")) = end.map(|end| (&text[..end], &text[end..=end])) else {
        return false;
    };
    let is_name = |b: &u8| {
        b.is_ascii_alphanumeric() || !b.is_ascii() || b" &;*-._~%+[]!$'(),:@/?".contains(b)
    };
    !name.is_empty() && name.iter().all(is_name)
}
