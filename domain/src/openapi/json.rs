//! JSON text to a value, within the limits, refusing equal keys.

use super::meter::{Excess, Tally, check_depth, twice};
use super::refusal::{ParseError, ParseErrorCode};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

pub(super) fn read(text: &str) -> Result<Value, ParseError> {
    let meter = Meter::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let node = Node {
        meter: &meter,
        depth: 0,
    };
    let read = node.deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| {
        let code = meter.fault.get().unwrap_or(ParseErrorCode::Syntax);
        let told = error.to_string();
        let message = told.rsplit_once(" at line ").map_or(&*told, |(m, _)| m);
        ParseError::at_text(code, error.line() as u64, error.column() as u64, message)
    })
}

/// Counts for all nodes, and keeps which limit ended the reading: serde carries only texts.
#[derive(Default)]
struct Meter {
    tally: Cell<Tally>,
    fault: Cell<Option<ParseErrorCode>>,
}

impl Meter {
    fn count<E: Error>(
        &self,
        count: impl FnOnce(&mut Tally) -> Result<(), Excess>,
    ) -> Result<(), E> {
        let mut tally = self.tally.get();
        let counted = count(&mut tally);
        self.tally.set(tally);
        counted.map_err(|excess| self.refuse(excess))
    }

    fn refuse<E: Error>(&self, excess: Excess) -> E {
        self.fault.set(Some(excess.code));
        E::custom(excess.message)
    }
}

/// Reads one value at a depth. Our own visitor instead of `Value`'s, because that one takes no
/// limits and keeps the last of two equal keys silently.
#[derive(Clone, Copy)]
struct Node<'m> {
    meter: &'m Meter,
    depth: usize,
}

impl Node<'_> {
    fn child<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        check_depth(depth).map_err(|excess| self.meter.refuse(excess))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.meter.count(Tally::node)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.meter.count(|tally| tally.text(&value))?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let child = self.child()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(child)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let child = self.child()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(self.meter.refuse(twice(&key)));
            }
            self.meter.count(|tally| tally.text(&key))?;
            let value = entries.next_value_seed(child)?;
            if key == "$ref" && value.is_string() {
                self.meter.count(Tally::reference)?;
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
