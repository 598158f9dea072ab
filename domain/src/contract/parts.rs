//! Bodies of several parts as the value that their schema has (OpenAPI "Encoding Object"): of a
//! form, and wherever an object is asked for, each part is a member, and parts of one name are a
//! list; where a list is asked for, each part is an item.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use super::build::escaped;
use super::carried::{self, Carried, Of, item_schema};
use super::elements;
use super::fits::Fitting;
use super::media::{Charset, Encoding, Media, OTHER_CHARSET, essence, is_json, is_xml, nearness};
use super::multipart::{self, NO_NAME, Part};
use super::schema::{Index, Kinds, Schemas, short};
use super::value::{self, MOST_VALUES, Members, Value};
use super::{
    Asked, Contract, MOST_VIOLATIONS, Place, Rules, STEPS, STEPS_OF_BYTE, Violation, violation,
};

/// Names of no encoding (RFC 2045 §6.2, RFC 9110 §8.4.1).
const PLAIN: [&str; 4] = ["7bit", "8bit", "binary", "identity"];

const TWO_WAYS: &str = "This is there in two ways.";

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
        let kind = media_type.map_or_else(|| media.range.to_string(), essence);
        let is_form = kind == "multipart/form-data";
        // Other bodies have parts of which nobody says what they are.
        if !is_form && !elements::concerns(&self.schemas, schema) {
            return Vec::new();
        }
        let Some(boundary) = media_type.and_then(multipart::boundary) else {
            let message = "The media type names a boundary between the parts.";
            return vec![violation(
                Place::Header,
                "/content-type",
                message.to_owned(),
            )];
        };
        let parts = match multipart::read(body, boundary, is_form) {
            Ok(parts) => parts,
            Err(message) => return vec![violation(Place::Body, "", message.to_owned())],
        };
        let kinds = self.schemas.kinds(schema);
        let is_list = !is_form && kinds.has(Kinds::ARRAY) && !kinds.has(Kinds::OBJECT);
        let steps = STEPS + STEPS_OF_BYTE * body.len() as u64;
        let mut reading = Reading {
            schemas: &self.schemas,
            media,
            schema,
            rules,
            left: Cell::new(MOST_VALUES),
            steps,
            xml: elements::Reading::new(&self.schemas, body.len()),
            found: Vec::new(),
        };
        let value = match is_list {
            true => reading.list(&parts),
            false => reading.object(&parts),
        };
        let mut found = reading.found;
        match value {
            Ok(value) => {
                let mut fitting = Fitting::new(&self.schemas, steps, rules.formats);
                fitting.check(schema, &value);
                found.extend(fitting.found);
            }
            Err(wrong) => found.push(wrong),
        }
        found.truncate(MOST_VIOLATIONS);
        found
    }
}

/// What headers a part has.
impl Asked for Part<'_> {
    fn path(&self) -> &str {
        ""
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        Part::header(self, name)
    }
}

/// Makes one value of parts.
struct Reading<'c> {
    schemas: &'c Schemas,
    media: &'c Media,
    schema: Index,
    rules: Rules,
    /// Values that parts of JSON may still have.
    left: Cell<u32>,
    /// What their headers may still cost.
    steps: u64,
    /// Of parts of XML.
    xml: elements::Reading<'c>,
    /// Parts that are written otherwise than they may be.
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
    /// Each part is an item.
    fn list<'b>(&mut self, parts: &[Part<'b>]) -> Result<Value<'b>, Violation> {
        let mut items = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let schema = self.schemas.shape(self.schema, |node| {
                let array = node.array.as_ref()?;
                array.prefix.get(index).copied().or(array.items)
            });
            items.push(self.one(&format!("/{index}"), None, schema, part)?);
        }
        Ok(Value::Array(items))
    }

    /// Each part is the member of its name.
    fn object<'b>(&mut self, parts: &[Part<'b>]) -> Result<Value<'b>, Violation> {
        let (schemas, encodings) = (self.schemas, &self.media.encodings);
        let styled = carried::styled(schemas, encodings, self.schema);
        let mut by_style = Vec::new();
        let mut all: Vec<Named<'b>> = Vec::new();
        let mut places: HashMap<&'b str, usize> = HashMap::new();
        let by_name = Carried::of_fields(schemas, &styled, Vec::new(), Of::Parts);
        for part in parts {
            let Some(name) = part.name else {
                return Err(violation(Place::Body, "", NO_NAME.to_owned()));
            };
            let at = format!("/{}", escaped(short(name)));
            // RFC 7578 §4.6: it says what the others are.
            let says_charset = name == "_charset_" && !is_utf8(part.body);
            if by_name.is_declared(name) || says_charset {
                let wrong = |message: &str| violation(Place::Body, &at, message.to_owned());
                if says_charset {
                    return Err(wrong(OTHER_CHARSET));
                }
                self.written(&at, encodings.get(name), None, part);
                let text = Charset::of(part.media_type).text(part.body);
                by_style.push((Cow::Borrowed(name), text.map_err(wrong)?));
                continue;
            }
            let place = *places.entry(name).or_insert(all.len());
            if place == all.len() {
                all.push(self.named(name));
            }
            let named = &mut all[place];
            match self.one(&at, encodings.get(name), named.schema, part)? {
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
        let by_style = Carried::of_fields(schemas, &styled, by_style, Of::Parts);
        for (name, value) in by_style.styled_members()? {
            let at = format!("/{}", escaped(short(&name)));
            if !members.insert(Cow::Owned(name), value.into()) {
                return Err(violation(Place::Body, &at, TWO_WAYS.to_owned()));
            }
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

    /// One part as a value.
    fn one<'b>(
        &mut self,
        at: &str,
        encoding: Option<&Encoding>,
        schema: Option<Index>,
        part: &Part<'b>,
    ) -> Result<Value<'b>, Violation> {
        self.written(at, encoding, schema, part);
        let value = self.value(encoding, schema, part);
        value.map_err(|message| violation(Place::Body, at, message))
    }

    /// Notes what is wrong with how a part is written.
    fn written(
        &mut self,
        at: &str,
        encoding: Option<&Encoding>,
        schema: Option<Index>,
        part: &Part<'_>,
    ) {
        let mut wrong: Vec<String> = self.refused(encoding, schema, part).into_iter().collect();
        if let Some(encoding) = encoding {
            self.headers(encoding, part, &mut wrong);
        }
        let left = MOST_VIOLATIONS.saturating_sub(self.found.len());
        let wrong = wrong.into_iter().take(left);
        let wrong = wrong.map(|message| violation(Place::Body, at, message));
        self.found.extend(wrong);
    }

    /// What in the header of a part does not fit.
    fn headers(&mut self, encoding: &Encoding, part: &Part<'_>, wrong: &mut Vec<String>) {
        let carried = Carried::of_headers(self.schemas, part);
        for header in &encoding.headers {
            let mut tell = |message: &str| {
                wrong.push(format!("Its header \"{}\": {message}", short(&header.name)));
            };
            match carried.value(header) {
                Ok(None) if header.required => tell("It is required."),
                Ok(None) => {}
                Ok(Some(value)) => {
                    let value = Value::from(value);
                    let mut fitting = Fitting::new(self.schemas, self.steps, self.rules.formats);
                    fitting.check(header.schema, &value);
                    self.steps = fitting.left();
                    fitting.found.iter().for_each(|one| tell(&one.message));
                }
                Err(message) => tell(message),
            }
        }
    }

    /// Why a part may not have its media type or its encoding.
    fn refused(
        &self,
        encoding: Option<&Encoding>,
        schema: Option<Index>,
        part: &Part<'_>,
    ) -> Option<String> {
        let content = schema.and_then(|schema| self.schemas.content(schema));
        let coded = content.and_then(|content| content.encoding.as_deref());
        let mut known = PLAIN.iter().copied().chain(coded);
        if let Some(encoding) = part.encoding
            && !known.any(|known| encoding.eq_ignore_ascii_case(known))
        {
            return Some("A part that is looked into is not encoded.".to_owned());
        }
        // RFC 7578 §4.4, RFC 2046 §5.1.
        let sent = essence(part.media_type.unwrap_or("text/plain"));
        if let Some(encoding) = encoding.filter(|encoding| !encoding.ranges.is_empty()) {
            let mut ranges = encoding.ranges.iter();
            let fits = ranges.any(|range| nearness(range, &sent).is_some());
            let named = || encoding.ranges.join(", ");
            return (!fits).then(|| format!("This part is one of: {}.", short(&named())));
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
    fn value<'b>(
        &mut self,
        encoding: Option<&Encoding>,
        schema: Option<Index>,
        part: &Part<'b>,
    ) -> Result<Value<'b>, String> {
        let schemas = self.schemas;
        let content = schema.and_then(|schema| schemas.content(schema));
        if content.is_some_and(|content| content.is_bytes) {
            return Ok(Value::Octets(part.body));
        }
        let charset = Charset::of(part.media_type);
        let sent = part.media_type.map(essence);
        let is_plain = matches!(sent.as_deref(), None | Some("text/plain"));
        // What has members is JSON where nothing else is said.
        let has_members = schema.is_some_and(|schema| !schemas.admits_scalar(schema));
        let is_told = encoding.is_some_and(|encoding| !encoding.ranges.is_empty());
        // Whoever asks for a text alone takes it as it is, whatever it claims to be.
        let may_be_json = is_told || schema.is_none_or(|schema| schemas.admits_members(schema));
        let is_json = sent.as_deref().is_some_and(is_json) && may_be_json;
        let as_xml = schema.filter(|schema| elements::concerns(schemas, *schema));
        let as_xml = as_xml.filter(|_| sent.as_deref().is_some_and(is_xml));
        let is_read = is_json || is_plain && has_members || as_xml.is_some();
        if is_read && !charset.suits(part.body) {
            return Err(OTHER_CHARSET.to_owned());
        }
        if let Some(schema) = as_xml {
            return self.xml.read(schema, part.body);
        }
        if is_read {
            return value::read_within(part.body, &self.left);
        }
        match (charset.read(part.body, false), schema) {
            (Ok(text), Some(schema)) => Ok(schemas.coerce(schema, &text).into()),
            (Ok(text), None) => Ok(Value::Text(text)),
            (Err(message), Some(_)) if is_plain => Err(message.to_owned()),
            (Err(_), _) => Ok(Value::Octets(part.body)),
        }
    }
}

/// Whether what a form says of its charset is what it is read as.
fn is_utf8(charset: &[u8]) -> bool {
    let charset = std::str::from_utf8(charset);
    charset.is_ok_and(|charset| Charset::named(charset) == Charset::Utf8)
}
