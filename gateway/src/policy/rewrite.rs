//! `rewrite`: another path and query for the upstream.

use domain::path;
use domain::policy;
use domain::policy::rewrite::Segment;
use domain::policy::template::{Fact, LONGEST_PATH, LONGEST_QUERY, Part, Template};
use domain::problem::Code;
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};

use super::template::{self, TooLong};
use crate::answer::Refusal;
use crate::call::Call;
use crate::query;

/// The running form.
#[derive(Debug)]
pub(crate) struct Rewrite {
    path: Option<Rule>,
    set_query: Box<[Parameter]>,
    remove_query: Box<[Box<str>]>,
}

#[derive(Debug)]
enum Rule {
    Template(Box<[Segment]>, Template),
    Prefix(Box<str>, Box<str>),
}

/// A parameter of the query that is set.
#[derive(Debug)]
struct Parameter {
    /// As it is compared with the client's.
    name: Box<str>,
    /// Its name and the equals sign, encoded.
    start: Box<str>,
    /// Its texts are encoded.
    value: Template,
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
        let set_query = policy.set_query.iter().map(|(name, value)| {
            let value = policy.value(value).ok()?;
            Some(Parameter::compile(name, value))
        });
        let remove_query = policy.remove_query.iter().map(|name| name.as_str().into());
        Some(Self {
            path,
            set_query: set_query.collect::<Option<_>>()?,
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
        // Of the path as it was matched.
        let query = self.query(call).map_err(|TooLong| {
            let detail = "The API's rules put more than 8 KiB of this request into its query.";
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
        if let Some(query) = query {
            call.head.cut_query = Some((!query.is_empty()).then_some(query));
        }
        Ok(())
    }

    /// The query that goes on; `None` where it is not concerned.
    fn query(&self, call: &Call<'_>) -> Result<Option<String>, TooLong> {
        if self.set_query.is_empty() && self.remove_query.is_empty() {
            return Ok(None);
        }
        let mut query = call.head.query().unwrap_or_default().to_owned();
        let set = self.set_query.iter().map(|parameter| &parameter.name);
        for name in self.remove_query.iter().chain(set) {
            if let Some((_, rest)) = query::cut(&query, name) {
                query = rest.unwrap_or_default();
            }
        }
        let named = self.named(call.rest());
        let fact = |fact: &Fact, most: usize| match fact {
            // As it is meant, and not as it is written in a path.
            Fact::Parameter(name) => Ok(percent_decode_str(text_of(name, &named)).collect()),
            other => template::fact(other, call, most),
        };
        let mut room = LONGEST_QUERY;
        for parameter in &self.set_query {
            parameter.write(&mut query, &mut room, fact)?;
        }
        Ok(Some(query))
    }

    /// What the parameters of its template are in a path that it matches.
    fn named<'p>(&'p self, rest: &'p str) -> Vec<(&'p str, &'p str)> {
        match &self.path {
            Some(Rule::Template(from, _)) => matched(from, rest).unwrap_or_default(),
            Some(Rule::Prefix(..)) | None => Vec::new(),
        }
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

impl Parameter {
    fn compile(name: &str, mut value: Template) -> Self {
        let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        for part in &mut value.0 {
            if let Part::Text(text) = part {
                *text = encoded(text);
            }
        }
        Self {
            name: name.into(),
            start: format!("{}=", encoded(name)).into(),
            value,
        }
    }

    /// Appends it to a query, each fact encoded, so that none is more than a part of one value. `fact`
    /// makes one of at most so many bytes; `room` is what facts take yet. One whose facts are all that
    /// it has, and are nothing, is not set.
    fn write(
        &self,
        query: &mut String,
        room: &mut usize,
        fact: impl Fn(&Fact, usize) -> Result<Vec<u8>, TooLong>,
    ) -> Result<(), TooLong> {
        let before = query.len();
        if before > 0 {
            query.push('&');
        }
        query.push_str(&self.start);
        let start = query.len();
        for part in &self.value.0 {
            match part {
                Part::Text(text) => query.push_str(text),
                Part::Fact(one) => {
                    let made = fact(one, *room)?;
                    for piece in percent_encode(&made, PLAIN) {
                        *room = room.checked_sub(piece.len()).ok_or(TooLong)?;
                        query.push_str(piece);
                    }
                }
            }
        }
        if query.len() == start && !self.value.0.is_empty() {
            query.truncate(before);
        }
        Ok(())
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

/// What a parameter is; nothing where the path was not matched.
fn text_of<'p>(name: &str, named: &[(&str, &'p str)]) -> &'p str {
    let found = named.iter().find(|(known, _)| *known == name);
    found.map_or("", |(_, text)| *text)
}

/// Never longer than [`LONGEST_PATH`]: a parameter may stand in it many times.
fn fill(to: &Template, named: &[(&str, &str)]) -> Result<String, TooLong> {
    let mut path = String::new();
    for part in &to.0 {
        let text = match part {
            Part::Text(text) => text.as_str(),
            Part::Fact(Fact::Parameter(name)) => text_of(name, named),
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

    /// A policy that sets `a b` to this, and what it makes of `q=1` for a client that sends a field.
    fn set(value: &str, field: &[u8]) -> Result<String, TooLong> {
        let path = serde_json::json!({ "from": "/pets/{id}", "to": "/" });
        let policy = serde_json::json!({ "path": path, "set_query": { "a b": value } });
        let policy = serde_json::from_value(policy).unwrap();
        let rewrite = Rewrite::compile(&policy).unwrap();
        let mut query = "q=1".to_owned();
        let named = rewrite.named("/pets/%26%23x%2F");
        let fact = |fact: &Fact, most: usize| match fact {
            Fact::Parameter(name) => Ok(percent_decode_str(text_of(name, &named)).collect()),
            Fact::Header(_) if field.len() > most => Err(TooLong),
            Fact::Header(_) => Ok(field.to_vec()),
            other => unreachable!("{other:?}"),
        };
        let mut room = LONGEST_QUERY;
        rewrite.set_query[0].write(&mut query, &mut room, fact)?;
        Ok(query)
    }

    #[test]
    fn no_fact_is_more_than_a_part_of_its_value() {
        for (value, field, is) in [
            ("b", &b""[..], "q=1&a%20b=b"),
            ("", b"", "q=1&a%20b="),
            ("{{c}}&d=#", b"", "q=1&a%20b=%7Bc%7D%26d%3D%23"),
            ("{header.x}", b"c", "q=1&a%20b=c"),
            ("{header.x}", b"", "q=1"),
            ("{header.x}{header.x}", b"", "q=1"),
            ("c-{header.x}", b"", "q=1&a%20b=c-"),
            ("{header.x}", b"&d=e#f?g", "q=1&a%20b=%26d%3De%23f%3Fg"),
            ("{header.x}", b"%26;+", "q=1&a%20b=%2526%3B%2B"),
            ("{header.x}", b"{id}{{", "q=1&a%20b=%7Bid%7D%7B%7B"),
            ("{header.x}", b" \t\"<\\", "q=1&a%20b=%20%09%22%3C%5C"),
            ("{header.x}", b"\xc3\xa4\xff", "q=1&a%20b=%C3%A4%FF"),
            ("{id}/{header.x}", b"-._~", "q=1&a%20b=%26%23x%2F%2F-._~"),
        ] {
            assert_eq!(set(value, field).as_deref(), Ok(is), "{value} {field:?}");
        }
    }

    #[test]
    fn no_client_makes_a_query_of_any_length() {
        let long = "c".repeat(1000);
        for (value, field, made) in [
            ("{header.x}", "d".repeat(8192), Ok(8202)),
            ("{header.x}", "d".repeat(8193), Err(TooLong)),
            ("{header.x}", "&".repeat(2730), Ok(8200)),
            ("{header.x}", "&".repeat(2731), Err(TooLong)),
            ("{header.x}{header.x}", "d".repeat(4096), Ok(8202)),
            ("{header.x}{header.x}", "d".repeat(4097), Err(TooLong)),
            // What the API's owner has written is no client's doing.
            (long.as_str(), String::new(), Ok(1010)),
        ] {
            let found = set(value, field.as_bytes()).map(|query| query.len());
            assert_eq!(found, made, "{value} {}", field.len());
        }
    }
}
