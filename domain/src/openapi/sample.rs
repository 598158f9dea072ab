//! Code samples: one request, built from an operation and example values, and written in the
//! six languages that the portal shows.

mod body;
mod curl;
mod go;
mod java;
mod javascript;
mod python;
mod quote;
mod rust;
mod url;

use super::example::{Side, example, is_short};
use super::operation::{Location, Method, Operation, Parameter};
use super::{Document, Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request that somebody could send, independent of language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRequest {
    pub method: Method,
    /// Absolute where the base was; percent-encoded.
    pub url: String,
    /// In the order of writing. Values hold no control characters.
    pub headers: Vec<(String, HeaderValue)>,
    pub body: Option<SampleBody>,
}

/// The value of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    Text(String),
    /// Read from this environment variable, so that a key need not stand in a program.
    Variable(String),
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleBody {
    Json(Value),
    Text(String),
    /// The content of this file.
    File(String),
    /// `multipart/form-data` (RFC 7578).
    Parts(Vec<SamplePart>),
}

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SamplePart {
    pub name: String,
    /// The value, or the name of a file.
    pub value: String,
    pub is_file: bool,
}

/// Which parameters a sample fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Only those without which the call fails: for a first call that must work.
    Required,
    /// Also optional ones for which the document gives an example: for a reference.
    Examples,
}

/// The languages of code samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Curl,
    JavaScript,
    Python,
    Go,
    Rust,
    Java,
}

impl Language {
    /// All, in the order of the portal's tabs.
    pub const ALL: [Self; 6] = [
        Self::Curl,
        Self::JavaScript,
        Self::Python,
        Self::Go,
        Self::Rust,
        Self::Java,
    ];

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
            Self::Go => "Go",
            Self::Rust => "Rust",
            Self::Java => "Java",
        }
    }

    /// The name for addresses, cookies and attributes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::JavaScript => "javascript",
            Self::Python => "python",
            Self::Go => "go",
            Self::Rust => "rust",
            Self::Java => "java",
        }
    }
}

/// The operation to try first: a GET that needs no parameters, else a GET at all; current ones
/// before deprecated ones. None where the document has no GET.
pub fn first_call(document: &Document) -> Option<&Operation> {
    let gets = document
        .operations
        .iter()
        .filter(|operation| operation.method == Method::Get);
    gets.min_by_key(|operation| (operation.deprecated, !operation.needs_nothing()))
}

impl SampleRequest {
    /// A request for an operation under a base address (gateway plus the version's prefix),
    /// with an optional header that carries the key.
    pub fn new(
        document: &Document,
        operation: &Operation,
        base_url: &str,
        key: Option<(&str, HeaderValue)>,
        fill: Fill,
    ) -> Self {
        let filled = |location| {
            let parameters = operation.parameters_in(location);
            parameters
                .filter(|parameter| is_filled(parameter, fill))
                .map(|parameter| (parameter, parameter_value(document, parameter)))
                .collect::<Vec<_>>()
        };
        let mut url = base_url.trim_end_matches('/').to_owned();
        url.push_str(&url::path(&operation.path, &filled(Location::Path)));
        url.push_str(&url::query(&filled(Location::Query)));
        let mut headers = Vec::new();
        headers.extend(key.map(|(name, value)| (name.to_owned(), value)));
        if let Some(media_type) = accepted(operation) {
            headers.push(("Accept".to_owned(), HeaderValue::text(media_type)));
        }
        for (parameter, value) in filled(Location::Header) {
            let known = headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(&parameter.name));
            if quote::is_token(&parameter.name) && !known {
                let value = HeaderValue::text(&url::simple(&value));
                headers.push((parameter.name.clone(), value));
            }
        }
        let cookies = url::cookies(&filled(Location::Cookie));
        if !cookies.is_empty() {
            headers.push(("Cookie".to_owned(), HeaderValue::text(&cookies)));
        }
        let body = body::of(document, operation).map(|(media_type, body)| {
            if !matches!(body, SampleBody::Parts(_)) {
                headers.push(("Content-Type".to_owned(), HeaderValue::text(media_type)));
            }
            body
        });
        Self {
            method: operation.method,
            url,
            headers,
            body,
        }
    }

    /// The request written in a language: a whole program, or one command for curl.
    pub fn render(&self, language: Language) -> String {
        match language {
            Language::Curl => curl::render(self),
            Language::JavaScript => javascript::render(self),
            Language::Python => python::render(self),
            Language::Go => go::render(self),
            Language::Rust => rust::render(self),
            Language::Java => java::render(self),
        }
    }
}

impl HeaderValue {
    /// A value without the control and other invisible characters that no client would send.
    pub fn text(value: &str) -> Self {
        let value = value.chars().filter(|c| !quote::is_hidden(*c)).collect();
        Self::Text(value)
    }
}

fn is_filled(parameter: &Parameter, fill: Fill) -> bool {
    parameter.required
        || (fill == Fill::Examples && !parameter.examples.is_empty() && !parameter.deprecated)
}

fn parameter_value(document: &Document, parameter: &Parameter) -> Value {
    let given = parameter.examples.first();
    if let Some(value) = given.filter(|value| is_short(value)) {
        return value.clone();
    }
    let schema = document.expanded(&parameter.schema);
    if schema.main_kind().is_none() && schema.variants.is_none() {
        let made = example(document, &schema, Side::Request);
        let is_empty = made.as_object().is_some_and(serde_json::Map::is_empty);
        return if is_empty {
            Kind::String.as_str().into()
        } else {
            made
        };
    }
    example(document, &schema, Side::Request)
}

/// The media type to ask for where an answer comes in several.
fn accepted(operation: &Operation) -> Option<&str> {
    let content = &operation.success()?.content;
    let json = content
        .iter()
        .find(|content| body::is_json(&content.media_type))?;
    (content.len() > 1).then_some(&json.media_type)
}

#[cfg(test)]
mod tests {
    use super::super::from_value;
    use super::*;
    use serde_json::json;

    const HOSTILE: &str = "a'b\"#c\\d`e$(id)${f}\n#{g}&h=i;j\u{202e}";

    pub(super) fn request(method: &str, path: &str, operation: Value) -> SampleRequest {
        let root = json!({"openapi": "3.0.0", "paths": {path: {method: operation}}});
        let document = from_value(&root).unwrap();
        let key = Some(("X-Api-Key", HeaderValue::Variable("shop-key".to_owned())));
        let base = "https://gateway.example/a";
        SampleRequest::new(
            &document,
            &document.operations[0],
            base,
            key,
            Fill::Examples,
        )
    }

    #[test]
    fn headers_and_cookies_are_written() {
        let request = request(
            "get",
            "/",
            json!({"parameters": [
            {"name": "X-A", "in": "header", "example": "a\r\nX-B: c"},
            {"name": "x-api-key", "in": "header", "example": "mine"},
            {"name": "Accept", "in": "header", "example": "text/html"},
            {"name": "no header", "in": "header", "example": "x"},
            {"name": "s", "in": "cookie", "example": "a; b"},
        ], "responses": {"200": {"content": {"application/xml": {}, "application/json": {}}}}}),
        );
        let text = |value: &str| HeaderValue::Text(value.to_owned());
        let expected = [
            ("X-Api-Key", HeaderValue::Variable("shop-key".to_owned())),
            ("Accept", text("application/json")),
            ("X-A", text("aX-B: c")),
            ("Cookie", text("s=a%3B%20b")),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(request.headers, expected);
    }

    #[test]
    fn hostile_texts_stay_inside_their_literals() {
        let request = request(
            "post",
            "/{p}",
            json!({
                "parameters": [
                    {"name": "p", "in": "path", "required": true, "example": HOSTILE},
                    {"name": "X-A", "in": "header", "example": HOSTILE},
                ],
                "requestBody": {"content": {"application/json": {"example": {HOSTILE: HOSTILE, "__proto__": "\"\"\""}}}},
            }),
        );
        for language in Language::ALL {
            let code = request.render(language);
            let body = code.replace("\\u202e", "");
            assert!(
                !body
                    .chars()
                    .any(|c| c != '\n' && c != '\t' && quote::is_hidden(c)),
                "{code}"
            );
            assert!(!code.contains("/a/a'b"), "{code}");
        }
        let curl = request.render(Language::Curl);
        assert!(curl.contains("-H \"X-Api-Key: $SHOP_KEY\""), "{curl}");
        assert!(curl.contains(r"'X-A: a'\''b"), "{curl}");
        let javascript = request.render(Language::JavaScript);
        assert!(javascript.contains("body: \"{"), "{javascript}");
        assert!(
            javascript.contains(r##""a'b\"#c\\d`e$(id)${f}#{g}&h=i;j"##),
            "{javascript}"
        );
        // Go's back quotes cannot hold one, so there the body is in double quotes.
        assert!(request.render(Language::Go).contains("NewReader(\"{"));
        assert!(request.render(Language::Rust).contains("body(r##\"{"));
        assert!(request.render(Language::Java).contains("\"\"\"\n"));
    }

    #[test]
    fn the_first_call_needs_nothing() {
        let first = |paths: Value| {
            let document = from_value(&json!({"openapi": "3.0.0", "paths": paths})).unwrap();
            first_call(&document).map(|operation| operation.path.clone())
        };
        let asks = json!({"parameters": [{"name": "q", "in": "query", "required": true}]});
        let old = json!({"deprecated": true});
        let paths = json!({"/p": {"post": {}}, "/{a}": {"get": {}}, "/q": {"get": asks},
            "/old": {"get": old}, "/b": {"get": {}}});
        assert_eq!(first(paths).as_deref(), Some("/b"));
        let paths = json!({"/old": {"get": old}, "/{a}": {"get": {}}});
        assert_eq!(first(paths).as_deref(), Some("/{a}"));
        assert_eq!(first(json!({"/p": {"post": {}}})), None);
    }
}
