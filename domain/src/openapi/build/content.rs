//! What goes in and comes out: request bodies, answers, headers, media types, examples.

use super::super::finding::FindingCode;
use super::super::operation::{Content, Example, Header, RequestBody, Response};
use super::super::pointer::At;
use super::super::schema::Schema;
use super::Builder;
use serde_json::{Map, Value};

/// Bytes that one part takes beside its texts, roughly.
const PART: usize = 200;

impl<'d> Builder<'d> {
    pub(super) fn request_body(
        &mut self,
        operation: &'d Map<String, Value>,
        at: At<'_>,
    ) -> Option<RequestBody> {
        let value = operation.get("requestBody")?;
        let at = at.key("requestBody");
        let (body, base) = self.resolve(value, at)?;
        let at = base.as_deref().map_or(at, At::base);
        Some(RequestBody {
            description: self.prose(body, "description", at),
            required: self.flag(body, "required", at).unwrap_or(false),
            content: self.content(body, at),
        })
    }

    pub(super) fn responses(
        &mut self,
        operation: &'d Map<String, Value>,
        at: At<'_>,
    ) -> Vec<Response> {
        let list_at = at.key("responses");
        let mut responses = Vec::new();
        for (status, value) in self
            .member(operation, "responses", at)
            .into_iter()
            .flatten()
        {
            let at = list_at.key(status);
            if status.starts_with("x-") {
                continue;
            }
            if !is_status(status) {
                self.strange(at, "a status like 200, 4XX or default");
                continue;
            }
            let Some((response, base)) = self.resolve(value, at) else {
                continue;
            };
            let at = base.as_deref().map_or(at, At::base);
            if !self.spend(PART, at) {
                break;
            }
            responses.push(Response {
                status: status.clone(),
                description: self.prose(response, "description", at),
                headers: self.headers(response, at),
                content: self.content(response, at),
            });
        }
        responses.sort_by_cached_key(|response| order_of(&response.status));
        responses
    }

    fn headers(&mut self, response: &'d Map<String, Value>, at: At<'_>) -> Vec<Header> {
        let list_at = at.key("headers");
        let mut headers = Vec::new();
        for (name, value) in self.member(response, "headers", at).into_iter().flatten() {
            let at = list_at.key(name);
            let Some((header, base)) = self.resolve(value, at) else {
                continue;
            };
            let at = base.as_deref().map_or(at, At::base);
            if !self.spend(PART + name.len(), at) {
                break;
            }
            headers.push(Header {
                name: name.clone(),
                required: self.flag(header, "required", at).unwrap_or(false),
                description: self.prose(header, "description", at),
                schema: self.carried_schema(header, at).0,
            });
        }
        headers
    }

    /// The schema of a parameter or header, and the media type where it stands under one.
    pub(super) fn carried_schema(
        &mut self,
        carrier: &'d Map<String, Value>,
        at: At<'_>,
    ) -> (Schema, Option<String>) {
        if let Some(schema) = carrier.get("schema") {
            return (self.schema(schema, at.key("schema")), None);
        }
        match self.content(carrier, at).into_iter().next() {
            Some(content) => (content.schema, Some(content.media_type)),
            None => (Schema::default(), None),
        }
    }

    pub(super) fn content(&mut self, carrier: &'d Map<String, Value>, at: At<'_>) -> Vec<Content> {
        let list_at = at.key("content");
        let mut contents = Vec::new();
        for (media_type, value) in self.member(carrier, "content", at).into_iter().flatten() {
            let at = list_at.key(media_type);
            let Some((content, base)) = self.resolve(value, at) else {
                continue;
            };
            let at = base.as_deref().map_or(at, At::base);
            if !self.spend(PART + media_type.len(), at) {
                break;
            }
            let schema = match content.get("schema") {
                Some(schema) => self.schema(schema, at.key("schema")),
                None => Schema::default(),
            };
            contents.push(Content {
                media_type: media_type.clone(),
                schema,
                examples: self.examples(content, at),
            });
        }
        contents
    }

    /// `example`, then the named `examples`, of a media type or parameter.
    pub(super) fn examples(&mut self, carrier: &'d Map<String, Value>, at: At<'_>) -> Vec<Example> {
        let mut examples = Vec::new();
        if let Some(value) = carrier.get("example") {
            examples.push(Example {
                name: String::new(),
                summary: String::new(),
                value: self.value(value, at),
            });
        }
        let list_at = at.key("examples");
        let named = match carrier.get("examples") {
            // An array is what the schema's own `examples` look like.
            Some(Value::Array(values)) => {
                examples.extend(values.iter().map(|value| Example {
                    name: String::new(),
                    summary: String::new(),
                    value: self.value(value, at),
                }));
                None
            }
            _ => self.member(carrier, "examples", at),
        };
        for (name, value) in named.into_iter().flatten() {
            let at = list_at.key(name);
            let Some((example, base)) = self.resolve(value, at) else {
                continue;
            };
            let at = base.as_deref().map_or(at, At::base);
            let Some(value) = example.get("value") else {
                // An example elsewhere (`externalValue`) is never fetched.
                if !example.contains_key("externalValue") {
                    let message = "an example without a value is ignored";
                    self.findings.add(FindingCode::StrangeValue, at, message);
                }
                continue;
            };
            if !self.spend(PART + name.len(), at) {
                break;
            }
            examples.push(Example {
                name: name.clone(),
                summary: self.prose(example, "summary", at),
                value: self.value(value, at),
            });
        }
        examples
    }
}

fn is_status(status: &str) -> bool {
    let bytes = status.as_bytes();
    status == "default"
        || bytes.len() == 3
            && matches!(bytes[0], b'1'..=b'5')
            && (bytes[1..].iter().all(u8::is_ascii_digit) || bytes[1..].eq_ignore_ascii_case(b"xx"))
}

/// Codes ascending, a range after its codes, `default` last.
fn order_of(status: &str) -> (bool, String) {
    (status == "default", status.to_ascii_uppercase())
}
