//! One schema: keyword by keyword.

use std::collections::HashMap;

use serde_json::{Map, Number as Digits, Value};

use super::{Build, MOST_PATTERNS};
use crate::contract::elements::local;
use crate::contract::essence;
use crate::contract::format::Format;
use crate::contract::pattern::Pattern;
use crate::contract::schema::{
    Array, Beside, Contains, Content, Discriminator, Index, Kinds, Node, Number, Object, Sides,
    Text, Values, When, With, Xml,
};
use crate::openapi::At;
use crate::xml::is_name;

impl<'d> Build<'d> {
    pub(super) fn node(&mut self, at: At<'_>, written: &'d Map<String, Value>) -> Node {
        let word = |name| written.get(name).and_then(Value::as_str);
        let reference = word("$ref").and_then(|reference| self.reference(reference, at));
        if self.is_old && reference.is_some() {
            // OpenAPI 3.0: what stands beside a reference is not read.
            return Node {
                reference,
                ..Node::default()
            };
        }
        let dynamic = word("$dynamicRef").filter(|_| !self.is_old);
        let dynamic = dynamic.and_then(|reference| self.dynamic_reference(reference, at));
        // Who has both means both.
        let (reference, second) = match reference {
            Some(_) => (reference, dynamic),
            None => (dynamic, None),
        };
        let word_of = |word: &str| match Kinds::of_word(word) {
            0 => Err(()),
            bit => Ok(bit),
        };
        let kinds: Result<u8, ()> = match written.get("type") {
            Some(Value::String(word)) => word_of(word),
            Some(Value::Array(words)) => {
                let words = words.iter().filter_map(Value::as_str);
                words.map(word_of).try_fold(0, |all, one| Ok(all | one?))
            }
            _ => Ok(0),
        };
        let mut kinds = kinds.unwrap_or_else(|()| {
            self.refuse(at.key("type"), "There is no such type.");
            0
        });
        let is_nullable = self.is_old && written.get("nullable") == Some(&Value::Bool(true));
        if is_nullable && kinds != 0 {
            kinds |= Kinds::NULL;
        }
        let mut values: Option<Vec<Value>> = match (written.get("const"), written.get("enum")) {
            (Some(value), _) => Some(vec![value.clone()]),
            (None, Some(Value::Array(values))) => Some(values.clone()),
            (None, _) => None,
        };
        if is_nullable && let Some(values) = &mut values {
            values.push(Value::Null);
        }
        let flag = |name| written.get(name) == Some(&Value::Bool(true));
        Node {
            never: false,
            kinds: Kinds(kinds),
            values: values.map(|values| Box::new(Values::new(values))),
            number: self.number(written),
            text: self.text(at, written),
            array: self.array(at, written),
            object: self.object(at, written),
            reference,
            beside: self.beside(at, written, second),
            xml: xml(written).map(Box::new),
            sides: (u8::from(flag("readOnly")) * Sides::READ)
                | (u8::from(flag("writeOnly")) * Sides::WRITE),
            family: None,
        }
    }

    fn number(&self, written: &Map<String, Value>) -> Option<Box<Number>> {
        let digits = |name| match written.get(name) {
            Some(Value::Number(number)) => Some(number.clone()),
            _ => None,
        };
        let flag = |name| written.get(name) == Some(&Value::Bool(true));
        let mut number = Number {
            minimum: digits("minimum"),
            maximum: digits("maximum"),
            above: digits("exclusiveMinimum"),
            below: digits("exclusiveMaximum"),
            multiple_of: digits("multipleOf"),
        };
        if flag("exclusiveMinimum") {
            number.above = number.minimum.take();
        }
        if flag("exclusiveMaximum") {
            number.below = number.maximum.take();
        }
        let all: [&Option<Digits>; 5] = [
            &number.minimum,
            &number.maximum,
            &number.above,
            &number.below,
            &number.multiple_of,
        ];
        let says = all.iter().any(|one| one.is_some());
        says.then(|| Box::new(number))
    }

    fn text(&mut self, at: At<'_>, written: &'d Map<String, Value>) -> Option<Box<Text>> {
        let pattern = written.get("pattern").and_then(Value::as_str);
        let text = Text {
            least: count(written, "minLength"),
            most: count(written, "maxLength"),
            pattern: pattern.and_then(|pattern| self.pattern(pattern, at.key("pattern"))),
            format: written
                .get("format")
                .and_then(Value::as_str)
                .and_then(Format::read),
            content: content(written).map(Box::new),
        };
        let says = text.least.is_some()
            || text.most.is_some()
            || text.pattern.is_some()
            || text.format.is_some()
            || text.content.is_some();
        says.then(|| Box::new(text))
    }

    fn pattern(&mut self, written: &'d str, at: At<'_>) -> Option<Pattern> {
        if let Some(known) = self.patterns.get(written) {
            return known.clone();
        }
        if self.patterns.len() == MOST_PATTERNS {
            let message = "There are more different patterns than can be checked.";
            self.refuse(at, message);
            return None;
        }
        let pattern = Pattern::read(written);
        if pattern.is_none() {
            let message = "The pattern cannot be checked in one pass over a text: it is none, \
                           too large, or has lookaround or back references.";
            self.refuse(at, message);
        }
        self.patterns.insert(written, pattern.clone());
        pattern
    }

    fn array(&mut self, at: At<'_>, written: &'d Map<String, Value>) -> Option<Box<Array>> {
        const WORDS: [&str; 7] = [
            "prefixItems",
            "items",
            "contains",
            "minItems",
            "maxItems",
            "uniqueItems",
            "unevaluatedItems",
        ];
        if !WORDS.iter().any(|word| written.contains_key(*word)) {
            return None;
        }
        let contains = self.at(at, written, "contains");
        Some(Box::new(Array {
            prefix: self.list(at, written, "prefixItems"),
            items: self.at(at, written, "items"),
            contains: contains.map(|schema| Contains {
                schema,
                least: count(written, "minContains").unwrap_or(1),
                most: count(written, "maxContains"),
            }),
            least: count(written, "minItems"),
            most: count(written, "maxItems"),
            unique: written.get("uniqueItems") == Some(&Value::Bool(true)),
            rest: self.at(at, written, "unevaluatedItems"),
        }))
    }

    fn object(&mut self, at: At<'_>, written: &'d Map<String, Value>) -> Option<Box<Object>> {
        const WORDS: [&str; 10] = [
            "properties",
            "patternProperties",
            "additionalProperties",
            "propertyNames",
            "required",
            "dependentRequired",
            "dependentSchemas",
            "minProperties",
            "maxProperties",
            "unevaluatedProperties",
        ];
        if !WORDS.iter().any(|word| written.contains_key(*word)) {
            return None;
        }
        let mut properties = self.members(at, written, "properties");
        properties.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut patterns = Vec::new();
        let by_pattern = written.get("patternProperties").and_then(Value::as_object);
        for (name, value) in by_pattern.into_iter().flatten() {
            let all = at.key("patternProperties");
            let at = all.key(name);
            if let Some(pattern) = self.pattern(name, at) {
                patterns.push((pattern, self.schema(at, value)));
            }
        }
        let with = written.get("dependentRequired").and_then(Value::as_object);
        let with = with.into_iter().flatten();
        let with = with.map(|(name, names)| (name.as_str().into(), words(Some(names))));
        let required = words(written.get("required"));
        let required_with: Box<[With]> = with.collect();
        let fits_with = self.members(at, written, "dependentSchemas");
        let cost = |name: &str| 1 + name.len() as u64 / 32;
        let with = required_with.iter();
        let with = with.flat_map(|(name, names)| std::iter::once(name).chain(names));
        let names = required.iter().chain(with);
        let names = names.chain(fits_with.iter().map(|(name, _)| name));
        Some(Box::new(Object {
            weight: names.map(|name| cost(name)).sum(),
            properties: properties.into(),
            patterns: patterns.into(),
            additional: self.at(at, written, "additionalProperties"),
            names: self.at(at, written, "propertyNames"),
            required,
            required_with,
            fits_with: fits_with.into(),
            least: count(written, "minProperties"),
            most: count(written, "maxProperties"),
            rest: self.at(at, written, "unevaluatedProperties"),
        }))
    }

    /// `more` is a schema that is written in another way.
    fn beside(
        &mut self,
        at: At<'_>,
        written: &'d Map<String, Value>,
        more: Option<Index>,
    ) -> Option<Box<Beside>> {
        let when = self.at(at, written, "if");
        let mut all = self.list(at, written, "allOf").into_vec();
        all.extend(more);
        let beside = Beside {
            all: all.into(),
            any: self.list(at, written, "anyOf"),
            one: self.list(at, written, "oneOf"),
            not: self.at(at, written, "not"),
            when: when.map(|schema| When {
                schema,
                then: self.at(at, written, "then"),
                otherwise: self.at(at, written, "else"),
            }),
            discriminator: self.discriminator(at, written),
        };
        let says = !beside.all.is_empty()
            || !beside.any.is_empty()
            || !beside.one.is_empty()
            || beside.not.is_some()
            || beside.when.is_some();
        says.then(|| Box::new(beside))
    }

    /// Of variants that are all references, each is known by its name and by those of `mapping`.
    fn discriminator(
        &mut self,
        at: At<'_>,
        written: &'d Map<String, Value>,
    ) -> Option<Discriminator> {
        let told = written.get("discriminator")?;
        let property = told.get("propertyName")?.as_str()?;
        let variants = written.get("oneOf").or(written.get("anyOf"))?.as_array()?;
        let mut found: HashMap<Box<str>, Index> = HashMap::new();
        for variant in variants {
            let reference = variant.get("$ref")?.as_str()?;
            let name = reference.rsplit('/').next().unwrap_or(reference);
            found.insert(name.into(), self.reference(reference, at)?);
        }
        let mapping = told.get("mapping").and_then(Value::as_object);
        for (value, to) in mapping.into_iter().flatten() {
            let to = to.as_str().unwrap_or_default();
            let index = match to.starts_with('#') {
                true => self.reference(to, at),
                false => found.get(to).copied(),
            };
            found.insert(value.as_str().into(), index?);
        }
        Some(Discriminator {
            property: property.into(),
            variants: found,
        })
    }

    /// The schema under a keyword.
    fn at(&mut self, at: At<'_>, written: &'d Map<String, Value>, key: &str) -> Option<Index> {
        let value = written.get(key)?;
        let is_schema = value.is_object() || value.is_boolean();
        is_schema.then(|| self.schema(at.key(key), value))
    }

    fn list(&mut self, at: At<'_>, written: &'d Map<String, Value>, key: &str) -> Box<[Index]> {
        let items = written.get(key).and_then(Value::as_array);
        let items = items.into_iter().flatten().enumerate();
        let list = at.key(key);
        items
            .map(|(index, value)| self.schema(list.index(index), value))
            .collect()
    }

    fn members(
        &mut self,
        at: At<'_>,
        written: &'d Map<String, Value>,
        key: &str,
    ) -> Vec<(Box<str>, Index)> {
        let members = written.get(key).and_then(Value::as_object);
        let all = at.key(key);
        let members = members.into_iter().flatten();
        members
            .map(|(name, value)| (name.as_str().into(), self.schema(all.key(name), value)))
            .collect()
    }
}

/// What a text stands for, where that is said.
fn content(written: &Map<String, Value>) -> Option<Content> {
    let word = |name| written.get(name).and_then(Value::as_str);
    let media_type: Option<Box<str>> =
        word("contentMediaType").map(|written| essence(written).into());
    let encoding: Option<Box<str>> = word("contentEncoding").map(Box::from);
    let is_binary = word("format") == Some("binary");
    let says = is_binary || media_type.is_some() || encoding.is_some();
    says.then(|| Content {
        is_bytes: is_binary || (media_type.is_some() && encoding.is_none()),
        media_type,
        encoding,
    })
}

/// How a value is written as XML, where that is said. `##default`, as some tools have it, is no name.
fn xml(written: &Map<String, Value>) -> Option<Xml> {
    let told = written.get("xml")?;
    let flag = |name: &str| told.get(name) == Some(&Value::Bool(true));
    let name = told.get("name").and_then(Value::as_str);
    let name = name.filter(|name| is_name(name));
    let namespace = told.get("namespace").and_then(Value::as_str);
    Some(Xml {
        name: name.map(|name| local(name).into()),
        namespace: namespace.filter(|uri| !uri.is_empty()).map(Box::from),
        attribute: flag("attribute"),
        wrapped: flag("wrapped"),
    })
}

/// Also as `3.0`, which is what some write.
fn count(written: &Map<String, Value>, key: &str) -> Option<u64> {
    let number = written.get(key)?;
    let float = number
        .as_f64()
        .filter(|float| float.fract() == 0.0 && *float >= 0.0);
    number.as_u64().or(float.map(|float| float as u64))
}

fn words(list: Option<&Value>) -> Box<[Box<str>]> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(Box::from).collect()
}
