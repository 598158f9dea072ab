//! OpenAPI documents: import of 3.0 and 3.1 (JSON or YAML) into one model of operations and
//! schemas, with lint findings, example values and code samples made from that model.
//!
//! An import fails only where nothing sensible can be read ([`ParseError`]); a strange schema
//! becomes one that admits anything, and a [`Finding`].

mod build;
mod example;
mod finding;
mod json;
mod lint;
mod merge;
mod meter;
mod operation;
mod pointer;
pub(crate) use pointer::At;
mod read;
mod refusal;
mod sample;
mod schema;
mod security;
mod slug;
mod template;
mod weight;
mod yaml;

pub(crate) use example::example_within;
pub use example::{Side, example};
pub use finding::{Finding, FindingCode, MAX_FINDINGS, Severity};
pub use meter::{MAX_BYTES, MAX_DEPTH, MAX_REFS};
pub use operation::{
    Content, Example, Header, Location, Method, Operation, Parameter, RequestBody, Response,
    Server, Style,
};
pub use read::{read, to_yaml};
pub use refusal::{ParseError, ParseErrorCode, Place};
pub use sample::{Fill, HeaderValue, Language, SampleBody, SampleRequest, first_call};
pub use schema::{
    Additional, ArrayShape, Discriminator, Kind, Limits, Notes, ObjectShape, Property, Schema,
    VariantRule, Variants, reference_name,
};
pub use security::{
    KeyLocation, OAuthFlow, SecurityKind, SecurityRequirement, SecurityScheme, SecurityUse,
};
pub use template::{PathTemplate, Segment, TemplateError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The document of the demo: a small bookshop, which the built-in sample upstream implements.
pub const BOOKSHOP: &str = include_str!("openapi/bookshop.yaml");

/// A document, normalised: the same whatever syntax and version it was written in. Serialised
/// only to be cached; the text that was imported stays the source. (A limit like
/// `2.3785220594554246e-7` may come back from JSON with another last digit.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub title: String,
    /// Of the API, as its author numbers it.
    pub version: String,
    /// Markdown.
    pub description: String,
    /// The version of the standard as written, like `3.0.3`.
    pub openapi: String,
    pub servers: Vec<Server>,
    /// Declared ones in order, then those that operations use without declaration.
    pub tags: Vec<Tag>,
    /// In the order of the document.
    pub operations: Vec<Operation>,
    /// Calls that the API makes (3.1), the path of each being its name.
    pub webhooks: Vec<Operation>,
    pub security_schemes: Vec<SecurityScheme>,
    /// What [`Schema::reference`] points to, by key.
    pub schemas: BTreeMap<String, Schema>,
    /// Worst first.
    pub findings: Vec<Finding>,
}

/// A group of operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub name: String,
    /// Markdown.
    pub description: String,
}

/// Reads a document of at most [`MAX_BYTES`] and normalises it. See [`read`] for the syntax and
/// [`ParseErrorCode`] for what is refused.
pub fn parse(bytes: &[u8]) -> Result<Document, ParseError> {
    from_value(&read(bytes)?)
}

/// Normalises a document that was read before.
pub fn from_value(root: &Value) -> Result<Document, ParseError> {
    build::document(root)
}

impl Document {
    /// The operation with this slug.
    pub fn operation(&self, slug: &str) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|operation| operation.slug == slug)
    }

    /// The address to propose as upstream target: the first server that is absolute.
    pub fn first_absolute_server(&self) -> Option<&Server> {
        self.servers.iter().find(|server| {
            let scheme = server.url.split_once("://").map(|(scheme, _)| scheme);
            matches!(scheme, Some("http" | "https")) && !server.url.contains(['{', '}'])
        })
    }
}
