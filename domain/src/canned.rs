//! Answers as a version's document has them in its examples, made once: what `mock` gives. Where
//! the document gives none, a value is made that fits the schema ([`crate::openapi::example`]).

mod prefer;

use std::io::{self, Write};

use crate::contract::essence;
use crate::openapi::{self, Content, Document, Side, example_within};

pub use prefer::Preferences;

/// Bytes of all bodies of a document together.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Longest body, in bytes.
const LONGEST: usize = 1024 * 1024;
/// Named examples of one media type.
const MOST_EXAMPLES: usize = 50;
/// Written examples that are too long, and are gone through all the same, before half as long ones
/// are too long as well: so many short ones behind them are still found.
const MOST_LONG: usize = 50;
/// However many are too long, those of so many bytes are not.
const SHORT: usize = 1024;
/// Steps that making examples takes, of a document.
const MOST_STEPS: usize = 2_000_000;
/// Media types of one answer.
const MOST_MEDIA: usize = 50;
/// Entries of `Accept` that are read.
const MOST_ACCEPTED: usize = 50;

/// The operations of a document, each with its answers.
#[derive(Debug)]
pub struct Canned {
    operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Upper case.
    pub method: String,
    /// As written: `/pets/{id}`.
    pub template: String,
    answers: Vec<Answer>,
}

/// One entry of `responses`.
#[derive(Debug)]
struct Answer {
    status: Status,
    content: Vec<Body>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Exact(u16),
    /// `2XX`, by the first digit.
    Class(u16),
    Default,
}

impl Status {
    /// What could be answered: 1xx is no answer.
    fn read(written: &str) -> Option<Self> {
        if written == "default" {
            return Some(Self::Default);
        }
        match written.strip_suffix("XX").or(written.strip_suffix("xx")) {
            Some(digit) => {
                let digit = digit.parse().ok().filter(|digit| (2..=5).contains(digit));
                digit.map(Self::Class)
            }
            None => {
                let status = written.parse().ok();
                status
                    .filter(|status| (200..=599).contains(status))
                    .map(Self::Exact)
            }
        }
    }

    /// How well it fits; larger is nearer.
    fn fits(self, status: u16) -> Option<u8> {
        match self {
            Self::Exact(own) => (own == status).then_some(3),
            Self::Class(digit) => (digit == status / 100).then_some(2),
            Self::Default => Some(1),
        }
    }
}

/// One media type of an answer.
#[derive(Debug)]
struct Body {
    media_type: Box<str>,
    /// By name; that of the one unnamed is empty. At least one.
    examples: Vec<(Box<str>, Box<[u8]>)>,
}

/// What a request asks of its answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// `Accept` (RFC 9110 §12.5.1), its lines joined by commas.
    pub accept: Option<&'a str>,
    pub status: Option<u16>,
    pub example: Option<&'a str>,
}

/// What it gets.
#[derive(Debug, PartialEq, Eq)]
pub struct Given<'c> {
    pub status: u16,
    pub media_type: Option<&'c str>,
    pub body: &'c [u8],
    /// Whether what was asked for is what it is (RFC 7240 §3).
    pub by_status: bool,
    pub by_example: bool,
}

impl Canned {
    /// Reads a document. The error is a sentence.
    pub fn read(document: &[u8]) -> Result<Self, String> {
        let document = openapi::parse(document).map_err(|error| format!("{error}."))?;
        let mut left = Left {
            bytes: MOST_BYTES,
            steps: MOST_STEPS,
            long: 0,
            longest: LONGEST,
        };
        let mut operations = Vec::new();
        for operation in &document.operations {
            let mut answers = Vec::new();
            for response in &operation.responses {
                let Some(status) = Status::read(&response.status) else {
                    continue;
                };
                let mut content = Vec::new();
                for one in &response.content {
                    if content.len() == MOST_MEDIA {
                        break;
                    }
                    content.extend(body(&document, one, &mut left)?);
                }
                answers.push(Answer { status, content });
            }
            operations.push(Operation {
                method: operation.method.as_str().to_owned(),
                template: operation.path.clone(),
                answers,
            });
        }
        Ok(Self { operations })
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The answer of the operation at `index`. Its status is the one that is asked for, else
    /// `usual`, each where the operation has it, else the lowest 2xx, else the first that it has.
    pub fn answer(&self, index: usize, usual: Option<u16>, asked: Asked<'_>) -> Given<'_> {
        let none = Given {
            status: 200,
            media_type: None,
            body: &[],
            by_status: false,
            by_example: false,
        };
        let Some(operation) = self.operations.get(index) else {
            return none;
        };
        let preferred = asked.status.and_then(|status| operation.at(status));
        let by_status = preferred.is_some();
        let chosen = preferred
            .or_else(|| operation.at(usual?))
            .or_else(|| operation.lowest());
        let Some((status, answer)) = chosen else {
            return none;
        };
        let has_body = !matches!(status, 204 | 205 | 304);
        let media = nearest(&answer.content, asked.accept).filter(|_| has_body);
        let Some(media) = media else {
            return Given {
                status,
                by_status,
                ..none
            };
        };
        let named = asked.example.and_then(|name| {
            let mut all = media.examples.iter();
            all.find(|(known, _)| !name.is_empty() && **known == *name)
        });
        let by_example = named.is_some();
        let body = named.or(media.examples.first()).map(|(_, body)| &**body);
        Given {
            status,
            media_type: Some(&media.media_type),
            body: body.unwrap_or_default(),
            by_status,
            by_example,
        }
    }
}

const TOO_MUCH: &str = "The examples of its answers are larger than 16 MiB together.";

/// What the examples of a document may still cost.
struct Left {
    bytes: usize,
    steps: usize,
    /// Examples that were too long since `longest` is what it is.
    long: usize,
    /// Bytes of an example.
    longest: usize,
}

impl Left {
    fn spend(&mut self, bytes: usize) -> Result<(), &'static str> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(TOO_MUCH)?;
        Ok(())
    }

    /// One was too long: what going through such ones costs is bounded.
    fn too_long(&mut self) {
        self.long += 1;
        if self.long == MOST_LONG {
            self.long = 0;
            self.longest = (self.longest / 2).max(SHORT);
        }
    }
}

/// A body, which ends where it would be too long.
struct Short {
    bytes: Vec<u8>,
    longest: usize,
}

impl Write for Short {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + part.len() > self.longest {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// None where it is too long.
fn written(value: &serde_json::Value, is_json: bool, longest: usize) -> Option<Vec<u8>> {
    let mut out = Short {
        bytes: Vec::new(),
        longest,
    };
    match value.as_str() {
        Some(text) if !is_json => out.write_all(text.as_bytes()).ok()?,
        _ => serde_json::to_writer(&mut out, value).ok()?,
    }
    Some(out.bytes)
}

impl Operation {
    /// The answer that is declared for a status.
    fn at(&self, status: u16) -> Option<(u16, &Answer)> {
        let near = self.answers.iter();
        let near = near.filter_map(|answer| Some((answer.status.fits(status)?, answer)));
        near.max_by_key(|(fit, _)| *fit)
            .map(|(_, answer)| (status, answer))
    }

    fn lowest(&self) -> Option<(u16, &Answer)> {
        let status = |answer: &Answer| match answer.status {
            Status::Exact(status) => status,
            Status::Class(digit) => digit * 100,
            Status::Default => 200,
        };
        // Of two with the same the one that says it exactly.
        let key = |answer: &&Answer| (status(answer), u8::from(answer.status == Status::Default));
        let best = self.answers.iter().min_by_key(key)?;
        Some((status(best), best))
    }
}

/// The media types that can be written: with an example, or JSON and texts that are made.
fn body(
    document: &Document,
    content: &Content,
    left: &mut Left,
) -> Result<Option<Body>, &'static str> {
    let media_type = match content.media_type.trim() {
        "*/*" | "application/*" => "application/json",
        "text/*" => "text/plain",
        range if range.contains('*') => return Ok(None),
        // It stands in a field of the answer.
        plain => plain,
    };
    let is_field = |b: u8| (0x20..0x7f).contains(&b);
    if media_type.len() > 128 || !media_type.contains('/') || !media_type.bytes().all(is_field) {
        return Ok(None);
    }
    let kind = essence(media_type);
    let is_json = kind.ends_with("/json") || kind.ends_with("+json");
    let is_text = kind.starts_with("text/") && !is_json;
    let mut examples = Vec::new();
    for one in content.examples.iter().take(MOST_EXAMPLES) {
        // What stands for an object has a syntax of its own: XML.
        if !(is_json || is_text || one.value.is_string()) {
            continue;
        }
        let Some(bytes) = written(&one.value, is_json, left.longest) else {
            left.too_long();
            continue;
        };
        left.spend(bytes.len())?;
        examples.push((one.name.as_str().into(), bytes.into()));
    }
    if examples.is_empty() && (is_json || is_text) {
        let made = example_within(document, &content.schema, Side::Response, &mut left.steps);
        if let Some(bytes) = made.and_then(|made| written(&made, is_json, LONGEST)) {
            left.spend(bytes.len())?;
            examples.push(("".into(), bytes.into()));
        }
    }
    Ok((!examples.is_empty()).then(|| Body {
        media_type: media_type.into(),
        examples,
    }))
}

/// The one that `Accept` likes best, of equals the first; the first where it likes none, as an
/// answer that is not liked says more than none.
fn nearest<'b>(content: &'b [Body], accept: Option<&str>) -> Option<&'b Body> {
    let (Some(accept), true) = (accept, content.len() > 1) else {
        return content.first();
    };
    let ranges = ranges(accept);
    let mut best: Option<(u16, &Body)> = None;
    for body in content {
        let weight = liked(&ranges, &essence(&body.media_type));
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, body));
        }
    }
    best.map(|(_, body)| body).or(content.first())
}

/// The ranges of `Accept`, in lower case, and how much each is liked, in thousandths.
fn ranges(accept: &str) -> Vec<(String, u16)> {
    let read = |entry: &str| {
        let mut parts = entry.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.eq_ignore_ascii_case("q").then_some(value)
        });
        let weight = weight.and_then(|text| text.trim().parse::<f32>().ok());
        let weight = (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16;
        (range, weight)
    };
    accept.split(',').take(MOST_ACCEPTED).map(read).collect()
}

/// How much a media type is liked: by the range that names it most exactly.
fn liked(ranges: &[(String, u16)], kind: &str) -> u16 {
    let mut found = (0, 0);
    for (range, weight) in ranges {
        let exact = match range.strip_suffix("/*") {
            _ if range == kind => 3,
            Some("*") => 1,
            Some(of) if kind.split_once('/').is_some_and(|(one, _)| one == of) => 2,
            Some(_) | None => continue,
        };
        if exact > found.0 {
            found = (exact, *weight);
        }
    }
    found.1
}

#[cfg(test)]
mod tests;
