//! `cors`: which sites' pages may read the answers (the Fetch standard, §3.2).

use serde::{Deserialize, Serialize};

use super::header::is_name;
use super::{Mode, Policy, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// Answers preflights, and sets the `Access-Control-*` fields of every answer, refusals included;
/// the upstream's own are replaced.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 1 to 100 of `https://app.example.com`, `https://*.example.com` (any name below it), and `*`.
    #[schemars(length(min = 1, max = 100))]
    pub origins: Vec<String>,
    /// GET, HEAD, POST, PUT, PATCH and DELETE unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub methods: Vec<String>,
    /// Request fields that a page may set; `*` is any. Unless set: Authorization, Content-Type and
    /// X-Api-Key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Header fields of requests", length(max = 100))]
    pub headers: Vec<String>,
    /// Answer fields that a page may read beside the usual ones; none unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Header fields of answers", length(max = 100))]
    pub expose: Vec<String>,
    /// Pages may send cookies; never together with the origin `*`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(title = "Cookies")]
    pub credentials: bool,
    /// How long a browser may keep what a preflight said, up to 24 h; 10 min unless set.
    #[serde(default = "ten_minutes", skip_serializing_if = "is_ten_minutes")]
    #[schemars(
        title = "Preflights kept for",
        !skip_serializing_if
    )]
    pub max_age: Span,
}

const TEN_MINUTES: Span = Span::from_secs(600);

const fn ten_minutes() -> Span {
    TEN_MINUTES
}

fn is_ten_minutes(span: &Span) -> bool {
    *span == TEN_MINUTES
}

impl Cors {
    /// The one of a place, where that has one.
    pub fn among(policies: &[Policy]) -> Option<&Self> {
        policies.iter().find_map(|policy| match policy {
            Policy::Cors(cors) => Some(&**cors),
            _ => None,
        })
    }
}

/// An origin pattern, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Any,
    /// As browsers write it.
    Exact(String),
    /// What stands before and behind the name: `https://` and `.example.com:8443`.
    Below(String, String),
}

impl Origin {
    /// `None` for what no browser sends as an origin, and for `null`, which any page can have.
    pub fn read(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://")?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
        if !scheme.starts_with(|c: char| c.is_ascii_lowercase()) || !scheme.bytes().all(plain) {
            return None;
        }
        let (host, is_below) = match rest.strip_prefix("*.") {
            Some(host) => (host, true),
            None => (rest, false),
        };
        let (name, port) = split_port(host)?;
        let default = matches!((scheme, port), ("https", Some(443)) | ("http", Some(80)));
        let is_literal = name.starts_with('[') && !is_below;
        // Below a whole top-level domain is everybody.
        let is_name = is_host(name) && (!is_below || name.contains('.'));
        if default || !(is_name || is_literal && is_ipv6(name)) {
            return None;
        }
        Some(if is_below {
            Self::Below(format!("{scheme}://"), format!(".{host}"))
        } else {
            Self::Exact(text)
        })
    }

    /// Whether an `Origin` field's value is it.
    pub fn holds(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(known) => origin == known.as_bytes(),
            Self::Below(before, behind) => origin
                .strip_prefix(before.as_bytes())
                .and_then(|rest| rest.strip_suffix(behind.as_bytes()))
                .and_then(|name| std::str::from_utf8(name).ok())
                .is_some_and(is_host),
        }
    }
}

fn split_port(host: &str) -> Option<(&str, Option<u16>)> {
    let end = host.rfind(']').map_or(0, |at| at + 1);
    match host[end..].find(':') {
        None => Some((host, None)),
        Some(at) => {
            let port: u16 = host[end + at + 1..].parse().ok()?;
            Some((&host[..end + at], Some(port)))
        }
    }
}

fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_ipv6(name: &str) -> bool {
    let inside = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| inside.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Most entries of each list.
const MAX_ENTRIES: usize = 100;

impl Written for Cors {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let lists = [
            ("origins", &self.origins),
            ("methods", &self.methods),
            ("headers", &self.headers),
            ("expose", &self.expose),
        ];
        for (list, entries) in lists {
            if entries.len() > MAX_ENTRIES {
                found.push(Invalid::new(format!("/{list}"), "List at most 100."));
            }
            for (index, entry) in entries.iter().take(MAX_ENTRIES).enumerate() {
                let message = match list {
                    "origins" if Origin::read(entry).is_none() => {
                        "Write an origin as browsers send it, without a path and without a default port: https://app.example.com, https://*.example.com or *."
                    }
                    "methods" if !is_method(entry) => {
                        "Name a method of requests, in capitals; CONNECT and TRACE are never answered."
                    }
                    "headers" | "expose" if !is_name(entry) => "Name a header field.",
                    _ if entries[..index].contains(entry) => "List each once.",
                    _ => continue,
                };
                found.push(Invalid::new(format!("/{list}/{index}"), message));
            }
        }
        if self.origins.is_empty() {
            found.push(Invalid::new("/origins", "List at least one origin."));
        }
        if self.credentials && self.origins.iter().any(|origin| origin == "*") {
            found.push(Invalid::new(
                "/credentials",
                "With cookies every origin must be named: any page could otherwise act as its reader.",
            ));
        }
        if self.max_age.as_millis() > 86_400_000 {
            found.push(Invalid::new("/max_age", "Use at most 24h."));
        }
        found
    }

    fn words(&self) -> String {
        let count = self.origins.len();
        match &*self.origins {
            [one] if one == "*" => "pages of any site".to_owned(),
            [one] => format!("pages of {one}"),
            _ => format!("pages of {count} sites"),
        }
    }
}

fn is_method(name: &str) -> bool {
    (1..=20).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        && !matches!(name, "CONNECT" | "TRACE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_and_matched() {
        let table = [
            ("https://app.example.com", "https://app.example.com", true),
            ("https://App.Example.com", "https://app.example.com", true),
            ("https://app.example.com", "http://app.example.com", false),
            (
                "https://app.example.com",
                "https://app.example.com.evil.org",
                false,
            ),
            (
                "https://app.example.com",
                "https://app.example.com:8443",
                false,
            ),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://.example.com", false),
            (
                "https://*.example.com",
                "https://evil.org/.example.com",
                false,
            ),
            (
                "https://*.example.com",
                "https://evil.org#.example.com",
                false,
            ),
            ("https://*.example.com", "https://evilexample.com", false),
            (
                "https://*.example.com",
                "https://a.example.com.evil.org",
                false,
            ),
            ("https://*.example.com", "https://a.example.com:1", false),
            ("http://*.a.test:8080", "http://x.a.test:8080", true),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("capacitor://localhost", "capacitor://localhost", true),
            ("*", "null", true),
            ("https://*.example.com", "null", false),
        ];
        for (written, origin, holds) in table {
            let read = Origin::read(written).unwrap_or_else(|| panic!("{written}"));
            assert_eq!(read.holds(origin.as_bytes()), holds, "{written} {origin}");
        }
        for written in [
            "",
            "null",
            "example.com",
            "https://example.com/",
            "https://example.com:443",
            "https://*.com",
            "https://*",
            "https://a.*.com",
            "https://user@example.com",
            "https://exa mple.com",
            "http://[x]",
            "http://*.[::1]",
            "https://example.com:99999",
        ] {
            assert_eq!(Origin::read(written), None, "{written}");
        }
    }

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r#"{"origins":["https://a.test"]}"#, &[][..]),
            (r#"{"origins":[]}"#, &["/origins"]),
            (
                r#"{"origins":["*","null"],"methods":["get","TRACE"],"headers":["*","a b"],"expose":["x","x"],"credentials":true,"max_age":"2d"}"#,
                &[
                    "/origins/1",
                    "/methods/0",
                    "/methods/1",
                    "/headers/1",
                    "/expose/1",
                    "/credentials",
                    "/max_age",
                ],
            ),
        ] {
            let policy: Cors = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
