//! Schemas: both dialects read into one shape.

use super::super::finding::FindingCode;
use super::super::pointer::{At, Target, schema_key};
use super::super::schema::{
    Additional, ArrayShape, Discriminator, Kind, Limits, Notes, ObjectShape, Property, Schema,
    VariantRule, Variants,
};
use super::Builder;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Bytes that one schema takes, roughly.
const SCHEMA: usize = 400;

impl<'d> Builder<'d> {
    /// Reads `components.schemas`.
    pub(super) fn component_schemas(&mut self, root: &'d Map<String, Value>) {
        let root_at = At::base("");
        let Some(components) = self.member(root, "components", root_at) else {
            return;
        };
        let at = root_at.key("components");
        let Some(schemas) = self.member(components, "schemas", at) else {
            return;
        };
        self.known.extend(schemas.keys().cloned());
        let at = at.key("schemas");
        for (name, value) in schemas {
            let schema = self.schema(value, at.key(name));
            self.schemas.insert(name.clone(), schema);
        }
    }

    /// Reads the schemas elsewhere in the document that references named, and those that these
    /// name in turn.
    pub(super) fn finish_schemas(&mut self) {
        while let Some((key, pointer)) = self.waiting.pop() {
            let Some(value) = self.root.pointer(&pointer) else {
                continue;
            };
            let schema = self.schema(value, At::base(&pointer));
            self.schemas.insert(key, schema);
        }
    }

    /// The schema of a value; whatever is no schema admits anything.
    pub(super) fn schema(&mut self, value: &Value, at: At<'_>) -> Schema {
        if !self.spend(SCHEMA, at) {
            return Schema::default();
        }
        match value {
            Value::Object(object) => self.schema_object(object, at),
            Value::Bool(false) => Schema {
                not: Some(Box::default()),
                ..Schema::default()
            },
            Value::Bool(true) => Schema::default(),
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                let message = "this is no schema, so any value is taken to fit";
                self.findings.add(FindingCode::StrangeSchema, at, message);
                Schema::default()
            }
        }
    }

    fn schema_object(&mut self, object: &Map<String, Value>, at: At<'_>) -> Schema {
        let mut schema = Schema {
            reference: self.reference(object, at),
            format: self.text(object, "format", at),
            notes: self.notes(object, at),
            limits: self.limits(object, at).map(Box::new),
            object: self.object_shape(object, at).map(Box::new),
            array: self.array_shape(object, at).map(Box::new),
            not: object
                .get("not")
                .map(|not| Box::new(self.schema(not, at.key("not")))),
            ..Schema::default()
        };
        self.kinds(object, at, &mut schema);
        self.allowed(object, at, &mut schema);
        for part in self.schemas_of(object, "allOf", at) {
            // Merging looks at all members again, so many parts on many members cost.
            if self.spend((schema.properties().len() + 1) * 64, at) {
                schema.absorb(part);
            }
        }
        let discriminator = self.discriminator(object, at);
        for (key, rule) in [("oneOf", VariantRule::One), ("anyOf", VariantRule::Any)] {
            let schemas = self.schemas_of(object, key, at);
            if !schemas.is_empty() {
                schema.add_variants(Variants {
                    rule,
                    schemas,
                    discriminator: discriminator.clone(),
                });
            }
        }
        if self.flag(object, "nullable", at) == Some(true) {
            schema.admit_null();
        }
        schema
    }

    fn reference(&mut self, object: &Map<String, Value>, at: At<'_>) -> Option<String> {
        let reference = match object.get("$ref")? {
            Value::String(reference) => reference,
            // A property may be called `$ref`; then this is no schema but its parent was wrong.
            _ => {
                self.strange(at.key("$ref"), "a reference");
                return None;
            }
        };
        if !self.spend(reference.len(), at) {
            return None;
        }
        let key = schema_key(reference);
        match Target::of(reference) {
            Target::External => self.external(reference, at),
            Target::Local(pointer) => {
                if self.root.pointer(&pointer).is_none() {
                    self.unresolved(reference, at);
                } else if !self.known.contains(&key) {
                    self.known.insert(key.clone());
                    self.waiting.push((key.clone(), pointer.into_owned()));
                }
            }
        }
        Some(key)
    }

    fn kinds(&mut self, object: &Map<String, Value>, at: At<'_>, schema: &mut Schema) {
        let words = match object.get("type") {
            None | Some(Value::Null) => return,
            Some(Value::Array(words)) => words.as_slice(),
            Some(word) => std::slice::from_ref(word),
        };
        for word in words {
            match word.as_str().map(|word| (word, Kind::from_word(word))) {
                Some((_, Some(kind))) if !schema.kinds.contains(&kind) => schema.kinds.push(kind),
                Some((_, Some(_))) => {}
                // Left from Swagger 2.0, and everybody knows what it means.
                Some(("file", None)) => {
                    schema.kinds.push(Kind::String);
                    schema.format.get_or_insert_with(|| "binary".to_owned());
                }
                _ => {
                    let message = format!("{word:.60} is no type, so any is taken to fit");
                    let at = at.key("type");
                    self.findings.add(FindingCode::StrangeSchema, at, message);
                }
            }
        }
    }

    fn allowed(&mut self, object: &Map<String, Value>, at: At<'_>, schema: &mut Schema) {
        let items = self.items(object, "enum", at);
        schema.values = items.iter().map(|item| self.value(item, at)).collect();
        if let Some(constant) = object.get("const") {
            schema.values = vec![self.value(constant, at)];
        }
    }

    fn notes(&mut self, object: &Map<String, Value>, at: At<'_>) -> Notes {
        let mut examples = Vec::new();
        match object.get("examples") {
            Some(Value::Array(items)) => {
                examples.extend(items.iter().map(|item| self.value(item, at)));
            }
            // Named examples belong to media types, but authors write them here too.
            Some(Value::Object(named)) => {
                let values = named.values().filter_map(|named| named.get("value"));
                examples.extend(values.map(|value| self.value(value, at)));
            }
            _ => {}
        }
        if let Some(example) = object.get("example").filter(|value| !value.is_null()) {
            examples.push(self.value(example, at));
        }
        let default = object.get("default").filter(|value| !value.is_null());
        let default = default.map(|value| self.value(value, at));
        Notes {
            title: self.text(object, "title", at),
            description: self.text(object, "description", at),
            default,
            examples,
            deprecated: self.flag(object, "deprecated", at).unwrap_or(false),
            read_only: self.flag(object, "readOnly", at).unwrap_or(false),
            write_only: self.flag(object, "writeOnly", at).unwrap_or(false),
        }
    }

    fn limits(&mut self, object: &Map<String, Value>, at: At<'_>) -> Option<Limits> {
        let (minimum, exclusive_minimum) = self.bound(object, "minimum", "exclusiveMinimum", at);
        let (maximum, exclusive_maximum) = self.bound(object, "maximum", "exclusiveMaximum", at);
        let limits = Limits {
            minimum,
            maximum,
            exclusive_minimum,
            exclusive_maximum,
            multiple_of: self.number(object, "multipleOf", at),
            min_length: self.count(object, "minLength", at),
            max_length: self.count(object, "maxLength", at),
            pattern: self.text(object, "pattern", at),
            min_items: self.count(object, "minItems", at),
            max_items: self.count(object, "maxItems", at),
            unique_items: self.flag(object, "uniqueItems", at).unwrap_or(false),
            min_properties: self.count(object, "minProperties", at),
            max_properties: self.count(object, "maxProperties", at),
        };
        (limits != Limits::default()).then_some(limits)
    }

    /// (inclusive, exclusive) bound: 3.0 marks a bound as exclusive by a boolean, 3.1 has two.
    fn bound(
        &mut self,
        object: &Map<String, Value>,
        inclusive: &str,
        exclusive: &str,
        at: At<'_>,
    ) -> (Option<f64>, Option<f64>) {
        let bound = self.number(object, inclusive, at);
        match object.get(exclusive) {
            Some(Value::Bool(true)) => (None, bound),
            Some(Value::Bool(false)) => (bound, None),
            _ => (bound, self.number(object, exclusive, at)),
        }
    }

    fn number(&mut self, object: &Map<String, Value>, key: &str, at: At<'_>) -> Option<f64> {
        let value = object.get(key).filter(|value| !value.is_null())?;
        let number = match value {
            Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            value => value.as_f64(),
        };
        if number.is_none() {
            self.strange(at.key(key), "a number");
        }
        number
    }

    fn count(&mut self, object: &Map<String, Value>, key: &str, at: At<'_>) -> Option<u64> {
        let number = self.number(object, key, at)?;
        if number < 0.0 || number.fract() != 0.0 {
            self.strange(at.key(key), "a count");
            return None;
        }
        Some(number as u64)
    }

    fn object_shape(&mut self, object: &Map<String, Value>, at: At<'_>) -> Option<ObjectShape> {
        let mut shape = ObjectShape::default();
        // Authors also write `required: true` at a property, where it says nothing.
        let mut required: HashSet<&str> = match object.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => HashSet::new(),
        };
        let list_at = at.key("properties");
        let properties = self.member(object, "properties", at);
        for (name, value) in properties.into_iter().flatten() {
            shape.properties.push(Property {
                name: name.clone(),
                required: required.remove(name.as_str()),
                schema: self.schema(value, list_at.key(name)),
            });
        }
        // Required names without a schema stay, in the order written: `allOf` needs them.
        let names = object.get("required").and_then(Value::as_array);
        for name in names.into_iter().flatten().filter_map(Value::as_str) {
            if !required.remove(name) {
                continue;
            }
            if self.spend(SCHEMA, at) {
                shape.properties.push(Property {
                    name: name.to_owned(),
                    required: true,
                    schema: Schema::default(),
                });
            }
        }
        shape.additional = match object.get("additionalProperties") {
            Some(Value::Bool(false)) => Additional::Forbidden,
            Some(Value::Object(_)) => {
                let at = at.key("additionalProperties");
                Additional::Fitting(Box::new(self.schema(&object["additionalProperties"], at)))
            }
            _ => Additional::Unsaid,
        };
        (shape != ObjectShape::default()).then_some(shape)
    }

    fn array_shape(&mut self, object: &Map<String, Value>, at: At<'_>) -> Option<ArrayShape> {
        let mut prefix = self.schemas_of(object, "prefixItems", at);
        let items = match object.get("items") {
            None => None,
            // The tuple form of older JSON Schema.
            Some(Value::Array(_)) => {
                prefix = self.schemas_of(object, "items", at);
                None
            }
            Some(value) => Some(self.schema(value, at.key("items"))),
        };
        (items.is_some() || !prefix.is_empty()).then_some(ArrayShape { prefix, items })
    }

    fn schemas_of(&mut self, object: &Map<String, Value>, key: &str, at: At<'_>) -> Vec<Schema> {
        let items = self.items(object, key, at);
        let list_at = at.key(key);
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| self.schema(item, list_at.index(index)))
            .collect()
    }

    fn discriminator(&mut self, object: &Map<String, Value>, at: At<'_>) -> Option<Discriminator> {
        let written = match object.get("discriminator")? {
            // Swagger 2.0 named the property directly.
            Value::String(property) => {
                return Some(Discriminator {
                    property: property.clone(),
                    mapping: Vec::new(),
                });
            }
            value => self.object(value, at.key("discriminator"))?,
        };
        let at = at.key("discriminator");
        let property = self.text(written, "propertyName", at)?;
        let mut mapping = Vec::new();
        for (value, target) in self.member(written, "mapping", at).into_iter().flatten() {
            let Some(target) = target.as_str() else {
                continue;
            };
            if !self.spend(value.len() + target.len() + 48, at) {
                break;
            }
            // A bare name here means the component, other than in `$ref`.
            let key = if self.known.contains(target) {
                target.to_owned()
            } else {
                schema_key(target)
            };
            mapping.push((value.clone(), key));
        }
        Some(Discriminator { property, mapping })
    }
}
