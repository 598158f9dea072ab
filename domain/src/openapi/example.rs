//! Example values for schemas: what the document gives, else something that fits, bounded in
//! depth and size whatever the document says.

mod number;

use super::Document;
use super::schema::{Additional, Kind, Schema, Variants, reference_name};
use number::number;
use serde_json::{Map, Value};

/// Deepest nesting of a made value.
const MAX_DEPTH: usize = 8;
/// Most values in a made value.
const MAX_NODES: usize = 400;
/// Longest text of a made value, and largest example that is taken from the document, in bytes.
const MAX_BYTES: usize = 32 * 1024;
/// Longest text made to reach a `minLength`, in characters.
const MAX_PADDING: u64 = 256;

/// For whom a value is made: members that only the other side sends are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Request,
    Response,
}

/// A value that fits a schema, as far as that can be told without running patterns. Taken from
/// examples, default and enumerated values where there are some, else made from kind, format
/// and limits.
pub fn example(document: &Document, schema: &Schema, side: Side) -> Value {
    let mut steps = usize::MAX;
    example_within(document, schema, side, &mut steps).unwrap_or(Value::Null)
}

/// The same, where it costs fewer steps than are left: members that are looked at, schemas and
/// what is in them that are copied.
pub(crate) fn example_within(
    document: &Document,
    schema: &Schema,
    side: Side,
    steps: &mut usize,
) -> Option<Value> {
    let mut maker = Maker {
        document,
        side,
        nodes: 0,
        bytes: 0,
        steps: *steps,
        open: Vec::new(),
    };
    let made = maker.make(schema, 0).unwrap_or(Value::Null);
    *steps = maker.steps;
    (maker.steps > 0).then_some(made)
}

struct Maker<'d> {
    document: &'d Document,
    side: Side,
    nodes: usize,
    bytes: usize,
    /// What it may still cost.
    steps: usize,
    /// References that are being made, so that a tree does not contain itself.
    open: Vec<String>,
}

impl Maker<'_> {
    /// Whether anything more can be made.
    const fn is_full(&self) -> bool {
        self.nodes >= MAX_NODES || self.bytes > MAX_BYTES || self.steps == 0
    }

    /// None where a bound is reached or a schema would contain itself: the member is left out.
    fn make(&mut self, schema: &Schema, depth: usize) -> Option<Value> {
        if self.is_full() {
            return None;
        }
        self.nodes += 1;
        self.steps -= 1;
        if depth > MAX_DEPTH {
            return None;
        }
        let Some(reference) = schema.reference.clone() else {
            return self.make_expanded(schema, depth);
        };
        if self.open.contains(&reference) {
            return None;
        }
        self.open.push(reference);
        let made = self.make_expanded(schema, depth);
        self.open.pop();
        made
    }

    fn make_expanded(&mut self, schema: &Schema, depth: usize) -> Option<Value> {
        let document = self.document;
        let schema = document.expanded_within(schema, &mut self.steps)?;
        if let Some(given) = self.given(&schema) {
            return Some(given);
        }
        let made = match schema.main_kind() {
            Some(Kind::Object) => self.object(&schema, depth),
            Some(Kind::Array) => self.array(&schema, depth),
            Some(Kind::String) => self.text(&schema),
            Some(Kind::Integer) => number(schema.limits.as_deref(), true),
            Some(Kind::Number) => number(schema.limits.as_deref(), false),
            Some(Kind::Boolean) => Value::Bool(true),
            Some(Kind::Null) => Value::Null,
            None if schema.variants.is_some() => Value::Null,
            None => Value::Object(Map::new()),
        };
        match schema.variants.as_deref() {
            Some(variants) => self.variant(made, variants, depth),
            None => Some(made),
        }
    }

    /// What the document itself gives, unless it is too large to show.
    fn given(&mut self, schema: &Schema) -> Option<Value> {
        let values = schema.values.iter().filter(|value| !value.is_null());
        let given = schema
            .notes
            .examples
            .iter()
            .chain(&schema.notes.default)
            .chain(values)
            .find(|value| !value.is_null())
            .or(schema.values.first())?;
        let bytes = size(given, MAX_BYTES)?;
        self.bytes += bytes;
        Some(given.clone())
    }

    fn object(&mut self, schema: &Schema, depth: usize) -> Value {
        let mut object = Map::new();
        for property in schema.properties() {
            if self.is_full() {
                break;
            }
            self.steps -= 1;
            let notes = &property.schema.notes;
            let other_side = match self.side {
                Side::Request => notes.read_only,
                Side::Response => notes.write_only,
            };
            if other_side || (notes.deprecated && !property.required) {
                continue;
            }
            if let Some(value) = self.make(&property.schema, depth + 1) {
                self.bytes += property.name.len();
                object.insert(property.name.clone(), value);
            }
        }
        let additional = schema.object.as_ref().map(|shape| &shape.additional);
        if let Some(Additional::Fitting(schema)) = additional
            && object.is_empty()
            && let Some(value) = self.make(schema, depth + 1)
        {
            object.insert("name".to_owned(), value);
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &Schema, depth: usize) -> Value {
        let Some(shape) = schema.array.as_deref() else {
            return Value::Array(Vec::new());
        };
        let mut items: Vec<Value> = Vec::new();
        for item in &shape.prefix {
            items.extend(self.make(item, depth + 1));
        }
        let limits = schema.limits.as_deref();
        let most = limits.and_then(|limits| limits.max_items).unwrap_or(1);
        if let Some(item) = &shape.items
            && items.is_empty()
            && most > 0
        {
            items.extend(self.make(item, depth + 1));
        }
        Value::Array(items)
    }

    fn text(&mut self, schema: &Schema) -> Value {
        let mut text = text_of_format(schema.format.as_deref().unwrap_or_default()).to_owned();
        if let Some(limits) = schema.limits.as_deref() {
            let least = limits.min_length.unwrap_or(0).min(MAX_PADDING);
            let missing = least.saturating_sub(text.chars().count() as u64);
            text.extend(std::iter::repeat_n('x', missing as usize));
            if let Some(most) = limits.max_length {
                text = text.chars().take(most.min(MAX_PADDING) as usize).collect();
            }
        }
        self.bytes += text.len();
        Value::String(text)
    }

    /// The first variant that can be made, with the members that all variants share.
    fn variant(&mut self, shared: Value, variants: &Variants, depth: usize) -> Option<Value> {
        let null = Schema::of(Kind::Null);
        let candidates = variants.schemas.iter().filter(|schema| **schema != null);
        for candidate in candidates {
            let Some(made) = self.make(candidate, depth + 1) else {
                continue;
            };
            let mut made = match (shared, made) {
                (Value::Object(mut shared), Value::Object(made)) => {
                    shared.extend(made);
                    Value::Object(shared)
                }
                (_, made) => made,
            };
            if let (Some(told), Value::Object(object)) = (&variants.discriminator, &mut made)
                && let Some(key) = &candidate.reference
            {
                let mapped = told.mapping.iter().find(|(_, target)| target == key);
                let name = mapped.map_or_else(|| reference_name(key), |(value, _)| value);
                object.insert(told.property.clone(), name.into());
            }
            return Some(made);
        }
        (!shared.is_null()).then_some(shared)
    }
}

fn text_of_format(format: &str) -> &'static str {
    match format {
        "date" => "2025-06-30",
        "date-time" => "2025-06-30T09:30:00Z",
        "time" => "09:30:00Z",
        "duration" => "P1D",
        "uuid" => "3b0c1a52-7d0e-4b6f-9a43-5f1f6c2d8e90",
        "email" | "idn-email" => "reader@example.com",
        "hostname" | "idn-hostname" => "example.com",
        "ipv4" | "ip" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uri" | "url" | "iri" => "https://example.com/",
        "uri-reference" | "iri-reference" => "/example",
        "json-pointer" => "/example",
        "byte" => "UG9ydHVudXM=",
        "password" => "a long passphrase",
        "phone" => "+15550100",
        _ => "string",
    }
}

/// Whether a value is short enough to be shown as an example.
pub(super) fn is_short(value: &Value) -> bool {
    size(value, MAX_BYTES).is_some()
}

/// The bytes of a value as JSON, roughly; none when there are more than `most`.
fn size(value: &Value, most: usize) -> Option<usize> {
    let size_of_all = |mut sizes: Box<dyn Iterator<Item = Option<usize>> + '_>| {
        sizes.try_fold(2, |sum, size| Some(sum + size?).filter(|sum| *sum <= most))
    };
    let size = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => size_of_all(Box::new(items.iter().map(|item| size(item, most))))?,
        Value::Object(object) => size_of_all(Box::new(
            object
                .iter()
                .map(|(key, value)| Some(key.len() + 4 + size(value, most)?)),
        ))?,
    };
    (size <= most).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::super::from_value;
    use super::*;
    use serde_json::json;

    fn made(schema: Value, side: Side) -> Value {
        let schemas = json!({"S": schema, "Node": {"type": "object", "properties": {
            "name": {"type": "string"},
            "next": {"$ref": "#/components/schemas/Node"},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
        }}});
        let root = json!({"openapi": "3.1.0", "paths": {}, "components": {"schemas": schemas}});
        let document = from_value(&root).unwrap();
        example(&document, &document.schemas["S"], side)
    }

    #[test]
    fn what_the_document_gives_comes_first() {
        for (schema, expected) in [
            (
                json!({"type": "string", "example": "a", "default": "b"}),
                json!("a"),
            ),
            (json!({"examples": ["a", "b"]}), json!("a")),
            (
                json!({"type": "string", "default": "b", "enum": ["a", "b"]}),
                json!("b"),
            ),
            (json!({"enum": [null, "a"]}), json!("a")),
            (json!({"const": 3}), json!(3)),
            (
                json!({"type": "object", "example": {"a": 1}, "properties": {"b": {}}}),
                json!({"a": 1}),
            ),
        ] {
            assert_eq!(made(schema.clone(), Side::Request), expected, "{schema}");
        }
    }

    #[test]
    fn else_something_that_fits_is_made() {
        for (schema, expected) in [
            (json!({}), json!({})),
            (json!(true), json!({})),
            (json!({"type": ["null", "boolean"]}), json!(true)),
            (json!({"type": "null"}), json!(null)),
            (
                json!({"type": "string", "format": "date"}),
                json!("2025-06-30"),
            ),
            (json!({"type": "string", "minLength": 8}), json!("stringxx")),
            (json!({"type": "string", "maxLength": 3}), json!("str")),
            (json!({"type": "integer"}), json!(1)),
            (json!({"type": "integer", "minimum": 10}), json!(10)),
            (
                json!({"type": "integer", "exclusiveMinimum": 10}),
                json!(11),
            ),
            (json!({"type": "integer", "maximum": -3}), json!(-3)),
            (
                json!({"type": "integer", "minimum": 7, "multipleOf": 5}),
                json!(10),
            ),
            (json!({"type": "number", "maximum": 0.5}), json!(0.5)),
            (json!({"type": "number", "exclusiveMaximum": 1}), json!(0)),
            (json!({"type": "number", "minimum": 1e300}), json!(1e300)),
            (
                json!({"type": "array", "items": {"type": "integer"}}),
                json!([1]),
            ),
            (
                json!({"type": "array", "items": {}, "maxItems": 0}),
                json!([]),
            ),
            (json!({"type": "array"}), json!([])),
            (
                json!({"prefixItems": [{"type": "integer"}, {"const": "a"}]}),
                json!([1, "a"]),
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": "integer"}}),
                json!({"name": 1}),
            ),
            (
                json!({"oneOf": [{"type": "null"}, {"type": "integer"}]}),
                json!(1),
            ),
            (json!({"$ref": "#/components/schemas/Gone"}), json!({})),
        ] {
            assert_eq!(made(schema.clone(), Side::Request), expected, "{schema}");
        }
    }

    #[test]
    fn each_side_sees_its_members() {
        let schema = json!({"type": "object", "required": ["old"], "properties": {
            "id": {"type": "integer", "readOnly": true},
            "secret": {"type": "integer", "writeOnly": true},
            "gone": {"type": "integer", "deprecated": true},
            "old": {"type": "integer", "deprecated": true},
        }});
        assert_eq!(
            made(schema.clone(), Side::Request),
            json!({"secret": 1, "old": 1})
        );
        assert_eq!(made(schema, Side::Response), json!({"id": 1, "old": 1}));
    }

    #[test]
    fn cycles_and_sizes_end() {
        let node = json!({"$ref": "#/components/schemas/Node"});
        assert_eq!(
            made(node, Side::Request),
            json!({"name": "string", "children": []})
        );
        let mut deep = json!({"type": "integer"});
        for _ in 0..20 {
            deep = json!({"type": "array", "items": deep});
        }
        assert!(made(deep, Side::Request).to_string().len() < 40);
        let mut wide = json!({"type": "object"});
        for n in 0..5_000 {
            wide["properties"][format!("p{n}")] = json!({"type": "string", "minLength": 200});
        }
        assert!(made(wide, Side::Request).to_string().len() < 200_000);
        let huge = json!({"type": "string", "example": "x".repeat(1_000_000)});
        assert_eq!(made(huge, Side::Request), json!("string"));
    }
}
