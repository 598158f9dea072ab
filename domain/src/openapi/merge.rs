//! Putting schemas together: parts of `allOf`, a reference with what it refers to, `null` as
//! one more kind.

use super::Document;
use super::schema::{Additional, Kind, Limits, Notes, ObjectShape, Schema, VariantRule, Variants};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Most schemas that one expansion takes in; more would be no help to a reader.
const MAX_PARTS: usize = 50;
/// Most comparisons made to find what two lists of values have in common.
const MAX_COMPARISONS: usize = 100_000;

impl Document {
    /// The schema with its reference followed and the parts of its `allOf` merged, one level:
    /// properties and items stay as they are. A named schema is merged once, so cycles end.
    pub fn expanded<'s>(&'s self, schema: &'s Schema) -> Cow<'s, Schema> {
        let mut steps = usize::MAX;
        let expanded = self.expanded_within(schema, &mut steps);
        expanded.unwrap_or(Cow::Borrowed(schema))
    }

    /// The same, where it costs fewer steps than are left.
    pub(super) fn expanded_within<'s>(
        &'s self,
        schema: &'s Schema,
        steps: &mut usize,
    ) -> Option<Cow<'s, Schema>> {
        if schema.reference.is_none() && schema.all_of.is_empty() {
            return Some(Cow::Borrowed(schema));
        }
        let mut merged = Schema::default();
        let mut seen = HashSet::new();
        self.expand_into(&mut merged, schema, &mut seen, steps);
        (*steps > 0).then_some(Cow::Owned(merged))
    }

    fn expand_into<'s>(
        &'s self,
        merged: &mut Schema,
        schema: &'s Schema,
        seen: &mut HashSet<&'s str>,
        steps: &mut usize,
    ) {
        *steps = steps.saturating_sub(schema.weight());
        if *steps == 0 {
            return;
        }
        let mut own = Schema {
            reference: None,
            all_of: Vec::new(),
            ..schema.clone()
        };
        // What stands beside a reference is nearer to the reader than what it refers to.
        let outer = std::mem::take(merged);
        if outer.is_any() {
            *merged = own;
        } else {
            own.all_of = Vec::new();
            *merged = outer;
            merged.absorb(own);
        }
        let parts = schema.all_of.iter();
        for part in parts {
            if seen.len() < MAX_PARTS {
                self.expand_into(merged, part, seen, steps);
            }
        }
        let Some(key) = schema.reference.as_deref() else {
            return;
        };
        match self.schemas.get(key) {
            Some(target) if seen.len() < MAX_PARTS && seen.insert(key) => {
                self.expand_into(merged, target, seen, steps);
            }
            Some(_) => {}
            None => merged.reference = Some(key.to_owned()),
        }
    }
}

impl Schema {
    /// Takes in a part of `allOf`. References, and variants where there are some already, are
    /// kept as parts.
    pub(super) fn absorb(&mut self, part: Schema) {
        let two_variants = self.variants.is_some() && part.variants.is_some();
        let two_nots = self.not.is_some() && part.not.is_some();
        if part.reference.is_some() || two_variants || two_nots {
            self.all_of.push(part);
            return;
        }
        self.kinds = common(
            std::mem::take(&mut self.kinds),
            part.kinds,
            |kind, other| kind == other || (*kind == Kind::Integer && *other == Kind::Number),
        );
        self.values = common(std::mem::take(&mut self.values), part.values, PartialEq::eq);
        self.format = self.format.take().or(part.format);
        self.notes.absorb(part.notes);
        join(&mut self.limits, part.limits, Limits::absorb);
        join(&mut self.object, part.object, ObjectShape::absorb);
        join(&mut self.array, part.array, |_, _| {});
        self.variants = self.variants.take().or(part.variants);
        self.not = self.not.take().or(part.not);
        self.all_of.extend(part.all_of);
    }

    /// Adds alternatives. "This or null", where this is no reference, is one more kind.
    pub(super) fn add_variants(&mut self, mut variants: Variants) {
        let null = Schema::of(Kind::Null);
        if let [first, second] = variants.schemas.as_mut_slice() {
            let other = match () {
                () if *first == null => Some(second),
                () if *second == null => Some(first),
                () => None,
            };
            let plain = other.filter(|schema| {
                schema.reference.is_none() && schema.all_of.is_empty() && !schema.kinds.is_empty()
            });
            if let Some(plain) = plain
                && self.kinds.is_empty()
            {
                let mut part = std::mem::take(plain);
                part.admit_null();
                self.absorb(part);
                return;
            }
        }
        if let [_] = variants.schemas.as_slice() {
            self.absorb(variants.schemas.remove(0));
        } else if self.variants.is_none() {
            self.variants = Some(Box::new(variants));
        } else {
            self.all_of.push(Schema {
                variants: Some(Box::new(variants)),
                ..Schema::default()
            });
        }
    }

    /// Makes `null` one of the values that fit.
    pub(super) fn admit_null(&mut self) {
        if self.kinds.is_empty() {
            self.kinds.extend(self.main_kind());
        }
        if !self.kinds.is_empty() {
            if !self.is_nullable() {
                self.kinds.push(Kind::Null);
            }
            if !self.values.is_empty() && !self.values.iter().any(serde_json::Value::is_null) {
                self.values.push(serde_json::Value::Null);
            }
            return;
        }
        if self.reference.is_none() && self.all_of.is_empty() && self.variants.is_none() {
            return;
        }
        let notes = std::mem::take(&mut self.notes);
        let inner = std::mem::take(self);
        self.notes = notes;
        self.variants = Some(Box::new(Variants {
            rule: VariantRule::Any,
            schemas: vec![inner, Schema::of(Kind::Null)],
            discriminator: None,
        }));
    }
}

impl Notes {
    fn absorb(&mut self, part: Self) {
        // Not the title: that of a part names the part.
        self.description = self.description.take().or(part.description);
        self.default = self.default.take().or(part.default);
        if self.examples.is_empty() {
            self.examples = part.examples;
        }
        self.deprecated |= part.deprecated;
        self.read_only |= part.read_only;
        self.write_only |= part.write_only;
    }
}

impl Limits {
    fn absorb(&mut self, part: Self) {
        raise(&mut self.minimum, part.minimum);
        raise(&mut self.exclusive_minimum, part.exclusive_minimum);
        lower(&mut self.maximum, part.maximum);
        lower(&mut self.exclusive_maximum, part.exclusive_maximum);
        raise(&mut self.min_length, part.min_length);
        lower(&mut self.max_length, part.max_length);
        raise(&mut self.min_items, part.min_items);
        lower(&mut self.max_items, part.max_items);
        raise(&mut self.min_properties, part.min_properties);
        lower(&mut self.max_properties, part.max_properties);
        self.multiple_of = self.multiple_of.or(part.multiple_of);
        self.pattern = self.pattern.take().or(part.pattern);
        self.unique_items |= part.unique_items;
    }
}

impl ObjectShape {
    fn absorb(&mut self, part: Self) {
        let mut places: HashMap<String, usize> = HashMap::new();
        for (place, property) in self.properties.iter().enumerate() {
            places.insert(property.name.clone(), place);
        }
        for property in part.properties {
            match places.get(&property.name) {
                Some(&place) => {
                    let own = &mut self.properties[place];
                    own.required |= property.required;
                    if own.schema.is_any() {
                        own.schema = property.schema;
                    } else if own.schema != property.schema {
                        own.schema.absorb(property.schema);
                    }
                }
                None => {
                    places.insert(property.name.clone(), self.properties.len());
                    self.properties.push(property);
                }
            }
        }
        if self.additional == Additional::Unsaid {
            self.additional = part.additional;
        }
    }
}

/// What two lists have in common, where an empty list rules nothing. Two lists with nothing in
/// common contradict each other; then the first is shown.
fn common<T>(own: Vec<T>, part: Vec<T>, fits: impl Fn(&T, &T) -> bool) -> Vec<T> {
    if own.is_empty() {
        return part;
    }
    if own.len().saturating_mul(part.len()) > MAX_COMPARISONS {
        return own;
    }
    let fits_part = |item: &T| part.is_empty() || part.iter().any(|other| fits(item, other));
    if own.iter().any(fits_part) {
        own.into_iter().filter(|item| fits_part(item)).collect()
    } else {
        own
    }
}

fn join<T>(own: &mut Option<Box<T>>, part: Option<Box<T>>, absorb: impl Fn(&mut T, T)) {
    match (own.as_mut(), part) {
        (Some(own), Some(part)) => absorb(own, *part),
        (None, Some(part)) => *own = Some(part),
        (_, None) => {}
    }
}

fn raise<T: PartialOrd + Copy>(own: &mut Option<T>, part: Option<T>) {
    if own.is_none() || matches!((*own, part), (Some(own), Some(part)) if part > own) {
        *own = part.or(*own);
    }
}

fn lower<T: PartialOrd + Copy>(own: &mut Option<T>, part: Option<T>) {
    if own.is_none() || matches!((*own, part), (Some(own), Some(part)) if part < own) {
        *own = part.or(*own);
    }
}

#[cfg(test)]
mod tests {
    use super::super::from_value;
    use super::*;
    use serde_json::{Value, json};

    fn document(schemas: Value) -> Document {
        let root = json!({"openapi": "3.1.0", "paths": {}, "components": {"schemas": schemas}});
        from_value(&root).unwrap()
    }

    fn names(schema: &Schema) -> Vec<(&str, bool)> {
        let properties = schema.properties().iter();
        properties
            .map(|property| (property.name.as_str(), property.required))
            .collect()
    }

    #[test]
    fn parts_are_merged_for_display() {
        let document = document(json!({
            "Base": {"type": "object", "title": "Base", "description": "b", "required": ["id"],
                "properties": {"id": {"type": "string"}, "x": {"minimum": 1, "maximum": 9}}},
            "Own": {"allOf": [
                {"$ref": "#/components/schemas/Base"},
                {"required": ["x", "y"], "properties": {"y": {}, "x": {"minimum": 3}}},
            ]},
            "Alias": {"$ref": "#/components/schemas/Own", "description": "nearer"},
            "Loop": {"allOf": [{"$ref": "#/components/schemas/Loop"}, {"type": "object"}]},
            "Gone": {"$ref": "#/components/schemas/None"},
        }));
        let schema = |key: &str| document.expanded(&document.schemas[key]);
        let own = schema("Own");
        assert_eq!(names(&own), [("y", true), ("x", true), ("id", true)]);
        let limits = own.properties()[1].schema.limits.as_deref().unwrap();
        assert_eq!((limits.minimum, limits.maximum), (Some(3.0), Some(9.0)));
        assert_eq!(own.main_kind(), Some(Kind::Object));
        assert_eq!(own.notes.title, None);
        assert_eq!(schema("Alias").notes.description.as_deref(), Some("nearer"));
        assert_eq!(names(&schema("Alias")), names(&own));
        assert_eq!(schema("Loop").kinds, [Kind::Object]);
        assert_eq!(schema("Gone").reference.as_deref(), Some("None"));
    }

    #[test]
    fn null_is_one_more_kind() {
        let document = document(json!({
            "A": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
            "B": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/A"}]},
            "C": {"nullable": true, "allOf": [{"$ref": "#/components/schemas/A"}]},
            "D": {"nullable": true, "type": "string", "enum": ["x"]},
            "E": {"nullable": true, "properties": {"a": {}}},
            "F": {"nullable": true},
        }));
        let schema = |key: &str| &document.schemas[key];
        assert_eq!(schema("A").kinds, [Kind::String, Kind::Null]);
        assert_eq!(schema("A").format.as_deref(), Some("uuid"));
        let variants = schema("B").variants.as_deref().unwrap();
        assert_eq!(variants.schemas.len(), 2);
        let variants = schema("C").variants.as_deref().unwrap();
        assert_eq!(variants.schemas[1], Schema::of(Kind::Null));
        assert_eq!(schema("D").values, [json!("x"), json!(null)]);
        assert_eq!(schema("E").kinds, [Kind::Object, Kind::Null]);
        assert!(schema("F").is_any());
    }

    #[test]
    fn contradictions_keep_the_first() {
        let kinds = common(vec![Kind::String], vec![Kind::Object], PartialEq::eq);
        assert_eq!(kinds, [Kind::String]);
        assert_eq!(common(vec![1, 2, 3], vec![3, 2], PartialEq::eq), [2, 3]);
        assert_eq!(common(vec![], vec![1], PartialEq::eq), [1]);
    }
}
