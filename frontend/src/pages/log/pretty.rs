//! Bodies as they are read best. They may be cut off, so nothing is parsed: what is shown is what was
//! kept, with other blanks.

/// A text that would become longer than this stays as it is.
const LONGEST: usize = 256 * 1024;

/// The same text with line breaks, by what it is written in.
pub(super) fn pretty(media_type: &str, text: &str) -> String {
    if text.starts_with(['{', '[']) {
        return indented(text).unwrap_or_else(|| text.to_owned());
    }
    let is_form = media_type.starts_with("application/x-www-form-urlencoded");
    match is_form {
        true => text.replace('&', "\n&"),
        false => text.to_owned(),
    }
}

/// JSON without blanks, a member or item in each line. `None`: it would be too long.
fn indented(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut chars = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    while let Some(c) = chars.next() {
        if out.len() > LONGEST {
            return None;
        }
        if in_text {
            out.push(c);
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                let end = if c == '{' { '}' } else { ']' };
                if chars.next_if_eq(&end).is_some() {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_text = true;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn bodies_have_lines() {
        for (media_type, text, shown) in [
            (
                "application/json",
                r#"{"a":[1,{"b":"x,{\"y:"}],"c":{},"d":[]}"#,
                "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x,{\\\"y:\"\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}",
            ),
            (
                "application/json",
                r#"{"a":"***","b":["cut o"#,
                "{\n  \"a\": \"***\",\n  \"b\": [\n    \"cut o",
            ),
            (
                "application/x-ndjson",
                "{\"a\":1}\n{}",
                "{\n  \"a\": 1\n}\n{}",
            ),
            ("application/json", "\"a,b\"", "\"a,b\""),
            (
                "application/x-www-form-urlencoded; charset=utf-8",
                "a=1&b=2",
                "a=1\n&b=2",
            ),
            ("text/xml", "<a>1</a>", "<a>1</a>"),
            ("", "", ""),
        ] {
            assert_eq!(pretty(media_type, text), shown);
        }
        let deep = format!("{}{}", "[".repeat(128), "1,".repeat(30_000));
        assert_eq!(pretty("application/json", &deep), deep);
    }
}
