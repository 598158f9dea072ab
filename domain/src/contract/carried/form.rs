//! Forms as objects: fields as their schema has them, or written like parameters of a query where
//! the document says so (OpenAPI "Encoding Object").

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Carried, Kinds, MOST, OTHERWISE, Of, Parameter, Place, Schemas, Sent, TWICE, decoded,
    item_schema, pairs,
};
use crate::contract::build::escaped;
use crate::contract::media::Encodings;
use crate::contract::schema::{Index, short};
use crate::contract::value::{MOST_VALUES, read_within};
use crate::contract::{Asked, Violation, violation};

/// Names in each other: `a[b][c]`.
const MOST_NESTED: usize = 16;

/// What has neither a path nor headers.
struct Nothing;

impl Asked for Nothing {
    fn path(&self) -> &str {
        ""
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl<'a> Carried<'a> {
    /// Fields or parts of a form, of which `styled` are written like parameters.
    pub(in crate::contract) fn of_fields(
        schemas: &'a Schemas,
        styled: &'a [Parameter],
        fields: Vec<(Cow<'a, str>, &'a str)>,
        of: Of,
    ) -> Self {
        Self {
            schemas,
            asked: &Nothing,
            parameters: styled,
            keys: &[],
            template: None,
            query: fields,
            of,
            declared: OnceCell::new(),
            is_too_much: false,
        }
    }

    /// The headers of a part.
    pub(in crate::contract) fn of_headers(schemas: &'a Schemas, asked: &'a dyn Asked) -> Self {
        Self {
            asked,
            ..Self::of_fields(schemas, &[], Vec::new(), Of::Parts)
        }
    }

    /// The members that are written like parameters. The error names the one that is not.
    pub(in crate::contract) fn styled_members(&self) -> Result<Map<String, Value>, Violation> {
        let mut members = Map::new();
        for parameter in self.parameters {
            let value = self.value(parameter);
            let value = value.map_err(|message| wrong(&parameter.name, message.to_owned()))?;
            if let Some(value) = value {
                members.insert(parameter.name.clone(), value);
            }
        }
        Ok(members)
    }

    /// `name[a][b]=value`, `name[]=value` and `name[0]=value`: as writers of forms have it where
    /// OpenAPI leaves it open.
    pub(super) fn nested(&self, parameter: &Parameter) -> Sent {
        let decoded = self.decoder(Place::Query);
        let mut tree = Tree::Nothing;
        for (name, value) in &self.query {
            let Some(rest) = name.strip_prefix(parameter.name.as_str()) else {
                continue;
            };
            let steps: Vec<&str> = match rest.strip_prefix('[') {
                Some(rest) => {
                    let steps = rest.strip_suffix(']').ok_or(OTHERWISE)?;
                    steps.split("][").take(MOST_NESTED + 1).collect()
                }
                None if rest.is_empty() => Vec::new(),
                None => continue,
            };
            if steps.len() > MOST_NESTED || steps.iter().any(|step| step.contains(['[', ']'])) {
                return Err(OTHERWISE);
            }
            let text = decoded(value)?;
            tree.put(self, Some(parameter.schema), &steps, &text)?;
        }
        Ok(tree.into_value())
    }
}

/// A value as it grows, name by name.
enum Tree {
    Nothing,
    Leaf(Value),
    Items(Vec<Self>),
    Members(BTreeMap<String, Self>),
}

impl Tree {
    fn put(
        &mut self,
        carried: &Carried<'_>,
        schema: Option<Index>,
        steps: &[&str],
        text: &str,
    ) -> Result<(), &'static str> {
        let schemas = carried.schemas;
        let Some((first, rest)) = steps.split_first() else {
            let value = schema.map(|schema| schemas.coerce(schema, text));
            let value = value.unwrap_or_else(|| Value::from(text));
            return match std::mem::replace(self, Self::Leaf(value)) {
                Self::Nothing => Ok(()),
                Self::Leaf(_) | Self::Items(_) | Self::Members(_) => Err(TWICE),
            };
        };
        let is_list = schema.is_some_and(|schema| schemas.kinds(schema).has(Kinds::ARRAY));
        let place = first.parse::<usize>().ok();
        if is_list && (first.is_empty() || place.is_some()) {
            if matches!(self, Self::Nothing) {
                *self = Self::Items(Vec::new());
            }
            let Self::Items(items) = self else {
                return Err(OTHERWISE);
            };
            let place = place.unwrap_or(items.len());
            if place == items.len() {
                items.push(Self::Nothing);
            }
            // One behind the other, as all write them.
            let is_last = place.checked_add(1) == Some(items.len());
            let last = items.last_mut().filter(|_| is_last).ok_or(OTHERWISE)?;
            let item = schema.and_then(|schema| item_schema(schemas, schema));
            return last.put(carried, item, rest, text);
        }
        if matches!(self, Self::Nothing) {
            *self = Self::Members(BTreeMap::new());
        }
        let Self::Members(members) = self else {
            return Err(OTHERWISE);
        };
        let own = schema.and_then(|schema| carried.property(schema, first));
        let own = own.or_else(|| carried.additional(schema?));
        let member = members.entry((*first).to_owned()).or_insert(Self::Nothing);
        member.put(carried, own, rest, text)
    }

    /// `None`: nothing was put in.
    fn into_value(self) -> Option<Value> {
        Some(match self {
            Self::Nothing => return None,
            Self::Leaf(value) => value,
            Self::Items(items) => items.into_iter().filter_map(Self::into_value).collect(),
            Self::Members(members) => {
                let members = members.into_iter();
                let members = members.filter_map(|(name, tree)| Some((name, tree.into_value()?)));
                Value::Object(members.collect())
            }
        })
    }
}

/// The fields that are written like parameters, as such.
pub(in crate::contract) fn styled(
    schemas: &Schemas,
    encodings: &Encodings,
    schema: Index,
) -> Vec<Parameter> {
    let all = encodings.iter().filter_map(|(name, told)| {
        let (style, explode) = told.style?;
        let own = schemas.shape(schema, |node| node.object.as_ref()?.property(name))?;
        Some(Parameter {
            name: name.to_string(),
            place: Place::Query,
            required: false,
            style,
            explode,
            is_json: false,
            schema: own,
        })
    });
    all.collect()
}

/// A form as an object: a field that comes again, or that its schema has as a list, is a list; one
/// that its schema has as an object is a text of JSON.
pub(in crate::contract) fn form(
    schemas: &Schemas,
    encodings: &Encodings,
    schema: Index,
    text: &str,
) -> Result<Value, Violation> {
    let fields = pairs(text);
    if fields.len() > MOST {
        let message = "The form has more fields than can be checked.";
        return Err(violation(Place::Body, "", message.to_owned()));
    }
    let styled = styled(schemas, encodings, schema);
    let carried = Carried::of_fields(schemas, &styled, fields, Of::Fields);
    let mut members = carried.styled_members()?;
    let left = Cell::new(MOST_VALUES);
    for (name, value) in &carried.query {
        if carried.is_declared(name) {
            continue;
        }
        let value = decoded(value).map_err(|message| wrong(name, message.to_owned()))?;
        let own = carried.property(schema, name);
        let own = own.or_else(|| carried.additional(schema));
        let is_list = own.is_some_and(|own| schemas.kinds(own).has(Kinds::ARRAY));
        let of = match is_list {
            true => own.and_then(|own| item_schema(schemas, own)),
            false => own,
        };
        let value = match of {
            Some(of) if !schemas.admits_scalar(of) => {
                let read = read_within(value.as_bytes(), &left);
                Value::from(read.map_err(|message| wrong(name, message))?)
            }
            Some(of) => schemas.coerce(of, &value),
            None => Value::from(value.into_owned()),
        };
        match members.get_mut(&**name) {
            Some(Value::Array(items)) => items.push(value),
            Some(known) => *known = Value::Array(vec![known.take(), value]),
            None if is_list => {
                members.insert(name.to_string(), Value::Array(vec![value]));
            }
            None => {
                members.insert(name.to_string(), value);
            }
        }
    }
    Ok(Value::Object(members))
}

fn wrong(name: &str, message: String) -> Violation {
    let pointer = format!("/{}", escaped(short(name)));
    violation(Place::Body, &pointer, message)
}
