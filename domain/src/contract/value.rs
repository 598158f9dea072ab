//! Values as they are looked at, compared as JSON Schema compares them: numbers by what they are
//! worth, objects without order (JSON Schema 2020-12 §4.2.2).

mod read;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;

pub(super) use self::read::{MOST_VALUES, read, read_within};

/// A value of JSON. What is not escaped in its text is borrowed from there: most values are looked
/// at once and let go.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'b> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'b, str>),
    /// Bytes that are no text of JSON: a part of a body of several.
    Octets(&'b [u8]),
    Array(Vec<Self>),
    Object(Members<'b>),
}

impl<'b> Value<'b> {
    /// A member of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// Neither an array nor an object.
    pub(super) const fn is_plain(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Where members stand, by their names.
type Places<'b> = HashMap<Cow<'b, str>, usize>;

/// The members of an object in the order of its text, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Members<'b> {
    list: Vec<(Cow<'b, str>, Value<'b>)>,
    /// Where each stands. Without it they are few, and compared one by one.
    places: Option<Box<Places<'b>>>,
}

impl PartialEq for Members<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl<'b> Members<'b> {
    const FEW: usize = 16;

    /// Whether it is new; one that is known stays as it is.
    pub(super) fn insert(&mut self, name: Cow<'b, str>, value: Value<'b>) -> bool {
        if self.place(&name).is_some() {
            return false;
        }
        if let Some(places) = &mut self.places {
            places.insert(name.clone(), self.list.len());
        }
        self.list.push((name, value));
        if self.places.is_none() && self.list.len() > Self::FEW {
            self.find_places();
        }
        true
    }

    fn find_places(&mut self) {
        let all = self.list.iter().enumerate();
        let places: Places<'b> = all.map(|(at, (name, _))| (name.clone(), at)).collect();
        self.places = Some(Box::new(places));
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            None => self.list.iter().position(|(known, _)| known == name),
            Some(places) => places.get(name).copied(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value<'b>> {
        self.place(name).map(|at| &self.list[at].1)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value<'b>)> {
        self.list.iter().map(|(name, value)| (&**name, value))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value<'b>> {
        self.list.iter_mut().map(|(_, value)| value)
    }

    /// Keeps those of which it is said.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&str) -> bool) {
        self.list.retain(|(name, _)| keeps(name));
        self.places = None;
        if self.list.len() > Self::FEW {
            self.find_places();
        }
    }
}

impl From<serde_json::Value> for Value<'static> {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::Number(number),
            Json::String(text) => Self::Text(Cow::Owned(text)),
            Json::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Json::Object(written) => {
                let mut members = Members::default();
                for (name, value) in written {
                    members.insert(Cow::Owned(name), value.into());
                }
                Self::Object(members)
            }
        }
    }
}

impl From<Value<'_>> for serde_json::Value {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::Text(text) => Self::String(text.into_owned()),
            Value::Octets(bytes) => Self::String(String::from_utf8_lossy(bytes).into_owned()),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                let members = members.list.into_iter();
                let members = members.map(|(name, value)| (name.into_owned(), value.into()));
                Self::Object(members.collect())
            }
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => writer.serialize_unit(),
            Self::Bool(value) => writer.serialize_bool(*value),
            Self::Number(number) => number.serialize(writer),
            Self::Text(text) => writer.serialize_str(text),
            Self::Octets(bytes) => writer.serialize_str(&String::from_utf8_lossy(bytes)),
            Self::Array(items) => writer.collect_seq(items),
            Self::Object(members) => {
                let mut map = writer.serialize_map(Some(members.len()))?;
                for (name, value) in members.iter() {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

pub(super) fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a): (&str, _)| b.get(name).is_some_and(|b| equal(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

/// Values inside it, itself included: what comparing it costs.
pub(super) fn size(value: &Value<'_>) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<u64>(),
        Value::Object(members) => {
            let all = members.iter();
            1 + all
                .map(|(name, value)| name.len() as u64 / 32 + size(value))
                .sum::<u64>()
        }
        Value::Text(text) => 1 + text.len() as u64 / 32,
        Value::Octets(bytes) => 1 + bytes.len() as u64 / 32,
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
    pub(super) fn of(value: &'v Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Text(text) => Self::Text(text),
            Value::Number(number) => match (whole(number), number.as_f64()) {
                (Some(value), _) => Self::Whole(value),
                (None, Some(float)) if float.fract() == 0.0 && float.abs() < 1e18 => {
                    Self::Whole(float as i128)
                }
                (None, float) => Self::Float(float.unwrap_or(f64::NAN).to_bits()),
            },
            Value::Octets(_) | Value::Array(_) | Value::Object(_) => return None,
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

/// Without a fraction, as `1.0` is (JSON Schema 2020-12, validation §6.1.1).
pub(super) fn is_integer(number: &Number) -> bool {
    integer(number).is_some()
}

/// An integer, however it is written. What is beyond all integers is the largest or smallest.
pub(super) fn integer(number: &Number) -> Option<i128> {
    let is_round = |float: &f64| float.is_finite() && float.fract() == 0.0;
    whole(number).or_else(|| {
        let round = number.as_f64().filter(is_round);
        round.map(|float| float as i128)
    })
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
    // Both were rounded when they were read, and so was this: each by half of it at most.
    let rounding = 4.0 * f64::EPSILON * quotient.abs();
    quotient.is_finite() && (quotient - quotient.round()).abs() <= rounding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_told_however_large_or_small() {
        for (number, of, is) in [
            ("0.3", "0.1", true),
            ("1.1", "0.1", true),
            ("4.35", "0.01", true),
            ("-4.35", "0.01", true),
            ("0.0075", "0.0001", true),
            ("0.00751", "0.0001", false),
            ("19.99", "0.01", true),
            ("5000000.01", "0.01", true),
            ("5000000.005", "0.01", false),
            ("123456789.125", "0.01", false),
            ("1e-10", "0.1", false),
            ("0", "0.1", true),
            ("0.0", "0.1", true),
            ("7", "2", false),
            ("9007199254740993", "2", false),
            ("12391239123", "1e-8", true),
            ("1e308", "0.123456789", false),
            ("1", "0", false),
        ] {
            let read = |text| serde_json::from_str::<Number>(text).unwrap();
            assert_eq!(is_multiple(&read(number), &read(of)), is, "{number} {of}");
        }
    }
}
