//! Values out of texts: parameters by their style (OpenAPI "Style Values"), and forms.

mod declared;
mod path;

use std::borrow::Cow;
use std::cell::OnceCell;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::operations::Parameter;
use super::schema::{Index, Kinds, Schemas};
use super::{Asked, Operation, Place};
use crate::openapi::{PathTemplate, Style};

/// Most parameters of a query, or fields of a form, that are looked at.
const MOST: usize = 1000;

/// What a request carries outside its body.
pub(super) struct Carried<'a> {
    schemas: &'a Schemas,
    asked: &'a dyn Asked,
    operation: &'a Operation,
    template: Option<PathTemplate>,
    /// Names and values of the query, the names decoded.
    query: Vec<(Cow<'a, str>, &'a str)>,
    /// As [`Self::declared`] has it.
    declared: OnceCell<Box<[bool]>>,
    is_too_much: bool,
}

type Sent = Result<Option<Value>, &'static str>;

const TWICE: &str = "This parameter is there more than once.";
const TOO_MUCH: &str = "This has more parts than can be checked.";
const OTHERWISE: &str = "This is not written in its style.";

impl<'a> Carried<'a> {
    pub(super) fn new(
        schemas: &'a Schemas,
        asked: &'a dyn Asked,
        operation: &'a Operation,
    ) -> Self {
        let query = pairs(asked.query().unwrap_or_default());
        Self {
            schemas,
            asked,
            operation,
            template: PathTemplate::parse(&operation.template).ok(),
            is_too_much: query.len() > MOST,
            query,
            declared: OnceCell::new(),
        }
    }

    /// Whether the query has more parameters than are looked at.
    pub(super) const fn is_too_much(&self) -> bool {
        self.is_too_much
    }

    /// `None`: it is not there. An error is a sentence.
    pub(super) fn value(&self, parameter: &Parameter) -> Sent {
        match parameter.place {
            Place::Path => self.in_path(parameter),
            Place::Query => self.in_query(parameter),
            Place::Header => self.in_header(parameter),
            Place::Cookie => self.in_cookie(parameter),
            Place::Body => Ok(None),
        }
    }

    fn in_header(&self, parameter: &Parameter) -> Sent {
        let Some(text) = self.asked.header(&parameter.name) else {
            return Ok(None);
        };
        if parameter.is_json {
            return json(&text).map(Some);
        }
        let parts = text.split(',').map(|part| part.trim().into());
        self.split(parameter, parts, &text).map(Some)
    }

    fn in_cookie(&self, parameter: &Parameter) -> Sent {
        let Some(text) = self.asked.header("cookie") else {
            return Ok(None);
        };
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(name, _)| name.trim() == parameter.name);
        let Some((_, first)) = values.next() else {
            return Ok(None);
        };
        match values.next() {
            None => self.text(parameter, first.trim(), ',').map(Some),
            Some(_) => Err(TWICE),
        }
    }

    fn in_query(&self, parameter: &Parameter) -> Sent {
        let kinds = self.schemas.kinds(parameter.schema);
        if parameter.style == Style::DeepObject {
            return self.deep(parameter);
        }
        if parameter.explode && kinds.has(Kinds::OBJECT) && !parameter.is_json {
            return self.members(parameter);
        }
        let values = self.query.iter();
        let mut values = values.filter(|(name, _)| *name == parameter.name.as_str());
        let Some((_, first)) = values.next() else {
            return Ok(None);
        };
        let is_list = kinds.has(Kinds::ARRAY) && !parameter.is_json;
        if is_list && parameter.explode {
            let rest = values.map(|(_, value)| *value);
            let all = std::iter::once(*first).chain(rest).map(decoded);
            let all = all.collect::<Result<Vec<_>, _>>()?;
            return self.items(parameter.schema, all.into_iter()).map(Some);
        }
        if values.next().is_some() {
            return Err(TWICE);
        }
        let separator = match parameter.style {
            Style::SpaceDelimited => ' ',
            Style::PipeDelimited => '|',
            _ => ',',
        };
        self.text(parameter, first, separator).map(Some)
    }

    /// `name[key]=value`
    fn deep(&self, parameter: &Parameter) -> Sent {
        let mut members = Map::new();
        for (name, value) in &self.query {
            let Some(key) = name.strip_prefix(parameter.name.as_str()) else {
                continue;
            };
            let Some(key) = key.strip_prefix('[') else {
                continue;
            };
            let key = key
                .strip_suffix(']')
                .filter(|key| !key.contains(['[', ']']));
            let key = key.ok_or(OTHERWISE)?;
            let value = self.member(parameter.schema, key, &decoded(value)?);
            if members.insert(key.to_owned(), value).is_some() {
                return Err(TWICE);
            }
        }
        Ok(object(parameter, members))
    }

    /// Each member of the schema is a parameter of its own. Where the object takes others, so is
    /// whatever nobody declares; of those that are not plain nobody says how they are written.
    fn members(&self, parameter: &Parameter) -> Sent {
        let others = self.additional(parameter.schema).filter(|schema| {
            let kinds = self.schemas.kinds(*schema);
            kinds.0 != 0 && !kinds.has(Kinds::ARRAY | Kinds::OBJECT)
        });
        let mut members = Map::new();
        for (at, (name, value)) in self.query.iter().enumerate() {
            let own = self.property(parameter.schema, name);
            let other = || others.filter(|_| !self.declared()[at]);
            if let Some(schema) = own.or_else(other) {
                let value = self.schemas.coerce(schema, &decoded(value)?);
                if members.insert(name.to_string(), value).is_some() {
                    return Err(TWICE);
                }
            }
        }
        Ok(object(parameter, members))
    }

    fn text(
        &self,
        parameter: &Parameter,
        raw: &str,
        separator: char,
    ) -> Result<Value, &'static str> {
        let decoded = match parameter.place {
            Place::Query => decoded,
            _ => plain,
        };
        let whole = decoded(raw)?;
        if parameter.is_json {
            return json(&whole);
        }
        // What belongs to a value is encoded, so it is split first; the others are not allowed in a
        // query as they are.
        let parts: Vec<Cow<'_, str>> = match separator {
            ',' | '.' | ';' => raw
                .split(separator)
                .map(decoded)
                .collect::<Result<_, _>>()?,
            _ => whole.split(separator).map(Cow::from).collect(),
        };
        self.split(parameter, parts.into_iter(), &whole)
    }

    /// Parts as items or members, where the schema asks for such, else the whole.
    fn split<'p>(
        &self,
        parameter: &Parameter,
        parts: impl Iterator<Item = Cow<'p, str>>,
        whole: &str,
    ) -> Result<Value, &'static str> {
        let kinds = self.schemas.kinds(parameter.schema);
        let schema = parameter.schema;
        if kinds.has(Kinds::ARRAY) {
            return self.items(schema, parts);
        }
        if !kinds.has(Kinds::OBJECT) {
            return Ok(self.schemas.coerce(schema, whole));
        }
        let mut members = Map::new();
        let mut parts = parts.take(2 * MOST + 1);
        while let Some(part) = parts.next() {
            let (key, value) = match parameter.explode {
                true => match part.split_once('=') {
                    Some((key, value)) => (key.to_owned(), value.to_owned()),
                    None => (part.into_owned(), String::new()),
                },
                false => (
                    part.into_owned(),
                    parts.next().unwrap_or_default().into_owned(),
                ),
            };
            let value = self.member(schema, &key, &value);
            if members.insert(key, value).is_some() {
                return Err(TWICE);
            }
            if members.len() > MOST {
                return Err(TOO_MUCH);
            }
        }
        Ok(Value::Object(members))
    }

    fn items<'p>(
        &self,
        schema: Index,
        parts: impl Iterator<Item = Cow<'p, str>>,
    ) -> Result<Value, &'static str> {
        let items = item_schema(self.schemas, schema);
        let coerce = |part: Cow<'p, str>| match items {
            Some(items) => self.schemas.coerce(items, &part),
            None => Value::from(part.into_owned()),
        };
        let items: Vec<Value> = parts.take(MOST + 1).map(coerce).collect();
        match items.len() > MOST {
            true => Err(TOO_MUCH),
            false => Ok(Value::Array(items)),
        }
    }

    fn property(&self, schema: Index, name: &str) -> Option<Index> {
        self.schemas
            .shape(schema, |node| node.object.as_ref()?.property(name))
    }

    /// Whether an object has members that its schema does not name.
    fn is_free(&self, schema: Index) -> bool {
        let additional = self
            .schemas
            .shape(schema, |node| node.object.as_ref()?.additional);
        additional.is_some_and(|additional| !self.schemas.get(additional).never)
    }

    /// The schema of these.
    fn additional(&self, schema: Index) -> Option<Index> {
        let additional = self.schemas.shape(schema, |node| {
            let object = node.object.as_ref()?;
            // Where patterns are, it depends on the name.
            object.additional.filter(|_| object.patterns.is_empty())
        });
        additional.filter(|additional| !self.schemas.get(*additional).never)
    }

    fn member(&self, schema: Index, name: &str, text: &str) -> Value {
        match self.property(schema, name) {
            Some(schema) => self.schemas.coerce(schema, text),
            None => Value::from(text),
        }
    }
}

/// One that has to be there is there, as it may have no member that has to be.
fn object(parameter: &Parameter, members: Map<String, Value>) -> Option<Value> {
    (parameter.required || !members.is_empty()).then_some(Value::Object(members))
}

pub(super) fn item_schema(schemas: &Schemas, schema: Index) -> Option<Index> {
    schemas.shape(schema, |node| {
        let array = node.array.as_ref()?;
        array.items.or(array.prefix.first().copied())
    })
}

fn json(text: &str) -> Result<Value, &'static str> {
    super::read_json(text.as_bytes()).map_err(|_| "This is no JSON.")
}

fn pairs(query: &str) -> Vec<(Cow<'_, str>, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pairs = parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (lossy(name), value)
    });
    pairs.take(MOST + 1).collect()
}

fn lossy(text: &str) -> Cow<'_, str> {
    decoded(text).unwrap_or(Cow::Borrowed(text))
}

/// `+` is a space, as in forms (WHATWG URL, "application/x-www-form-urlencoded").
fn decoded(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    Ok(Cow::Owned(plain(&spaced)?.into_owned()))
}

fn plain(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_err(|_| "This is not UTF-8.")
}

/// A form as an object: a field that comes again, or that its schema has as a list, is a list.
pub(super) fn form(schemas: &Schemas, schema: Index, text: &str) -> Result<Value, &'static str> {
    let mut members: Map<String, Value> = Map::new();
    let pairs = pairs(text);
    if pairs.len() > MOST {
        return Err("The form has more fields than can be checked.");
    }
    for (name, value) in pairs {
        let value = decoded(value)?;
        let own = schemas.shape(schema, |node| node.object.as_ref()?.property(&name));
        let is_list = own.is_some_and(|own| schemas.kinds(own).has(Kinds::ARRAY));
        let of = match is_list {
            true => own.and_then(|own| item_schema(schemas, own)),
            false => own,
        };
        let value = match of {
            Some(of) => schemas.coerce(of, &value),
            None => Value::from(value.into_owned()),
        };
        match members.get_mut(&*name) {
            Some(Value::Array(items)) => items.push(value),
            Some(known) => *known = Value::Array(vec![known.take(), value]),
            None if is_list => {
                members.insert(name.into_owned(), Value::Array(vec![value]));
            }
            None => {
                members.insert(name.into_owned(), value);
            }
        }
    }
    Ok(Value::Object(members))
}
