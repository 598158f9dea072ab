//! Parameters written into paths, queries and cookies (OpenAPI "Style Values"), percent-encoded
//! so that whatever a document says stays one value (RFC 3986).

use super::super::operation::{Parameter, Style};
use super::super::template::{PathTemplate, Segment};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// All but the unreserved characters of RFC 3986 §2.3.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What may stand in a path besides, apart from what a shell or a client would read as more
/// than itself: braces, brackets, quotes.
const PATH: &AsciiSet = &VALUE
    .remove(b'/')
    .remove(b'%')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

type Filled<'a> = [(&'a Parameter, Value)];

/// The path of a template with its parameters filled in.
pub(super) fn path(template: &str, parameters: &Filled<'_>) -> String {
    let Ok(parsed) = PathTemplate::parse(template) else {
        return utf8_percent_encode(template, PATH).to_string();
    };
    let value_of = |name: &str| {
        let found = parameters
            .iter()
            .find(|(parameter, _)| parameter.name == name);
        found.map_or_else(String::new, |(parameter, value)| {
            path_value(parameter, value)
        })
    };
    let mut path = String::new();
    for segment in parsed.segments() {
        path.push('/');
        match segment {
            Segment::Literal(text) => path.extend(utf8_percent_encode(text, PATH)),
            Segment::Parameter(name) => path.push_str(&value_of(name)),
            Segment::Mixed { text, .. } => {
                let mut rest = text.as_str();
                while let Some((literal, after)) = rest.split_once('{') {
                    path.extend(utf8_percent_encode(literal, PATH));
                    let (name, after) = after.split_once('}').unwrap_or((after, ""));
                    path.push_str(&value_of(name));
                    rest = after;
                }
                path.extend(utf8_percent_encode(rest, PATH));
            }
        }
    }
    path
}

fn path_value(parameter: &Parameter, value: &Value) -> String {
    let text = joined(value, ",");
    match parameter.style {
        Style::Label => format!(".{text}"),
        Style::Matrix => format!(";{}={text}", encode(&parameter.name)),
        Style::Simple
        | Style::Form
        | Style::SpaceDelimited
        | Style::PipeDelimited
        | Style::DeepObject => text,
    }
}

/// The query with its question mark; empty without parameters.
pub(super) fn query(parameters: &Filled<'_>) -> String {
    let mut pairs = Vec::new();
    for (parameter, value) in parameters {
        pairs.extend(query_pairs(parameter, value));
    }
    match pairs.is_empty() {
        true => String::new(),
        false => format!("?{}", pairs.join("&")),
    }
}

fn query_pairs(parameter: &Parameter, value: &Value) -> Vec<String> {
    let name = encode(&parameter.name);
    if parameter.media_type.is_some() {
        return vec![format!("{name}={}", encode(&value.to_string()))];
    }
    match (value, parameter.style, parameter.explode) {
        (Value::Object(object), Style::DeepObject, _) => {
            let member = |(key, value): (&String, _)| {
                format!("{name}%5B{}%5D={}", encode(key), joined(value, ","))
            };
            object.iter().map(member).collect()
        }
        (Value::Object(object), Style::Form, true) => {
            let member =
                |(key, value): (&String, _)| format!("{}={}", encode(key), joined(value, ","));
            object.iter().map(member).collect()
        }
        (Value::Array(items), Style::Form, true) => {
            let item = |item| format!("{name}={}", joined(item, ","));
            items.iter().map(item).collect()
        }
        (_, Style::SpaceDelimited, _) => vec![format!("{name}={}", joined(value, "%20"))],
        (_, Style::PipeDelimited, _) => vec![format!("{name}={}", joined(value, "%7C"))],
        _ => vec![format!("{name}={}", joined(value, ","))],
    }
}

/// The value of a `Cookie` header; empty without parameters.
pub(super) fn cookies(parameters: &Filled<'_>) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(parameter, value)| format!("{}={}", encode(&parameter.name), joined(value, "%2C")))
        .collect();
    pairs.join("; ")
}

/// A form as `application/x-www-form-urlencoded`.
pub(super) fn form(value: &Value) -> String {
    let members = value.as_object().into_iter().flatten();
    let pairs: Vec<_> = members
        .map(|(key, value)| format!("{}={}", encode(key), joined(value, ",")))
        .collect();
    pairs.join("&")
}

/// A value as the text of a header, not encoded.
pub(super) fn simple(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(simple).collect::<Vec<_>>().join(","),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// A value as encoded text, items or members joined by a delimiter.
fn joined(value: &Value, delimiter: &str) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| encode(&simple(item))).collect();
            items.join(delimiter)
        }
        Value::Object(object) => {
            let members = object.iter();
            let members: Vec<_> = members
                .flat_map(|(key, value)| [encode(key), encode(&simple(value))])
                .collect();
            members.join(delimiter)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            encode(&simple(value))
        }
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::tests::request;
    use serde_json::{Value, json};

    #[test]
    fn parameters_are_written_in_their_style() {
        let url =
            |parameters: Value| request("get", "/x/{p}/y", json!({"parameters": parameters})).url;
        let p = |own: Value| {
            let mut parameter = json!({"name": "p", "in": "path", "required": true});
            parameter
                .as_object_mut()
                .unwrap()
                .extend(own.as_object().unwrap().clone());
            parameter
        };
        let q = |own: Value| json!([p(json!({"example": "v"})), p(own)]);
        for (parameters, expected) in [
            (json!([]), "/x/string/y"),
            (
                json!([p(json!({"example": "a/b?c#d%é"}))]),
                "/x/a%2Fb%3Fc%23d%25%C3%A9/y",
            ),
            (json!([p(json!({"example": [1, "b,c"]}))]), "/x/1,b%2Cc/y"),
            (
                json!([p(json!({"example": 5, "style": "label"}))]),
                "/x/.5/y",
            ),
            (
                json!([p(json!({"example": 5, "style": "matrix"}))]),
                "/x/;p=5/y",
            ),
            (
                q(json!({"in": "query", "example": ["a b", "c"]})),
                "/x/v/y?p=a%20b&p=c",
            ),
            (
                q(json!({"in": "query", "example": [1, 2], "explode": false})),
                "/x/v/y?p=1,2",
            ),
            (
                q(json!({"in": "query", "example": [1, 2], "style": "pipeDelimited"})),
                "/x/v/y?p=1%7C2",
            ),
            (
                q(json!({"in": "query", "example": {"a": 1, "b": "c"}})),
                "/x/v/y?a=1&b=c",
            ),
            (
                q(json!({"in": "query", "example": {"a": 1}, "style": "deepObject"})),
                "/x/v/y?p%5Ba%5D=1",
            ),
            (
                q(json!({"in": "query", "example": {"a": 1}, "content": {"application/json": {}}})),
                "/x/v/y?p=%7B%22a%22%3A1%7D",
            ),
            (
                q(json!({"in": "query", "schema": {"type": "integer", "minimum": 3}})),
                "/x/v/y?p=3",
            ),
        ] {
            let expected = format!("https://gateway.example/a{expected}");
            assert_eq!(url(parameters.clone()), expected, "{parameters}");
        }
    }
}
