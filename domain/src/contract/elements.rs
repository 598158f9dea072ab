//! Bodies of XML as the values that their schema has (OpenAPI "XML Object"). Names are compared
//! without their prefixes, and with the namespace where the schema has one.

mod namespaces;
mod shape;

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use self::namespaces::Named;
use self::shape::{How, Shape, Told};
use super::carried::item_schema;
use super::schema::{Index, Kinds, Schemas, short};
use super::value::{Members, Value};
use super::{STEPS, STEPS_OF_BYTE};
use crate::xml;

/// Schemas of one value that are looked at for its members.
const MOST_PARTS: usize = 64;
/// Members of all schemas that a body is read by.
const MOST_MEMBERS: usize = 100_000;

const TOO_MUCH: &str = "Reading the XML takes more steps than a request may cost.";
const TEXT_BETWEEN: &str = "The XML has text where elements alone are.";
const OTHER_NAME: &str = "A list of the XML has an item of another name.";
const TWICE: &str = "A list of the XML is there twice.";

/// Whether anything is asked of XML: a schema for texts alone is mostly meant for the whole of it.
pub(super) fn concerns(schemas: &Schemas, schema: Index) -> bool {
    let has_members = schemas.shape(schema, |node| {
        let object = node.object.as_ref()?;
        (!object.properties.is_empty()).then_some(())
    });
    has_members.is_some() || !schemas.admits_scalar(schema)
}

/// A name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
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

    fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
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

/// Reads XML by schemas: one body, or some parts of one.
pub(super) struct Reading<'c> {
    schemas: &'c Schemas,
    /// What it may still cost.
    steps: u64,
    /// Elements and attributes that there may still be.
    left: usize,
    /// Members that shapes may still have.
    members: usize,
    shapes: HashMap<Index, Rc<Shape<'c>>>,
}

impl<'c> Reading<'c> {
    /// `length`: that of the whole body.
    pub(super) fn new(schemas: &'c Schemas, length: usize) -> Self {
        Self {
            schemas,
            steps: STEPS + STEPS_OF_BYTE * length as u64,
            left: xml::MOST,
            members: MOST_MEMBERS,
            shapes: HashMap::new(),
        }
    }

    /// The error is a sentence.
    pub(super) fn read(&mut self, schema: Index, body: &[u8]) -> Result<Value<'static>, String> {
        let root = Named::of(xml::read_within(body, &mut self.left)?)?;
        let told = Told::of(self.schemas, schema);
        if let Some(name) = told.own.or(told.referred)
            && name != root.name.local
        {
            return Err(format!("The root of the XML is \"{}\".", short(name)));
        }
        match told.namespace {
            Some(asked) if !root.name.is_in(Some(asked)) => {
                let asked = short(asked);
                Err(format!(
                    "The root of the XML is in the namespace \"{asked}\"."
                ))
            }
            Some(_) | None => self.value(Some(schema), root),
        }
    }

    fn spend(&mut self, steps: u64) -> Result<(), String> {
        self.steps = self.steps.saturating_sub(steps);
        match self.steps {
            0 => Err(TOO_MUCH.to_owned()),
            _ => Ok(()),
        }
    }

    fn value(&mut self, schema: Option<Index>, element: Named) -> Result<Value<'static>, String> {
        self.spend(1)?;
        if element.is_nil() {
            return Ok(Value::Null);
        }
        let list = schema.filter(|schema| self.schemas.kinds(*schema).has(Kinds::ARRAY));
        if let Some(list) = list {
            return self.items(list, element, None);
        }
        let has_members = !element.children.is_empty() || !element.attributes.is_empty();
        if !has_members && schema.is_none_or(|schema| self.schemas.admits_scalar(schema)) {
            return self.text(schema, element.text);
        }
        self.object(schema, element)
    }

    fn text(&mut self, schema: Option<Index>, text: String) -> Result<Value<'static>, String> {
        let Some(schema) = schema else {
            return Ok(Value::Text(Cow::Owned(text)));
        };
        self.spend(self.schemas.cost_of_coerce(schema, &text))?;
        let kinds = self.schemas.kinds(schema);
        let text = match kinds.0 == 0 || kinds.has(Kinds::STRING) {
            true => text.as_str(),
            // Around a number or a flag space means nothing.
            false => xml::trim(&text),
        };
        Ok(self.schemas.coerce(schema, text).into())
    }

    /// The items in one element. `member` is what the list is called.
    fn items(
        &mut self,
        list: Index,
        element: Named,
        member: Option<&str>,
    ) -> Result<Value<'static>, String> {
        let item = item_schema(self.schemas, list);
        let told = item.map(|item| Told::of(self.schemas, item));
        let own = told.as_ref().and_then(|told| told.own);
        let referred = told.as_ref().and_then(|told| told.referred);
        let namespace = told.as_ref().and_then(|told| told.namespace);
        if !xml::is_blank(&element.text) {
            return Err(TEXT_BETWEEN.to_owned());
        }
        if !element.attributes.is_empty() {
            return Err("A list of the XML has no attributes.".to_owned());
        }
        let outer = &element.name.local;
        let mut items = Vec::new();
        for child in element.children {
            let name = child.name.local.as_str();
            let fits = match (own, referred, member) {
                (Some(own), ..) => name == own,
                // Nobody says what they are called.
                (None, None, None) => true,
                (None, referred, member) => {
                    referred == Some(name) || member == Some(name) || name == outer
                }
            };
            if !fits || !child.name.is_in(namespace) {
                return Err(OTHER_NAME.to_owned());
            }
            items.push(self.value(item, child)?);
        }
        Ok(Value::Array(items))
    }

    fn object(&mut self, schema: Option<Index>, element: Named) -> Result<Value<'static>, String> {
        let shape = match schema {
            Some(schema) => self.shape(schema)?,
            None => Rc::default(),
        };
        let mut members = Gathered::default();
        if !xml::is_blank(&element.text) {
            match schema {
                Some(_) => return Err(TEXT_BETWEEN.to_owned()),
                None => members.add("#text", false, Value::Text(Cow::Owned(element.text))),
            }
        }
        for (name, value) in element.attributes {
            self.spend(1)?;
            match shape.attribute(&name) {
                Some(member) => members.add(member.name, false, self.text(member.schema, value)?),
                None if shape.is_near_attribute(&name) => return Err(otherwise(&name.local)),
                None => members.add(&name.local, false, self.text(shape.other, value)?),
            }
        }
        for child in element.children {
            let Some(member) = shape.element(&child.name) else {
                if shape.is_near(&child.name) {
                    return Err(otherwise(&child.name.local));
                }
                let name = child.name.local.clone();
                let value = self.value(shape.other, child)?;
                members.add(&name, false, value);
                continue;
            };
            let (is_list, value) = match (member.how, member.schema) {
                // Some readers take the first, some the last, and some both.
                (How::Wrapped, _) if members.has(member.name) => return Err(TWICE.to_owned()),
                (How::Wrapped, Some(list)) if !child.is_nil() => {
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
                let count = object.properties.len();
                self.spend(1 + count as u64)?;
                let left = self.members.checked_sub(count);
                self.members = left.ok_or_else(|| TOO_MUCH.to_owned())?;
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
