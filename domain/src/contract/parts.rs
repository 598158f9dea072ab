//! Bodies of several parts as the object that their schema has: each part is a member, and parts of
//! one name are a list (OpenAPI "Encoding Object").

use std::cell::Cell;
use std::collections::HashMap;

use super::build::escaped;
use super::carried::item_schema;
use super::fits::Fitting;
use super::media::{Charset, Media, essence, is_json, nearness};
use super::multipart::{self, Part};
use super::schema::{Index, Kinds, Schemas, short};
use super::value::{self, MOST_VALUES, Members, Value};
use super::{Contract, MOST_VIOLATIONS, Place, Rules, STEPS, STEPS_OF_BYTE, Violation, violation};

/// Names of no encoding (RFC 2045 §6.2, RFC 9110 §8.4.1).
const PLAIN: [&str; 4] = ["7bit", "8bit", "binary", "identity"];

impl Contract {
    /// What in a body of several parts does not fit.
    pub(super) fn parts(
        &self,
        media: &Media,
        schema: Index,
        media_type: Option<&str>,
        body: &[u8],
        rules: Rules,
    ) -> Vec<Violation> {
        let Some(boundary) = media_type.and_then(multipart::boundary) else {
            let message = "The media type names a boundary between the parts.";
            return vec![violation(
                Place::Header,
                "/content-type",
                message.to_owned(),
            )];
        };
        let parts = match multipart::read(body, boundary) {
            Ok(parts) => parts,
            Err(message) => return vec![violation(Place::Body, "", message.to_owned())],
        };
        let mut reading = Reading {
            schemas: &self.schemas,
            media,
            schema,
            left: Cell::new(MOST_VALUES),
            found: Vec::new(),
        };
        let value = match reading.object(&parts) {
            Ok(value) => value,
            Err(wrong) => {
                reading.found.push(wrong);
                return reading.found;
            }
        };
        let mut found = reading.found;
        let steps = STEPS + STEPS_OF_BYTE * body.len() as u64;
        let mut fitting = Fitting::new(&self.schemas, steps, rules.formats);
        fitting.check(schema, &value);
        found.extend(fitting.found);
        found.truncate(MOST_VIOLATIONS);
        found
    }
}

/// Makes one object of parts.
struct Reading<'c> {
    schemas: &'c Schemas,
    media: &'c Media,
    schema: Index,
    /// Values that parts of JSON may still have.
    left: Cell<u32>,
    /// Parts that are of another media type than they may be.
    found: Vec<Violation>,
}

/// What parts of one name are.
struct Named<'b> {
    name: &'b str,
    /// Of each of them.
    schema: Option<Index>,
    is_list: bool,
    values: Vec<Value<'b>>,
}

impl Reading<'_> {
    fn object<'b>(&mut self, parts: &[Part<'b>]) -> Result<Value<'b>, Violation> {
        let mut all: Vec<Named<'b>> = Vec::new();
        let mut places: HashMap<&'b str, usize> = HashMap::new();
        for part in parts {
            let place = *places.entry(part.name).or_insert(all.len());
            if place == all.len() {
                all.push(self.named(part.name));
            }
            let named = &mut all[place];
            let at = || format!("/{}", escaped(short(part.name)));
            if let Some(message) = self.refused(named.schema, part)
                && self.found.len() < MOST_VIOLATIONS
            {
                self.found.push(violation(Place::Body, &at(), message));
            }
            let value = self.value(named.schema, part);
            match value.map_err(|message| violation(Place::Body, &at(), message))? {
                // A list that is one part of JSON.
                Value::Array(items) if named.is_list && !self.admits_list(named.schema) => {
                    named.values.extend(items);
                }
                value => named.values.push(value),
            }
        }
        let mut members = Members::default();
        for Named {
            name,
            is_list,
            mut values,
            ..
        } in all
        {
            let value = match values.pop() {
                Some(only) if values.is_empty() && !is_list => only,
                last => {
                    values.extend(last);
                    Value::Array(values)
                }
            };
            members.insert(name.into(), value);
        }
        Ok(Value::Object(members))
    }

    fn named<'b>(&self, name: &'b str) -> Named<'b> {
        let property = self
            .schemas
            .shape(self.schema, |node| node.object.as_ref()?.property(name));
        let own = property.or_else(|| {
            self.schemas.shape(self.schema, |node| {
                let object = node.object.as_ref()?;
                // Where patterns are, it depends on the name.
                object.additional.filter(|_| object.patterns.is_empty())
            })
        });
        let is_list = own.is_some_and(|own| self.schemas.kinds(own).has(Kinds::ARRAY));
        let schema = match is_list {
            true => own.and_then(|own| item_schema(self.schemas, own)),
            false => own,
        };
        Named {
            name,
            schema,
            is_list,
            values: Vec::new(),
        }
    }

    /// Whether an item is said to be a list itself.
    fn admits_list(&self, schema: Option<Index>) -> bool {
        schema.is_some_and(|schema| self.schemas.kinds(schema).has(Kinds::ARRAY))
    }

    /// What is wrong with how a part is written.
    fn refused(&self, schema: Option<Index>, part: &Part<'_>) -> Option<String> {
        let content = schema.and_then(|schema| self.schemas.content(schema));
        let coded = content.and_then(|content| content.encoding.as_deref());
        let mut known = PLAIN.iter().copied().chain(coded);
        if let Some(encoding) = part.encoding
            && !known.any(|known| encoding.eq_ignore_ascii_case(known))
        {
            return Some("A part that is looked into is not encoded.".to_owned());
        }
        // RFC 7578 §4.4.
        let sent = essence(part.media_type.unwrap_or("text/plain"));
        if let Some(ranges) = self.media.encoding.get(part.name) {
            let mut ranges_of = ranges.iter();
            let fits = ranges_of.any(|range| nearness(range, &sent).is_some());
            return (!fits).then(|| format!("This part is one of: {}.", ranges.join(", ")));
        }
        if sent.starts_with("multipart/") {
            return Some("A part has no parts of its own.".to_owned());
        }
        let asked = content.filter(|content| content.is_bytes)?;
        let asked = asked.media_type.as_deref()?;
        // Any bytes are of this one.
        let fits = asked == "application/octet-stream" || nearness(asked, &sent).is_some();
        (!fits).then(|| format!("This part is {}.", short(asked)))
    }

    /// A part as the value that its schema most likely means.
    fn value<'b>(&self, schema: Option<Index>, part: &Part<'b>) -> Result<Value<'b>, String> {
        let content = schema.and_then(|schema| self.schemas.content(schema));
        if content.is_some_and(|content| content.is_bytes) {
            return Ok(Value::Octets(part.body));
        }
        let sent = part.media_type.map(essence);
        let is_plain = matches!(sent.as_deref(), None | Some("text/plain"));
        // What has members is JSON where nothing else is said.
        let has_members = schema.is_some_and(|schema| !self.schemas.admits_scalar(schema));
        if sent.as_deref().is_some_and(is_json) || is_plain && has_members {
            return value::read_within(part.body, &self.left);
        }
        match (Charset::of(part.media_type).read(part.body, false), schema) {
            (Ok(text), Some(schema)) => Ok(self.schemas.coerce(schema, &text).into()),
            (Ok(text), None) => Ok(Value::Text(text)),
            (Err(message), Some(_)) if is_plain => Err(message.to_owned()),
            (Err(_), _) => Ok(Value::Octets(part.body)),
        }
    }
}
