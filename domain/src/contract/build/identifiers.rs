//! What schemas are called (JSON Schema 2020-12 §8.2): `$id` begins a resource, against which the
//! references in it are read, and which has its own `$anchor` and `$dynamicAnchor`.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use super::asking::Asking;
use super::{MOST_FINDINGS, shown};
use crate::openapi::At;
use crate::problem::Invalid;

/// Where a document lies that does not say it.
const SOMEWHERE: &str = "https://document.invalid/document";
/// Bytes of a resource's URI: all that stands in it is read against that.
const LONGEST_URI: usize = 2000;
/// Names that a document gives to its schemas.
const MOST_NAMES: usize = 10_000;

/// A resource's place in the list.
pub(super) type Resource = usize;

/// The document itself, and all in it that has no `$id`.
pub(super) const DOCUMENT: Resource = 0;

/// The names in a document.
pub(super) struct Identifiers<'d> {
    resources: Vec<Own<'d>>,
    by_uri: HashMap<String, Resource>,
    /// By the address of the value that has the `$id`.
    by_root: HashMap<*const Value, Resource>,
    /// `None`: nowhere is a `$dynamicRef` that could lead to more than one place.
    asking: Option<Asking>,
    /// Names that are not looked at.
    pub(super) refused: Vec<Invalid>,
}

struct Own<'d> {
    /// Against which references in it are read.
    uri: Option<Url>,
    /// Its place in the document.
    pointer: String,
    root: &'d Value,
    anchors: HashMap<&'d str, Anchor<'d>>,
    /// Those of `$dynamicAnchor`.
    dynamic: HashMap<&'d str, Anchor<'d>>,
}

struct Anchor<'d> {
    pointer: String,
    value: &'d Value,
}

/// Where a reference leads.
pub(super) struct Found<'d> {
    /// In the document.
    pub(super) pointer: String,
    pub(super) value: &'d Value,
    pub(super) resource: Resource,
    /// The name, where it is one of `$dynamicAnchor`.
    pub(super) dynamic: Option<&'d str>,
}

/// A schema as the walk through a document meets it.
pub(super) struct Met<'d> {
    pub(super) value: &'d Value,
    /// In which schema it stands.
    pub(super) around: Option<usize>,
    pub(super) resource: Resource,
    pub(super) reference: Option<&'d str>,
    /// It has a `$dynamicRef` to a name.
    pub(super) is_dynamic: bool,
}

impl<'d> Identifiers<'d> {
    /// `is_old`: OpenAPI 3.0 has no such names.
    pub(super) fn read(root: &'d Value, is_old: bool) -> Self {
        let own = Own::new(Url::parse(SOMEWHERE).ok(), String::new(), root);
        let names = Self {
            resources: vec![own],
            by_uri: HashMap::new(),
            by_root: HashMap::new(),
            asking: None,
            refused: Vec::new(),
        };
        if is_old {
            return names;
        }
        let mut walk = Walk {
            names,
            named: 0,
            met: Vec::new(),
        };
        match root.get("openapi") {
            Some(_) => walk.document(At::base(""), root),
            None => walk.schema(At::base(""), root, DOCUMENT, None),
        }
        let Walk { mut names, met, .. } = walk;
        let has_names = names.resources.iter().any(|own| !own.dynamic.is_empty());
        if has_names && met.iter().any(|met| met.is_dynamic) {
            names.asking = Some(Asking::read(&names, &met));
        }
        names
    }

    /// The resource that begins with this value.
    pub(super) fn begun_by(&self, value: &Value) -> Option<Resource> {
        self.by_root.get(&std::ptr::from_ref(value)).copied()
    }

    /// Whether the meaning of a schema depends on the way that led to it.
    pub(super) fn asks(&self, schema: &Value) -> bool {
        let asking = self.asking.as_ref();
        asking.is_some_and(|asking| asking.asks(schema))
    }

    /// The `$dynamicAnchor`s of a resource.
    pub(super) fn dynamic(&self, resource: Resource) -> impl Iterator<Item = &'d str> {
        self.resources[resource].dynamic.keys().copied()
    }

    /// The schema with this `$dynamicAnchor`.
    pub(super) fn anchored(&self, resource: Resource, name: &str) -> Option<Found<'d>> {
        let (name, anchor) = self.resources[resource].dynamic.get_key_value(name)?;
        Some(anchor.found(resource, Some(*name)))
    }

    /// Where a reference leads that stands in this resource.
    pub(super) fn find(&self, from: Resource, reference: &str) -> Option<Found<'d>> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let fragment = percent_decode_str(fragment).decode_utf8().ok()?;
        if uri.is_empty() {
            let found = self.within(from, &fragment);
            // Many write an `$id`, and mean places in the document all the same.
            return found.or_else(|| self.within(DOCUMENT, &fragment));
        }
        let uri = self.resources[from].uri.as_ref()?.join(uri).ok()?;
        self.within(*self.by_uri.get(uri.as_str())?, &fragment)
    }

    fn within(&self, resource: Resource, fragment: &str) -> Option<Found<'d>> {
        let own = &self.resources[resource];
        if !fragment.is_empty() && !fragment.starts_with('/') {
            let anchor = own.anchors.get(fragment);
            let plain = anchor.map(|anchor| anchor.found(resource, None));
            return self.anchored(resource, fragment).or(plain);
        }
        let pointer = format!("{}{fragment}", own.pointer);
        let (mut value, mut resource) = (own.root, resource);
        if self.by_root.is_empty() {
            value = value.pointer(fragment)?;
        } else {
            for step in fragment.split('/').skip(1) {
                value = value.pointer(&format!("/{step}"))?;
                resource = self.begun_by(value).unwrap_or(resource);
            }
        }
        Some(Found {
            pointer,
            value,
            resource,
            dynamic: None,
        })
    }
}

impl<'d> Own<'d> {
    fn new(uri: Option<Url>, pointer: String, root: &'d Value) -> Self {
        Self {
            uri,
            pointer,
            root,
            anchors: HashMap::new(),
            dynamic: HashMap::new(),
        }
    }
}

impl<'d> Anchor<'d> {
    fn found(&self, resource: Resource, dynamic: Option<&'d str>) -> Found<'d> {
        Found {
            pointer: self.pointer.clone(),
            value: self.value,
            resource,
            dynamic,
        }
    }
}

/// A walk through all schemas of a document, where schemas are known to stand: an `$id` in an
/// example names nothing.
struct Walk<'d> {
    names: Identifiers<'d>,
    /// Names so far.
    named: usize,
    met: Vec<Met<'d>>,
}

impl<'d> Walk<'d> {
    fn document(&mut self, at: At<'_>, value: &'d Value) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let inside = at.key(key);
                    match key.as_str() {
                        "schema" => self.schema(inside, value, DOCUMENT, None),
                        "schemas" => self.named(inside, value, DOCUMENT, None),
                        "example" | "examples" | "default" | "enum" => {}
                        key if key.starts_with("x-") => {}
                        _ => self.document(inside, value),
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.document(at.index(index), item);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn named(&mut self, at: At<'_>, value: &'d Value, from: Resource, around: Option<usize>) {
        for (name, schema) in value.as_object().into_iter().flatten() {
            self.schema(at.key(name), schema, from, around);
        }
    }

    fn schema(&mut self, at: At<'_>, value: &'d Value, from: Resource, around: Option<usize>) {
        let Some(members) = value.as_object() else {
            return;
        };
        let word = |name| members.get(name).and_then(Value::as_str);
        let resource = match word("$id") {
            Some(id) => self.begin(at, value, id, from),
            None => from,
        };
        for keyword in ["$anchor", "$dynamicAnchor"] {
            let Some(name) = word(keyword).filter(|_| self.may_name(at.key(keyword))) else {
                continue;
            };
            let own = &mut self.names.resources[resource];
            let all = match keyword {
                "$anchor" => &mut own.anchors,
                _ => &mut own.dynamic,
            };
            all.entry(name).or_insert_with(|| Anchor {
                pointer: shown(at),
                value,
            });
        }
        let this = Some(self.met.len());
        let dynamic = word("$dynamicRef").and_then(|written| written.split_once('#'));
        self.met.push(Met {
            value,
            around,
            resource,
            reference: word("$ref"),
            is_dynamic: dynamic.is_some_and(|(_, name)| !name.is_empty() && !name.starts_with('/')),
        });
        for (key, value) in members {
            let inside = at.key(key);
            match key.as_str() {
                "additionalProperties"
                | "propertyNames"
                | "unevaluatedProperties"
                | "items"
                | "contains"
                | "unevaluatedItems"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contentSchema" => self.schema(inside, value, resource, this),
                "properties" | "patternProperties" | "dependentSchemas" | "$defs"
                | "definitions" => self.named(inside, value, resource, this),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    let items = value.as_array().into_iter().flatten();
                    for (index, item) in items.enumerate() {
                        self.schema(inside.index(index), item, resource, this);
                    }
                }
                _ => {}
            }
        }
    }

    /// What is none, or has a fragment, begins nothing.
    fn begin(&mut self, at: At<'_>, value: &'d Value, id: &str, from: Resource) -> Resource {
        let base = self.names.resources[from].uri.as_ref();
        let uri = base.and_then(|base| base.join(id).ok());
        let is_whole = |uri: &Url| uri.fragment().is_none_or(str::is_empty);
        let Some(mut uri) = uri.filter(is_whole) else {
            return from;
        };
        uri.set_fragment(None);
        if uri.as_str().len() > LONGEST_URI {
            self.refuse(at.key("$id"), "This $id is longer than can be looked at.");
            return from;
        }
        if !self.may_name(at.key("$id")) {
            return from;
        }
        let resource = self.names.resources.len();
        let by_uri = self.names.by_uri.entry(uri.to_string());
        by_uri.or_insert(resource);
        let address = std::ptr::from_ref(value);
        self.names.by_root.insert(address, resource);
        let own = Own::new(Some(uri), shown(at), value);
        self.names.resources.push(own);
        resource
    }

    /// Whether one more name is looked at.
    fn may_name(&mut self, at: At<'_>) -> bool {
        self.named += 1;
        if self.named == MOST_NAMES + 1 {
            let message = "The document has more $id and $anchor than can be looked at.";
            self.refuse(at, message);
        }
        self.named <= MOST_NAMES
    }

    fn refuse(&mut self, at: At<'_>, message: &str) {
        if self.names.refused.len() < MOST_FINDINGS {
            self.names.refused.push(Invalid::new(shown(at), message));
        }
    }
}
