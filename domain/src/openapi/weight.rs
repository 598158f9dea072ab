//! What copying a schema costs, in steps.

use super::schema::{Additional, Schema};
use serde_json::Value;

/// Bytes of text that are a step.
const TEXT: usize = 64;

impl Schema {
    /// Of it and all that is in it.
    pub(super) fn weight(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() / TEXT);
        let all = |schemas: &[Self]| schemas.iter().map(Self::weight).sum::<usize>();
        let notes = &self.notes;
        let values = notes.examples.iter().chain(&notes.default);
        let values = values.chain(&self.values).map(of_value).sum::<usize>();
        let object = self.object.as_deref().map_or(0, |shape| {
            let properties = shape.properties.iter();
            let properties = properties.map(|one| 1 + one.name.len() / TEXT + one.schema.weight());
            let additional = match &shape.additional {
                Additional::Fitting(schema) => schema.weight(),
                Additional::Unsaid | Additional::Forbidden => 0,
            };
            properties.sum::<usize>() + additional
        });
        let array = self.array.as_deref().map_or(0, |shape| {
            all(&shape.prefix) + shape.items.as_ref().map_or(0, Self::weight)
        });
        let variants = self.variants.as_deref();
        let variants = variants.map_or(0, |variants| all(&variants.schemas));
        let not = self.not.as_deref().map_or(0, Self::weight);
        let texts = text(&notes.title) + text(&notes.description);
        1 + texts + values + object + array + variants + not + all(&self.all_of)
    }
}

fn of_value(value: &Value) -> usize {
    1 + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len() / TEXT,
        Value::Array(items) => items.iter().map(of_value).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() / TEXT + of_value(value))
            .sum(),
    }
}
