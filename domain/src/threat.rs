//! Texts of a request that look like attacks: injections and ways out of a folder, in names and
//! values of the query, in header fields, and in bodies of JSON and forms.
//!
//! A text is looked at decoded, and once more where it still is encoded. Each look takes time that
//! grows with the text alone, whatever stands in it.

mod json;
mod patterns;

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode;
use regex::bytes::RegexSet;
use serde::{Deserialize, Serialize};

use crate::contract::{Place, Violation};
use patterns::BUILT_IN;

/// Kinds of attacks.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Conditions, comments and statements that a database would take for its own.
    Sql,
    /// Operators of document databases, such as `[$ne]`.
    Nosql,
    /// Scripts and handlers in markup.
    Xss,
    /// Paths that lead out of their folder, and files that are nobody's to read.
    Traversal,
    /// Commands of a shell.
    Command,
    /// Expressions of templates, lookups such as `${jndi:…}`, entities of XML.
    Template,
    /// What is encoded twice, NUL, lines of a header.
    Encoding,
}

impl Group {
    pub const ALL: [Self; 7] = [
        Self::Sql,
        Self::Nosql,
        Self::Xss,
        Self::Traversal,
        Self::Command,
        Self::Template,
        Self::Encoding,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// What a text of it looks like.
    const fn words(self) -> &'static str {
        match self {
            Self::Sql => "SQL",
            Self::Nosql => "an operator of a database",
            Self::Xss => "a script",
            Self::Traversal => "a path that leads elsewhere",
            Self::Command => "a command",
            Self::Template => "an expression of a template",
            Self::Encoding => "something hidden by its encoding",
        }
    }
}

/// What is looked for, and what is left out.
#[derive(Debug)]
pub struct Lookout {
    /// Bits of the groups.
    groups: u8,
    own: Option<Arc<RegexSet>>,
    /// Parameters of the query, and fields of forms, that are not looked at.
    names: Box<[Box<str>]>,
    /// Members of JSON that are not, with all that is in them: pointers by their steps.
    pointers: Box<[Box<[Box<str>]>]>,
}

/// Most characters of a name that are told.
const SHOWN: usize = 100;

impl Lookout {
    /// `exclude` has names, and JSON Pointers (RFC 6901) in which `*` is any step. `None`: one of
    /// the own patterns is none, or they are too large.
    pub fn new(groups: &[Group], own: &[String], exclude: &[String]) -> Option<Self> {
        let (pointers, names): (Vec<&String>, Vec<&String>) =
            exclude.iter().partition(|one| one.starts_with('/'));
        let steps = |pointer: &String| {
            let steps = pointer.split('/').skip(1);
            steps
                .map(|step| step.replace("~1", "/").replace("~0", "~").into())
                .collect()
        };
        Some(Self {
            groups: groups.iter().fold(0, |all, group| all | group.bit()),
            own: patterns::own(own).ok()?,
            names: names.iter().map(|name| name.as_str().into()).collect(),
            pointers: pointers.into_iter().map(steps).collect(),
        })
    }

    /// The first parameter, by its name or its value.
    pub fn query(&self, query: &str) -> Option<Violation> {
        self.pairs(Place::Query, query.as_bytes())
    }

    /// The first field of a form (`application/x-www-form-urlencoded`).
    pub fn form(&self, body: &[u8]) -> Option<Violation> {
        self.pairs(Place::Body, body)
    }

    fn pairs(&self, place: Place, text: &[u8]) -> Option<Violation> {
        let mut parts = text.split(|b| *b == b'&');
        parts.find_map(|part| {
            let equals = memchr(b'=', part);
            let (name, value) = equals.map_or((part, &[][..]), |at| (&part[..at], &part[at + 1..]));
            let name = decoded(name);
            if self.names.iter().any(|one| one.as_bytes() == &*name) {
                return None;
            }
            let words = self
                .looks_like(&name)
                .or_else(|| self.looks_like(&decoded(value)))?;
            let shown = String::from_utf8_lossy(&name);
            Some(told(place, &escaped(&shown), words))
        })
    }

    /// A field of the head. Such are not encoded, or as addresses are.
    pub fn header(&self, name: &str, value: &[u8]) -> Option<Violation> {
        let words = self.looks_like(value)?;
        Some(told(
            Place::Header,
            &escaped(&name.to_ascii_lowercase()),
            words,
        ))
    }

    /// The first text in a body of JSON, or name of a member. What is no JSON is looked at all the
    /// same: its reader may be less strict.
    pub fn json(&self, body: &[u8]) -> Option<Violation> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        match json::first(self, body) {
            Ok(found) => found,
            Err(json::NotRead) => {
                let words = json::loose(self, body)?;
                Some(told(Place::Body, "", words))
            }
        }
    }

    /// As it is, and decoded where it still is encoded.
    fn looks_like(&self, text: &[u8]) -> Option<&'static str> {
        // Most values are words and numbers.
        let is_plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if text.iter().all(is_plain) && !may_name_insides(text) {
            return self.own(text);
        }
        let found = self.matches(text);
        if found.is_some() || !text.contains(&b'%') {
            return found;
        }
        let again: Cow<'_, [u8]> = percent_decode(text).into();
        match again {
            Cow::Borrowed(_) => None,
            Cow::Owned(again) => self.matches(&again).or_else(|| {
                // What may be encoded twice is looked at without any of it.
                before_query(text)?;
                self.further(again)
            }),
        }
    }

    /// Undoes encoding until nothing is left of it. What has more layers than anybody needs hides.
    fn further(&self, mut text: Vec<u8>) -> Option<&'static str> {
        for _ in 0..4 {
            let plain: Vec<u8> = percent_decode(&text).collect();
            if plain == text {
                return None;
            }
            if let Some(found) = self.matches(&plain) {
                return Some(found);
            }
            text = plain;
        }
        let hides = Group::Encoding;
        (self.groups & hides.bit() != 0).then(|| hides.words())
    }

    fn matches(&self, text: &[u8]) -> Option<&'static str> {
        let built_in = &*BUILT_IN;
        if self.groups != 0 && built_in.set.is_match(text) {
            let before = before_query(text).map(|before| built_in.set.matches(before));
            let mut found = built_in.set.matches(text).into_iter();
            let group = found.find_map(|index| {
                let group = *built_in.groups.get(index)?;
                let is_usual = built_in.of_queries.get(index) == Some(&true)
                    && before.as_ref().is_some_and(|before| !before.matched(index));
                (self.groups & group.bit() != 0 && !is_usual).then_some(group)
            });
            if let Some(group) = group {
                return Some(group.words());
            }
        }
        self.own(text)
    }

    fn own(&self, text: &[u8]) -> Option<&'static str> {
        let own = self.own.as_ref()?;
        own.is_match(text).then_some("what this API does not take")
    }
}

/// It names the place, and neither what stands there nor what it was found by.
fn told(place: Place, pointer: &str, words: &str) -> Violation {
    Violation {
        place,
        pointer: pointer.to_owned(),
        message: format!("This looks like {words}."),
    }
}

/// A step of a JSON Pointer (RFC 6901 §3), cut where it is long.
fn escaped(name: &str) -> String {
    let mut out = String::from("/");
    for c in name.chars().take(SHOWN) {
        match c {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            other => out.push(other),
        }
    }
    out
}

/// Whether a word may be a name of the insides of a language or of a database: no other word is looked
/// for by itself.
fn may_name_insides(word: &[u8]) -> bool {
    const DATABASE: &[u8] = b"sqlite";
    word.iter().enumerate().any(|(at, byte)| {
        let before = &word[..at];
        let last = &before[at.saturating_sub(DATABASE.len())..];
        *byte == b'_' && (before.ends_with(b"_") || last.eq_ignore_ascii_case(DATABASE))
    })
}

fn memchr(byte: u8, text: &[u8]) -> Option<usize> {
    text.iter().position(|b| *b == byte)
}

/// What is before the query of an address (RFC 3986 §3), where it has one.
fn before_query(text: &[u8]) -> Option<&[u8]> {
    let begins = |scheme: &[u8]| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if !begins(b"http://") && !begins(b"https://") {
        return None;
    }
    memchr(b'?', text).map(|at| &text[..at])
}

/// `+` is a space, as in forms (WHATWG URL, "application/x-www-form-urlencoded").
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'+') {
        return percent_decode(text).into();
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|b| if *b == b'+' { b' ' } else { *b })
        .collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

/// Whether patterns of a policy are some, and together small enough.
pub fn are_patterns(patterns: &[String]) -> bool {
    patterns::own(patterns).is_ok()
}

#[cfg(test)]
mod tests;
