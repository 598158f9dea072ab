//! Bodies of JSON read so that all readers see the same.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Members, Value};

/// Most values in a body.
pub(in crate::contract) const MOST_VALUES: u32 = 300_000;

/// Reads a body of JSON. A member that is there twice is refused: of two readers one takes the
/// first, the other the last. The error is a sentence.
pub(in crate::contract) fn read(body: &[u8]) -> Result<Value<'_>, String> {
    read_within(body, &Cell::new(MOST_VALUES))
}

/// The same, of so many values as are left for several texts.
pub(in crate::contract) fn read_within<'b>(
    body: &'b [u8],
    left: &Cell<u32>,
) -> Result<Value<'b>, String> {
    match std::str::from_utf8(body) {
        // What is known to be text as a whole need not be looked at string by string.
        Ok(text) => read_from(serde_json::Deserializer::from_str(text), left),
        Err(_) => read_from(serde_json::Deserializer::from_slice(body), left),
    }
}

fn read_from<'b>(
    mut reader: serde_json::Deserializer<impl serde_json::de::Read<'b>>,
    left: &Cell<u32>,
) -> Result<Value<'b>, String> {
    let said = Cell::new(None);
    let strict = Strict { left, said: &said };
    let value = strict.deserialize(&mut reader);
    value
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| {
            let what = said.take().unwrap_or("The body is no JSON");
            let (line, column) = (error.line(), error.column());
            format!("{what}: line {line}, column {column}.")
        })
}

#[derive(Clone, Copy)]
struct Strict<'s> {
    left: &'s Cell<u32>,
    said: &'s Cell<Option<&'static str>>,
}

impl Strict<'_> {
    fn refuse<E: Error>(&self, what: &'static str) -> E {
        self.said.set(Some(what));
        E::custom("limit")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value<'de>, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(self.refuse("The body has too many values")),
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        let number = serde_json::Number::from_f64(value);
        Ok(number.map_or(Value::Null, Value::Number))
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            found.push(item);
        }
        Ok(Value::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value<'de>, A::Error> {
        let mut found = Members::default();
        while let Some(name) = members.next_key_seed(Name)? {
            let value = members.next_value_seed(self)?;
            if !found.insert(name, value) {
                return Err(self.refuse("The body has a member twice"));
            }
        }
        Ok(Value::Object(found))
    }
}

/// A member's name, borrowed where nothing in it is escaped.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Cow<'de, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
