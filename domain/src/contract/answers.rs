//! Answers against the document: by status (OpenAPI "Responses Object"), media type and schema; and
//! what is left of one without the members that nothing declares.

use serde_json::Value;

use super::build::Build;
use super::elements;
use super::fits::Fitting;
use super::media::{Charset, Encodings, Media, Shape, essence, is_json};
use super::operations::read_content;
use super::schema::{Index, short};
use super::strip::Strip;
use super::value;
use super::{Contract, Place, Rules, STEPS, STEPS_OF_BYTE, Violation, violation};
use crate::openapi::At;

/// Media types that a finding lists.
pub(super) const MOST_NAMED: usize = 10;

/// What an operation says of its answers.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<(Status, Vec<Media>)>);

/// For which answers something is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Exact(u16),
    /// `1XX` to `5XX`, by the first digit.
    Class(u16),
    Default,
}

impl Status {
    fn read(written: &str) -> Option<Self> {
        if written == "default" {
            return Some(Self::Default);
        }
        let is_status = |status: &u16| (100..=599).contains(status);
        match written.strip_suffix("XX").or(written.strip_suffix("xx")) {
            Some(digit) => {
                let digit = digit.parse().ok().filter(|digit| (1..=5).contains(digit));
                digit.map(Self::Class)
            }
            None => written.parse().ok().filter(is_status).map(Self::Exact),
        }
    }
}

impl Answers {
    /// The exact one before its class, that before `default`.
    fn of(&self, status: u16) -> Option<&[Media]> {
        let wanted = [
            Status::Exact(status),
            Status::Class(status / 100),
            Status::Default,
        ];
        wanted.into_iter().find_map(|wanted| {
            let mut all = self.0.iter();
            let (_, content) = all.find(|(declared, _)| *declared == wanted)?;
            Some(&**content)
        })
    }
}

/// Those of one operation.
pub(super) fn read<'d>(build: &mut Build<'d>, at: At<'_>, operation: &'d Value) -> Answers {
    let all = operation.get("responses").and_then(Value::as_object);
    let all_at = at.key("responses");
    let mut found = Vec::new();
    for (written, answer) in all.into_iter().flatten() {
        let Some(status) = Status::read(written) else {
            continue;
        };
        let (fragment, answer) = build.resolve(all_at.key(written), answer);
        let written_at = all_at.key(written);
        let at = fragment.as_deref().map_or(written_at, At::base);
        found.push((status, read_content(build, at, answer)));
    }
    Answers(found)
}

/// What an operation says of an answer, as far as its head tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// Nothing more is asked of it.
    Fits,
    /// It is none that the document has.
    Undeclared(Violation),
    /// Its body is to fit.
    Body(Expected),
}

/// What a body of an answer is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    schema: Index,
    shape: Shape,
    charset: Charset,
}

impl Expected {
    pub fn is_json(self) -> bool {
        self.shape == Shape::Json
    }
}

/// What became of a body whose undeclared members are taken out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stripped {
    /// As JSON; none where nothing was to be taken out.
    pub body: Option<Vec<u8>>,
    /// What does not fit even so.
    pub found: Vec<Violation>,
}

impl Contract {
    /// What the operation at `index` says of an answer. An operation without answers, and an answer
    /// without `content`, ask for nothing. `has_body` is false for answers to HEAD, 204 and the like.
    pub fn answer(
        &self,
        index: usize,
        status: u16,
        media_type: Option<&str>,
        has_body: bool,
    ) -> Answered {
        let Some(operation) = self.operations.get(index) else {
            return Answered::Fits;
        };
        if operation.answers.0.is_empty() {
            return Answered::Fits;
        }
        let Some(content) = operation.answers.of(status) else {
            let message = format!("The document declares no answer with status {status}.");
            return Answered::Undeclared(violation(Place::Header, "/:status", message));
        };
        if content.is_empty() || !has_body {
            return Answered::Fits;
        }
        let Some(media) = Media::nearest(content, media_type) else {
            let names = content.iter().map(|media| short(&media.range));
            let names: Vec<&str> = names.take(MOST_NAMED).collect();
            let message = format!("The body is one of: {}.", names.join(", "));
            return Answered::Undeclared(violation(Place::Header, "/content-type", message));
        };
        let shape = media.shape(media_type);
        match media.schema {
            // What stands for an object or a list has a syntax of its own, such as CSV.
            Some(schema) if shape == Shape::Text && !self.schemas.admits_scalar(schema) => {
                Answered::Fits
            }
            Some(schema) if shape == Shape::Xml && !elements::concerns(&self.schemas, schema) => {
                Answered::Fits
            }
            Some(schema) if !matches!(shape, Shape::Parts | Shape::Opaque) => {
                Answered::Body(Expected {
                    schema,
                    shape,
                    charset: Charset::of(media_type),
                })
            }
            Some(_) | None => Answered::Fits,
        }
    }

    /// Whether an answer that the operation at `index` does not declare may hold what it leaves out
    /// of those of JSON that it does.
    pub fn may_hide(&self, index: usize, media_type: Option<&str>) -> bool {
        let essence = media_type.map(essence);
        // What is no media type tells no more than none.
        let could_be_json = essence.is_none_or(|one| is_json(&one) || !one.contains('/'));
        let operation = self.operations.get(index).filter(|_| could_be_json);
        let declared = operation.into_iter().flat_map(|one| &one.answers.0);
        let mut declared = declared.flat_map(|(_, content)| content);
        declared.any(|media| media.schema.is_some() && media.shape(None) == Shape::Json)
    }

    /// What in the body of an answer does not fit. Names of members that are data are not told.
    pub fn answer_body(&self, expected: Expected, body: &[u8], rules: Rules) -> Vec<Violation> {
        let Expected {
            schema,
            shape,
            charset,
        } = expected;
        let encodings = Encodings::new();
        let read = self.read_body(shape, schema, &encodings, body, |text| {
            charset.read(text, true)
        });
        match read {
            Ok(None) => Vec::new(),
            Ok(Some(value)) => self.fits(expected, &value, body.len(), rules),
            Err(found) => vec![violation(Place::Body, "", found.message)],
        }
    }

    /// Takes out of a body of JSON what its schema does not declare, and what only requests have.
    /// The error is a sentence: it cannot be told what is declared.
    pub fn strip(&self, expected: Expected, body: &[u8], rules: Rules) -> Result<Stripped, String> {
        let mut value = value::read(body)?;
        let mut strip = Strip::new(&self.schemas, steps(body.len()));
        if !strip.value(&[expected.schema], &mut value) {
            return Err("Telling what is declared takes more steps than it may cost.".to_owned());
        }
        let left = match strip.removed {
            0 => None,
            _ => Some(serde_json::to_vec(&value).map_err(|error| error.to_string())?),
        };
        let length = left.as_ref().map_or(body.len(), Vec::len);
        let found = self.fits(expected, &value, length, rules);
        Ok(Stripped { body: left, found })
    }

    fn fits(
        &self,
        expected: Expected,
        value: &value::Value<'_>,
        length: usize,
        rules: Rules,
    ) -> Vec<Violation> {
        let mut fitting = Fitting::new(&self.schemas, steps(length), rules.formats).of_answer();
        fitting.check(expected.schema, value);
        fitting.found
    }
}

const fn steps(bytes: usize) -> u64 {
    STEPS + STEPS_OF_BYTE * bytes as u64
}
