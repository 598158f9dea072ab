//! Schemas of a document as nodes. What a reference leads to is compiled once and later, so neither
//! cycles nor long chains of references go deep.

mod asking;
mod identifiers;
mod node;
mod scopes;

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use serde_json::Value;

use self::identifiers::{DOCUMENT, Found, Identifiers, Resource};
use self::scopes::{PLAIN, Scope, Scopes};
use super::pattern::Pattern;
use super::schema::{Index, Node, Schemas};
use crate::openapi::At;
use crate::problem::Invalid;

/// Most findings that are told.
const MOST_FINDINGS: usize = 50;
/// Bytes of a pointer that is told.
const MOST_POINTER: usize = 1000;
/// Different patterns of one document.
const MOST_PATTERNS: usize = 1000;
/// References that lead to references.
const MOST_HOPS: usize = 32;
/// Schemas that are compiled for the way which led to them.
const MOST_COPIES: usize = 100_000;

/// What anything fits.
const ANYTHING: Index = 0;

pub(super) struct Build<'d> {
    names: Identifiers<'d>,
    scopes: Scopes<'d>,
    /// Where the schema stands that is compiled.
    place: Place,
    /// OpenAPI 3.0, which has a dialect of its own.
    is_old: bool,
    nodes: Vec<Node>,
    /// By the value's address: where the same value is met again, and `$dynamicRef` means the same
    /// there, it is the same schema.
    known: HashMap<(*const Value, Scope), Index>,
    /// Of them those for which a `$dynamicRef` may mean something else elsewhere.
    copies: usize,
    /// Referred to, and not compiled yet.
    waiting: Vec<Waiting<'d>>,
    /// The same patterns come again and again.
    patterns: HashMap<&'d str, Option<Pattern>>,
    found: Vec<Invalid>,
}

/// The resource in which a schema stands, and the scope of the way that led to it.
#[derive(Clone, Copy)]
struct Place {
    resource: Resource,
    scope: Scope,
}

struct Waiting<'d> {
    index: Index,
    /// Where it stands in the document.
    pointer: String,
    value: &'d Value,
    place: Place,
}

impl<'d> Build<'d> {
    pub(super) fn new(root: &'d Value, is_old: bool) -> Self {
        let mut names = Identifiers::read(root, is_old);
        let found = std::mem::take(&mut names.refused);
        let mut scopes = Scopes::new();
        let scope = scopes.enter(PLAIN, DOCUMENT, names.dynamic(DOCUMENT));
        let place = Place {
            resource: DOCUMENT,
            scope: scope.unwrap_or(PLAIN),
        };
        Self {
            names,
            scopes,
            place,
            is_old,
            nodes: vec![Node::default()],
            known: HashMap::new(),
            copies: 0,
            waiting: Vec::new(),
            patterns: HashMap::new(),
            found,
        }
    }

    /// Compiles what waits, and tells what cannot be checked in what was compiled since it was last
    /// asked.
    pub(super) fn settle(&mut self) -> Vec<Invalid> {
        let outside = self.place;
        while let Some(waiting) = self.waiting.pop() {
            self.place = waiting.place;
            self.fill(waiting.index, At::base(&waiting.pointer), waiting.value);
        }
        self.place = outside;
        std::mem::take(&mut self.found)
    }

    /// What was compiled.
    pub(super) fn finish(self) -> Schemas {
        Schemas::new(self.nodes)
    }

    pub(super) const fn is_old(&self) -> bool {
        self.is_old
    }

    pub(super) fn refuse(&mut self, at: At<'_>, message: &str) {
        if self.found.len() < MOST_FINDINGS {
            self.found.push(Invalid::new(shown(at), message));
        }
    }

    /// Follows the `$ref` of an object that is no schema, such as a parameter. The fragment is where
    /// it led to; `None`: it is no reference.
    pub(super) fn resolve(&mut self, at: At<'_>, value: &'d Value) -> (Option<String>, &'d Value) {
        let (mut fragment, mut value) = (None, value);
        for _ in 0..MOST_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return (fragment, value);
            };
            match self.names.find(DOCUMENT, reference) {
                Some(found) => (fragment, value) = (Some(found.pointer), found.value),
                None => break,
            }
        }
        self.refuse(at.key("$ref"), LEADS_NOWHERE);
        (None, &Value::Null)
    }

    /// The node of the schema there.
    pub(super) fn schema(&mut self, at: At<'_>, value: &'d Value) -> Index {
        let place = self.entered(at, self.place.resource, value);
        let (index, is_new) = self.reserve(at, value, place.scope);
        if is_new {
            let outside = std::mem::replace(&mut self.place, place);
            self.fill(index, at, value);
            self.place = outside;
        }
        index
    }

    /// Where a schema stands that is come to from here, in a resource unless it begins its own.
    fn entered(&mut self, at: At<'_>, resource: Resource, value: &'d Value) -> Place {
        let resource = self.names.begun_by(value).unwrap_or(resource);
        if !self.names.asks(value) {
            let scope = PLAIN;
            return Place { resource, scope };
        }
        let names = self.names.dynamic(resource);
        let scope = self.scopes.enter(self.place.scope, resource, names);
        let scope = scope.unwrap_or_else(|| {
            let message = "There are more $dynamicAnchor than can be checked.";
            self.refuse(at, message);
            PLAIN
        });
        Place { resource, scope }
    }

    fn reserve(&mut self, at: At<'_>, value: &'d Value, scope: Scope) -> (Index, bool) {
        let key = (std::ptr::from_ref(value), scope);
        if let Some(known) = self.known.get(&key) {
            return (*known, false);
        }
        if scope != PLAIN {
            self.copies += 1;
        }
        if self.copies > MOST_COPIES {
            let message = "$dynamicRef makes more schemas of these than can be checked.";
            self.refuse(at, message);
            return (ANYTHING, false);
        }
        let index = self.nodes.len() as Index;
        self.nodes.push(Node::default());
        self.known.insert(key, index);
        (index, true)
    }

    fn reference(&mut self, reference: &'d str, at: At<'_>) -> Option<Index> {
        let found = self.names.find(self.place.resource, reference);
        self.led("$ref", found, at)
    }

    /// What a `$dynamicRef` leads to on this way.
    fn dynamic_reference(&mut self, reference: &'d str, at: At<'_>) -> Option<Index> {
        let found = self.names.find(self.place.resource, reference);
        let name = found.as_ref().and_then(|found| found.dynamic);
        let first = name.and_then(|name| {
            let resource = self.scopes.first(self.place.scope, name)?;
            self.names.anchored(resource, name)
        });
        self.led("$dynamicRef", first.or(found), at)
    }

    fn led(&mut self, keyword: &str, found: Option<Found<'d>>, at: At<'_>) -> Option<Index> {
        let Some(found) = found else {
            self.refuse(at.key(keyword), LEADS_NOWHERE);
            return None;
        };
        let place = self.entered(at, found.resource, found.value);
        let (index, is_new) = self.reserve(at, found.value, place.scope);
        if is_new {
            self.waiting.push(Waiting {
                index,
                pointer: found.pointer,
                value: found.value,
                place,
            });
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

/// A place as it is told. What is too long is cut off, and not written out before: a document may
/// have one name of megabytes, and thousands of places behind it.
fn shown(at: At<'_>) -> String {
    struct Cut(String);
    impl fmt::Write for Cut {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            text.chars().try_for_each(|char| {
                let fits = self.0.len() + char.len_utf8() <= MOST_POINTER;
                fits.then(|| self.0.push(char)).ok_or(fmt::Error)
            })
        }
    }
    let mut cut = Cut(String::new());
    // The error says that it was cut.
    let _ = write!(cut, "{at}");
    cut.0
}

/// A step of a JSON Pointer (RFC 6901 §3).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
