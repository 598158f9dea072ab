//! `rewrite`: another path and query for the upstream.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::template::{Fact, Part, Template};
use super::{Mode, Written, mode_and_name};
use crate::path;
use crate::problem::Invalid;

/// Changes the path and query that go to the upstream. What is matched and logged stays the
/// client's canonical path, and the upstream's base path stays in front.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Rewrite {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// By template; a path that does not match stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Path by template")]
    pub path: Option<ByTemplate>,
    /// By prefix, on segment borders; not together with `path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Path by prefix")]
    pub prefix: Option<ByPrefix>,
    /// Parameters that are set, in place of the client's of that name; at most 50. Values are
    /// templates: `{plan}`, `{header.x-tenant}`, or a parameter of the path that is matched.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(title = "Set query parameters", extend("x-pair" = ["Parameter", "Value"], "maxProperties" = 50))]
    pub set_query: BTreeMap<String, String>,
    /// Parameters that are taken out; at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Remove query parameters", length(max = 50))]
    pub remove_query: Vec<String>,
}

/// Both are paths as they go to the upstream, without its base path.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ByTemplate {
    /// `/pets/{id}`: each parameter is a whole segment.
    #[schemars(example = &"/pets/{id}")]
    pub from: String,
    /// `/animals/{id}/details`, with parameters of `from`.
    #[schemars(example = &"/animals/{id}/details")]
    pub to: String,
}

#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct ByPrefix {
    /// `/v1`; `/` is every path.
    #[schemars(example = &"/v1")]
    pub from: String,
    /// `/api/v1`; `/` takes the prefix out.
    #[schemars(example = &"/api/v1")]
    pub to: String,
}

/// A segment of a path that is matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Literal(String),
    Parameter(String),
}

impl ByTemplate {
    /// The segments of `from`, and `to`. The error is a pointer and a sentence.
    pub fn read(&self) -> Result<(Vec<Segment>, Template), (&'static str, String)> {
        let from = |message: &str| ("/from", message.to_owned());
        let inside = self.from.strip_prefix('/');
        let inside = inside.ok_or_else(|| from("Begin with a slash."))?;
        let mut segments = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for text in inside.split('/') {
            let name = text
                .strip_prefix('{')
                .and_then(|text| text.strip_suffix('}'));
            segments.push(match name {
                Some(name) if is_parameter(name) && !names.contains(&name) => {
                    names.push(name);
                    Segment::Parameter(name.to_owned())
                }
                Some(_) => {
                    return Err(from(
                        "Name each parameter once, with letters, digits and _.",
                    ));
                }
                None if text.contains(['{', '}']) => {
                    return Err(from("A parameter is a whole segment."));
                }
                None => Segment::Literal(text.to_owned()),
            });
        }
        let plain = segments.iter().map(|segment| match segment {
            Segment::Literal(text) => text.as_str(),
            Segment::Parameter(_) => "x",
        });
        let plain: Vec<&str> = plain.collect();
        if !is_canonical(&format!("/{}", plain.join("/"))) {
            return Err(from(CANONICAL));
        }
        let to = Template::read(&self.to, |name| {
            let known = names.contains(&name);
            known.then(|| Fact::Parameter(name.to_owned()))
        });
        let to = to.map_err(|message| ("/to", message))?;
        let example: String =
            to.0.iter()
                .map(|part| match part {
                    Part::Text(text) => text.as_str(),
                    Part::Fact(_) => "x",
                })
                .collect();
        if !is_canonical(&example) {
            return Err(("/to", CANONICAL.to_owned()));
        }
        Ok((segments, to))
    }
}

impl ByTemplate {
    /// Names of the parameters of `from`, whatever else is wrong with it.
    fn parameters(&self) -> impl Iterator<Item = &str> {
        let segments = self.from.split('/');
        segments
            .filter_map(|text| text.strip_prefix('{')?.strip_suffix('}'))
            .filter(|name| is_parameter(name))
    }
}

impl Rewrite {
    /// A value of `set_query`, read; a parameter of `path` goes before a fact of that name.
    ///
    /// # Errors
    /// A sentence.
    pub fn value(&self, written: &str) -> Result<Template, String> {
        let parameter = |name: &str| {
            let mut known = self.path.iter().flat_map(ByTemplate::parameters);
            let is_known = known.any(|one| one == name);
            is_known.then(|| Fact::Parameter(name.to_owned()))
        };
        Template::read(written, |name| {
            parameter(name).or_else(|| Fact::read(name, true))
        })
    }
}

const CANONICAL: &str = "Write a plain path: a slash in front, no //, no dot segments, no query, and escapes only where they are needed, in capitals.";

fn is_parameter(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_canonical(text: &str) -> bool {
    text.starts_with('/')
        && text.len() <= 2000
        && path::canonical(text).is_ok_and(|canonical| canonical == text)
}

const MAX_PARAMETERS: usize = 50;

impl Written for Rewrite {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let is_nothing = self.path.is_none()
            && self.prefix.is_none()
            && self.set_query.is_empty()
            && self.remove_query.is_empty();
        if is_nothing {
            let message = "Set path, prefix, set_query or remove_query.";
            found.push(Invalid::new("", message));
        }
        if self.path.is_some() && self.prefix.is_some() {
            found.push(Invalid::new("/prefix", "Use either path or prefix."));
        }
        if let Some(Err((pointer, message))) = self.path.as_ref().map(ByTemplate::read) {
            found.push(Invalid::new(format!("/path{pointer}"), message));
        }
        if let Some(prefix) = &self.prefix {
            for (pointer, text) in [("/prefix/from", &prefix.from), ("/prefix/to", &prefix.to)] {
                let is_border = text == "/" || !text.ends_with('/');
                if !is_border || !is_canonical(text) {
                    found.push(Invalid::new(pointer, CANONICAL));
                }
            }
        }
        for (pointer, count) in [
            ("/set_query", self.set_query.len()),
            ("/remove_query", self.remove_query.len()),
        ] {
            if count > MAX_PARAMETERS {
                found.push(Invalid::new(pointer, "Name at most 50."));
            }
        }
        let is_name = |name: &str| (1..=100).contains(&name.len());
        for (name, value) in self.set_query.iter().take(MAX_PARAMETERS) {
            let pointer = format!("/set_query/{}", name.replace('~', "~0").replace('/', "~1"));
            if !is_name(name) || value.len() > 1000 {
                let message = "Use a name of 1 to 100 bytes and a value of at most 1,000.";
                found.push(Invalid::new(pointer, message));
            } else if let Err(message) = self.value(value) {
                found.push(Invalid::new(pointer, message));
            }
        }
        for (index, name) in self.remove_query.iter().take(MAX_PARAMETERS).enumerate() {
            if !is_name(name) {
                let message = "Use a name of 1 to 100 bytes.";
                found.push(Invalid::new(format!("/remove_query/{index}"), message));
            }
        }
        found
    }

    fn words(&self) -> String {
        let path = self.path.as_ref();
        let path = path.map(|path| format!("{} to {}", path.from, path.to));
        let prefix = self.prefix.as_ref();
        let prefix = prefix.map(|prefix| format!("{} to {}", prefix.from, prefix.to));
        let is_query = !self.set_query.is_empty() || !self.remove_query.is_empty();
        let query = is_query.then(|| "query".to_owned());
        let all = path.into_iter().chain(prefix).chain(query);
        all.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (
                r#"{"path":{"from":"/pets/{id}","to":"/animals/{id}/x"}}"#,
                &[][..],
            ),
            (r#"{"prefix":{"from":"/","to":"/api"}}"#, &[]),
            (
                r#"{"prefix":{"from":"/v1","to":"/"},"set_query":{"a":"b"},"remove_query":["c"]}"#,
                &[],
            ),
            (r"{}", &[""]),
            (
                r#"{"path":{"from":"/a","to":"/b"},"prefix":{"from":"/a/","to":"b"}}"#,
                &["/prefix", "/prefix/from", "/prefix/to"],
            ),
            (r#"{"path":{"from":"a","to":"/b"}}"#, &["/path/from"]),
            (r#"{"path":{"from":"/{a}/{a}","to":"/b"}}"#, &["/path/from"]),
            (r#"{"path":{"from":"/x{a}","to":"/b"}}"#, &["/path/from"]),
            (r#"{"path":{"from":"/../a","to":"/b"}}"#, &["/path/from"]),
            (r#"{"path":{"from":"/{a}","to":"/{b}"}}"#, &["/path/to"]),
            (r#"{"path":{"from":"/{a}","to":"/../{a}"}}"#, &["/path/to"]),
            (r#"{"path":{"from":"/{a}","to":"{a}"}}"#, &["/path/to"]),
            (r#"{"path":{"from":"/{a}","to":"/b?{a}"}}"#, &["/path/to"]),
            (
                r#"{"path":{"from":"/{a}","to":"/%2e%2e/{a}"}}"#,
                &["/path/to"],
            ),
            (
                r#"{"set_query":{"":"b"},"remove_query":[""]}"#,
                &["/set_query/", "/remove_query/0"],
            ),
            (
                r#"{"set_query":{"a":"{plan}-{header.x-t}","b":"{{c}} & #"}}"#,
                &[],
            ),
            (
                r#"{"path":{"from":"/a/{id}","to":"/b"},"set_query":{"id":"{id}"}}"#,
                &[],
            ),
            (
                r#"{"prefix":{"from":"/a","to":"/b"},"set_query":{"a":"{id}","b/c":"{","d":"{query}","e":"{header.}"}}"#,
                &[
                    "/set_query/a",
                    "/set_query/b~1c",
                    "/set_query/d",
                    "/set_query/e",
                ],
            ),
        ] {
            let policy: Rewrite = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
