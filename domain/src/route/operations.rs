//! Operations of a version by method and path template: a literal segment wins over one with
//! text and parameters mixed, that over a parameter.

use std::collections::HashMap;

use crate::openapi::{PathTemplate, Segment};
use crate::path;

/// The operations of one version.
#[derive(Debug, Clone)]
pub struct Operations<T> {
    /// Most versions list none.
    root: Option<Box<Node<T>>>,
}

#[derive(Debug, Clone)]
struct Node<T> {
    literal: HashMap<Box<str>, Node<T>>,
    /// The texts around the parameters of a segment like `{id}.json`.
    mixed: Vec<(Vec<Box<str>>, Node<T>)>,
    parameter: Option<Box<Node<T>>>,
    methods: Vec<(Box<str>, T)>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self {
            literal: HashMap::new(),
            mixed: Vec::new(),
            parameter: None,
            methods: Vec::new(),
        }
    }
}

impl<T> Default for Operations<T> {
    fn default() -> Self {
        Self { root: None }
    }
}

/// What a method and path are to a version.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, T> {
    Operation(&'a T),
    /// The path is known, the method is not; `HEAD` is where `GET` is.
    OtherMethods(Vec<&'a str>),
    None,
}

impl<T> Operations<T> {
    /// Adds an operation; `false` when the template cannot be matched or method and form are
    /// there already.
    pub fn insert(&mut self, method: &str, template: &str, value: T) -> bool {
        let Ok(template) = PathTemplate::parse(template) else {
            return false;
        };
        let mut node = &mut **self.root.get_or_insert_default();
        for segment in template.segments() {
            node = match segment {
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                Segment::Literal(text) => match as_sent(text) {
                    Some(text) => node.literal.entry(text.into()).or_default(),
                    None => return false,
                },
                Segment::Mixed { text, names } => {
                    let Some(texts) = texts_of(text, names) else {
                        return false;
                    };
                    let at = node.mixed.iter().position(|(known, _)| *known == texts);
                    let at = at.unwrap_or_else(|| {
                        node.mixed.push((texts, Node::default()));
                        node.mixed.len() - 1
                    });
                    &mut node.mixed[at].1
                }
            };
        }
        if node.methods.iter().any(|(known, _)| &**known == method) {
            return false;
        }
        node.methods.push((method.into(), value));
        true
    }

    /// `rest` is the canonical path behind the route's prefix; empty counts as `/`.
    pub fn find(&self, method: &str, rest: &str) -> Found<'_, T> {
        let Some(root) = &self.root else {
            return Found::None;
        };
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let mut others = Vec::new();
        if let Some(value) = walk(root, rest, method, &mut others) {
            return Found::Operation(value);
        }
        if method == "HEAD"
            && let Some(value) = walk(root, rest, "GET", &mut others)
        {
            return Found::Operation(value);
        }
        if others.is_empty() {
            return Found::None;
        }
        if others.contains(&"GET") {
            others.push("HEAD");
        }
        others.sort_unstable();
        others.dedup();
        Found::OtherMethods(others)
    }
}

/// Tries the children of each node from the most to the least telling. A request visits no node
/// twice, so the work is bounded by the size of the tree.
fn walk<'a, T>(
    node: &'a Node<T>,
    rest: &str,
    method: &str,
    others: &mut Vec<&'a str>,
) -> Option<&'a T> {
    let (segment, behind) = match rest.split_once('/') {
        Some((segment, behind)) => (segment, Some(behind)),
        None => (rest, None),
    };
    let mut step = |child: &'a Node<T>| match behind {
        Some(behind) => walk(child, behind, method, others),
        None => {
            let found = child.methods.iter().find(|(known, _)| &**known == method);
            if found.is_none() {
                others.extend(child.methods.iter().map(|(known, _)| &**known));
            }
            found.map(|(_, value)| value)
        }
    };
    if let Some(child) = node.literal.get(segment)
        && let Some(value) = step(child)
    {
        return Some(value);
    }
    if segment.is_empty() {
        return None;
    }
    for (texts, child) in &node.mixed {
        if fits(texts, segment)
            && let Some(value) = step(child)
        {
            return Some(value);
        }
    }
    node.parameter.as_deref().and_then(step)
}

/// A literal of a template as canonical requests have it: escaped where it must be.
fn as_sent(text: &str) -> Option<String> {
    let mut sent = String::from("/");
    for byte in text.bytes() {
        match byte {
            0..=0x20 | 0x7f.. | b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'|' => {
                sent.push_str(&format!("%{byte:02X}"));
            }
            _ => sent.push(char::from(byte)),
        }
    }
    let canonical = path::canonical(&sent).ok()?;
    let segment = canonical.strip_prefix('/')?;
    (segment.is_empty() == text.is_empty()).then(|| segment.to_owned())
}

/// `v{a}-{b}.json` has the texts `v`, `-` and `.json`.
fn texts_of(text: &str, names: &[String]) -> Option<Vec<Box<str>>> {
    let mut texts = Vec::new();
    let mut rest = text;
    for name in names {
        let (before, behind) = rest.split_once(&format!("{{{name}}}"))?;
        texts.push(before);
        rest = behind;
    }
    texts.push(rest);
    texts
        .into_iter()
        .map(|text| {
            if text.is_empty() {
                Some("".into())
            } else {
                as_sent(text).map(Into::into)
            }
        })
        .collect()
}

/// Whether a segment has these texts in this order with something between each two.
fn fits(texts: &[Box<str>], segment: &str) -> bool {
    let [first, middle @ .., last] = texts else {
        return false;
    };
    let Some(inner) = segment
        .strip_prefix(&**first)
        .and_then(|rest| rest.strip_suffix(&**last))
    else {
        return false;
    };
    let mut rest = inner;
    for text in middle {
        // A parameter is at least one byte long.
        let Some(at) = rest.get(1..).and_then(|rest| rest.find(&**text)) else {
            return false;
        };
        rest = &rest[1 + at + text.len()..];
    }
    !rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations() -> Operations<u32> {
        let mut all = Operations::default();
        for (method, template, value) in [
            ("GET", "/", 0),
            ("GET", "/pets", 1),
            ("POST", "/pets", 2),
            ("GET", "/pets/{id}", 3),
            ("POST", "/pets/search", 4),
            ("GET", "/pets/{id}.json", 5),
            ("GET", "/pets/{id}/toys/{toy}", 6),
            ("GET", "/pets/mine/toys", 7),
            ("GET", "/caf\u{e9}", 8),
            ("DELETE", "/a/{x}-{y}", 9),
        ] {
            assert!(all.insert(method, template, value), "{template}");
        }
        assert!(!all.insert("GET", "/pets/{other}", 10));
        all
    }

    #[test]
    fn literals_win_over_parameters() {
        let all = operations();
        for (method, path, value) in [
            ("GET", "", 0),
            ("GET", "/", 0),
            ("GET", "/pets", 1),
            ("HEAD", "/pets", 1),
            ("GET", "/pets/7", 3),
            ("GET", "/pets/search", 3),
            ("POST", "/pets/search", 4),
            ("GET", "/pets/7.json", 5),
            ("GET", "/pets/7/toys/8", 6),
            ("GET", "/pets/mine/toys/8", 6),
            ("GET", "/pets/mine/toys", 7),
            ("GET", "/caf%C3%A9", 8),
            ("DELETE", "/a/1-2", 9),
        ] {
            assert_eq!(
                all.find(method, path),
                Found::Operation(&value),
                "{method} {path}"
            );
        }
        for path in [
            "/pets/",
            "/x",
            "/pets/1/2",
            "/a/1",
            "/a/-2",
            "/pets//toys/1",
        ] {
            assert_eq!(all.find("GET", path), Found::None, "{path}");
        }
    }

    #[test]
    fn other_methods_are_named() {
        let all = operations();
        assert_eq!(
            all.find("PUT", "/pets"),
            Found::OtherMethods(vec!["GET", "HEAD", "POST"])
        );
        assert_eq!(
            all.find("PUT", "/pets/search"),
            Found::OtherMethods(vec!["GET", "HEAD", "POST"])
        );
        assert_eq!(
            all.find("GET", "/a/1-2"),
            Found::OtherMethods(vec!["DELETE"])
        );
    }
}
