//! How versions of one API that share host and path are told apart: by what a request asks with.

mod accept;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::asked::{Asked, parameters};
use super::condition::{FIELD_NAME, is_field_name, is_name};
use crate::problem::Invalid;

/// By one of `header`, `accept` and `query` a request asks for a version. All versions at one host
/// and path use the same one.
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
#[serde(deny_unknown_fields)]
#[schema(as = RouteSelector)]
pub struct Selector {
    /// Name of a header field, such as `X-Api-Version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// In `Accept`: `vnd.NAME` for a vendor's type (`application/vnd.NAME.v2+json`), else the name
    /// of a parameter, such as `version` (`application/json; version=2`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// Name of a query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What a request asks for this version with; the version's name unless set. Case does not
    /// count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Answers requests that ask for no version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// Cut what was asked with out of the request before it goes on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strip: bool,
}

/// Where a request says which version it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// Lower case.
    Header(Box<str>),
    /// `vnd.name`, lower case.
    Vendor(Box<str>),
    /// Lower case.
    Parameter(Box<str>),
    Query(Box<str>),
}

/// A selector in the form in which requests are judged.
#[derive(Debug, Clone)]
pub struct Selected {
    pub scheme: Scheme,
    /// Lower case.
    pub value: Box<str>,
    pub default: bool,
    pub strip: bool,
}

/// Fields that say something else, or that the gateway itself reads or sets.
const FOREIGN: &[&str] = &[
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-api-key",
    "x-real-ip",
    "x-request-id",
];

impl Selector {
    /// What is wrong with it; pointers from the selector's own root.
    pub fn check(&self) -> Vec<Invalid> {
        // Any name of a version will do, as what is wrong with that is said elsewhere.
        self.selected("v1").err().into_iter().collect()
    }

    /// Its running form for the version of this name.
    pub fn selected(&self, version: &str) -> Result<Selected, Invalid> {
        let wrong = |pointer: &str, message: &str| Err(Invalid::new(pointer, message));
        let scheme = match (&self.header, &self.accept, &self.query) {
            (Some(name), None, None) => {
                let name = name.to_ascii_lowercase();
                if !is_field_name(&name) {
                    return wrong("/header", FIELD_NAME);
                }
                let ours = ["x-portunus-", "x-forwarded-", "proxy-"];
                if FOREIGN.contains(&&*name) || ours.iter().any(|ours| name.starts_with(ours)) {
                    let message = "This field says something else. Choose another, such as X-Api-Version, or accept.";
                    return wrong("/header", message);
                }
                Scheme::Header(name.into())
            }
            (None, Some(name), None) => {
                let name = name.to_ascii_lowercase();
                if !is_value(name.strip_prefix("vnd.").unwrap_or(&name)) || name == "q" {
                    let message = "Write vnd. and a vendor's name, or the name of a parameter, such as version.";
                    return wrong("/accept", message);
                }
                if name.starts_with("vnd.") {
                    Scheme::Vendor(name.into())
                } else {
                    Scheme::Parameter(name.into())
                }
            }
            (None, None, Some(name)) => {
                if !is_name(name) {
                    let message = "Write a name of at most 64 characters without blanks, = and &.";
                    return wrong("/query", message);
                }
                Scheme::Query((&**name).into())
            }
            _ => return wrong("", "Name one of header, accept and query."),
        };
        let value = self
            .value
            .as_deref()
            .unwrap_or(version)
            .to_ascii_lowercase();
        if !is_value(&value) {
            let message = "Use letters, digits, dots, hyphens and underscores, at most 64.";
            return wrong("/value", message);
        }
        Ok(Selected {
            scheme,
            value: value.into(),
            default: self.default,
            strip: self.strip,
        })
    }
}

fn is_value(value: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (1..=64).contains(&value.len()) && value.bytes().all(plain)
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Vendor(name) | Self::Parameter(name) => write!(f, "accept {name}"),
            Self::Query(name) => write!(f, "query {name}"),
        }
    }
}

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.scheme, self.value)
    }
}

/// What a request asks for, among values that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The index of a known value.
    Known(usize),
    Nothing,
    Unknown,
    /// Two different ones, with nothing that says which is wanted more.
    Several,
}

impl Scheme {
    /// `find` gives the index of a known value, whatever its case.
    pub(super) fn wanted(
        &self,
        asked: &impl Asked,
        find: impl Fn(&[u8]) -> Option<usize>,
    ) -> Wanted {
        match self {
            Self::Header(name) => {
                let mut wanted = Wanted::Nothing;
                asked.each(name, &mut |value| {
                    wanted = wanted.and(find(value.trim_ascii()));
                });
                wanted
            }
            Self::Query(name) => {
                let values = parameters(asked.query(), name);
                values.fold(Wanted::Nothing, |wanted, value| wanted.and(find(&value)))
            }
            Self::Vendor(name) => accept::wanted(asked, &accept::In::Type(name), find),
            Self::Parameter(name) => accept::wanted(asked, &accept::In::Parameter(name), find),
        }
    }

    /// The field that an answer varies by.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Header(name) => Some(name),
            Self::Vendor(_) | Self::Parameter(_) => Some("accept"),
            Self::Query(_) => None,
        }
    }

    /// A line of `Accept` without what asks for a version; `None` when there is nothing to cut.
    pub fn cut_accept(&self, line: &str) -> Option<String> {
        match self {
            Self::Vendor(name) => accept::cut(line, &accept::In::Type(name)),
            Self::Parameter(name) => accept::cut(line, &accept::In::Parameter(name)),
            Self::Header(_) | Self::Query(_) => None,
        }
    }
}

impl Wanted {
    /// Two that are alike are one; two unknown ones are still unknown.
    fn and(self, further: Option<usize>) -> Self {
        match (self, further) {
            (Self::Nothing, Some(index)) => Self::Known(index),
            (Self::Nothing | Self::Unknown, None) => Self::Unknown,
            (Self::Known(one), Some(two)) if one == two => self,
            (Self::Known(_), _) | (Self::Unknown, Some(_)) | (Self::Several, _) => Self::Several,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::asked::testing::Written;
    use super::*;

    fn selected(json: &str) -> Result<Selected, Invalid> {
        let written: Selector = serde_json::from_str(json).unwrap();
        written.selected("V3")
    }

    #[test]
    fn what_is_asked_for() {
        let known = |value: &[u8]| {
            let all = ["1", "v2"];
            let mut all = all.iter();
            all.position(|known| value.eq_ignore_ascii_case(known.as_bytes()))
        };
        let header = Scheme::Header("x-api-version".into());
        let query = Scheme::Query("v".into());
        for (scheme, asked, wanted) in [
            (&header, Written("GET /", &[]), Wanted::Nothing),
            (
                &header,
                Written("GET /", &[("x-api-version", " V2 ")]),
                Wanted::Known(1),
            ),
            (
                &header,
                Written("GET /", &[("x-api-version", "")]),
                Wanted::Unknown,
            ),
            (
                &header,
                Written("GET /", &[("x-api-version", "3")]),
                Wanted::Unknown,
            ),
            (
                &header,
                Written("GET /", &[("x-api-version", "1"), ("x-api-version", "1")]),
                Wanted::Known(0),
            ),
            (
                &header,
                Written("GET /", &[("x-api-version", "1"), ("x-api-version", "2")]),
                Wanted::Several,
            ),
            (&query, Written("GET /?v=1", &[]), Wanted::Known(0)),
            (&query, Written("GET /?w=1", &[]), Wanted::Nothing),
            (
                &query,
                Written("GET /?v=1&%76=%76%32", &[]),
                Wanted::Several,
            ),
            (&query, Written("GET /?v", &[]), Wanted::Unknown),
        ] {
            assert_eq!(
                scheme.wanted(&asked, known),
                wanted,
                "{} {:?}",
                asked.0,
                asked.1
            );
        }
    }

    #[test]
    fn the_value_is_the_versions_name_unless_set() {
        let of = |json| selected(json).unwrap().to_string();
        assert_eq!(
            of(r#"{"header":"X-Api-Version"}"#),
            "header x-api-version = v3"
        );
        assert_eq!(
            of(r#"{"accept":"vnd.Shop","value":"2"}"#),
            "accept vnd.shop = 2"
        );
        assert_eq!(
            of(r#"{"accept":"version","value":"2"}"#),
            "accept version = 2"
        );
        assert_eq!(of(r#"{"query":"v"}"#), "query v = v3");
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (json, pointer) in [
            (r"{}", ""),
            (r#"{"header":"a","query":"b"}"#, ""),
            (r#"{"header":"a_b"}"#, "/header"),
            (r#"{"header":"Cookie"}"#, "/header"),
            (r#"{"header":"X-Forwarded-Version"}"#, "/header"),
            (r#"{"accept":"vnd."}"#, "/accept"),
            (r#"{"accept":"Q"}"#, "/accept"),
            (r#"{"accept":"a b"}"#, "/accept"),
            (r#"{"query":"a=b"}"#, "/query"),
            (r#"{"query":"a","value":""}"#, "/value"),
            (r#"{"query":"a","value":"a b"}"#, "/value"),
        ] {
            assert_eq!(selected(json).unwrap_err().pointer, pointer, "{json}");
        }
    }
}
