//! Regular expressions of ECMA-262, as JSON Schema has them, run in one pass over the text.

use regex::{Regex, RegexBuilder};

/// Bytes of compiled patterns, and the steps that each byte of a text takes with one of that size:
/// at worst every byte meets all of a pattern.
const SIZES: [(usize, u64); 2] = [(8 * 1024, 2), (64 * 1024, 32)];

#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    steps: u64,
}

impl Pattern {
    /// `None`: it is none, or needs more than one pass (lookaround, back references).
    pub(super) fn read(written: &str) -> Option<Self> {
        let written = translate(written);
        SIZES.into_iter().find_map(|(most, steps)| {
            let regex = RegexBuilder::new(&written)
                .size_limit(most)
                .dfa_size_limit(most)
                .build()
                .ok()?;
            Some(Self { regex, steps })
        })
    }

    /// What matching it costs.
    pub(super) const fn cost(&self, text: &str) -> u64 {
        1 + text.len() as u64 * self.steps
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
