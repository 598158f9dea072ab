//! Regular expressions of ECMA-262, as JSON Schema has them, run in one pass over the text.

use std::iter::Peekable;
use std::str::Chars;

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

/// What stands in a class before the character that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// One character, with which a range may begin.
    One,
    /// The sign of a range that has begun.
    Range,
    /// Nothing with which one may begin.
    Other,
}

/// Where the two syntaxes mean different things: `\d` and `\w` are ASCII in ECMA-262, and `[`, `&`
/// and `~` in a class stand for themselves, as does `-` where no range is: beside `\w` and its like,
/// behind a range, and at either end.
fn translate(written: &str) -> String {
    let mut out = String::with_capacity(written.len() + 16);
    let mut class: Option<Before> = None;
    let mut chars = written.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(before) = class else {
            class = outside(c, &mut chars, &mut out);
            continue;
        };
        let one = match before {
            Before::Range => Before::Other,
            Before::One | Before::Other => Before::One,
        };
        class = Some(one);
        match c {
            '\\' => match chars.next() {
                Some(set) if is_set(set) => {
                    class = Some(Before::Other);
                    match set {
                        'd' => out.push_str("0-9"),
                        'w' => out.push_str("A-Za-z0-9_"),
                        _ => escaped(set, &mut out),
                    }
                }
                Some(c) => escaped(c, &mut out),
                None => out.push('\\'),
            },
            ']' => {
                class = None;
                out.push(']');
            }
            '-' if before == Before::One && begins_one(chars.clone()) => {
                class = Some(Before::Range);
                out.push('-');
            }
            '[' | '&' | '~' | '-' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Translates what begins with a character that is in no class; what of one it begins.
fn outside(c: char, chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Option<Before> {
    match c {
        '\\' => match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[A-Za-z0-9_]"),
            Some('W') => out.push_str("[^A-Za-z0-9_]"),
            Some(c) => escaped(c, out),
            None => out.push('\\'),
        },
        '[' => {
            let is_negated = chars.next_if_eq(&'^').is_some();
            if chars.next_if_eq(&']').is_none() {
                out.push_str(if is_negated { "[^" } else { "[" });
                return Some(Before::Other);
            }
            // Everything, and nothing.
            out.push_str(if is_negated { "[\\s\\S]" } else { "[^\\s\\S]" });
        }
        _ => out.push(c),
    }
    None
}

fn escaped(c: char, out: &mut String) {
    // Identity escapes that the other syntax does not know.
    if !matches!(c, '<' | '>' | '_') {
        out.push('\\');
    }
    out.push(c);
}

/// Whether one character follows with which a range ends: neither the class's end nor many at once.
fn begins_one(mut chars: Peekable<Chars<'_>>) -> bool {
    match chars.next() {
        None | Some(']') => false,
        Some('\\') => chars.next().is_none_or(|c| !is_set(c)),
        Some(_) => true,
    }
}

/// Whether its escape stands for many characters.
const fn is_set(escape: char) -> bool {
    matches!(escape, 'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'p' | 'P')
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
            // A range, and where none is.
            ("^[a-c]$", "b", true),
            (r"^[\x61-\x63]$", "b", true),
            (r"^[\w-]+$", "a-b", true),
            (r"^[\w-~]$", "-", true),
            (r"^[\w-~]$", "{", false),
            (r"^[\w-.]+$", "a-b.c", true),
            (r"^[+-\w]$", "-", true),
            (r"^[+-\w]$", "<", false),
            (r"^[+-\d]$", ",", false),
            ("^[a-c-e]$", "d", false),
            ("^[a-c-e]$", "-", true),
            ("^[-a]$", "-", true),
            ("^[a-]$", "-", true),
            ("^[!--]$", "%", true),
            ("^[--/]$", ".", true),
            (r"^[\]-a]$", "_", true),
            (r"^[^\w-~]$", "{", true),
        ] {
            let pattern = Pattern::read(written).unwrap();
            assert_eq!(pattern.fits(text), fits, "{written} {text}");
        }
        for none in ["(?=a)b", r"(a)\1", "(", "a{1000}{1000}"] {
            assert!(Pattern::read(none).is_none(), "{none}");
        }
    }
}
