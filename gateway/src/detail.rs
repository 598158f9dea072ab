//! What `log_detail` keeps of a request while it is on its way: its header fields, and the first
//! bytes of bodies, copied as they pass. A worker only copies; what is kept is read and masked by
//! whoever drains the rings ([`written`]), and leaves the process in no other form.

mod budget;
mod packed;
mod written;
mod xml;

use std::sync::Arc;

use domain::id::{ApplicationId, OrganizationId, VersionId};
use domain::policy::log_detail::Type;
use domain::traffic::detail::LeftOut;

use crate::body::{Answer, Outflow};
use crate::client::Client;
use crate::fields::{Fields, Name};
use crate::head::Head;
use crate::policy::{LogDetail, Pieces};
use crate::record::{Record, Short, Sink};
use crate::upstream::chance;

pub(crate) use budget::{Budget, Charge};

/// Bytes of the header fields that are kept of one message.
const MOST_FIELDS: usize = 16 * 1024;
/// Longest media type that is told, in bytes.
const LONGEST_TYPE: usize = 100;

/// Which side of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Request,
    Answer,
}

/// What there is of one request so far.
pub(crate) struct Capture {
    rules: Arc<LogDetail>,
    charge: Charge,
    request: Side,
    answer: Side,
}

/// It holds what nobody may read in a log.
impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Side {
    fields: Option<Lines>,
    body: Option<Copied>,
}

/// Header fields, each with its CRLF.
struct Lines {
    bytes: Vec<u8>,
    is_cut: bool,
}

struct Copied {
    media_type: Box<str>,
    /// How it is read.
    kind: Result<Type, LeftOut>,
    bytes: Vec<u8>,
    /// Bytes that passed, kept or not.
    passed: u64,
    /// No more will.
    is_ended: bool,
}

/// One whose request is over.
pub(crate) struct Caught {
    at: i64,
    request_id: Short<64>,
    provider: OrganizationId,
    consumer: OrganizationId,
    version: VersionId,
    application: ApplicationId,
    capture: Box<Capture>,
}

/// Begins, where chance has it and there is room.
#[cold]
pub(crate) fn begin(
    client: &Client,
    sink: &Sink,
    provider: OrganizationId,
    rules: &Arc<LogDetail>,
    head: &Head,
) {
    if rules.sample < 100 && chance() % 100 >= u64::from(rules.sample) {
        return;
    }
    let Some(mut capture) = Capture::begin(rules, Charge::new(sink.budget(), provider)) else {
        return;
    };
    if capture.note(Of::Request, &head.fields, false) {
        *client.capture.borrow_mut() = Some(capture);
    }
}

/// Notes the answer as it goes out, if it is of those that are kept. One that has no body but all
/// that two sides say to each other from here on is not waited for.
#[cold]
pub(crate) fn answered(client: &Client, answer: &Answer, record: &Record, sink: &Sink) {
    let Some(mut capture) = client.capture.take() else {
        return;
    };
    let is_packed = matches!(answer.body, Outflow::Packed(_));
    if !capture.rules.keeps(answer.status) || !capture.note(Of::Answer, &answer.fields, is_packed) {
        return;
    }
    if matches!(answer.body, Outflow::Switched(_)) {
        end(capture, record, sink);
    } else {
        *client.capture.borrow_mut() = Some(capture);
    }
}

/// The request is over, or nothing more of it is kept: what there is goes where its record goes.
#[cold]
pub(crate) fn end(mut capture: Box<Capture>, record: &Record, sink: &Sink) {
    if !capture.rules.keeps(record.status) || !capture.charge.ends() {
        return;
    }
    sink.push_caught(Box::new(Caught {
        at: record.at,
        request_id: record.request_id,
        provider: record.provider,
        consumer: record.consumer,
        version: record.version,
        application: record.application,
        capture,
    }));
}

impl Capture {
    /// `None`: there is no room for one more.
    fn begin(rules: &Arc<LogDetail>, mut charge: Charge) -> Option<Box<Self>> {
        charge.begin().then(|| {
            Box::new(Self {
                rules: rules.clone(),
                charge,
                request: Side::default(),
                answer: Side::default(),
            })
        })
    }

    /// What is kept of a message whose head is there. False: there is no room for it.
    fn note(&mut self, of: Of, fields: &Fields, is_packed: bool) -> bool {
        let Pieces { headers, body } = match of {
            Of::Request => self.rules.request,
            Of::Answer => self.rules.answer,
        };
        let side = Side {
            fields: headers.then(|| Lines::of(fields)),
            body: body.then(|| Copied::of(fields, &self.rules, is_packed)),
        };
        let lines = side
            .fields
            .as_ref()
            .map_or(0, |lines| lines.bytes.capacity());
        *self.side(of) = side;
        self.charge.add(lines as u64)
    }

    const fn side(&mut self, of: Of) -> &mut Side {
        match of {
            Of::Request => &mut self.request,
            Of::Answer => &mut self.answer,
        }
    }

    /// Copies a part of a body. False: there is no room for it.
    pub(crate) fn copy(&mut self, of: Of, bytes: &[u8]) -> bool {
        let most = self.rules.max_bytes;
        let side = match of {
            Of::Request => &mut self.request,
            Of::Answer => &mut self.answer,
        };
        let Some(body) = &mut side.body else {
            return true;
        };
        body.passed += bytes.len() as u64;
        let room = most.saturating_sub(body.bytes.len());
        let part = &bytes[..bytes.len().min(room)];
        if body.kind.is_err() || part.is_empty() {
            return true;
        }
        let (needed, held) = (body.bytes.len() + part.len(), body.bytes.capacity());
        if needed > held {
            // Twice as much each time, as many small parts should not be moved for each of them; what
            // is held is what is counted.
            let capacity = needed.max(held * 2).min(most);
            if !self.charge.add((capacity - held) as u64) {
                return false;
            }
            body.bytes.reserve_exact(capacity - body.bytes.len());
        }
        body.bytes.extend_from_slice(part);
        true
    }

    /// All of a body passed: it did not break off.
    pub(crate) fn ended(&mut self, of: Of) {
        if let Some(body) = &mut self.side(of).body {
            body.is_ended = true;
        }
    }

    /// It goes on for long.
    pub(crate) fn lasts(&mut self) {
        self.charge.lasts();
    }

    /// Whether nothing more of the bodies is copied; `is_sent`: all of the request's has passed.
    pub(crate) fn is_full(&self, is_sent: bool) -> bool {
        let most = self.rules.max_bytes;
        let is_full = |side: &Side| {
            let body = side.body.as_ref();
            body.is_none_or(|body| body.kind.is_err() || body.bytes.len() >= most)
        };
        (is_sent || is_full(&self.request)) && is_full(&self.answer)
    }
}

impl Lines {
    fn of(fields: &Fields) -> Self {
        let mut bytes = Vec::new();
        fields.write(&mut bytes);
        let is_cut = bytes.len() > MOST_FIELDS;
        if is_cut {
            // What is left of a line that was cut could be taken for another field.
            let end = memchr::memrchr(b'\n', &bytes[..MOST_FIELDS]);
            bytes.truncate(end.map_or(0, |end| end + 1));
        }
        bytes.shrink_to_fit();
        Self { bytes, is_cut }
    }
}

impl Copied {
    fn of(fields: &Fields, rules: &LogDetail, is_packed: bool) -> Self {
        let mut types = fields.all(Name::ContentType);
        let media_type = types.next().unwrap_or_default();
        let media_type = String::from_utf8_lossy(media_type);
        let is_encoded = fields
            .named("content-encoding")
            .any(|line| !line.trim_ascii().eq_ignore_ascii_case(b"identity"));
        let kind = match types.next() {
            // Which one of two is true, nobody knows.
            Some(_) => Err(LeftOut::Type),
            // Copied before it was encoded.
            None if is_encoded && !is_packed => Err(LeftOut::Encoded),
            None => kind(&media_type, rules),
        };
        let end = media_type.floor_char_boundary(LONGEST_TYPE);
        Self {
            media_type: media_type[..end].into(),
            kind,
            bytes: Vec::new(),
            passed: 0,
            is_ended: false,
        }
    }
}

/// How a body of a media type is read (RFC 9110 §8.3.1), where such bodies are kept.
fn kind(media_type: &str, rules: &LogDetail) -> Result<Type, LeftOut> {
    let mut parts = media_type.split(';');
    let essence = parts.next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let kind = match essence.as_str() {
        "application/json" | "text/json" | "application/x-ndjson" | "application/jsonl" => {
            Type::Json
        }
        json if json.ends_with("+json") => Type::Json,
        "application/x-www-form-urlencoded" => Type::Form,
        "application/xml" | "text/xml" => Type::Xml,
        xml if xml.ends_with("+xml") => Type::Xml,
        text if text.starts_with("text/") => Type::Text,
        _ => return Err(LeftOut::Type),
    };
    if !rules.types.contains(&kind) {
        return Err(LeftOut::Type);
    }
    let charset = parts.find_map(|one| {
        let (name, value) = one.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("charset");
        is_it.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    match charset.as_deref() {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => Ok(kind),
        Some(_) => Err(LeftOut::Charset),
    }
}

#[cfg(test)]
mod tests;
