//! Collecting what is wrong with an input, so that the caller sees all of it at once.
//!
//! Wire inputs hold text as typed; a service turns it into values here. The same service then
//! serves JSON and plain forms, and both get the same sentences at the same fields.

use std::fmt::Display;
use std::str::FromStr;

use domain::problem::Invalid;

use crate::error::{Error, Result};

/// Findings so far.
#[derive(Debug, Default)]
pub struct Check {
    invalid: Vec<Invalid>,
}

impl Check {
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses `text`; on failure notes the error's sentence at `pointer` and answers `None`.
    pub fn parse<T>(&mut self, pointer: &str, text: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.invalid.push(Invalid::new(pointer, error.to_string()));
                None
            }
        }
    }

    /// A text of at most `max` characters without control characters other than line breaks.
    pub fn text(&mut self, pointer: &str, text: &str, max: usize) -> String {
        let text = text.trim();
        self.that(text.chars().count() <= max, pointer, || {
            format!("Use at most {max} characters.")
        });
        let printable = !text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        self.that(printable, pointer, || {
            "Remove the control characters.".to_owned()
        });
        text.replace("\r\n", "\n")
    }

    /// Notes `message` at `pointer` unless `holds`.
    pub fn that(&mut self, holds: bool, pointer: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.invalid.push(Invalid::new(pointer, message()));
        }
    }

    pub fn add(&mut self, invalid: Invalid) {
        self.invalid.push(invalid);
    }

    /// `Err` with all findings, if there are any.
    pub fn done(self) -> Result<()> {
        if self.invalid.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(self.invalid))
        }
    }

    /// The values that [`Self::parse`] gave, once nothing was found: `check.all((name, slug))?`.
    pub fn all<P: Parsed>(self, parsed: P) -> Result<P::Values> {
        self.done()?;
        parsed.values().ok_or_else(|| Error::invalid(Vec::new()))
    }
}

/// A tuple of parsed values.
pub trait Parsed {
    type Values;
    fn values(self) -> Option<Self::Values>;
}

macro_rules! parsed {
    ($($name:ident),+) => {
        impl<$($name),+> Parsed for ($(Option<$name>,)+) {
            type Values = ($($name,)+);
            #[allow(non_snake_case, reason = "the type parameter's name serves as variable")]
            fn values(self) -> Option<Self::Values> {
                let ($($name,)+) = self;
                Some(($($name?,)+))
            }
        }
    };
}
parsed!(A);
parsed!(A, B);
parsed!(A, B, C);
parsed!(A, B, C, D);

#[cfg(test)]
mod tests {
    use super::*;
    use domain::name::{DisplayName, Slug};

    #[test]
    fn all_findings_are_told_at_once() {
        let mut check = Check::new();
        let name = check.parse::<DisplayName>("/name", "");
        let slug = check.parse::<Slug>("/slug", "No");
        let error = check.all((name, slug)).unwrap_err();
        assert_eq!(error.invalid.len(), 2);
        assert_eq!(error.invalid[1].pointer, "/slug");

        let mut check = Check::new();
        let name = check.parse::<DisplayName>("/name", "Ines");
        assert_eq!(check.all((name,)).unwrap().0.as_str(), "Ines");
    }
}
