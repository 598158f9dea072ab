//! Regular expressions of ECMA-262, as JSON Schema has them, run in one pass over the text.

use regex::{Regex, RegexBuilder};

/// Bytes of a compiled pattern.
const MOST: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// `None`: it is none, or needs more than one pass (lookaround, back references).
    pub(super) fn read(written: &str) -> Option<Self> {
        let regex = RegexBuilder::new(&translate(written))
            .size_limit(MOST)
            .dfa_size_limit(MOST)
            .build()
            .ok()?;
        Some(Self { regex })
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// Where the two syntaxes mean different things: `\d` and `\w` are ASCII in ECMA-262, and `[`, `&`
/// and `~` in a class stand for themselves.
fn translate(written: &str) -> String {
    let mut out = String::with_capacity(written.len() + 16);
    let mut is_class = false;
    let mut chars = written.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match (chars.next(), is_class) {
                (Some('d'), false) => out.push_str("[0-9]"),
                (Some('d'), true) => out.push_str("0-9"),
                (Some('D'), false) => out.push_str("[^0-9]"),
                (Some('w'), false) => out.push_str("[A-Za-z0-9_]"),
                (Some('w'), true) => out.push_str("A-Za-z0-9_"),
                (Some('W'), false) => out.push_str("[^A-Za-z0-9_]"),
                // Identity escapes that the other syntax does not know.
                (Some(c @ ('<' | '>' | '_')), _) => out.push(c),
                (Some(c), _) => {
                    out.push('\\');
                    out.push(c);
                }
                (None, _) => out.push('\\'),
            },
            '[' if is_class => out.push_str("\\["),
            '[' => {
                let is_negated = chars.next_if_eq(&'^').is_some();
                if chars.next_if_eq(&']').is_some() {
                    // Everything, and nothing.
                    out.push_str(if is_negated { "[\\s\\S]" } else { "[^\\s\\S]" });
                } else {
                    is_class = true;
                    out.push_str(if is_negated { "[^" } else { "[" });
                }
            }
            ']' if is_class => {
                is_class = false;
                out.push(']');
            }
            '&' | '~' if is_class => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_ecma_262() {
        for (written, text, fits) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "\u{0661}", false),
            (r"^[\w.-]+$", "a_b.c-d", true),
            (r"^\w$", "é", false),
            (r"^[^\d]$", "a", true),
            ("^[[a]$", "[", true),
            ("^[a&&b]$", "&", true),
            (r"^a\/b$", "a/b", true),
            (r"^\S$", "x", true),
            ("^.{2,3}$", "éé", true),
            ("^[]$", "", false),
            ("^[^]$", "\n", true),
            ("b", "abc", true),
            (r"^\u00e9$", "é", true),
            (r"^\p{L}+$", "née", true),
        ] {
            let pattern = Pattern::read(written).unwrap();
            assert_eq!(pattern.fits(text), fits, "{written} {text}");
        }
        for none in ["(?=a)b", r"(a)\1", "(", "a{1000}{1000}"] {
            assert!(Pattern::read(none).is_none(), "{none}");
        }
    }
}
