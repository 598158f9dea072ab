//! Schemas in their compiled form: nodes in one list, which name each other by index, so that a
//! schema that holds itself is no cycle in memory.

mod coerce;
mod family;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::format::Format;
use super::pattern::Pattern;
use super::value::{self, equal};
use crate::openapi::Side;

/// A node's place in the list.
pub(super) type Index = u32;

/// The kinds of JSON values, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(pub(super) u8);

impl Kinds {
    pub(super) const NULL: u8 = 1;
    pub(super) const BOOLEAN: u8 = 2;
    pub(super) const INTEGER: u8 = 4;
    pub(super) const NUMBER: u8 = 8;
    pub(super) const STRING: u8 = 16;
    pub(super) const ARRAY: u8 = 32;
    pub(super) const OBJECT: u8 = 64;
    const WORDS: [(&'static str, u8); 7] = [
        ("null", Self::NULL),
        ("boolean", Self::BOOLEAN),
        ("integer", Self::INTEGER),
        ("number", Self::NUMBER),
        ("string", Self::STRING),
        ("array", Self::ARRAY),
        ("object", Self::OBJECT),
    ];

    pub(super) fn of_word(word: &str) -> u8 {
        let found = Self::WORDS.iter().find(|(known, _)| *known == word);
        found.map_or(0, |(_, bit)| *bit)
    }

    pub(super) const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    pub(super) fn words(self) -> String {
        let words = Self::WORDS.iter().filter(|(_, bit)| self.has(*bit));
        let words: Vec<&str> = words.map(|(word, _)| *word).collect();
        words.join(" or ")
    }
}

/// One schema. Most say little, so what is rare is in boxes.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// `false`: nothing fits.
    pub(super) never: bool,
    /// None: any.
    pub(super) kinds: Kinds,
    /// `enum` or `const`.
    pub(super) values: Option<Box<Values>>,
    pub(super) number: Option<Box<Number>>,
    pub(super) text: Option<Box<Text>>,
    pub(super) array: Option<Box<Array>>,
    pub(super) object: Option<Box<Object>>,
    pub(super) reference: Option<Index>,
    pub(super) beside: Option<Box<Beside>>,
    pub(super) xml: Option<Box<Xml>>,
    /// Bits of [`Sides`] that it says itself.
    pub(super) sides: u8,
    /// Schemas for the same value, of which one says that only the other side sends a member: what
    /// another one requires.
    pub(super) family: Option<Box<[Index]>>,
}

/// How values are written as XML (OpenAPI "XML Object").
#[derive(Debug)]
pub(super) struct Xml {
    /// Without its prefix.
    pub(super) name: Option<Box<str>>,
    pub(super) namespace: Option<Box<str>>,
    pub(super) attribute: bool,
    pub(super) wrapped: bool,
}

/// Who alone sends a value (OpenAPI "Schema Object"), as bits.
pub(super) struct Sides;

impl Sides {
    /// Only the server: `readOnly`.
    pub(super) const READ: u8 = 1;
    /// Only clients: `writeOnly`.
    pub(super) const WRITE: u8 = 2;

    /// What is not to be sent on that side.
    pub(super) const fn not_of(side: Side) -> u8 {
        match side {
            Side::Request => Self::READ,
            Side::Response => Self::WRITE,
        }
    }
}

/// `enum` or `const`. Of texts there may be thousands.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) texts: HashSet<Box<str>>,
    pub(super) others: Box<[value::Value<'static>]>,
    /// The first few, for whoever is told of them.
    pub(super) shown: String,
}

impl Values {
    pub(super) fn new(values: Vec<Value>) -> Self {
        let shown = shown(&values);
        let (texts, others): (Vec<Value>, Vec<Value>) =
            values.into_iter().partition(Value::is_string);
        let texts = texts.iter().filter_map(Value::as_str);
        Self {
            texts: texts.map(Box::from).collect(),
            others: others.into_iter().map(value::Value::from).collect(),
            shown,
        }
    }

    pub(super) fn have(&self, value: &value::Value<'_>) -> bool {
        match value {
            value::Value::Text(text) => self.texts.contains(&**text),
            value::Value::Octets(bytes) => {
                std::str::from_utf8(bytes).is_ok_and(|text| self.texts.contains(text))
            }
            _ => self.others.iter().any(|known| equal(known, value)),
        }
    }
}

/// Most characters of a name or a value that are told.
pub(super) const SHOWN: usize = 100;

pub(super) fn short(text: &str) -> &str {
    let end = text.char_indices().nth(SHOWN);
    end.map_or(text, |(at, _)| &text[..at])
}

fn shown(values: &[Value]) -> String {
    let one = |value: &Value| match value {
        Value::String(text) => format!("{:?}", short(text)),
        Value::Array(_) => "[…]".to_owned(),
        Value::Object(_) => "{…}".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    let mut all: Vec<String> = values.iter().take(10).map(one).collect();
    if values.len() > 10 {
        all.push("…".to_owned());
    }
    match all.len() {
        1 => format!("This is {}.", all[0]),
        _ => format!("This is one of {}.", all.join(", ")),
    }
}

#[derive(Debug, Default)]
pub(super) struct Number {
    pub(super) minimum: Option<serde_json::Number>,
    pub(super) maximum: Option<serde_json::Number>,
    pub(super) above: Option<serde_json::Number>,
    pub(super) below: Option<serde_json::Number>,
    pub(super) multiple_of: Option<serde_json::Number>,
}

#[derive(Debug, Default)]
pub(super) struct Text {
    /// In characters.
    pub(super) least: Option<u64>,
    pub(super) most: Option<u64>,
    pub(super) pattern: Option<Pattern>,
    pub(super) format: Option<Format>,
    pub(super) content: Option<Box<Content>>,
}

/// What a text stands for (JSON Schema 2020-12, validation §8), where it is a part of its own.
#[derive(Debug)]
pub(super) struct Content {
    /// Bytes, and no characters: `format: binary`, or `contentMediaType` without `contentEncoding`.
    pub(super) is_bytes: bool,
    /// `contentMediaType`, as [`super::essence`] has it.
    pub(super) media_type: Option<Box<str>>,
    /// `contentEncoding`
    pub(super) encoding: Option<Box<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Array {
    pub(super) prefix: Box<[Index]>,
    pub(super) items: Option<Index>,
    pub(super) contains: Option<Contains>,
    pub(super) least: Option<u64>,
    pub(super) most: Option<u64>,
    pub(super) unique: bool,
    /// `unevaluatedItems`
    pub(super) rest: Option<Index>,
}

#[derive(Debug)]
pub(super) struct Contains {
    pub(super) schema: Index,
    pub(super) least: u64,
    pub(super) most: Option<u64>,
}

/// A member, and those that come with it.
pub(super) type With = (Box<str>, Box<[Box<str>]>);

#[derive(Debug, Default)]
pub(super) struct Object {
    /// Sorted by name.
    pub(super) properties: Box<[(Box<str>, Index)]>,
    pub(super) patterns: Box<[(Pattern, Index)]>,
    pub(super) additional: Option<Index>,
    pub(super) names: Option<Index>,
    pub(super) required: Box<[Box<str>]>,
    pub(super) required_with: Box<[With]>,
    pub(super) fits_with: Box<[(Box<str>, Index)]>,
    pub(super) least: Option<u64>,
    pub(super) most: Option<u64>,
    /// `unevaluatedProperties`
    pub(super) rest: Option<Index>,
    /// What it costs to look for the names that it lists.
    pub(super) weight: u64,
}

impl Object {
    pub(super) fn property(&self, name: &str) -> Option<Index> {
        let at = self
            .properties
            .binary_search_by(|(known, _)| (**known).cmp(name));
        at.ok().map(|at| self.properties[at].1)
    }
}

/// Schemas that the same value has to fit, in one way or another.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) all: Box<[Index]>,
    pub(super) any: Box<[Index]>,
    pub(super) one: Box<[Index]>,
    pub(super) not: Option<Index>,
    pub(super) when: Option<When>,
    pub(super) discriminator: Option<Discriminator>,
}

/// `if`, `then`, `else`
#[derive(Debug)]
pub(super) struct When {
    pub(super) schema: Index,
    pub(super) then: Option<Index>,
    pub(super) otherwise: Option<Index>,
}

/// The property that says which variant a value is (OpenAPI "Discriminator Object").
#[derive(Debug)]
pub(super) struct Discriminator {
    pub(super) property: Box<str>,
    pub(super) variants: HashMap<Box<str>, Index>,
}

/// How far references are followed when only kinds are asked for.
const DEEPEST: u8 = 8;

#[derive(Debug, Default)]
pub(super) struct Schemas {
    nodes: Vec<Node>,
    /// Of each node, with those that it refers to.
    kinds: Vec<u8>,
    /// The same for [`Node::sides`].
    sides: Vec<u8>,
}

impl Schemas {
    pub(super) fn get(&self, index: Index) -> &Node {
        &self.nodes[index as usize]
    }

    pub(super) fn new(mut nodes: Vec<Node>) -> Self {
        let sides = family::sides(&nodes);
        family::note(&mut nodes, &sides);
        let mut kinds: Vec<u8> = nodes.iter().map(|node| node.kinds.0).collect();
        for _ in 0..DEEPEST {
            for (at, node) in nodes
                .iter()
                .enumerate()
                .filter(|(_, node)| node.kinds.0 == 0)
            {
                let beside = node.beside.iter();
                let beside = beside.flat_map(|one| one.all.iter().chain(&one.any).chain(&one.one));
                let others = node.reference.iter().chain(beside);
                kinds[at] = others.fold(0, |all, other| all | kinds[*other as usize]);
            }
        }
        Self {
            nodes,
            kinds,
            sides,
        }
    }

    /// Whether only the other side sends what the node stands for.
    pub(super) fn is_foreign(&self, index: Index, side: Side) -> bool {
        self.sides[index as usize] & Sides::not_of(side) != 0
    }

    /// The kinds that a value may have, of all alternatives together; 0 where none is named.
    pub(super) fn kinds(&self, index: Index) -> Kinds {
        Kinds(self.kinds[index as usize])
    }

    /// Whether anything but objects and arrays may fit.
    pub(super) fn admits_scalar(&self, index: Index) -> bool {
        let kinds = self.kinds(index);
        kinds.0 == 0 || kinds.0 & !(Kinds::ARRAY | Kinds::OBJECT) != 0
    }

    /// Whether objects or arrays may fit.
    pub(super) fn admits_members(&self, index: Index) -> bool {
        let kinds = self.kinds(index);
        kinds.0 == 0 || kinds.has(Kinds::ARRAY | Kinds::OBJECT)
    }

    /// The schema that says how an array's items or an object's members look.
    pub(super) fn shape<'s, T>(
        &'s self,
        index: Index,
        of: impl Fn(&'s Node) -> Option<T>,
    ) -> Option<T> {
        let mut index = index;
        for _ in 0..DEEPEST {
            let node = self.get(index);
            if let Some(found) = of(node) {
                return Some(found);
            }
            let all = node.beside.as_ref().map_or(&[][..], |beside| &beside.all);
            // A few tell enough; a document may list thousands.
            if let Some(found) = all.iter().take(16).find_map(|one| of(self.get(*one))) {
                return Some(found);
            }
            index = node.reference.or(all.first().copied())?;
        }
        None
    }

    /// What its texts stand for, or those of a variant.
    pub(super) fn content(&self, index: Index) -> Option<&Content> {
        fn own(node: &Node) -> Option<&Content> {
            node.text.as_ref()?.content.as_deref()
        }
        self.shape(index, move |node| {
            let beside = node.beside.iter();
            let variants = beside.flat_map(|beside| beside.any.iter().chain(&beside.one));
            let mut variants = variants.take(16).map(move |one| self.get(*one));
            own(node).or_else(|| variants.find_map(own))
        })
    }
}
