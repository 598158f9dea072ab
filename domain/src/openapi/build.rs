//! From the JSON value of a document to the model. This file holds what all parts share: the
//! accessors that turn a strange value into a finding, references, and the budget.

mod content;
mod operations;
mod outline;
mod schemas;
mod security;

use super::finding::{FindingCode, Findings};
use super::pointer::{At, Target};
use super::refusal::{ParseError, ParseErrorCode};
use super::slug::Slugs;
use super::{Document, Schema, lint};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};

/// How much a document may grow by references to parameters, answers and bodies, which are
/// written out at each use: bytes of the model, roughly. Documents of people stay far below.
const MAX_GROWTH: usize = 96 << 20;
/// Longest chain of references to references.
const MAX_HOPS: usize = 16;

/// Builds the model of a whole document.
pub(super) fn document(root: &Value) -> Result<Document, ParseError> {
    let object = root.as_object().ok_or_else(|| {
        let message = "an OpenAPI document is an object";
        ParseError::at(ParseErrorCode::NotOpenapi, "", message)
    })?;
    let openapi = outline::version(object)?;
    let mut builder = Builder::new(root);
    let mut document = builder.outline(object, openapi);
    document.security_schemes = builder.security_schemes(object);
    builder.component_schemas(object);
    document.operations = builder.operations(object)?;
    document.webhooks = builder.webhooks(object);
    builder.complete_tags(&mut document);
    builder.finish_schemas();
    if let Some(pointer) = builder.overspent {
        let message = "the document unfolds to far more than it says";
        return Err(ParseError::at(ParseErrorCode::TooLarge, pointer, message));
    }
    document.schemas = builder.schemas;
    lint::document(&document, &mut builder.findings);
    document.findings = builder.findings.into_sorted();
    Ok(document)
}

/// Reads one document.
struct Builder<'d> {
    root: &'d Value,
    findings: Findings,
    slugs: Slugs,
    schemas: BTreeMap<String, Schema>,
    scheme_names: HashSet<String>,
    /// Keys of schemas that are built or waiting.
    known: HashSet<String>,
    /// Referenced schemas outside of `components.schemas`: (key, pointer).
    waiting: Vec<(String, String)>,
    spent: usize,
    /// Where the budget ran out. From then on everything is read as empty.
    overspent: Option<String>,
}

impl<'d> Builder<'d> {
    fn new(root: &'d Value) -> Self {
        Self {
            root,
            findings: Findings::default(),
            slugs: Slugs::default(),
            schemas: BTreeMap::new(),
            scheme_names: HashSet::new(),
            known: HashSet::new(),
            waiting: Vec::new(),
            spent: 0,
            overspent: None,
        }
    }

    /// Takes from the budget; false when it is used up.
    fn spend(&mut self, bytes: usize, at: At<'_>) -> bool {
        self.spent += bytes;
        if self.spent > MAX_GROWTH && self.overspent.is_none() {
            self.overspent = Some(at.to_string());
        }
        self.overspent.is_none()
    }

    fn strange(&mut self, at: At<'_>, expected: &str) {
        let message = format!("expected {expected}; this is ignored");
        self.findings.add(FindingCode::StrangeValue, at, message);
    }

    /// A text; numbers and booleans are taken as written, because YAML authors forget quotes.
    fn text(&mut self, object: &Map<String, Value>, key: &str, at: At<'_>) -> Option<String> {
        let text = match object.get(key)? {
            Value::String(text) => text.clone(),
            Value::Null => return None,
            value @ (Value::Number(_) | Value::Bool(_)) => {
                let message = format!("{value} should be in quotes, to be a text");
                self.findings
                    .add(FindingCode::StrangeValue, at.key(key), message);
                value.to_string()
            }
            Value::Array(_) | Value::Object(_) => {
                self.strange(at.key(key), "a text");
                return None;
            }
        };
        self.spend(text.len(), at).then_some(text)
    }

    /// A text, or an empty one.
    fn prose(&mut self, object: &Map<String, Value>, key: &str, at: At<'_>) -> String {
        self.text(object, key, at).unwrap_or_default()
    }

    fn flag(&mut self, object: &Map<String, Value>, key: &str, at: At<'_>) -> Option<bool> {
        match object.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(word) if word == "true" => Some(true),
            Value::String(word) if word == "false" => Some(false),
            Value::Null => None,
            _ => {
                self.strange(at.key(key), "true or false");
                None
            }
        }
    }

    /// An object; anything else but null is a finding.
    fn object<'v>(&mut self, value: &'v Value, at: At<'_>) -> Option<&'v Map<String, Value>> {
        match value {
            Value::Object(object) => Some(object),
            Value::Null => None,
            _ => {
                self.strange(at, "an object");
                None
            }
        }
    }

    /// The object under a key; an absent or null one is none.
    fn member<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        key: &str,
        at: At<'_>,
    ) -> Option<&'v Map<String, Value>> {
        self.object(object.get(key)?, at.key(key))
    }

    /// The items of the array under a key.
    fn items<'v>(&mut self, object: &'v Map<String, Value>, key: &str, at: At<'_>) -> &'v [Value] {
        match object.get(key) {
            None | Some(Value::Null) => &[],
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.strange(at.key(key), "an array");
                &[]
            }
        }
    }

    /// The texts of the array under a key.
    fn texts(&mut self, object: &Map<String, Value>, key: &str, at: At<'_>) -> Vec<String> {
        let items = self.items(object, key, at);
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Value::String(text) if self.spend(text.len() + 24, at) => texts.push(text.clone()),
                Value::String(_) => break,
                _ => self.strange(at.key(key).index(index), "a text"),
            }
        }
        texts
    }

    /// A copy of a free value (an example, a default).
    fn value(&mut self, value: &Value, at: At<'_>) -> Value {
        if self.spend(weight(value), at) {
            value.clone()
        } else {
            Value::Null
        }
    }

    /// The object that a value is or refers to, and the pointer where it stands if a reference
    /// led there. What leads nowhere is a finding and none.
    fn resolve<'v>(
        &mut self,
        value: &'v Value,
        at: At<'_>,
    ) -> Option<(&'v Map<String, Value>, Option<String>)>
    where
        'd: 'v,
    {
        let mut value = value;
        let mut base: Option<String> = None;
        for _ in 0..MAX_HOPS {
            let here = base.as_deref().map_or(at, At::base);
            let object = self.object(value, here)?;
            let Some(Value::String(reference)) = object.get("$ref") else {
                return Some((object, base));
            };
            let Target::Local(pointer) = Target::of(reference) else {
                self.external(reference, here);
                return None;
            };
            let Some(target) = self.root.pointer(&pointer) else {
                self.unresolved(reference, here);
                return None;
            };
            value = target;
            base = Some(pointer.into_owned());
        }
        let message = "references lead from one to the next without end";
        self.findings.add(FindingCode::CyclicRef, at, message);
        None
    }

    fn external(&mut self, reference: &str, at: At<'_>) {
        let message = format!("{reference} is in another document, which is not read");
        self.findings.add(FindingCode::ExternalRef, at, message);
    }

    fn unresolved(&mut self, reference: &str, at: At<'_>) {
        let message = format!("{reference} is not in this document");
        self.findings.add(FindingCode::UnresolvedRef, at, message);
    }
}

/// Bytes that a copy of a value takes, roughly.
fn weight(value: &Value) -> usize {
    const NODE: usize = 72;
    NODE + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| NODE + key.len() + weight(value))
            .sum(),
    }
}
