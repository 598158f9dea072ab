//! Schemas of a document as nodes. What a reference leads to is compiled once and later, so neither
//! cycles nor long chains of references go deep.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Number as Digits, Value};

use super::format::Format;
use super::pattern::Pattern;
use super::schema::{
    Array, Beside, Contains, Discriminator, Index, Kinds, Node, Number, Object, Schemas, Text, When,
};
use crate::problem::Invalid;

/// Most findings that are told.
const MOST_FINDINGS: usize = 50;

pub(super) struct Build<'d> {
    root: &'d Value,
    /// OpenAPI 3.0, which has a dialect of its own.
    is_old: bool,
    nodes: Vec<Node>,
    known: HashMap<String, Index>,
    /// Referred to, and not compiled yet.
    waiting: Vec<(Index, String, &'d Value)>,
    /// `$anchor` and `$dynamicAnchor`, and where they are.
    anchors: Option<HashMap<&'d str, (String, &'d Value)>>,
    found: Vec<Invalid>,
}

impl<'d> Build<'d> {
    pub(super) fn new(root: &'d Value, is_old: bool) -> Self {
        Self {
            root,
            is_old,
            nodes: Vec::new(),
            known: HashMap::new(),
            waiting: Vec::new(),
            anchors: None,
            found: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Result<Schemas, Vec<Invalid>> {
        while let Some((index, pointer, value)) = self.waiting.pop() {
            self.fill(index, &pointer, value);
        }
        self.note_read_only();
        match self.found.is_empty() {
            true => Ok(Schemas::new(self.nodes)),
            false => Err(self.found),
        }
    }

    /// What only the server sends need not come with a request (OpenAPI "Schema Object").
    fn note_read_only(&mut self) {
        let is_read_only = |index: &Index| {
            let node = &self.nodes[*index as usize];
            let behind = node.reference.map(|index| &self.nodes[index as usize]);
            node.read_only || behind.is_some_and(|node| node.read_only)
        };
        let mut spared: Vec<(usize, Vec<Box<str>>)> = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            if let Some(object) = &node.object {
                let names = object.properties.iter();
                let names = names.filter(|(_, index)| is_read_only(index));
                let names: Vec<_> = names.map(|(name, _)| name.clone()).collect();
                if !names.is_empty() {
                    spared.push((at, names));
                }
            }
        }
        for (at, names) in spared {
            if let Some(object) = &mut self.nodes[at].object {
                let mut required = std::mem::take(&mut object.required).into_vec();
                required.retain(|name| !names.contains(name));
                object.required = required.into();
            }
        }
    }

    pub(super) fn refuse(&mut self, pointer: impl Into<String>, message: &str) {
        if self.found.len() < MOST_FINDINGS {
            self.found.push(Invalid::new(pointer, message));
        }
    }

    /// Follows the `$ref` of an object that is no schema, such as a parameter.
    pub(super) fn resolve(&mut self, pointer: String, value: &'d Value) -> (String, &'d Value) {
        let (mut pointer, mut value) = (pointer, value);
        for _ in 0..8 {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return (pointer, value);
            };
            match self.target(reference) {
                Some((to, target)) => (pointer, value) = (to, target),
                None => break,
            }
        }
        self.refuse(format!("{pointer}/$ref"), LEADS_NOWHERE);
        (pointer, &Value::Null)
    }

    /// The node of the schema at `pointer`.
    pub(super) fn schema(&mut self, pointer: &str, value: &'d Value) -> Index {
        let (index, is_new) = self.reserve(pointer);
        if is_new {
            self.fill(index, pointer, value);
        }
        index
    }

    fn reserve(&mut self, pointer: &str) -> (Index, bool) {
        if let Some(known) = self.known.get(pointer) {
            return (*known, false);
        }
        let index = self.nodes.len() as Index;
        self.nodes.push(Node::default());
        self.known.insert(pointer.to_owned(), index);
        (index, true)
    }

    fn target(&mut self, reference: &str) -> Option<(String, &'d Value)> {
        let fragment = percent_decode_str(reference.strip_prefix('#')?);
        let fragment = fragment.decode_utf8().ok()?;
        if fragment.is_empty() || fragment.starts_with('/') {
            let value = self.root.pointer(&fragment)?;
            return Some((fragment.into_owned(), value));
        }
        let root = self.root;
        let anchors = self.anchors.get_or_insert_with(|| {
            let mut found = HashMap::new();
            anchors(root, &mut String::new(), &mut found);
            found
        });
        anchors.get(&*fragment).cloned()
    }

    fn reference(&mut self, reference: &str, at: &str) -> Option<Index> {
        let Some((pointer, value)) = self.target(reference) else {
            self.refuse(format!("{at}/$ref"), LEADS_NOWHERE);
            return None;
        };
        let (index, is_new) = self.reserve(&pointer);
        if is_new {
            self.waiting.push((index, pointer, value));
        }
        Some(index)
    }

    fn fill(&mut self, index: Index, pointer: &str, value: &'d Value) {
        let node = match value {
            Value::Bool(fits) => Node {
                never: !fits,
                ..Node::default()
            },
            Value::Object(written) => self.node(pointer, written),
            _ => {
                self.refuse(pointer, "A schema is an object, true or false.");
                Node::default()
            }
        };
        self.nodes[index as usize] = node;
    }

    fn node(&mut self, at: &str, written: &'d Map<String, Value>) -> Node {
        let word = |name| written.get(name).and_then(Value::as_str);
        let dynamic = if self.is_old {
            None
        } else {
            word("$dynamicRef")
        };
        let reference = word("$ref").or(dynamic);
        let reference = reference.and_then(|reference| self.reference(reference, at));
        if self.is_old && reference.is_some() {
            // OpenAPI 3.0: what stands beside a reference is not read.
            return Node {
                reference,
                ..Node::default()
            };
        }
        let mut kinds = match written.get("type") {
            Some(Value::String(word)) => Kinds::of_word(word),
            Some(Value::Array(words)) => {
                let words = words.iter().filter_map(Value::as_str);
                words.map(Kinds::of_word).fold(0, |all, one| all | one)
            }
            _ => 0,
        };
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
        Node {
            never: false,
            kinds: Kinds(kinds),
            values: values.map(Vec::into_boxed_slice),
            number: self.number(written),
            text: self.text(at, written),
            array: self.array(at, written),
            object: self.object(at, written),
            reference,
            beside: self.beside(at, written),
            read_only: written.get("readOnly") == Some(&Value::Bool(true)),
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

    fn text(&mut self, at: &str, written: &Map<String, Value>) -> Option<Box<Text>> {
        let pattern = written.get("pattern").and_then(Value::as_str);
        let text = Text {
            least: count(written, "minLength"),
            most: count(written, "maxLength"),
            pattern: pattern.and_then(|pattern| self.pattern(pattern, at, "pattern")),
            format: written
                .get("format")
                .and_then(Value::as_str)
                .and_then(Format::read),
        };
        let says = text.least.is_some()
            || text.most.is_some()
            || text.pattern.is_some()
            || text.format.is_some();
        says.then(|| Box::new(text))
    }

    fn pattern(&mut self, written: &str, at: &str, key: &str) -> Option<Pattern> {
        let pattern = Pattern::read(written);
        if pattern.is_none() {
            let message = "The pattern cannot be checked in one pass over a text: it is none, \
                           too large, or has lookaround or back references.";
            self.refuse(format!("{at}/{}", escaped(key)), message);
        }
        pattern
    }

    fn array(&mut self, at: &str, written: &'d Map<String, Value>) -> Option<Box<Array>> {
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

    fn object(&mut self, at: &str, written: &'d Map<String, Value>) -> Option<Box<Object>> {
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
        for (name, index) in self.members(at, written, "patternProperties") {
            let at = format!("{at}/patternProperties");
            if let Some(pattern) = self.pattern(&name, &at, &name) {
                patterns.push((pattern, index));
            }
        }
        let with = written.get("dependentRequired").and_then(Value::as_object);
        let with = with.into_iter().flatten();
        let with = with.map(|(name, names)| (name.as_str().into(), words(Some(names))));
        Some(Box::new(Object {
            properties: properties.into(),
            patterns: patterns.into(),
            additional: self.at(at, written, "additionalProperties"),
            names: self.at(at, written, "propertyNames"),
            required: words(written.get("required")),
            required_with: with.collect(),
            fits_with: self.members(at, written, "dependentSchemas").into(),
            least: count(written, "minProperties"),
            most: count(written, "maxProperties"),
            rest: self.at(at, written, "unevaluatedProperties"),
        }))
    }

    fn beside(&mut self, at: &str, written: &'d Map<String, Value>) -> Option<Box<Beside>> {
        let when = self.at(at, written, "if");
        let beside = Beside {
            all: self.list(at, written, "allOf"),
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
        at: &str,
        written: &'d Map<String, Value>,
    ) -> Option<Discriminator> {
        let told = written.get("discriminator")?;
        let property = told.get("propertyName")?.as_str()?;
        let variants = written.get("oneOf").or(written.get("anyOf"))?.as_array()?;
        let mut found: Vec<(Box<str>, Index)> = Vec::new();
        for variant in variants {
            let reference = variant.get("$ref")?.as_str()?;
            let name = reference.rsplit('/').next().unwrap_or(reference);
            found.push((name.into(), self.reference(reference, at)?));
        }
        let mapping = told.get("mapping").and_then(Value::as_object);
        for (value, to) in mapping.into_iter().flatten() {
            let to = to.as_str().unwrap_or_default();
            let index = match to.starts_with('#') {
                true => self.reference(to, at),
                false => found
                    .iter()
                    .find(|(name, _)| **name == *to)
                    .map(|one| one.1),
            };
            found.push((value.as_str().into(), index?));
        }
        Some(Discriminator {
            property: property.into(),
            variants: found.into(),
        })
    }

    /// The schema under a keyword.
    fn at(&mut self, at: &str, written: &'d Map<String, Value>, key: &str) -> Option<Index> {
        let value = written.get(key)?;
        let is_schema = value.is_object() || value.is_boolean();
        is_schema.then(|| self.schema(&format!("{at}/{key}"), value))
    }

    fn list(&mut self, at: &str, written: &'d Map<String, Value>, key: &str) -> Box<[Index]> {
        let items = written.get(key).and_then(Value::as_array);
        let items = items.into_iter().flatten().enumerate();
        items
            .map(|(index, value)| self.schema(&format!("{at}/{key}/{index}"), value))
            .collect()
    }

    fn members(
        &mut self,
        at: &str,
        written: &'d Map<String, Value>,
        key: &str,
    ) -> Vec<(Box<str>, Index)> {
        let members = written.get(key).and_then(Value::as_object);
        let mut found = Vec::new();
        for (name, value) in members.into_iter().flatten() {
            let index = self.schema(&format!("{at}/{key}/{}", escaped(name)), value);
            found.push((name.as_str().into(), index));
        }
        found
    }
}

const LEADS_NOWHERE: &str = "This reference leads nowhere in the document.";

/// A step of a JSON Pointer (RFC 6901 §3).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
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

fn anchors<'d>(
    value: &'d Value,
    pointer: &mut String,
    found: &mut HashMap<&'d str, (String, &'d Value)>,
) {
    let length = pointer.len();
    match value {
        Value::Object(members) => {
            for key in ["$anchor", "$dynamicAnchor"] {
                if let Some(name) = members.get(key).and_then(Value::as_str) {
                    found
                        .entry(name)
                        .or_insert_with(|| (pointer.clone(), value));
                }
            }
            for (name, value) in members {
                pointer.push('/');
                pointer.push_str(&escaped(name));
                anchors(value, pointer, found);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointer.push_str(&format!("/{index}"));
                anchors(value, pointer, found);
                pointer.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
