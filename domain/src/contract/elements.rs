//! Bodies of XML as the values that their schema has (OpenAPI "XML Object"). Names are compared
//! without their prefixes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::carried::item_schema;
use super::schema::{Index, Kinds, Schemas, Xml, short};
use super::value::{Members, Value};
use super::{STEPS, STEPS_OF_BYTE};
use crate::xml::{self, Element};

/// Schemas of one value that are looked at for its members.
const MOST_PARTS: usize = 64;
/// References that are followed for a name.
const MOST_HOPS: usize = 8;

const TOO_MUCH: &str = "Reading the XML takes more steps than a request may cost.";
const TEXT_BETWEEN: &str = "The XML has text where elements alone are.";

/// Whether anything is asked of XML: a schema for texts alone is mostly meant for the whole of it.
pub(super) fn concerns(schemas: &Schemas, schema: Index) -> bool {
    let has_members = schemas.shape(schema, |node| {
        let object = node.object.as_ref()?;
        (!object.properties.is_empty()).then_some(())
    });
    has_members.is_some() || !schemas.admits_scalar(schema)
}

/// The error is a sentence.
pub(super) fn read(
    schemas: &Schemas,
    schema: Index,
    body: &[u8],
) -> Result<Value<'static>, String> {
    let root = xml::read(body)?;
    let told = Told::of(schemas, schema);
    if let Some(name) = told.own.or(told.referred)
        && name != local(&root.name)
    {
        return Err(format!("The root of the XML is \"{}\".", short(name)));
    }
    let mut reading = Reading {
        schemas,
        steps: STEPS + STEPS_OF_BYTE * body.len() as u64,
        shapes: HashMap::new(),
    };
    reading.value(Some(schema), root)
}

/// A name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Whether an attribute is none of those that say how the XML itself is to be read.
fn is_data(attribute: &str) -> bool {
    let prefix = attribute.split_once(':').map(|(prefix, _)| prefix);
    attribute != "xmlns" && !matches!(prefix, Some("xmlns" | "xml" | "xsi"))
}

fn is_blank(element: &Element) -> bool {
    element.children.is_empty() && element.text.trim().is_empty()
}

/// `xsi:nil` (XML Schema §2.6.2).
fn is_nil(element: &Element) -> bool {
    let mut attributes = element.attributes.iter();
    is_blank(element)
        && attributes.any(|(name, value)| name == "xsi:nil" && matches!(value.trim(), "true" | "1"))
}

/// What a schema says of how its values are written.
struct Told<'c> {
    /// The name that it gives itself.
    own: Option<&'c str>,
    /// That of the schema which it refers to.
    referred: Option<&'c str>,
    is_attribute: bool,
    is_wrapped: bool,
}

impl<'c> Told<'c> {
    fn of(schemas: &'c Schemas, schema: Index) -> Self {
        let node = schemas.get(schema);
        let name = |xml: &'c Xml| xml.name.as_deref();
        let own = node.xml.as_deref();
        let mut told = Self {
            own: own.and_then(name),
            referred: None,
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
                told.is_attribute |= xml.attribute;
                told.is_wrapped |= xml.wrapped;
            }
            next = node.reference;
        }
        told
    }
}

/// How the members of an object are written.
#[derive(Default)]
struct Shape<'c> {
    elements: HashMap<&'c str, Member<'c>>,
    attributes: HashMap<&'c str, Member<'c>>,
    /// By names that referred schemas have: the nearer ones come first.
    referred: HashMap<&'c str, Member<'c>>,
    names: HashSet<&'c str>,
    /// Of members that none of them is.
    other: Option<Index>,
}

#[derive(Clone, Copy)]
struct Member<'c> {
    name: &'c str,
    schema: Option<Index>,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    One,
    /// Each element is an item.
    Item,
    /// The items are in one element.
    Wrapped,
}

impl<'c> Shape<'c> {
    fn add(&mut self, schemas: &'c Schemas, name: &'c str, schema: Index) {
        self.names.insert(name);
        let mut told = Told::of(schemas, schema);
        let is_list = schemas.kinds(schema).has(Kinds::ARRAY);
        let mut member = Member {
            name,
            schema: Some(schema),
            how: How::One,
        };
        if told.is_attribute {
            let written = told.own.or(told.referred).unwrap_or(name);
            self.attributes.entry(written).or_insert(member);
            return;
        }
        if is_list && told.is_wrapped {
            member.how = How::Wrapped;
        } else if is_list {
            // The name of a list itself is for what is around it.
            member.how = How::Item;
            member.schema = item_schema(schemas, schema);
            told.own = None;
            told.referred = None;
            if let Some(item) = member.schema {
                told = Told::of(schemas, item);
            }
        }
        self.elements
            .entry(told.own.unwrap_or(name))
            .or_insert(member);
        if let (None, Some(referred)) = (told.own, told.referred) {
            self.referred.entry(referred).or_insert(member);
        }
    }

    fn element(&self, name: &str) -> Option<Member<'c>> {
        let found = self.elements.get(name);
        found.or_else(|| self.referred.get(name)).copied()
    }
}

/// Members as they come: of a name that comes again there is a list.
#[derive(Default)]
struct Gathered {
    all: Vec<(String, bool, Vec<Value<'static>>)>,
    places: HashMap<String, usize>,
}

impl Gathered {
    fn add(&mut self, name: &str, is_list: bool, value: Value<'static>) {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                let place = self.all.len();
                self.places.insert(name.to_owned(), place);
                self.all.push((name.to_owned(), is_list, Vec::new()));
                place
            }
        };
        self.all[place].2.push(value);
    }

    fn into_value(self) -> Value<'static> {
        let mut members = Members::default();
        for (name, is_list, mut values) in self.all {
            let value = match values.pop() {
                Some(only) if values.is_empty() && !is_list => only,
                last => {
                    values.extend(last);
                    Value::Array(values)
                }
            };
            members.insert(Cow::Owned(name), value);
        }
        Value::Object(members)
    }
}

struct Reading<'c> {
    schemas: &'c Schemas,
    /// What it may still cost.
    steps: u64,
    shapes: HashMap<Index, Rc<Shape<'c>>>,
}

impl<'c> Reading<'c> {
    fn spend(&mut self, steps: u64) -> Result<(), String> {
        self.steps = self.steps.saturating_sub(steps);
        match self.steps {
            0 => Err(TOO_MUCH.to_owned()),
            _ => Ok(()),
        }
    }

    fn value(&mut self, schema: Option<Index>, element: Element) -> Result<Value<'static>, String> {
        self.spend(1)?;
        if is_nil(&element) {
            return Ok(Value::Null);
        }
        let list = schema.filter(|schema| self.schemas.kinds(*schema).has(Kinds::ARRAY));
        if let Some(list) = list {
            return self.items(list, element, None);
        }
        let mut attributes = element.attributes.iter();
        let has_members = !element.children.is_empty() || attributes.any(|(name, _)| is_data(name));
        if !has_members && schema.is_none_or(|schema| self.schemas.admits_scalar(schema)) {
            return Ok(self.text(schema, element.text));
        }
        self.object(schema, element)
    }

    fn text(&self, schema: Option<Index>, text: String) -> Value<'static> {
        let Some(schema) = schema else {
            return Value::Text(Cow::Owned(text));
        };
        let kinds = self.schemas.kinds(schema);
        let text = match kinds.0 == 0 || kinds.has(Kinds::STRING) {
            true => text.as_str(),
            // Around a number or a flag space means nothing.
            false => text.trim(),
        };
        self.schemas.coerce(schema, text).into()
    }

    /// The items in one element. `member` is what the list is called.
    fn items(
        &mut self,
        list: Index,
        element: Element,
        member: Option<&str>,
    ) -> Result<Value<'static>, String> {
        let item = item_schema(self.schemas, list);
        let told = item.map(|item| Told::of(self.schemas, item));
        let own = told.as_ref().and_then(|told| told.own);
        let referred = told.as_ref().and_then(|told| told.referred);
        if !element.text.trim().is_empty() {
            return Err(TEXT_BETWEEN.to_owned());
        }
        let mut attributes = element.attributes.iter();
        if attributes.any(|(name, _)| is_data(name)) {
            return Err("A list of the XML has no attributes.".to_owned());
        }
        let outer = local(&element.name);
        let mut items = Vec::new();
        for child in element.children {
            let name = local(&child.name);
            let fits = match (own, referred, member) {
                (Some(own), ..) => name == own,
                // Nobody says what they are called.
                (None, None, None) => true,
                (None, referred, member) => {
                    referred == Some(name) || member == Some(name) || name == outer
                }
            };
            if !fits {
                return Err("A list of the XML has an item of another name.".to_owned());
            }
            items.push(self.value(item, child)?);
        }
        Ok(Value::Array(items))
    }

    fn object(
        &mut self,
        schema: Option<Index>,
        element: Element,
    ) -> Result<Value<'static>, String> {
        let shape = match schema {
            Some(schema) => self.shape(schema)?,
            None => Rc::default(),
        };
        let mut members = Gathered::default();
        if !element.text.trim().is_empty() {
            match schema {
                Some(_) => return Err(TEXT_BETWEEN.to_owned()),
                None => members.add("#text", false, Value::Text(Cow::Owned(element.text))),
            }
        }
        for (name, value) in element.attributes {
            if !is_data(&name) {
                continue;
            }
            self.spend(1)?;
            let name = local(&name);
            match shape.attributes.get(name) {
                Some(member) => members.add(member.name, false, self.text(member.schema, value)),
                None if shape.names.contains(name) => return Err(otherwise(name)),
                None => members.add(name, false, self.text(shape.other, value)),
            }
        }
        for child in element.children {
            let Some(member) = shape.element(local(&child.name)) else {
                let name = local(&child.name).to_owned();
                if shape.names.contains(&*name) {
                    return Err(otherwise(&name));
                }
                let value = self.value(shape.other, child)?;
                members.add(&name, false, value);
                continue;
            };
            let (is_list, value) = match (member.how, member.schema) {
                (How::Wrapped, Some(list)) if !is_nil(&child) => {
                    (false, self.items(list, child, Some(member.name))?)
                }
                (How::Item, schema) => (true, self.value(schema, child)?),
                (How::One | How::Wrapped, schema) => (false, self.value(schema, child)?),
            };
            members.add(member.name, is_list, value);
        }
        Ok(members.into_value())
    }

    /// How the members are written, whichever part or variant of the schema names them.
    fn shape(&mut self, schema: Index) -> Result<Rc<Shape<'c>>, String> {
        if let Some(known) = self.shapes.get(&schema) {
            return Ok(known.clone());
        }
        let schemas = self.schemas;
        let mut shape = Shape::default();
        let mut parts = vec![schema];
        let mut at = 0;
        while let Some(part) = parts.get(at).copied() {
            at += 1;
            let node = schemas.get(part);
            if let Some(object) = &node.object {
                self.spend(1 + object.properties.len() as u64)?;
                for (name, property) in &object.properties {
                    shape.add(schemas, name, *property);
                }
                let other = object.additional.filter(|_| object.patterns.is_empty());
                shape.other = shape.other.or(other);
            }
            let beside = node.beside.iter();
            let beside = beside.flat_map(|one| one.all.iter().chain(&one.any).chain(&one.one));
            for part in node.reference.iter().chain(beside).take(MOST_PARTS) {
                if parts.len() < MOST_PARTS && !parts.contains(part) {
                    parts.push(*part);
                }
            }
        }
        let shape = Rc::new(shape);
        self.shapes.insert(schema, shape.clone());
        Ok(shape)
    }
}

fn otherwise(name: &str) -> String {
    format!("In XML \"{}\" is not written so.", short(name))
}
