//! Texts as the values that a schema means.

use serde_json::Value;

use super::{Index, Kinds, Schemas};

/// Values of a schema without a type that a text is compared with.
const MOST_COMPARED: usize = 100;

impl Schemas {
    /// What [`Self::coerce`] costs.
    pub(in crate::contract) fn cost_of_coerce(&self, index: Index, text: &str) -> u64 {
        let values = self.shape(index, |node| node.values.as_ref());
        let values = values.filter(|_| self.kinds(index).0 == 0);
        let others = values.map_or(0, |values| values.others.len().min(MOST_COMPARED));
        (others + text.len() / 32) as u64
    }

    /// A text as the value that its schema most likely means.
    pub(in crate::contract) fn coerce(&self, index: Index, text: &str) -> Value {
        let kinds = self.kinds(index);
        if kinds.0 == 0 {
            let values = self.shape(index, |node| node.values.as_ref());
            let others = values.map_or(&[][..], |values| &values.others);
            let plain = others
                .iter()
                .take(MOST_COMPARED)
                .filter(|value| value.is_plain());
            let mut plain = plain.map(|value| Value::from(value.clone()));
            let known = plain.find(|value| {
                let written = value.to_string();
                written == text
            });
            return known.unwrap_or_else(|| Value::from(text));
        }
        if kinds.has(Kinds::INTEGER | Kinds::NUMBER)
            && let Ok(number @ Value::Number(_)) = serde_json::from_str(text)
        {
            return number;
        }
        match text {
            "true" | "false" if kinds.has(Kinds::BOOLEAN) => Value::Bool(text == "true"),
            "" | "null" if kinds.has(Kinds::NULL) && !kinds.has(Kinds::STRING) => Value::Null,
            _ => Value::from(text),
        }
    }
}
