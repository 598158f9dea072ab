//! U+0000, which PostgreSQL stores in no text while SQLite does: refused where input becomes
//! text (bodies, queries, paths, forms, cursors), so that no service ever sees it.

use serde_json::Value;

/// What the caller is told.
pub const MESSAGE: &str = "A text cannot hold the character U+0000.";

/// Whether a text holds it.
#[must_use]
pub fn is_in(text: &str) -> bool {
    text.contains('\0')
}

/// The JSON Pointer (RFC 6901) of the first text that holds it. A key that does is named by the
/// object that it is in.
#[must_use]
pub fn pointer(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
        Value::String(text) => is_in(text).then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| Some(format!("/{index}{}", pointer(item)?))),
        Value::Object(members) => members.iter().find_map(|(key, member)| {
            if is_in(key) {
                return Some(String::new());
            }
            Some(format!("/{}{}", escaped(key), pointer(member)?))
        }),
    }
}

/// A key as a part of a JSON Pointer.
#[must_use]
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_text_with_it_is_pointed_at() {
        for (value, expected) in [
            (json!({ "a": ["x", { "b/c": "y\0" }] }), Some("/a/1/b~1c")),
            (json!({ "a": { "b\0": 1 } }), Some("/a")),
            (json!("\0"), Some("")),
            (json!({ "a": ["x", 1, null, true, "\\u0000"] }), None),
        ] {
            assert_eq!(pointer(&value).as_deref(), expected, "{value}");
        }
    }
}
