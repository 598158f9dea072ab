//! Functions (CEL specification, "List of Standard Definitions").

use std::borrow::Cow;

use super::evaluate::{Evaluation, Valued};
use super::function::Function;
use super::{Failure, Value, time};

impl<'e> Evaluation<'e> {
    pub(super) fn call(&mut self, function: Function, arguments: &[Value<'e>]) -> Valued<'e> {
        for argument in arguments {
            self.spend(argument.weight())?;
        }
        let failure = Failure::Kind("a function");
        let first = arguments.first().ok_or_else(|| failure.clone())?;
        let second = arguments.get(1);
        match function {
            Function::Size => size(first).map(Value::Int).ok_or(failure),
            Function::StartsWith | Function::EndsWith | Function::Contains => {
                let (Value::Text(text), Some(Value::Text(part))) = (first, second) else {
                    return Err(failure);
                };
                Ok(Value::Bool(match function {
                    Function::StartsWith => text.starts_with(&**part),
                    Function::EndsWith => text.ends_with(&**part),
                    _ => text.contains(&**part),
                }))
            }
            Function::LowerAscii => match first {
                Value::Text(text) => Ok(Value::Text(Cow::Owned(text.to_ascii_lowercase()))),
                _ => Err(failure),
            },
            Function::Int => int(first).map(Value::Int),
            Function::Uint => {
                let value = match first {
                    Value::Text(text) => text.parse().ok(),
                    Value::Double(value) => {
                        whole(*value).and_then(|value| u64::try_from(value).ok())
                    }
                    other => other.whole().and_then(|value| u64::try_from(value).ok()),
                };
                value.map(Value::Uint).ok_or(Failure::Number)
            }
            Function::Double => {
                let value = match first {
                    Value::Text(text) => text.parse().ok(),
                    other => other.double(),
                };
                value.map(Value::Double).ok_or(Failure::Number)
            }
            Function::String => string(first).ok_or(failure),
            Function::Bool => match first {
                Value::Bool(value) => Ok(Value::Bool(*value)),
                Value::Text(text) if text == "true" => Ok(Value::Bool(true)),
                Value::Text(text) if text == "false" => Ok(Value::Bool(false)),
                _ => Err(failure),
            },
            Function::Bytes => match first {
                Value::Text(text) => Ok(Value::Bytes(Cow::Owned(text.as_bytes().to_vec()))),
                Value::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
                _ => Err(failure),
            },
            Function::Type => Ok(Value::Type(first.kind())),
            Function::Timestamp => match first {
                Value::Text(text) => time::time(text).map(Value::Time).ok_or(Failure::Number),
                Value::Int(seconds) => {
                    let found = chrono::DateTime::from_timestamp(*seconds, 0);
                    found.map(Value::Time).ok_or(Failure::Number)
                }
                Value::Time(known) => Ok(Value::Time(*known)),
                _ => Err(failure),
            },
            Function::Duration => match first {
                Value::Text(text) => time::span(text).map(Value::Span).ok_or(Failure::Number),
                Value::Span(span) => Ok(Value::Span(*span)),
                _ => Err(failure),
            },
            Function::FullYear
            | Function::Month
            | Function::Date
            | Function::DayOfMonth
            | Function::DayOfWeek
            | Function::DayOfYear
            | Function::Hours
            | Function::Minutes
            | Function::Seconds => time::part(function, first, second).map(Value::Int),
        }
    }
}

fn size(value: &Value<'_>) -> Option<i64> {
    let size = match value {
        Value::Text(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        // Counted where they are: nobody wants a copy of them.
        Value::List(items) => items.len(),
        Value::Map(members) => members.len(),
        other => other.items()?.len(),
    };
    i64::try_from(size).ok()
}

fn whole(value: f64) -> Option<i128> {
    (value.is_finite() && value.abs() < 1e19).then_some(value as i128)
}

fn int(value: &Value<'_>) -> Result<i64, Failure> {
    let found = match value {
        Value::Text(text) => text.parse().ok(),
        Value::Double(value) => whole(*value).and_then(|value| i64::try_from(value).ok()),
        Value::Time(time) => Some(time.timestamp()),
        other => other.whole().and_then(|value| i64::try_from(value).ok()),
    };
    found.ok_or(Failure::Number)
}

fn string<'e>(value: &Value<'e>) -> Option<Value<'e>> {
    let text = match value {
        Value::Text(text) => return Some(Value::Text(text.clone())),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::Time(time) => time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
        Value::Span(span) => format!("{}s", span.as_seconds_f64()),
        _ => return None,
    };
    Some(Value::Text(Cow::Owned(text)))
}
