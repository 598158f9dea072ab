//! Schemas of a document as nodes. What a reference leads to is compiled once and later, so neither
//! cycles nor long chains of references go deep.

mod node;

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::pattern::Pattern;
use super::schema::{Index, Node, Schemas};
use crate::openapi::At;
use crate::problem::Invalid;

/// Most findings that are told.
const MOST_FINDINGS: usize = 50;
/// Characters of a finding's pointer.
const MOST_POINTER: usize = 1000;
/// Different patterns of one document.
const MOST_PATTERNS: usize = 1000;
/// References that lead to references.
const MOST_HOPS: usize = 32;

pub(super) struct Build<'d> {
    root: &'d Value,
    /// OpenAPI 3.0, which has a dialect of its own.
    is_old: bool,
    nodes: Vec<Node>,
    /// By the value's address: where the same value is met again, it is the same schema.
    known: HashMap<*const Value, Index>,
    /// Referred to, and not compiled yet, with the fragment that led there.
    waiting: Vec<(Index, Cow<'d, str>, &'d Value)>,
    /// `$anchor` and `$dynamicAnchor`.
    anchors: Option<HashMap<&'d str, &'d Value>>,
    /// The same patterns come again and again.
    patterns: HashMap<&'d str, Option<Pattern>>,
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
            patterns: HashMap::new(),
            found: Vec::new(),
        }
    }

    /// Compiles what waits, and tells what cannot be checked in what was compiled since it was last
    /// asked.
    pub(super) fn settle(&mut self) -> Vec<Invalid> {
        while let Some((index, pointer, value)) = self.waiting.pop() {
            self.fill(index, At::base(&pointer), value);
        }
        std::mem::take(&mut self.found)
    }

    /// What was compiled.
    pub(super) fn finish(self) -> Schemas {
        Schemas::new(self.nodes)
    }

    pub(super) fn refuse(&mut self, at: At<'_>, message: &str) {
        if self.found.len() < MOST_FINDINGS {
            let pointer: String = at.to_string().chars().take(MOST_POINTER).collect();
            self.found.push(Invalid::new(pointer, message));
        }
    }

    /// Follows the `$ref` of an object that is no schema, such as a parameter. The fragment is where
    /// it led to; `None`: it is no reference.
    pub(super) fn resolve(
        &mut self,
        at: At<'_>,
        value: &'d Value,
    ) -> (Option<Cow<'d, str>>, &'d Value) {
        let (mut fragment, mut value) = (None, value);
        for _ in 0..MOST_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return (fragment, value);
            };
            match self.target(reference) {
                Some((to, target)) => (fragment, value) = (Some(to), target),
                None => break,
            }
        }
        self.refuse(at.key("$ref"), LEADS_NOWHERE);
        (None, &Value::Null)
    }

    /// The node of the schema there.
    pub(super) fn schema(&mut self, at: At<'_>, value: &'d Value) -> Index {
        let (index, is_new) = self.reserve(value);
        if is_new {
            self.fill(index, at, value);
        }
        index
    }

    fn reserve(&mut self, value: &'d Value) -> (Index, bool) {
        let address = std::ptr::from_ref(value);
        if let Some(known) = self.known.get(&address) {
            return (*known, false);
        }
        let index = self.nodes.len() as Index;
        self.nodes.push(Node::default());
        self.known.insert(address, index);
        (index, true)
    }

    fn target(&mut self, reference: &'d str) -> Option<(Cow<'d, str>, &'d Value)> {
        let fragment = percent_decode_str(reference.strip_prefix('#')?);
        let fragment = fragment.decode_utf8().ok()?;
        if fragment.is_empty() || fragment.starts_with('/') {
            let value = self.root.pointer(&fragment)?;
            return Some((fragment, value));
        }
        let root = self.root;
        let anchors = self.anchors.get_or_insert_with(|| {
            let mut found = HashMap::new();
            anchors(root, &mut found);
            found
        });
        let value = anchors.get(&*fragment)?;
        Some((fragment, value))
    }

    fn reference(&mut self, reference: &'d str, at: At<'_>) -> Option<Index> {
        let Some((fragment, value)) = self.target(reference) else {
            self.refuse(at.key("$ref"), LEADS_NOWHERE);
            return None;
        };
        let (index, is_new) = self.reserve(value);
        if is_new {
            self.waiting.push((index, fragment, value));
        }
        Some(index)
    }

    fn fill(&mut self, index: Index, at: At<'_>, value: &'d Value) {
        let node = match value {
            Value::Bool(fits) => Node {
                never: !fits,
                ..Node::default()
            },
            Value::Object(written) => self.node(at, written),
            _ => {
                self.refuse(at, "A schema is an object, true or false.");
                Node::default()
            }
        };
        self.nodes[index as usize] = node;
    }
}

const LEADS_NOWHERE: &str = "This reference leads nowhere in the document.";

/// A step of a JSON Pointer (RFC 6901 §3).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn anchors<'d>(value: &'d Value, found: &mut HashMap<&'d str, &'d Value>) {
    match value {
        Value::Object(members) => {
            for key in ["$anchor", "$dynamicAnchor"] {
                if let Some(name) = members.get(key).and_then(Value::as_str) {
                    found.entry(name).or_insert(value);
                }
            }
            members.values().for_each(|value| anchors(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| anchors(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
