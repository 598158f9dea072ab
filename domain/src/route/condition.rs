//! Conditions of a version: what a request must also have to be answered by it. More conditions
//! win over fewer.

mod line;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::asked::{Asked, first_cookie, first_field, parameters};
use crate::problem::Invalid;

/// Most conditions of one version.
pub const MAX_CONDITIONS: usize = 16;
/// Longest value or pattern in bytes.
const MAX_VALUE: usize = 256;
/// Bytes that a compiled pattern may take, and as many for its cache. The time that it takes is
/// linear in the length of the value, whatever the pattern.
const PATTERN_BYTES: usize = 256 * 1024;

/// One condition: one of `method`, `header`, `query` and `cookie`, and for the last three one of
/// `exact`, `prefix`, `regex` and `present`. Of several values of one name the first counts.
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
#[schema(as = RouteCondition)]
pub struct Condition {
    /// Any of these, upper case. `HEAD` is not `GET` here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub method: Vec<String>,
    /// Name of a header field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Name of a query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Name of a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// The value is this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
    /// The value begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The whole value matches this regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// `true`: it is there; `false`: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
}

/// A condition in the form in which requests are judged.
#[derive(Debug, Clone)]
pub struct Test {
    of: Of,
    is: Is,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    Method(Box<[Box<str>]>),
    /// Lower case.
    Header(Box<str>),
    Query(Box<str>),
    Cookie(Box<str>),
}

#[derive(Debug, Clone)]
enum Is {
    Present,
    Absent,
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Fits(Regex),
}

impl Condition {
    /// What is wrong with it; pointers from the condition's own root.
    pub fn check(&self) -> Vec<Invalid> {
        self.test().err().into_iter().collect()
    }

    /// Its running form.
    pub fn test(&self) -> Result<Test, Invalid> {
        let wrong = |pointer: &str, message: &str| Err(Invalid::new(pointer, message));
        let names = [&self.header, &self.query, &self.cookie];
        let named = names.iter().filter(|name| name.is_some()).count();
        if named + usize::from(!self.method.is_empty()) != 1 {
            return wrong("", "Name one of method, header, query and cookie.");
        }
        let tests = [&self.exact, &self.prefix, &self.regex];
        let tested = tests.iter().filter(|test| test.is_some()).count()
            + usize::from(self.present.is_some());
        if !self.method.is_empty() {
            if tested > 0 {
                return wrong("/method", "A method is compared as a whole.");
            }
            if self.method.len() > 10 || !self.method.iter().all(|method| is_method(method)) {
                return wrong("/method", "Write methods in upper case, such as GET.");
            }
            return Ok(Test {
                of: Of::Method(
                    self.method
                        .iter()
                        .map(|method| (&**method).into())
                        .collect(),
                ),
                is: Is::Present,
            });
        }
        if tested != 1 {
            return wrong("", "Give one of exact, prefix, regex and present.");
        }
        let of = if let Some(name) = &self.header {
            if !is_field_name(name) {
                return wrong("/header", FIELD_NAME);
            }
            Of::Header(name.to_ascii_lowercase().into())
        } else if let Some(name) = &self.query {
            if !is_name(name) {
                return wrong("/query", NAME);
            }
            Of::Query((&**name).into())
        } else {
            let name = self.cookie.as_deref().unwrap_or_default();
            if !is_token(name) {
                return wrong("/cookie", NAME);
            }
            Of::Cookie(name.into())
        };
        Ok(Test { of, is: self.is()? })
    }

    fn is(&self) -> Result<Is, Invalid> {
        for (pointer, value) in [
            ("/exact", &self.exact),
            ("/prefix", &self.prefix),
            ("/regex", &self.regex),
        ] {
            if let Some(value) = value
                && (value.len() > MAX_VALUE || value.contains(|c: char| c.is_control()))
            {
                let message = "Use at most 256 bytes, and no control characters.";
                return Err(Invalid::new(pointer, message));
            }
        }
        if let Some(value) = &self.exact {
            return Ok(Is::Exact(value.trim().as_bytes().into()));
        }
        if let Some(value) = &self.prefix {
            if value.is_empty() {
                let message = "Everything begins so. Use present instead.";
                return Err(Invalid::new("/prefix", message));
            }
            return Ok(Is::Prefix(value.as_bytes().into()));
        }
        if let Some(pattern) = &self.regex {
            let refused = |why: &str| Invalid::new("/regex", format!("The pattern {why}."));
            // By itself first: with the ends put around it, a stray parenthesis would go unseen.
            compile(pattern).map_err(|_| refused("is no regular expression, or too large"))?;
            let whole = compile(&format!(r"\A(?:{pattern})\z"));
            return Ok(Is::Fits(
                whole.map_err(|_| refused("cannot stand for the whole value"))?,
            ));
        }
        Ok(if self.present == Some(false) {
            Is::Absent
        } else {
            Is::Present
        })
    }
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .nest_limit(20)
        .build()
}

pub(super) const FIELD_NAME: &str =
    "Write the name of a header field: letters, digits and hyphens, at most 64.";
const NAME: &str = "Write a name of at most 64 characters without blanks, = and &.";

fn is_method(method: &str) -> bool {
    (1..=16).contains(&method.len()) && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}

/// A token (RFC 9110 §5.6.2) without `_`: fields with one are dropped on the way.
pub(super) fn is_field_name(name: &str) -> bool {
    is_token(name) && !name.contains('_')
}

fn is_token(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '=' | '&'))
}

impl Test {
    pub fn holds(&self, asked: &impl Asked) -> bool {
        match &self.of {
            Of::Method(methods) => methods.iter().any(|known| **known == *asked.method()),
            Of::Header(name) => first_field(asked, name, |value| self.is.fits(value)),
            Of::Cookie(name) => first_cookie(asked, name, |value| self.is.fits(value)),
            Of::Query(name) => {
                let value = parameters(asked.query(), name).next();
                self.is.fits(value.as_deref())
            }
        }
    }

    /// Whether no request can have both.
    pub fn excludes(&self, other: &Self) -> bool {
        match (&self.of, &other.of) {
            (Of::Method(one), Of::Method(two)) => !one.iter().any(|method| two.contains(method)),
            (one, two) => {
                one == two && (self.is.excludes(&other.is) || other.is.excludes(&self.is))
            }
        }
    }

    /// The field that an answer varies by.
    pub fn field(&self) -> Option<&str> {
        match &self.of {
            Of::Header(name) => Some(name),
            Of::Cookie(_) => Some("cookie"),
            Of::Method(_) | Of::Query(_) => None,
        }
    }
}

impl Is {
    fn fits(&self, value: Option<&[u8]>) -> bool {
        match (self, value) {
            (Self::Absent, value) => value.is_none(),
            (_, None) => false,
            (Self::Present, Some(_)) => true,
            (Self::Exact(wanted), Some(value)) => **wanted == *value,
            (Self::Prefix(wanted), Some(value)) => value.starts_with(wanted),
            (Self::Fits(pattern), Some(value)) => pattern.is_match(value),
        }
    }

    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => false,
            (Self::Absent, _) => true,
            (Self::Exact(value), other) => !other.fits(Some(value)),
            (Self::Prefix(one), Self::Prefix(two)) => {
                !one.starts_with(two) && !two.starts_with(one)
            }
            (Self::Present | Self::Prefix(_) | Self::Fits(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::asked::testing::Written;
    use super::*;

    fn condition(line: &str) -> Condition {
        line.parse().unwrap()
    }

    fn test(line: &str) -> Test {
        condition(line).test().unwrap()
    }

    #[test]
    fn they_hold_or_not() {
        let asked = Written(
            "GET /x?preview=1&name=a%2Fb",
            &[
                ("x-beta", "yes"),
                ("user-agent", "curl/8.1"),
                ("cookie", "group=beta; x=1"),
            ],
        );
        for (line, holds) in [
            ("method GET", true),
            ("method POST GET", true),
            ("method HEAD", false),
            ("header X-Beta present", true),
            ("header X-Beta absent", false),
            ("header X-Gamma absent", true),
            ("header X-Gamma present", false),
            ("header X-Beta = yes", true),
            ("header X-Beta = ye", false),
            ("header X-Beta ^= ye", true),
            ("header User-Agent ~ curl/[0-9.]+", true),
            ("header User-Agent ~ curl", false),
            ("header User-Agent ~ a|curl.*", true),
            ("query preview = 1", true),
            ("query name = a/b", true),
            ("query other present", false),
            ("cookie group = beta", true),
            ("cookie x ^= 1", true),
            ("cookie grou present", false),
        ] {
            assert_eq!(test(line).holds(&asked), holds, "{line}");
        }
    }

    #[test]
    fn some_exclude_each_other() {
        for (one, two, excluded) in [
            ("method GET", "method POST", true),
            ("method GET PUT", "method PUT", false),
            ("header a = 1", "header A = 2", true),
            ("header a = 1", "header b = 2", false),
            ("header a = 1", "query a = 2", false),
            ("header a absent", "header a present", true),
            ("header a absent", "header a ~ x", true),
            ("header a absent", "header a absent", false),
            ("header a ^= xy", "header a ^= x", false),
            ("header a ^= x", "header a ^= y", true),
            ("header a = xy", "header a ^= y", true),
            ("header a = xy", "header a ~ x.", false),
            ("header a = xyz", "header a ~ x.", true),
            ("header a ~ x", "header a ~ y", false),
            ("method GET", "header a present", false),
        ] {
            assert_eq!(test(one).excludes(&test(two)), excluded, "{one}, {two}");
            assert_eq!(test(two).excludes(&test(one)), excluded, "{two}, {one}");
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let written = |json: &str| serde_json::from_str::<Condition>(json).unwrap();
        for (json, pointer) in [
            (r"{}", ""),
            (r#"{"header":"a","query":"b","present":true}"#, ""),
            (r#"{"header":"a"}"#, ""),
            (r#"{"header":"a","exact":"1","prefix":"1"}"#, ""),
            (r#"{"header":"a b","present":true}"#, "/header"),
            (r#"{"header":"a_b","present":true}"#, "/header"),
            (r#"{"cookie":"a=","present":true}"#, "/cookie"),
            (r#"{"query":"a&b","present":true}"#, "/query"),
            (r#"{"method":["get"]}"#, "/method"),
            (r#"{"method":["GET"],"present":true}"#, "/method"),
            (r#"{"query":"a","prefix":""}"#, "/prefix"),
            (r#"{"query":"a","regex":"("}"#, "/regex"),
            (r#"{"query":"a","regex":"a)(b"}"#, "/regex"),
            (r#"{"query":"a","regex":"\\w{1,5000}"}"#, "/regex"),
            (r#"{"query":"a","exact":"x\ny"}"#, "/exact"),
        ] {
            let found = written(json).check();
            assert_eq!(found.len(), 1, "{json}");
            assert_eq!(found[0].pointer, pointer, "{json}");
        }
        assert!(serde_json::from_str::<Condition>(r#"{"host":"a"}"#).is_err());
    }
}
