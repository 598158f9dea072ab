//! What a scalar of YAML means: a text, a number, a boolean or nothing.

use granit_parser::Tag;
use serde_json::{Number, Value};

/// The value of a scalar in the core schema (YAML 1.2.2 §10.3.2). What older readers take
/// otherwise stays a text: `yes`, and numbers with leading zeros.
pub(super) fn scalar(text: &str, is_plain: bool, tag: Option<&Tag>) -> Value {
    let tag = tag.and_then(Tag::core_suffix);
    let is_typed = tag.is_some_and(|tag| tag != "str");
    if !is_typed && (!is_plain || tag.is_some()) {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(hex) = text.strip_prefix("0x") {
        let number = u64::from_str_radix(hex, 16).ok();
        return number.filter(|_| !hex.starts_with('+')).map(Number::from);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        let number = u64::from_str_radix(octal, 8).ok();
        return number.filter(|_| !octal.starts_with('+')).map(Number::from);
    }
    let first = digits.bytes().next()?;
    let second = digits.as_bytes().get(1).copied();
    if first == b'0' && second.is_some_and(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        if let Ok(number) = unsigned.parse::<u64>() {
            return Some(number.into());
        }
        if let Ok(number) = unsigned.parse::<i64>() {
            return Some(number.into());
        }
    }
    let is_float = (first.is_ascii_digit()
        || first == b'.' && second.is_some_and(|byte| byte.is_ascii_digit()))
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    // What is beyond the range of a double stays a text.
    Number::from_f64(text.parse().ok().filter(|_| is_float)?)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use serde_json::json;

    #[test]
    fn scalars_follow_the_core_schema() {
        for (text, expected) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("True", json!(true)),
            ("yes", json!("yes")),
            ("off", json!("off")),
            ("12", json!(12)),
            ("+12", json!(12)),
            ("-12", json!(-12)),
            ("0", json!(0)),
            ("-0.5", json!(-0.5)),
            (".5", json!(0.5)),
            ("1.5e3", json!(1500.0)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0123", json!("0123")),
            ("1_000", json!("1_000")),
            ("1.2.3", json!("1.2.3")),
            ("2025-01-01", json!("2025-01-01")),
            (".inf", json!(".inf")),
            (".nan", json!(".nan")),
            ("1e999", json!("1e999")),
            (".", json!(".")),
            ("e1", json!("e1")),
            ("18446744073709551615", json!(u64::MAX)),
            ("18446744073709551616", json!(18446744073709551616.0)),
            ("!!str 12", json!("12")),
            ("!!float 12", json!(12)),
            ("!!int '12'", json!(12)),
            ("!own 12", json!(12)),
            ("'12'", json!("12")),
            ("|\n  12", json!("12\n")),
        ] {
            assert_eq!(
                read(&format!("- {text}")).unwrap(),
                json!([expected]),
                "{text:?}"
            );
        }
        assert_eq!(read("").unwrap(), json!(null));
        assert_eq!(read("# nothing").unwrap(), json!(null));
    }
}
