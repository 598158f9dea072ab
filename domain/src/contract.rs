//! What an API's document asks of a request, compiled once: parameters by their style (OpenAPI
//! "Style Values"), and bodies by JSON Schema 2020-12, or the dialect of OpenAPI 3.0.
//!
//! A check costs no more than its steps: they grow with the body, never with what a document makes
//! of it. So schemas are compiled by our own code, as no library known to us has such a bound.

mod answers;
mod build;
mod carried;
mod elements;
mod fits;
mod format;
mod media;
mod multipart;
mod operations;
mod parts;
mod pattern;
mod schema;
mod strip;
mod value;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::openapi;
use crate::problem::Invalid;

pub use answers::{Answered, Expected, Stripped};
pub use media::essence;

use answers::Answers;
use carried::Carried;
use fits::Fitting;
use media::{Charset, Encodings, OTHER_CHARSET, Shape};
use operations::{Body, Parameter};
use schema::Schemas;

/// Most violations that are told of one request.
pub const MOST_VIOLATIONS: usize = 20;

/// Steps that every check may take, and those that each byte of the body adds.
const STEPS: u64 = 20_000;
const STEPS_OF_BYTE: u64 = 4;

/// The operations of a document, each with what it asks for.
#[derive(Debug)]
pub struct Contract {
    schemas: Schemas,
    operations: Vec<Operation>,
    /// What in its answers cannot be checked.
    unread: Vec<Invalid>,
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Upper case.
    pub method: String,
    /// As written: `/pets/{id}`.
    pub template: String,
    parameters: Vec<Parameter>,
    /// Names of the query that nobody declares as a parameter, but a security scheme.
    keys: Arc<[String]>,
    body: Option<Body>,
    answers: Answers,
}

/// Where in a request something is that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    Path,
    Query,
    Header,
    Cookie,
    Body,
}

impl Place {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Body => "body",
        }
    }
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub place: Place,
    /// JSON Pointer (RFC 6901): of a body into it, else the parameter's name first.
    pub pointer: String,
    /// A sentence that names what is asked for, and nothing of what was sent.
    pub message: String,
}

/// Reads a body of JSON as a value of its own, as policies do that make it anew. A member that is
/// there twice is refused: of two readers one takes the first, the other the last. The error is a
/// sentence.
pub fn read_json(body: &[u8]) -> Result<Value, String> {
    value::read(body).map(Value::from)
}

/// What is asked of requests beyond the document.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// Parameters of the query that the document does not know are refused.
    pub declared_query: bool,
    /// `format` is checked where it is known, and not only a note.
    pub formats: bool,
}

/// A request as its contract sees it.
pub trait Asked {
    /// Its canonical path behind the version's prefix.
    fn path(&self) -> &str;
    fn query(&self) -> Option<&str>;
    /// The lines of a header, joined by commas; those of `cookie` by semicolons.
    fn header(&self, name: &str) -> Option<Cow<'_, str>>;
}

impl Contract {
    /// Reads a document. The findings say what in it cannot be checked: a reference that leads
    /// nowhere, a pattern that is none or takes more than one pass. Those of answers alone stand in
    /// [`Self::unread_answers`], as many policies look at requests only.
    pub fn read(document: &[u8]) -> Result<Self, Vec<Invalid>> {
        let root = openapi::read(document)
            .map_err(|error| vec![Invalid::new("", format!("The document: {error}."))])?;
        Self::compile(&root)
    }

    fn compile(root: &Value) -> Result<Self, Vec<Invalid>> {
        let written = root.get("openapi").and_then(Value::as_str);
        let is_old = written.unwrap_or_default().starts_with("3.0");
        let mut build = build::Build::new(root, is_old);
        let mut operations = operations::read(&mut build, root);
        let found = build.settle();
        if !found.is_empty() {
            return Err(found);
        }
        let answers = operations::read_answers(&mut build, root);
        for (operation, answers) in operations.iter_mut().zip(answers) {
            operation.answers = answers;
        }
        let unread = build.settle();
        Ok(Self {
            schemas: build.finish(),
            operations,
            unread,
        })
    }

    /// What in the answers cannot be checked.
    pub fn unread_answers(&self) -> &[Invalid] {
        &self.unread
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// What in path, query, headers and cookies does not fit the operation at `index`.
    pub fn parameters(&self, index: usize, asked: &dyn Asked, rules: Rules) -> Vec<Violation> {
        let Some(operation) = self.operations.get(index) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut steps = STEPS;
        let carried = Carried::new(&self.schemas, asked, operation);
        if carried.is_too_much() {
            let message = "There are more parameters than can be checked.";
            return vec![violation(Place::Query, "", message.to_owned())];
        }
        for parameter in &operation.parameters {
            if found.len() >= MOST_VIOLATIONS {
                break;
            }
            match carried.value(parameter) {
                // Of a path that is routed nothing is missing.
                Ok(None) if parameter.required && parameter.place != Place::Path => {
                    let message = "This parameter is required.";
                    found.push(parameter.violation("", message.to_owned()));
                }
                Ok(None) => {}
                Ok(Some(value)) => {
                    let value = value::Value::from(value);
                    let mut fitting = Fitting::new(&self.schemas, steps, rules.formats);
                    fitting.check(parameter.schema, &value);
                    steps = fitting.left();
                    let told = fitting.found.into_iter();
                    found.extend(told.map(|one| parameter.violation(&one.pointer, one.message)));
                }
                Err(message) => found.push(parameter.violation("", message.to_owned())),
            }
        }
        if rules.declared_query {
            found.extend(carried.undeclared());
        }
        found.truncate(MOST_VIOLATIONS);
        found
    }

    /// Whether the operation at `index` says anything of bodies.
    pub fn has_body(&self, index: usize) -> bool {
        let operation = self.operations.get(index);
        operation.is_some_and(|operation| operation.body.is_some())
    }

    /// What in the body does not fit the operation at `index`. `media_type` is the request's
    /// `Content-Type`.
    pub fn body(
        &self,
        index: usize,
        media_type: Option<&str>,
        body: &[u8],
        rules: Rules,
    ) -> Vec<Violation> {
        let operation = self.operations.get(index);
        let Some(asked) = operation.and_then(|operation| operation.body.as_ref()) else {
            return Vec::new();
        };
        let of_body = |message: &str| vec![violation(Place::Body, "", message.to_owned())];
        if body.is_empty() {
            return match asked.required {
                true => of_body("This request has a body."),
                false => Vec::new(),
            };
        }
        let Some(media) = asked.of(media_type) else {
            let message = format!("The body is one of: {}.", asked.names());
            return vec![violation(Place::Header, "/content-type", message)];
        };
        let Some(schema) = media.schema else {
            return Vec::new();
        };
        let (shape, charset) = (media.shape(media_type), Charset::of(media_type));
        if shape == Shape::Parts {
            return self.parts(media, schema, media_type, body, rules);
        }
        let is_utf8 = match shape {
            Shape::Json | Shape::Form => true,
            Shape::Xml => elements::concerns(&self.schemas, schema),
            Shape::Text | Shape::Parts | Shape::Opaque => false,
        };
        if is_utf8 && !charset.suits(body) {
            let message = OTHER_CHARSET.to_owned();
            return vec![violation(Place::Header, "/content-type", message)];
        }
        let encodings = &media.encodings;
        let read = self.read_body(shape, schema, encodings, body, |text| {
            charset.read(text, false)
        });
        let value = match read {
            Ok(Some(value)) => value,
            Ok(None) => return Vec::new(),
            Err(found) => return vec![found],
        };
        let steps = STEPS + STEPS_OF_BYTE * body.len() as u64;
        let mut fitting = Fitting::new(&self.schemas, steps, rules.formats);
        fitting.check(schema, &value);
        fitting.found
    }

    /// `text` reads bodies that are texts.
    fn read_body<'b>(
        &self,
        shape: Shape,
        schema: u32,
        encodings: &Encodings,
        body: &'b [u8],
        text: impl FnOnce(&'b [u8]) -> Result<Cow<'b, str>, &'static str>,
    ) -> Result<Option<value::Value<'b>>, Violation> {
        let of_body = |message: String| violation(Place::Body, "", message);
        match shape {
            Shape::Json => value::read(body).map(Some).map_err(of_body),
            Shape::Form => {
                let text = std::str::from_utf8(body);
                let text = text.map_err(|_| of_body("The form is not UTF-8.".to_owned()))?;
                let form = carried::form(&self.schemas, encodings, schema, text)?;
                Ok(Some(form.into()))
            }
            Shape::Xml if !elements::concerns(&self.schemas, schema) => Ok(None),
            Shape::Xml => {
                let mut reading = elements::Reading::new(&self.schemas, body.len());
                reading.read(schema, body).map(Some).map_err(of_body)
            }
            // What stands for an object or a list has a syntax of its own, such as CSV.
            Shape::Text if !self.schemas.admits_scalar(schema) => Ok(None),
            Shape::Text => {
                let text = text(body).map_err(|message| of_body(message.to_owned()))?;
                Ok(Some(self.schemas.coerce(schema, &text).into()))
            }
            Shape::Parts | Shape::Opaque => Ok(None),
        }
    }
}

fn violation(place: Place, pointer: &str, message: String) -> Violation {
    Violation {
        place,
        pointer: pointer.to_owned(),
        message,
    }
}

#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
