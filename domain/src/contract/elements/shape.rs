//! How the members of an object are written as XML.

use std::collections::{HashMap, HashSet};

use super::namespaces::Name;
use crate::contract::carried::item_schema;
use crate::contract::schema::{Index, Kinds, Schemas, Xml};

/// References that are followed for a name.
const MOST_HOPS: usize = 8;
/// Members of one name, each in a namespace of its own.
const MOST_NAMESAKES: usize = 16;

/// What a schema says of how its values are written.
pub(super) struct Told<'c> {
    /// The name that it gives itself.
    pub(super) own: Option<&'c str>,
    /// That of the schema which it refers to.
    pub(super) referred: Option<&'c str>,
    pub(super) namespace: Option<&'c str>,
    is_attribute: bool,
    is_wrapped: bool,
}

impl<'c> Told<'c> {
    pub(super) fn of(schemas: &'c Schemas, schema: Index) -> Self {
        let node = schemas.get(schema);
        let name = |xml: &'c Xml| xml.name.as_deref();
        let namespace = |xml: &'c Xml| xml.namespace.as_deref();
        let own = node.xml.as_deref();
        let mut told = Self {
            own: own.and_then(name),
            referred: None,
            namespace: own.and_then(namespace),
            is_attribute: own.is_some_and(|xml| xml.attribute),
            is_wrapped: own.is_some_and(|xml| xml.wrapped),
        };
        let mut next = node.reference;
        for _ in 0..MOST_HOPS {
            let Some(node) = next.map(|index| schemas.get(index)) else {
                break;
            };
            if let Some(xml) = node.xml.as_deref() {
                told.referred = told.referred.or(name(xml));
                told.namespace = told.namespace.or(namespace(xml));
                told.is_attribute |= xml.attribute;
                told.is_wrapped |= xml.wrapped;
            }
            next = node.reference;
        }
        told
    }
}

/// By the local name: mostly one, or some of different namespaces.
type Names<'c> = HashMap<&'c str, Vec<Member<'c>>>;

/// How the members of an object are written.
#[derive(Default)]
pub(super) struct Shape<'c> {
    elements: Names<'c>,
    attributes: Names<'c>,
    /// By names that referred schemas have: the nearer ones come first.
    referred: Names<'c>,
    names: HashSet<&'c str>,
    /// Of members that none of them is.
    pub(super) other: Option<Index>,
}

#[derive(Clone, Copy)]
pub(super) struct Member<'c> {
    pub(super) name: &'c str,
    pub(super) schema: Option<Index>,
    pub(super) how: How,
    /// None: any.
    namespace: Option<&'c str>,
}

#[derive(Clone, Copy)]
pub(super) enum How {
    One,
    /// Each element is an item.
    Item,
    /// The items are in one element.
    Wrapped,
}

impl<'c> Shape<'c> {
    pub(super) fn add(&mut self, schemas: &'c Schemas, name: &'c str, schema: Index) {
        self.names.insert(name);
        let mut told = Told::of(schemas, schema);
        let is_list = schemas.kinds(schema).has(Kinds::ARRAY);
        let mut member = Member {
            name,
            schema: Some(schema),
            how: How::One,
            namespace: told.namespace,
        };
        if told.is_attribute {
            let written = told.own.or(told.referred).unwrap_or(name);
            note(&mut self.attributes, written, member);
            return;
        }
        if is_list && told.is_wrapped {
            member.how = How::Wrapped;
        } else if is_list {
            // What a list says of itself is for what is around it.
            member.how = How::Item;
            member.schema = item_schema(schemas, schema);
            told.own = None;
            told.referred = None;
            member.namespace = None;
            if let Some(item) = member.schema {
                told = Told::of(schemas, item);
                member.namespace = told.namespace;
            }
        }
        note(&mut self.elements, told.own.unwrap_or(name), member);
        if let (None, Some(referred)) = (told.own, told.referred) {
            note(&mut self.referred, referred, member);
        }
    }

    pub(super) fn element(&self, name: &Name) -> Option<Member<'c>> {
        called(&self.elements, name).or_else(|| called(&self.referred, name))
    }

    pub(super) fn attribute(&self, name: &Name) -> Option<Member<'c>> {
        called(&self.attributes, name)
    }

    /// Whether an element of this name, which is none of the members, could be taken for one: by
    /// whoever reads JSON, or does not look at namespaces.
    pub(super) fn is_near(&self, name: &Name) -> bool {
        let local = name.local.as_str();
        let is_called_so = self.elements.contains_key(local) || self.referred.contains_key(local);
        is_called_so || self.names.contains(local)
    }

    /// The same of an attribute.
    pub(super) fn is_near_attribute(&self, name: &Name) -> bool {
        let local = name.local.as_str();
        self.attributes.contains_key(local) || self.names.contains(local)
    }
}

/// The first one counts.
fn note<'c>(all: &mut Names<'c>, written: &'c str, member: Member<'c>) {
    let namesakes = all.entry(written).or_default();
    let mut known = namesakes.iter();
    if known.all(|one| one.namespace != member.namespace) && namesakes.len() < MOST_NAMESAKES {
        namesakes.push(member);
    }
}

/// That of its namespace, else one that may be in any.
fn called<'c>(all: &Names<'c>, name: &Name) -> Option<Member<'c>> {
    let namesakes = all.get(name.local.as_str())?;
    let mut asking = namesakes.iter().filter(|one| one.namespace.is_some());
    let own = asking.find(|one| name.is_in(one.namespace));
    let any = || namesakes.iter().find(|one| one.namespace.is_none());
    own.or_else(any).copied()
}
