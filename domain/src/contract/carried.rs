//! Values out of texts: parameters by their style (OpenAPI "Style Values"), and forms.

mod declared;
mod form;
mod path;

use std::borrow::Cow;
use std::cell::OnceCell;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

pub(super) use self::form::{form, styled};

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
    parameters: &'a [Parameter],
    /// Names of the query that nobody declares as a parameter, but a security scheme.
    keys: &'a [String],
    template: Option<PathTemplate>,
    /// Names and values of the query, or of what is written like one, the names decoded.
    query: Vec<(Cow<'a, str>, &'a str)>,
    of: Of,
    /// As [`Self::declared`] has it.
    declared: OnceCell<Box<[bool]>>,
    is_too_much: bool,
}

/// What is written like a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Query,
    /// `application/x-www-form-urlencoded`
    Fields,
    /// `multipart/form-data`, where nothing is encoded.
    Parts,
}

type Decode = fn(&str) -> Result<Cow<'_, str>, &'static str>;

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
            parameters: &operation.parameters,
            keys: &operation.keys,
            template: PathTemplate::parse(&operation.template).ok(),
            is_too_much: query.len() > MOST,
            query,
            of: Of::Query,
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
        match (parameter.style, self.of) {
            (Style::DeepObject, Of::Query) => return self.deep(parameter),
            (Style::DeepObject, Of::Fields | Of::Parts) => return self.nested(parameter),
            _ => {}
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
            let all = std::iter::once(*first).chain(rest);
            let all = all.map(self.decoder(Place::Query));
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
    /// whatever nobody declares; of those that are not plain nobody says how they are written. In a
    /// form others are its own.
    fn members(&self, parameter: &Parameter) -> Sent {
        let decoded = self.decoder(Place::Query);
        let others = self.additional(parameter.schema).filter(|schema| {
            let kinds = self.schemas.kinds(*schema);
            let is_plain = kinds.0 != 0 && !kinds.has(Kinds::ARRAY | Kinds::OBJECT);
            is_plain && self.of == Of::Query
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
        let decoded = self.decoder(parameter.place);
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

    fn decoder(&self, place: Place) -> Decode {
        match (place, self.of) {
            (Place::Query, Of::Query | Of::Fields) => decoded,
            (Place::Query, Of::Parts) => as_it_is,
            (Place::Path | Place::Header | Place::Cookie | Place::Body, _) => plain,
        }
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
        let own = self.property(schema, name);
        match own.or_else(|| self.additional(schema)) {
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

fn as_it_is(text: &str) -> Result<Cow<'_, str>, &'static str> {
    Ok(Cow::Borrowed(text))
}

fn plain(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_err(|_| "This is not UTF-8.")
}
