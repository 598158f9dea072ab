//! Patterns of `matches`, and what looking for one costs.

use regex::{Error, Regex, RegexBuilder};

/// Bytes of a compiled pattern.
const MOST: usize = 8 * 1024;
/// Bytes of it that are gone through in one step. The engine may have to look at all of a pattern for
/// each byte of a text.
const OF_STEP: usize = 512;

#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// For each byte of a text.
    steps: u32,
}

impl Pattern {
    /// `None`: it is none, or too large.
    pub(super) fn read(text: &str) -> Option<Self> {
        // How large one is the engine does not tell, but whether it fits.
        let (mut size, mut steps) = (OF_STEP, 1);
        while size <= MOST {
            let mut builder = RegexBuilder::new(text);
            match builder.size_limit(size).dfa_size_limit(MOST).build() {
                Ok(regex) => return Some(Self { regex, steps }),
                Err(Error::CompiledTooBig(_)) => (size, steps) = (size * 2, steps * 2),
                Err(_) => return None,
            }
        }
        None
    }

    /// Steps that it takes to look for it in a text, at worst.
    pub(super) fn cost(&self, text: &str) -> u32 {
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        bytes.saturating_add(1).saturating_mul(self.steps)
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_costs_what_it_may_take() {
        let steps = |text: &str| Pattern::read(text).map(|pattern| pattern.steps);
        assert_eq!(steps("^b"), Some(1));
        let many = steps("(?:[a-y]?){12}z").unwrap();
        let more = steps("(?:[a-y]?){40}z").unwrap();
        assert!(1 < many && many < more && more <= 16, "{many} {more}");
        for none in ["(", "(?:a{100}){100}", "\\w{100}"] {
            assert_eq!(steps(none), None, "{none}");
        }
        let pattern = Pattern::read("^b").unwrap();
        assert_eq!((pattern.cost(""), pattern.cost("abc")), (1, 4));
    }
}
