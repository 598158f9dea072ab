//! From bytes to a JSON value: JSON or YAML, told apart by the first character, within the
//! limits that keep a hostile document from costing more than it weighs.

use super::meter::{MAX_BYTES, NUL};
use super::refusal::{ParseError, ParseErrorCode};
use super::{json, yaml};
use serde_json::Value;

/// Reads a document as one JSON value. A text whose first character is `{` or `[` is read as
/// JSON, all else as YAML 1.2 (one document; keys that are not strings become strings as
/// written, so `200:` is `"200"`). Errors carry line and column.
pub fn read(bytes: &[u8]) -> Result<Value, ParseError> {
    if bytes.len() > MAX_BYTES {
        let message = format!("a document may have at most {} MiB", MAX_BYTES >> 20);
        return Err(ParseError::at(ParseErrorCode::TooLarge, "", message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = "the document is not UTF-8";
        at_byte(ParseErrorCode::NotUtf8, bytes, error.valid_up_to(), message)
    })?;
    // Written out; as an escape it is found where texts are counted. A reader of YAML may take it
    // for the end of the document.
    if let Some(at) = text.find('\0') {
        return Err(at_byte(ParseErrorCode::Syntax, bytes, at, NUL));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['{', '[']) {
        json::read(text)
    } else {
        yaml::read(text)
    }
}

/// Writes a document as YAML, for readers who prefer it to JSON. None where the writer refuses
/// the value, which no value from [`read`] makes it do.
pub fn to_yaml(value: &Value) -> Option<String> {
    serde_saphyr::to_string(value).ok()
}

/// An error at the byte `at`; all bytes before it are UTF-8.
fn at_byte(code: ParseErrorCode, bytes: &[u8], at: usize, message: &str) -> ParseError {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let line = before.matches('\n').count() as u64 + 1;
    let last = before.rsplit('\n').next().unwrap_or_default();
    let column = last.chars().count() as u64 + 1;
    ParseError::at_text(code, line, column, message)
}

#[cfg(test)]
mod tests {
    use super::super::meter::{MAX_DEPTH, MAX_REFS};
    use super::super::refusal::Place;
    use super::*;
    use serde_json::json;

    fn refusal(text: &str) -> ParseError {
        read(text.as_bytes()).expect_err("refused")
    }

    #[test]
    fn json_and_yaml_give_the_same_value() {
        let yaml = "a: [1, 2.5, yes, 'x', ~]\n200: {on: off}\n1.10: !!str 3\n";
        let json = r#"{"a":[1,2.5,"yes","x",null],"200":{"on":"off"},"1.10":"3"}"#;
        let value = read(yaml.as_bytes()).unwrap();
        assert_eq!(value, read(json.as_bytes()).unwrap());
        assert_eq!(value["200"], json!({"on": "off"}));
        let mut with_mark = vec![0xef, 0xbb, 0xbf];
        with_mark.extend_from_slice(json.as_bytes());
        assert_eq!(read(&with_mark).unwrap(), value);
        assert_eq!(read(to_yaml(&value).unwrap().as_bytes()).unwrap(), value);
    }

    #[test]
    fn aliases_and_merge_keys_are_unfolded() {
        let value = read(b"base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nagain: *b\n").unwrap();
        assert_eq!(value["use"], json!({"y": 3, "x": 1}));
        assert_eq!(value["again"], value["base"]);
    }

    #[test]
    fn errors_say_line_and_column() {
        let json = refusal("{\n  \"a\": 1,\n  \"b\": }\n");
        assert_eq!(json.code, ParseErrorCode::Syntax);
        assert_eq!(json.place, Place::Text { line: 3, column: 8 });
        assert_eq!(json.message, "expected value");
        let yaml = refusal("a: 1\nb: [1, 2\nc: 3\n");
        assert_eq!(yaml.code, ParseErrorCode::Syntax, "{yaml}");
        assert!(
            matches!(yaml.place, Place::Text { line: 2..=4, .. }),
            "{yaml}"
        );
        let bytes = read(b"a: 1\nb: \xff\n").unwrap_err();
        assert_eq!(bytes.code, ParseErrorCode::NotUtf8);
        assert_eq!(bytes.place, Place::Text { line: 2, column: 4 });
    }

    #[test]
    fn the_character_that_no_database_stores_is_refused() {
        for text in [
            "{\"a\": 1,\n \"b\": \"x\\u0000\"}",
            "{\"a\": 1,\n \"x\\u0000\": 1}",
            "{\"a\": 1,\n \"b\": \"\0\"}",
            "a: 1\nb: \"\\0\"\n",
            "a: 1\n\"\\x00\": b\n",
            "a: 1\nb: x\0\n",
            "a: 1\n\0",
        ] {
            let error = refusal(text);
            assert_eq!(error.code, ParseErrorCode::Syntax, "{text:?}: {error}");
            assert_eq!(error.message, NUL, "{text:?}");
            assert!(
                matches!(error.place, Place::Text { line: 2, .. }),
                "{text:?}: {error}"
            );
        }
        assert!(
            read(br#"{"a": "\\u0000"}"#).is_ok(),
            "a backslash and digits"
        );
    }

    #[test]
    fn twice_the_same_key_is_refused() {
        for text in ["{\"a\":1,\n \"a\":2}", "a: 1\na: 2\n", "200: 1\n'200': 2\n"] {
            let error = refusal(text);
            assert_eq!(error.code, ParseErrorCode::DuplicateKey, "{error}");
            assert!(
                matches!(error.place, Place::Text { line: 2, .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(nested(MAX_DEPTH).as_bytes()).is_ok());
        for n in [MAX_DEPTH + 1, 1_000, 100_000] {
            assert_eq!(refusal(&nested(n)).code, ParseErrorCode::TooDeep);
        }
        let flow = format!("a: {}", nested(MAX_DEPTH));
        assert_eq!(refusal(&flow).code, ParseErrorCode::TooDeep);
        assert!(read(format!("a: {}", nested(MAX_DEPTH - 1)).as_bytes()).is_ok());
        let block: String = (0..MAX_DEPTH + 1)
            .map(|n| format!("{}a:\n", " ".repeat(n)))
            .collect();
        assert_eq!(refusal(&block).code, ParseErrorCode::TooDeep);
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..10 {
            let row = vec![format!("*a{}", n - 1); 10].join(", ");
            laughs.push_str(&format!("a{n}: &a{n} [{row}]\n"));
        }
        assert_eq!(refusal(&laughs).code, ParseErrorCode::AliasBomb);
        let mut long = format!("a: &a {}\nb:\n", "x".repeat(1 << 20));
        long.push_str(&"  - *a\n".repeat(1_000));
        assert_eq!(refusal(&long).code, ParseErrorCode::AliasBomb);
        let own = refusal("a: &a [1, *a]\n");
        assert_eq!(own.code, ParseErrorCode::Syntax, "{own}");
        let refs = format!("[{}1]", "{\"$ref\":\"#/a\"},".repeat(MAX_REFS + 1));
        assert_eq!(refusal(&refs).code, ParseErrorCode::TooManyRefs);
        let large = vec![b' '; MAX_BYTES + 1];
        assert_eq!(read(&large).unwrap_err().code, ParseErrorCode::TooLarge);
    }
}
