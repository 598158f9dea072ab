//! One operation: a method on a path template, with what goes in and what comes out.

use super::schema::Schema;
use super::security::SecurityRequirement;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// One method + path template of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// As written, where it is written.
    pub operation_id: Option<String>,
    /// Safe in addresses (`a-z 0-9 - _`), unique in the document, made from `operation_id` or
    /// else from method and path. Stable as long as these and the operation's order are.
    pub slug: String,
    pub method: Method,
    /// The template as written, like `/books/{id}`. For a webhook its name.
    pub path: String,
    pub summary: String,
    /// Markdown.
    pub description: String,
    pub tags: Vec<String>,
    pub deprecated: bool,
    /// Those of the path and of the operation, the latter winning; a name in the template that
    /// nobody declared is here as a required string.
    pub parameters: Vec<Parameter>,
    pub request_body: Option<RequestBody>,
    pub responses: Vec<Response>,
    /// Alternatives; the document's where the operation says nothing. Empty means none needed.
    pub security: Vec<SecurityRequirement>,
    /// Servers of this operation or path alone; empty means the document's.
    pub servers: Vec<Server>,
}

/// The methods that OpenAPI 3.1 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Put,
    Post,
    Delete,
    Options,
    Head,
    Patch,
    Trace,
}

impl Method {
    /// All, in the order in which a reader expects them.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Head,
        Self::Options,
        Self::Trace,
    ];

    /// As on the wire (RFC 9110 §9).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Trace => "TRACE",
        }
    }

    /// As a key of a path item.
    pub fn as_key(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Post => "post",
            Self::Delete => "delete",
            Self::Options => "options",
            Self::Head => "head",
            Self::Patch => "patch",
            Self::Trace => "trace",
        }
    }

    /// Whether a body has a meaning with this method (RFC 9110 §9.3).
    pub fn takes_body(self) -> bool {
        match self {
            Self::Put | Self::Post | Self::Patch => true,
            Self::Get | Self::Delete | Self::Options | Self::Head | Self::Trace => false,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One parameter of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    pub location: Location,
    /// Always true for path parameters.
    pub required: bool,
    pub deprecated: bool,
    /// Markdown.
    pub description: String,
    pub schema: Schema,
    /// Written at the parameter itself, not in its schema.
    pub examples: Vec<Value>,
    /// How arrays and objects are written.
    pub style: Style,
    /// Whether each item or member is written as a parameter of its own.
    pub explode: bool,
    /// Set where the value is a text of this media type, like `application/json`.
    pub media_type: Option<String>,
}

/// Where a parameter is carried (`in`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    Path,
    Query,
    Header,
    Cookie,
}

impl Location {
    /// The word used in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// How the value of a parameter is written (OpenAPI "Style Values").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    Matrix,
    Label,
    Simple,
    Form,
    SpaceDelimited,
    PipeDelimited,
    DeepObject,
}

/// What a request may carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestBody {
    /// Markdown.
    pub description: String,
    pub required: bool,
    pub content: Vec<Content>,
}

/// One media type of a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    pub media_type: String,
    pub schema: Schema,
    pub examples: Vec<Example>,
}

/// A written-out value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Empty for the one unnamed `example`.
    pub name: String,
    pub summary: String,
    pub value: Value,
}

/// One answer of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// `200`, a range like `4XX`, or `default`.
    pub status: String,
    /// Markdown.
    pub description: String,
    pub headers: Vec<Header>,
    pub content: Vec<Content>,
}

/// A header of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    pub name: String,
    pub required: bool,
    /// Markdown.
    pub description: String,
    pub schema: Schema,
}

/// An address under which the API is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Variables replaced by their defaults; may be relative to the document's own address.
    pub url: String,
    pub description: String,
}

impl Operation {
    /// Parameters of one location, in order.
    pub fn parameters_in(&self, location: Location) -> impl Iterator<Item = &Parameter> {
        self.parameters
            .iter()
            .filter(move |parameter| parameter.location == location)
    }

    /// Whether a call needs nothing but the method and the path.
    pub fn needs_nothing(&self) -> bool {
        let body = self.request_body.as_ref().is_some_and(|body| body.required);
        !body && !self.parameters.iter().any(|parameter| parameter.required)
    }

    /// The first answer that means success, else `default`.
    pub fn success(&self) -> Option<&Response> {
        let ok = |response: &&Response| response.status.starts_with('2');
        let default = |response: &&Response| response.status == "default";
        let mut responses = self.responses.iter();
        responses
            .find(ok)
            .or_else(|| self.responses.iter().find(default))
    }
}
