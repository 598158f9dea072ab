//! Values of expressions. What a request has is borrowed; only what an expression makes is owned.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;

use super::kind::Kind;

/// Something with fields that are made when they are asked for.
pub trait Object {
    fn field(&self, name: &str) -> Option<Value<'_>>;
}

#[derive(Clone)]
pub enum Value<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Cow<'v, str>),
    Bytes(Cow<'v, [u8]>),
    List(Rc<Vec<Value<'v>>>),
    Map(Rc<Vec<(Value<'v>, Value<'v>)>>),
    Json(&'v Json),
    Object(&'v dyn Object),
    Time(DateTime<Utc>),
    Span(TimeDelta),
    Type(Kind),
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Uint(value) => write!(f, "{value}u"),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::List(items) => f.debug_list().entries(items.iter()).finish(),
            Self::Map(members) => f
                .debug_map()
                .entries(members.iter().map(|(name, value)| (name, value)))
                .finish(),
            Self::Json(json) => write!(f, "{json}"),
            Self::Object(_) => f.write_str("object"),
            Self::Time(time) => write!(f, "{time:?}"),
            Self::Span(span) => write!(f, "{span}"),
            Self::Type(kind) => f.write_str(kind.name()),
        }
    }
}

impl<'v> Value<'v> {
    pub fn text(text: &'v str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Scalars of JSON as values of their own; arrays and objects stay.
    pub(super) fn plain(self) -> Self {
        let Self::Json(json) = self else {
            return self;
        };
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::String(text) => Self::text(text),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Self::Int(value),
                (None, Some(value)) => Self::Uint(value),
                (None, None) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::Array(_) | Json::Object(_) => Self::Json(json),
        }
    }

    /// What `type` tells of it. Something with fields is a map to whoever asks for them.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Uint(_) => Kind::Uint,
            Self::Double(_) => Kind::Double,
            Self::Text(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
            Self::List(_) | Self::Json(Json::Array(_)) => Kind::List,
            Self::Map(_) | Self::Object(_) | Self::Json(Json::Object(_)) => Kind::Map,
            Self::Json(_) => self.clone().plain().kind(),
            Self::Time(_) => Kind::Time,
            Self::Span(_) => Kind::Span,
            Self::Type(_) => Kind::Type,
        }
    }

    /// A member or a field. `None`: it is not there, or this has none.
    pub(super) fn member(&self, name: &str) -> Option<Value<'v>> {
        match self {
            Self::Json(json) => json.get(name).map(|json| Value::Json(json).plain()),
            Self::Object(object) => object.field(name).map(Value::plain),
            Self::Map(members) => {
                let is = |key: &Value<'_>| matches!(key, Value::Text(text) if *text == name);
                let found = members.iter().find(|(key, _)| is(key));
                found.map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }

    /// Items of a list, or the keys of a map.
    pub(super) fn items(&self) -> Option<Vec<Value<'v>>> {
        Some(match self {
            Self::List(items) => items.to_vec(),
            Self::Map(members) => members.iter().map(|(key, _)| key.clone()).collect(),
            Self::Json(Json::Array(items)) => {
                items.iter().map(|item| Value::Json(item).plain()).collect()
            }
            Self::Json(Json::Object(members)) => {
                members.keys().map(|key| Value::text(key)).collect()
            }
            _ => return None,
        })
    }

    /// How much there is in it: what going through it costs.
    pub(super) fn weight(&self) -> u32 {
        let weight = match self {
            Self::Text(text) => text.len() / 16,
            Self::Bytes(bytes) => bytes.len() / 16,
            Self::List(items) => items.len(),
            Self::Map(members) => members.len(),
            Self::Json(Json::Array(items)) => items.len(),
            Self::Json(Json::Object(members)) => members.len(),
            _ => 0,
        };
        u32::try_from(weight).unwrap_or(u32::MAX)
    }

    /// What a copy of it costs: what an expression made is copied byte by byte, all else is shared.
    pub(super) fn copied(&self) -> u32 {
        match self {
            Self::Text(Cow::Owned(_)) | Self::Bytes(Cow::Owned(_)) => self.weight(),
            _ => 0,
        }
    }

    /// Values of other kinds are unequal; numbers are compared by what they are worth.
    pub(super) fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Type(a), Value::Type(b)) => a == b,
            (Value::Json(a), Value::Json(b)) => a == b,
            (Value::List(_) | Value::Json(Json::Array(_)), _) => {
                match (self.items(), other.items()) {
                    (Some(a), Some(b)) if !other.is_map() => {
                        a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.equals(b))
                    }
                    _ => false,
                }
            }
            (Value::Map(_) | Value::Json(Json::Object(_)), _) if other.is_map() => {
                let (Some(keys), Some(others)) = (self.items(), other.items()) else {
                    return false;
                };
                let same = |key: &Value<'_>| match key {
                    Value::Text(name) => match (self.member(name), other.member(name)) {
                        (Some(a), Some(b)) => a.equals(&b),
                        _ => false,
                    },
                    _ => false,
                };
                keys.len() == others.len() && keys.iter().all(same)
            }
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    const fn is_map(&self) -> bool {
        matches!(self, Self::Map(_) | Self::Json(Json::Object(_)))
    }

    /// The order of numbers, texts, bytes, times and spans.
    pub(super) fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Value::Text(a), Value::Text(b)) => Some(a.as_ref().cmp(b.as_ref())),
            (Value::Bytes(a), Value::Bytes(b)) => Some(a.as_ref().cmp(b.as_ref())),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
            (Value::Span(a), Value::Span(b)) => Some(a.cmp(b)),
            _ => match (self.whole(), other.whole()) {
                (Some(a), Some(b)) => Some(a.cmp(&b)),
                _ => self.double()?.partial_cmp(&other.double()?),
            },
        }
    }

    pub(super) const fn whole(&self) -> Option<i128> {
        match self {
            Self::Int(value) => Some(*value as i128),
            Self::Uint(value) => Some(*value as i128),
            _ => None,
        }
    }

    pub(super) const fn double(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Uint(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            _ => None,
        }
    }
}
