//! `rewrite`: another path and query for the upstream.

use domain::path;
use domain::policy;
use domain::policy::rewrite::Segment;
use domain::policy::template::{Fact, LONGEST_PATH, Part, Template};
use domain::problem::Code;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::template::TooLong;
use crate::answer::Refusal;
use crate::call::Call;
use crate::query;

/// The running form.
#[derive(Debug)]
pub(crate) struct Rewrite {
    path: Option<Rule>,
    /// Encoded, with the decoded name.
    set_query: Box<[(Box<str>, Box<str>)]>,
    remove_query: Box<[Box<str>]>,
}

#[derive(Debug)]
enum Rule {
    Template(Box<[Segment]>, Template),
    Prefix(Box<str>, Box<str>),
}

/// What stands in a query as it is (RFC 3986 §2.3).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Rewrite {
    /// `None` when it does not check.
    pub(crate) fn compile(policy: &policy::Rewrite) -> Option<Self> {
        let path = match (&policy.path, &policy.prefix) {
            (Some(path), _) => {
                let (from, to) = path.read().ok()?;
                Some(Rule::Template(from.into(), to))
            }
            (None, Some(prefix)) => {
                let plain = |text: &str| text.trim_end_matches('/').into();
                Some(Rule::Prefix(plain(&prefix.from), plain(&prefix.to)))
            }
            (None, None) => None,
        };
        let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        let set_query = policy.set_query.iter().map(|(name, value)| {
            let pair = format!("{}={}", encoded(name), encoded(value));
            (name.as_str().into(), pair.into())
        });
        let remove_query = policy.remove_query.iter().map(|name| name.as_str().into());
        Some(Self {
            path,
            set_query: set_query.collect(),
            remove_query: remove_query.collect(),
        })
    }

    /// Whether it would change the request.
    pub(crate) fn concerns(&self, call: &Call<'_>) -> bool {
        let is_there = |name: &str| {
            let query = call.head.query().unwrap_or_default();
            query::cut(query, name).is_some()
        };
        !self.set_query.is_empty()
            || self.remove_query.iter().any(|name| is_there(name))
            || self.path(call.rest()) != Ok(None)
    }

    pub(crate) fn shape(&self, call: &mut Call<'_>) -> Result<(), Refusal> {
        let path = self.path(call.rest()).map_err(|TooLong| {
            let detail = "The path that the API's rules make of this one is longer than 8 KiB.";
            Refusal::new(Code::UriTooLong).detail(detail)
        })?;
        if let Some(path) = path {
            // Whatever stood in the parameters: what goes on is as plain as what came.
            let found = path::keeping_slashes(&path);
            let is_plain = found.is_ok_and(|found| {
                found.path == *path && found.has_encoded_slash <= call.head.has_encoded_slash
            });
            if !is_plain {
                return Err(Refusal::new(Code::PathNotCanonical));
            }
            call.rewritten = Some(path.into());
        }
        if self.set_query.is_empty() && self.remove_query.is_empty() {
            return Ok(());
        }
        let mut query = call.head.query().unwrap_or_default().to_owned();
        let set = self.set_query.iter().map(|(name, _)| name);
        for name in self.remove_query.iter().chain(set) {
            if let Some((_, rest)) = query::cut(&query, name) {
                query = rest.unwrap_or_default();
            }
        }
        for (_, pair) in &self.set_query {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(pair);
        }
        call.head.cut_query = Some((!query.is_empty()).then_some(query));
        Ok(())
    }

    /// The path in the place of `rest`; `None` where it is not concerned.
    fn path(&self, rest: &str) -> Result<Option<String>, TooLong> {
        let rest = if rest.is_empty() { "/" } else { rest };
        match &self.path {
            None => Ok(None),
            Some(Rule::Prefix(from, to)) => Ok(by_prefix(from, to, rest)),
            Some(Rule::Template(from, to)) => match matched(from, rest) {
                Some(named) => fill(to, &named).map(Some),
                None => Ok(None),
            },
        }
    }
}

fn by_prefix(from: &str, to: &str, rest: &str) -> Option<String> {
    let behind = rest.strip_prefix(from)?;
    if !behind.is_empty() && !behind.starts_with('/') {
        return None;
    }
    let path = format!("{to}{behind}");
    Some(if path.is_empty() {
        "/".to_owned()
    } else {
        path
    })
}

/// The parameters with their texts, where the path is one of these.
fn matched<'p>(from: &'p [Segment], rest: &'p str) -> Option<Vec<(&'p str, &'p str)>> {
    let mut texts = rest.strip_prefix('/')?.split('/');
    let mut named = Vec::new();
    for segment in from {
        let text = texts.next()?;
        match segment {
            Segment::Literal(literal) if literal == text => {}
            Segment::Literal(_) => return None,
            Segment::Parameter(_) if text.is_empty() => return None,
            Segment::Parameter(name) => named.push((name.as_str(), text)),
        }
    }
    texts.next().is_none().then_some(named)
}

/// Never longer than [`LONGEST_PATH`]: a parameter may stand in it many times.
fn fill(to: &Template, named: &[(&str, &str)]) -> Result<String, TooLong> {
    let mut path = String::new();
    for part in &to.0 {
        let text = match part {
            Part::Text(text) => text.as_str(),
            Part::Fact(Fact::Parameter(name)) => {
                let found = named.iter().find(|(known, _)| known == name);
                found.map_or("", |(_, text)| *text)
            }
            // Nothing else is read in a path.
            Part::Fact(_) => "",
        };
        if text.len() > LONGEST_PATH - path.len() {
            return Err(TooLong);
        }
        path.push_str(text);
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_rewritten() {
        let template = r#"{"path":{"from":"/pets/{id}/{part}","to":"/x/{part}{id}/y"}}"#;
        let exact = r#"{"path":{"from":"/a/","to":"/b"}}"#;
        let prefix = r#"{"prefix":{"from":"/v1","to":"/api/v1"}}"#;
        let cut = r#"{"prefix":{"from":"/v1","to":"/"}}"#;
        let all = r#"{"prefix":{"from":"/","to":"/api"}}"#;
        for (json, rest, is) in [
            (template, "/pets/1/tail", Some("/x/tail1/y")),
            (template, "/pets/a%20b/c", Some("/x/ca%20b/y")),
            (template, "/pets/1", None),
            (template, "/pets/1/2/3", None),
            (template, "/pets//2", None),
            (template, "/Pets/1/2", None),
            (exact, "/a/", Some("/b")),
            (exact, "/a", None),
            (prefix, "/v1", Some("/api/v1")),
            (prefix, "/v1/x", Some("/api/v1/x")),
            (prefix, "/v10", None),
            (prefix, "", None),
            (cut, "/v1", Some("/")),
            (cut, "/v1/", Some("/")),
            (cut, "/v1/x/", Some("/x/")),
            (all, "", Some("/api/")),
            (all, "/x", Some("/api/x")),
        ] {
            let policy = serde_json::from_str(json).unwrap();
            let found = Rewrite::compile(&policy).unwrap().path(rest);
            assert_eq!(found.unwrap().as_deref(), is, "{json} {rest}");
        }
    }

    #[test]
    fn no_template_makes_a_path_of_any_length() {
        let to = "/{a}".repeat(400);
        let json = format!(r#"{{"path":{{"from":"/{{a}}","to":"{to}"}}}}"#);
        let policy = serde_json::from_str(&json).unwrap();
        let rewrite = Rewrite::compile(&policy).unwrap();
        for (length, made) in [
            (1, Ok(800)),
            (19, Ok(8000)),
            (20, Err(TooLong)),
            (8000, Err(TooLong)),
        ] {
            let path = rewrite.path(&format!("/{}", "x".repeat(length)));
            assert_eq!(path.map(|path| path.unwrap().len()), made, "{length}");
        }
    }
}
