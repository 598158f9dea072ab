//! Values as JSON. A value may hold another one many times, so writing it costs what it is long.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use serde_json::{Map, Number, Value as Json};

use super::evaluate::Evaluation;
use super::{Failure, Value};

/// What values weigh beside their texts, in bytes of memory, roughly.
const OBJECT: usize = 400;
const ARRAY: usize = 64;
const VALUE: usize = 72;

fn weigh(bytes: usize, left: &mut usize) -> Result<(), Failure> {
    *left = left.checked_sub(bytes).ok_or(Failure::Costly)?;
    Ok(())
}

const WHAT: Failure = Failure::Kind("a body");

impl Evaluation<'_> {
    /// `left`: bytes of memory that it may still take.
    pub(super) fn json(&mut self, value: &Value<'_>, left: &mut usize) -> Result<Json, Failure> {
        self.spend(1)?;
        weigh(VALUE, left)?;
        Ok(match value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Uint(value) => Json::from(*value),
            Value::Double(value) => Json::Number(Number::from_f64(*value).ok_or(Failure::Number)?),
            Value::Text(text) => Json::String(self.text(text, left)?),
            Value::List(items) => {
                weigh(ARRAY, left)?;
                let items = items.iter().map(|item| self.json(item, left));
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Map(members) => {
                weigh(OBJECT, left)?;
                let mut written = Map::new();
                for (name, value) in members.iter() {
                    let Value::Text(name) = name else {
                        return Err(WHAT);
                    };
                    written.insert(self.text(name, left)?, self.json(value, left)?);
                }
                Json::Object(written)
            }
            Value::Json(json) => self.copy(json, left)?,
            Value::Time(time) => Json::from(time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            Value::Span(span) => {
                let seconds = span.num_milliseconds() as f64 / 1000.0;
                Json::from(format!("{seconds}s"))
            }
            Value::Bytes(bytes) => {
                weigh(bytes.len().div_ceil(3) * 4, left)?;
                Json::String(STANDARD.encode(bytes))
            }
            // What an object has is made when it is asked for: there is no list of it.
            Value::Object(_) | Value::Type(_) => return Err(WHAT),
        })
    }

    fn copy(&mut self, json: &Json, left: &mut usize) -> Result<Json, Failure> {
        self.spend(1)?;
        weigh(VALUE, left)?;
        Ok(match json {
            Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
            Json::String(text) => Json::String(self.text(text, left)?),
            Json::Array(items) => {
                weigh(ARRAY, left)?;
                let items = items.iter().map(|item| self.copy(item, left));
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            Json::Object(members) => {
                weigh(OBJECT, left)?;
                let mut written = Map::new();
                for (name, value) in members {
                    written.insert(self.text(name, left)?, self.copy(value, left)?);
                }
                Json::Object(written)
            }
        })
    }

    fn text(&mut self, text: &str, left: &mut usize) -> Result<String, Failure> {
        weigh(text.len(), left)?;
        Ok(text.to_owned())
    }
}
