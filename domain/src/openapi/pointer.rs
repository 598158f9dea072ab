//! Where the reader stands in a document, as a chain on the stack that is written out only
//! when something has to be said about the place; and what a `$ref` names.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// A place in a document. `to_string` gives its JSON pointer (RFC 6901).
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    /// A whole pointer, where a reference led.
    Base(&'a str),
    Key(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    /// The place that a whole pointer names; empty for the document.
    pub(crate) fn base(pointer: &'a str) -> Self {
        Self {
            parent: None,
            step: Step::Base(pointer),
        }
    }

    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }
}

impl fmt::Display for At<'_> {
    /// Character by character, so that the beginning of a long one costs no more than that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Base(pointer) => f.write_str(pointer),
            Step::Key(key) => {
                f.write_char('/')?;
                key.chars().try_for_each(|char| match char {
                    '~' => f.write_str("~0"),
                    '/' => f.write_str("~1"),
                    _ => f.write_char(char),
                })
            }
            Step::Index(index) => write!(f, "/{index}"),
        }
    }
}

impl From<At<'_>> for String {
    fn from(at: At<'_>) -> Self {
        at.to_string()
    }
}

/// What the text of a `$ref` names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A JSON pointer into this document, percent-decoded (RFC 6901 §6).
    Local(Cow<'a, str>),
    /// Another document, or an anchor: never fetched.
    External,
}

impl<'a> Target<'a> {
    pub(crate) fn of(reference: &'a str) -> Self {
        match reference.strip_prefix('#') {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {
                match percent_decode_str(pointer).decode_utf8() {
                    Ok(pointer) => Self::Local(pointer),
                    Err(_) => Self::External,
                }
            }
            _ => Self::External,
        }
    }
}

/// The key of [`super::Document::schemas`] for a `$ref`: the bare name for a component, the
/// whole reference for a schema elsewhere.
pub(crate) fn schema_key(reference: &str) -> String {
    if let Target::Local(pointer) = Target::of(reference) {
        return match pointer.strip_prefix("/components/schemas/") {
            Some(name) if !name.contains('/') => name.replace("~1", "/").replace("~0", "~"),
            _ => format!("#{pointer}"),
        };
    }
    // A bare file name must not look like the component of the same name.
    if reference.contains(['/', '#']) {
        reference.to_owned()
    } else {
        format!("./{reference}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_json_pointers() {
        let root = At::base("");
        assert_eq!(root.to_string(), "");
        let paths = root.key("paths");
        let path = paths.key("/a~b/{c}");
        let at = path.index(3);
        assert_eq!(at.to_string(), "/paths/~1a~0b~1{c}/3");
    }

    #[test]
    fn references_are_told_apart() {
        let local = |text: &'static str| Target::Local(Cow::Borrowed(text));
        assert_eq!(Target::of("#/a/b"), local("/a/b"));
        assert_eq!(Target::of("#"), local(""));
        assert_eq!(Target::of("#/paths/~1a~1%7Bb%7D"), local("/paths/~1a~1{b}"));
        for external in ["#anchor", "other.yaml#/a", "https://a/b", "", "#/%ff"] {
            assert_eq!(Target::of(external), Target::External, "{external}");
        }
        assert_eq!(schema_key("#/components/schemas/a~1b"), "a/b");
        assert_eq!(
            schema_key("#/components/schemas/A/items"),
            "#/components/schemas/A/items"
        );
        assert_eq!(schema_key("Pet"), "./Pet");
        assert_eq!(schema_key("pets.yaml#/Pet"), "pets.yaml#/Pet");
    }
}
