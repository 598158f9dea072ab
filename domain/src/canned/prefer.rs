//! `Prefer` (RFC 7240): which answer a client would rather have.

/// What of it concerns examples; the rest is not heeded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// `code=404`
    pub status: Option<u16>,
    /// `example=name`
    pub example: Option<String>,
}

impl Preferences {
    /// Reads the lines of the field. Of a preference that comes twice the first counts (§2).
    pub fn read<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let mut found = Self::default();
        for line in lines {
            for entry in split(line, ',') {
                // What stands behind a semicolon are parameters, of which these have none.
                let Some(written) = split(entry, ';').next() else {
                    continue;
                };
                let (name, value) = written.split_once('=').unwrap_or((written, ""));
                let value = plain(value.trim());
                match name.trim() {
                    name if name.eq_ignore_ascii_case("code") => {
                        let status = value.parse().ok();
                        let status = status.filter(|status| (200..=599).contains(status));
                        found.status = found.status.or(status);
                    }
                    name if name.eq_ignore_ascii_case("example") => {
                        found.example = found.example.or(Some(value));
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

/// At a separator outside quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c| {
        let ends = c == separator && !is_quoted;
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        ends
    })
}

/// A token as it is, a quoted text without its quotes.
fn plain(word: &str) -> String {
    let inside = word
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inside) = inside else {
        return word.to_owned();
    };
    let mut chars = inside.chars();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_as_the_standard_has_them() {
        for (lines, status, example) in [
            (&[][..], None, None),
            (&["code=404"], Some(404), None),
            (&["Code = 404 , EXAMPLE=none"], Some(404), Some("none")),
            (&["respond-async, code=503; x=1"], Some(503), None),
            (
                &["example=\"a, b\\\"c;d\"", "code=201"],
                Some(201),
                Some("a, b\"c;d"),
            ),
            (&["code=404", "code=500"], Some(404), None),
            (&["code=", "code=x, code=99, code=600"], None, None),
            (&["example"], None, Some("")),
            (
                &["example=\"open, code=404"],
                None,
                Some("\"open, code=404"),
            ),
            (&[",;=,,"], None, None),
        ] {
            let found = Preferences::read(lines.iter().copied());
            let said = (found.status, found.example.as_deref());
            assert_eq!(said, (status, example), "{lines:?}");
        }
    }
}
