//! What was copied as it is kept: read, and masked. Not on a worker's thread.

use chrono::DateTime;
use domain::mask::{self, MASK, Masked, holds_key};
use domain::policy::log_detail::Type;
use domain::traffic::detail::{Body, Detail, Field, LeftOut, Message, Seen};

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
    let shown = match value.split_once('?') {
        _ if is_masked => MASK,
        Some((shown, _)) if mask::cuts_query(name) => shown,
        Some(_) | None => value,
    };
    Field {
        name: name.to_owned(),
        value: shown.to_owned(),
        masked: is_masked || shown.len() < value.len(),
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
        media_type: text(copied.media_type.as_bytes()),
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

fn read(kind: Type, copied: &Copied, rules: &LogDetail) -> Result<Masked, LeftOut> {
    let bytes = copied.bytes.as_slice();
    let is_whole = copied.passed == bytes.len() as u64;
    let (paths, most) = (&rules.paths, rules.max_bytes);
    let kind = match kind {
        Type::Text => looks_like(bytes, &copied.media_type),
        kind => kind,
    };
    let masked = match kind {
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

/// What a text is that may be something whose values are masked: some servers read what was sent
/// under a wrong name.
fn looks_like(bytes: &[u8], media_type: &str) -> Type {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = start.trim_ascii_start();
    let is_page = media_type.to_ascii_lowercase().starts_with("text/html");
    match start.first() {
        Some(b'{' | b'[' | b'"') => Type::Json,
        Some(b'<') if !is_page => Type::Xml,
        Some(_) if start.contains(&b'=') && start.trim_ascii().iter().all(u8::is_ascii_graphic) => {
            Type::Form
        }
        Some(_) | None => Type::Text,
    }
}
