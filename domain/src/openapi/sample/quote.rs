//! Texts written as literals. A document is written by strangers and a sample is pasted into
//! terminals and programs, so nothing in a text may end its literal, and nothing invisible may
//! stand in one (a bidirectional control can make code read as what it is not).

use serde_json::Value;

/// One word for a POSIX shell. It has no way to write an invisible character visibly, so these
/// are left out, but for blanks and line ends.
pub(super) fn shell(text: &str) -> String {
    let is_kept = |c: &char| !is_hidden(*c) || matches!(c, '\n' | '\r' | '\t');
    let text: String = text.chars().filter(is_kept).collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A literal in double quotes, each invisible character written by `hidden`.
pub(super) fn double(text: &str, hidden: fn(char) -> String) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if is_hidden(c) => literal.push_str(&hidden(c)),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

/// For JavaScript and Rust: `\u{202e}`.
pub(super) fn braced(c: char) -> String {
    format!("\\u{{{:x}}}", u32::from(c))
}

/// For Python and Go: `\u202e` or `\U000e0001`.
pub(super) fn sized(c: char) -> String {
    match u32::from(c) {
        code @ 0..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// For Java: octal below U+0080, because `\u000a` would end the line before the literal is
/// read (Java Language Specification §3.3); else UTF-16 units.
pub(super) fn units(c: char) -> String {
    match u32::from(c) {
        code @ 0..=0x7f => format!("\\{code:03o}"),
        _ => utf16(c),
    }
}

fn utf16(c: char) -> String {
    let mut units = [0; 2];
    let units = c.encode_utf16(&mut units).iter();
    units.map(|unit| format!("\\u{unit:04x}")).collect()
}

/// JSON over several lines, invisible characters escaped.
pub(super) fn json(value: &Value) -> String {
    let text = format!("{value:#}");
    if !text.chars().any(|c| c != '\n' && is_hidden(c)) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            // Only line ends between values are bare; those in texts are escaped already.
            c if c != '\n' && is_hidden(c) => escaped.push_str(&utf16(c)),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The lines of a text after the first moved right.
pub(super) fn indented(text: &str, by: &str) -> String {
    text.replace('\n', &format!("\n{by}"))
}

/// Whether a name may be the name of a header (RFC 9110 §5.6.2).
pub(super) fn is_token(name: &str) -> bool {
    let is_token_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(is_token_char)
}

/// The name of an environment variable, whatever was given.
pub(super) fn variable(name: &str) -> String {
    let mut variable: String = name
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
            _ => '_',
        })
        .collect();
    if !variable.starts_with(|c: char| c.is_ascii_uppercase() || c == '_') {
        variable.insert(0, '_');
    }
    variable
}

/// Characters that cannot be seen in a program: controls, bidirectional controls, joiners,
/// separators, tags.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_do_not_end_early() {
        let hostile = "a'b\"c\\d\n\r\t$(x)`y`\u{202e}\u{0}${z}";
        assert_eq!(shell(hostile), "'a'\\''b\"c\\d\n\r\t$(x)`y`${z}'");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("https://a.example/b-c"), "https://a.example/b-c");
        assert_eq!(
            double(hostile, braced),
            r#""a'b\"c\\d\n\r\t$(x)`y`\u{202e}\u{0}${z}""#
        );
        assert_eq!(
            double("\u{202e}\u{e0001}\0", sized),
            r#""\u202e\U000e0001\u0000""#
        );
        assert_eq!(
            double("\u{202e}\u{e0001}\0\u{7f}", units),
            r#""\u202e\udb40\udc01\000\177""#
        );
        assert_eq!(double(r"\u0022", units), r#""\\u0022""#);
    }

    #[test]
    fn json_shows_what_is_hidden() {
        let value = serde_json::json!({"a": "\u{202e}b\u{e0001}\n\u{7f}"});
        let text = json(&value);
        assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn names_are_made_safe() {
        assert_eq!(variable("bookshop-api.key"), "BOOKSHOP_API_KEY");
        assert_eq!(variable("1$(x)"), "_1__X_");
        assert_eq!(variable(""), "_");
        assert!(is_token("X-Api-Key") && !is_token("a b") && !is_token("") && !is_token("a:b"));
    }
}
