//! Path templates: `/books/{id}` split at slashes, checked, and compared by what they match.

use std::collections::HashSet;

/// A path template that can be routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    segments: Vec<Segment>,
}

/// The part of a template between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// As written, without braces.
    Literal(String),
    /// `{name}`, the whole segment.
    Parameter(String),
    /// Parameters and text mixed, like `{id}.json`: allowed by OpenAPI.
    Mixed { text: String, names: Vec<String> },
}

/// Longest template, in bytes: longer than any path that a gateway lets through.
const MAX_TEMPLATE: usize = 2_048;

/// Why a path is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the path does not start with a slash")]
    NoSlash,
    #[error("the path is longer than {MAX_TEMPLATE} bytes")]
    TooLong,
    #[error("a brace is not closed, not opened or nested")]
    Braces,
    #[error("a parameter in braces has no name")]
    EmptyName,
    #[error("a parameter is there twice")]
    RepeatedName,
    #[error("the path has a query or a fragment")]
    QueryOrFragment,
    #[error("the path has white space or control characters")]
    BlankOrControl,
}

impl PathTemplate {
    /// Reads a template as OpenAPI writes it ("Path Templating").
    pub fn parse(path: &str) -> Result<Self, TemplateError> {
        let rest = path.strip_prefix('/').ok_or(TemplateError::NoSlash)?;
        if path.len() > MAX_TEMPLATE {
            return Err(TemplateError::TooLong);
        }
        let segments: Vec<_> = rest
            .split('/')
            .map(parse_segment)
            .collect::<Result<_, _>>()?;
        let template = Self { segments };
        let mut seen = HashSet::new();
        if !template.names().all(|name| seen.insert(name)) {
            return Err(TemplateError::RepeatedName);
        }
        Ok(template)
    }

    /// The segments; `/` has one empty literal.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Names of all parameters, from left to right.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments
            .iter()
            .flat_map(|segment| match segment {
                Segment::Literal(_) => &[],
                Segment::Parameter(name) => std::slice::from_ref(name),
                Segment::Mixed { names, .. } => names.as_slice(),
            })
            .map(String::as_str)
    }

    /// The template with its names left out: two templates with the same form match exactly
    /// the same paths.
    pub fn form(&self) -> String {
        let mut form = String::new();
        for segment in &self.segments {
            form.push('/');
            match segment {
                Segment::Literal(text) => form.push_str(text),
                Segment::Parameter(_) => form.push_str("{}"),
                Segment::Mixed { text, .. } => {
                    let mut in_name = false;
                    for c in text.chars() {
                        in_name &= c != '}';
                        if !in_name {
                            form.push(c);
                        }
                        in_name |= c == '{';
                    }
                }
            }
        }
        form
    }
}

fn parse_segment(text: &str) -> Result<Segment, TemplateError> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        check_literal(&rest[..at])?;
        let inner = rest[at..].strip_prefix('{').ok_or(TemplateError::Braces)?;
        let end = inner.find(['{', '}']).ok_or(TemplateError::Braces)?;
        let name = &inner[..end];
        if !inner[end..].starts_with('}') {
            return Err(TemplateError::Braces);
        }
        if name.is_empty() {
            return Err(TemplateError::EmptyName);
        }
        if name.chars().any(char::is_control) {
            return Err(TemplateError::BlankOrControl);
        }
        names.push(name.to_owned());
        rest = &inner[end + 1..];
    }
    check_literal(rest)?;
    Ok(match names.len() {
        0 => Segment::Literal(text.to_owned()),
        1 if text.len() == names[0].len() + 2 => Segment::Parameter(names.remove(0)),
        _ => Segment::Mixed {
            text: text.to_owned(),
            names,
        },
    })
}

fn check_literal(text: &str) -> Result<(), TemplateError> {
    if text.contains(['?', '#']) {
        return Err(TemplateError::QueryOrFragment);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(TemplateError::BlankOrControl);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read() {
        let template = PathTemplate::parse("/books/{id}/pages/{a}-{b}.json").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["id", "a", "b"]);
        assert_eq!(template.form(), "/books/{}/pages/{}-{}.json");
        assert_eq!(template.segments()[1], Segment::Parameter("id".into()));
        assert_eq!(PathTemplate::parse("/").unwrap().form(), "/");
        assert_eq!(PathTemplate::parse("/a/").unwrap().form(), "/a/");
        let same = |a: &str, b: &str| {
            PathTemplate::parse(a).unwrap().form() == PathTemplate::parse(b).unwrap().form()
        };
        assert!(same("/a/{x}", "/a/{y}"));
        assert!(!same("/a/{x}", "/a/x"));
    }

    #[test]
    fn faults_are_named() {
        use TemplateError::*;
        for (path, fault) in [
            ("books", NoSlash),
            ("", NoSlash),
            ("/a/{b", Braces),
            ("/a/b}", Braces),
            ("/a/{b{c}}", Braces),
            ("/a/{}", EmptyName),
            ("/{a}/{a}", RepeatedName),
            ("/a?b={c}", QueryOrFragment),
            ("/a#b", QueryOrFragment),
            ("/a b", BlankOrControl),
            ("/a\n", BlankOrControl),
        ] {
            assert_eq!(PathTemplate::parse(path), Err(fault), "{path:?}");
        }
        let long = "/a".repeat(MAX_TEMPLATE);
        assert_eq!(PathTemplate::parse(&long), Err(TooLong));
    }
}
