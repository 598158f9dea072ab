//! Values compared as JSON Schema compares them: numbers by what they are worth, objects without
//! order (JSON Schema 2020-12 §4.2.2); and bodies read so that all readers see the same.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Most values in a body.
const MOST_VALUES: u32 = 300_000;

pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a)| b.get(name).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

/// Values inside it, itself included: what comparing it costs.
pub(super) fn size(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<u64>(),
        Value::String(text) => 1 + text.len() as u64 / 32,
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

/// A scalar, so that equal ones are equal keys.
#[derive(PartialEq, Eq, Hash)]
pub(super) enum Scalar<'v> {
    Null,
    Bool(bool),
    Text(&'v str),
    Whole(i128),
    /// The bits of a number with a fraction, or too large.
    Float(u64),
}

impl<'v> Scalar<'v> {
    pub(super) fn of(value: &'v Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::String(text) => Self::Text(text),
            Value::Number(number) => match (whole(number), number.as_f64()) {
                (Some(value), _) => Self::Whole(value),
                (None, Some(float)) if float.fract() == 0.0 && float.abs() < 1e18 => {
                    Self::Whole(float as i128)
                }
                (None, float) => Self::Float(float.unwrap_or(f64::NAN).to_bits()),
            },
            Value::Array(_) | Value::Object(_) => return None,
        })
    }
}

/// Whole where both are, so that large integers keep their last digit.
pub(super) fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn whole(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or(number.as_u64().map(i128::from))
}

/// Without a fraction, as `1.0` is.
pub(super) fn is_integer(number: &Number) -> bool {
    let is_round = |float: f64| float.is_finite() && float.fract() == 0.0;
    whole(number).is_some() || number.as_f64().is_some_and(is_round)
}

/// `0.3` is a multiple of `0.1`, whatever binary fractions say.
pub(super) fn is_multiple(number: &Number, of: &Number) -> bool {
    if let (Some(number), Some(of)) = (whole(number), whole(of)) {
        return of != 0 && number % of == 0;
    }
    let (Some(number), Some(of)) = (number.as_f64(), of.as_f64()) else {
        return false;
    };
    let quotient = number / of;
    quotient.is_finite() && (quotient - quotient.round()).abs() <= quotient.abs().max(1.0) * 1e-9
}

/// Reads a body of JSON. A member that is there twice is refused: of two readers one takes the
/// first, the other the last. The error is a sentence.
pub fn read(body: &[u8]) -> Result<Value, String> {
    match std::str::from_utf8(body) {
        // What is known to be text as a whole need not be looked at string by string.
        Ok(text) => read_from(serde_json::Deserializer::from_str(text)),
        Err(_) => read_from(serde_json::Deserializer::from_slice(body)),
    }
}

fn read_from<'b>(
    mut reader: serde_json::Deserializer<impl serde_json::de::Read<'b>>,
) -> Result<Value, String> {
    let left = Cell::new(MOST_VALUES);
    let said = Cell::new(None);
    let strict = Strict {
        left: &left,
        said: &said,
    };
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
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(self.refuse("The body has too many values")),
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            found.push(item);
        }
        Ok(Value::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if found.insert(name, value).is_some() {
                return Err(self.refuse("The body has a member twice"));
            }
        }
        Ok(Value::Object(found))
    }
}
