//! The body of a sample request: the media type that is easiest to write, with an example.

use super::super::example::{Side, example, is_short};
use super::super::operation::{Content, Operation};
use super::super::{Document, Kind};
use super::{SampleBody, SamplePart, url};
use serde_json::Value;

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";

/// Media type and body; none where the operation takes none.
pub(super) fn of<'d>(
    document: &Document,
    operation: &'d Operation,
) -> Option<(&'d str, SampleBody)> {
    let body = operation.request_body.as_ref()?;
    let content = body.content.iter().min_by_key(|content| rank(content))?;
    let value = || {
        let given = content.examples.first().map(|example| &example.value);
        match given.filter(|value| is_short(value)) {
            Some(value) => value.clone(),
            None => example(document, &content.schema, Side::Request),
        }
    };
    let sample = match essence(&content.media_type) {
        media_type if is_json(media_type) => SampleBody::Json(value()),
        FORM => SampleBody::Text(url::form(&value())),
        MULTIPART => SampleBody::Parts(parts(document, content, &value())),
        media_type => match value() {
            Value::String(text) if !is_binary(document, content) => SampleBody::Text(text),
            _ => SampleBody::File(file_name(media_type).to_owned()),
        },
    };
    Some((&content.media_type, sample))
}

/// Whether a media type is JSON (RFC 6839 §3.1 for the suffix).
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence == "application/json" || essence == "*/*" || essence.ends_with("+json")
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

fn rank(content: &Content) -> u8 {
    match essence(&content.media_type) {
        media_type if is_json(media_type) => 0,
        FORM => 1,
        MULTIPART => 2,
        media_type if media_type.starts_with("text/") => 3,
        _ => 4,
    }
}

fn is_binary(document: &Document, content: &Content) -> bool {
    let schema = document.expanded(&content.schema);
    let named = matches!(schema.format.as_deref(), Some("binary" | "byte"));
    named || schema.main_kind() != Some(Kind::String) && content.examples.is_empty()
}

fn parts(document: &Document, content: &Content, value: &Value) -> Vec<SamplePart> {
    let schema = document.expanded(&content.schema);
    let is_file = |name: &str| {
        let property = schema.properties().iter().find(|own| own.name == name);
        property.is_some_and(|property| {
            let schema = document.expanded(&property.schema);
            let item = schema.array.as_ref().and_then(|array| array.items.as_ref());
            [Some(&*schema), item]
                .into_iter()
                .flatten()
                .any(|schema| schema.format.as_deref() == Some("binary"))
        })
    };
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(name, value)| {
            let is_file = is_file(name);
            SamplePart {
                name: name.clone(),
                value: match is_file {
                    true => "upload.bin".to_owned(),
                    false => url::simple(value),
                },
                is_file,
            }
        })
        .collect()
}

fn file_name(media_type: &str) -> &'static str {
    match media_type {
        "application/xml" | "text/xml" => "body.xml",
        "text/csv" => "body.csv",
        "application/pdf" => "body.pdf",
        "image/png" => "body.png",
        "image/jpeg" => "body.jpg",
        _ => "body.bin",
    }
}

#[cfg(test)]
mod tests {
    use super::super::SampleBody;
    use super::super::tests::request;
    use serde_json::{Value, json};

    #[test]
    fn bodies_take_the_easiest_media_type() {
        let body = |content: Value| {
            request("post", "/", json!({"requestBody": {"content": content}})).body
        };
        let object = json!({"schema": {"type": "object", "properties": {
            "a": {"type": "string", "example": "b c&d"},
            "f": {"type": "string", "format": "binary"},
        }}});
        let json_first =
            json!({"text/xml": {}, "application/merge-patch+json": {"example": {"a": 1}}});
        assert_eq!(body(json_first), Some(SampleBody::Json(json!({"a": 1}))));
        let form =
            json!({"application/x-www-form-urlencoded": {"example": {"a": "b c&d", "e": 1}}});
        assert_eq!(body(form), Some(SampleBody::Text("a=b%20c%26d&e=1".into())));
        let Some(SampleBody::Parts(parts)) = body(json!({"multipart/form-data": object})) else {
            panic!("parts");
        };
        let parts: Vec<_> = parts
            .iter()
            .map(|p| (p.name.as_str(), p.value.as_str(), p.is_file))
            .collect();
        assert_eq!(parts, [("a", "b c&d", false), ("f", "upload.bin", true)]);
        assert_eq!(
            body(json!({"text/plain": {"example": "hi"}})),
            Some(SampleBody::Text("hi".into()))
        );
        assert_eq!(
            body(json!({"image/png": {}})),
            Some(SampleBody::File("body.png".into()))
        );
        assert_eq!(body(json!({})), None);
    }
}
