//! `redirect`: sends the client elsewhere.

use serde::{Deserialize, Serialize};

use super::template::{Fact, Part, Template};
use super::{Mode, Written, mode_and_name};
use crate::problem::Invalid;

/// Answers with `Location` in the upstream's place. Where it leads is fixed up to the path: no
/// request can choose the host.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    #[serde(default, skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 307 and 308 keep the method.
    #[serde(default = "temporary", skip_serializing_if = "is_temporary")]
    #[schemars(extend("enum" = [301, 302, 303, 307, 308]), !skip_serializing_if)]
    pub status: u16,
    /// `https://example.com/new{rest}?{query}` or `/v2{rest}`, with `{path}` (the whole path),
    /// `{rest}` (behind the version's prefix) and `{query}`.
    #[schemars(example = &"/v2{rest}")]
    pub to: String,
}

const fn temporary() -> u16 {
    307
}

const fn is_temporary(status: &u16) -> bool {
    *status == 307
}

impl Redirect {
    /// `None` when it does not check.
    pub fn template(&self) -> Option<Template> {
        read(&self.to).ok()
    }
}

const OPEN: &str = "Fix where it leads: begin with https://host or http://host and then /, ?, # or {path}, or {rest} with nothing or one of /, ?, # behind it; or with {path} or {rest} and nothing or ? or # behind it; or with / and a letter, digit, - or _.";

fn read(to: &str) -> Result<Template, String> {
    if !(1..=2000).contains(&to.len()) || !to.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("Write 1 to 2,000 visible ASCII characters, others as %XX.".to_owned());
    }
    let template = Template::read(to, |name| match name {
        "path" => Some(Fact::Path),
        "rest" => Some(Fact::Rest),
        "query" => Some(Fact::Query),
        _ => None,
    })?;
    if is_fixed(&template.0) {
        return Ok(template);
    }
    Err(OPEN.to_owned())
}

/// Whether every request is sent to the host that is written. What stands behind the version's
/// prefix may be nothing, and a query may be anything, so neither may come where a host could go on
/// or begin.
fn is_fixed(parts: &[Part]) -> bool {
    let begins = |part: Option<&Part>, with: &[char]| match part {
        None => true,
        Some(Part::Text(text)) => text.starts_with(with),
        Some(Part::Fact(_)) => false,
    };
    let (plain, next) = match parts {
        // A canonical path begins with one slash, and none follows.
        [Part::Fact(Fact::Path | Fact::Rest), behind @ ..] => {
            return begins(behind.first(), &['?', '#']);
        }
        [Part::Text(text), behind @ ..] => (text, behind),
        _ => return false,
    };
    match plain.split_once("://") {
        Some(("https" | "http", rest)) => {
            let end = rest.find(['/', '?', '#']);
            let host = &rest[..end.unwrap_or(rest.len())];
            let ends = match next {
                _ if end.is_some() => true,
                [] | [Part::Fact(Fact::Path), ..] => true,
                [Part::Fact(Fact::Rest), behind @ ..] => begins(behind.first(), &['/', '?', '#']),
                _ => false,
            };
            ends && crate::route::host(host).is_some()
        }
        Some(_) | None => {
            let mut bytes = plain.bytes();
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            bytes.next() == Some(b'/') && bytes.next().is_some_and(is_plain)
        }
    }
}

impl Written for Redirect {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            found.push(Invalid::new("/status", "Use 301, 302, 303, 307 or 308."));
        }
        if let Err(message) = read(&self.to) {
            found.push(Invalid::new("/to", message));
        }
        found
    }

    fn words(&self) -> String {
        format!("{} to {}", self.status, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_chooses_the_host() {
        for (to, good) in [
            ("https://example.com", true),
            ("https://example.com/", true),
            ("https://example.com/new{rest}?{query}", true),
            ("https://example.com{path}", true),
            ("http://example.com:8080{rest}", true),
            ("https://example.com?{query}", true),
            ("/v2{rest}", true),
            ("{path}?{query}", true),
            ("{rest}#x", true),
            ("https://example.com{rest}/{query}", true),
            ("https://example.com{path}{query}", true),
            // Where nothing is behind the prefix, or the path is a slash.
            ("https://example.com{rest}{query}", false),
            ("https://example.com{rest}.evil.test", false),
            ("{rest}{query}", false),
            ("{rest}/{query}", false),
            ("{path}{query}", false),
            ("{path}/", false),
            ("{rest}", true),
            ("https://example.com{query}", false),
            ("https://{rest}", false),
            ("https://user@example.com/", false),
            ("{query}", false),
            ("//evil.test", false),
            ("/{rest}", false),
            ("/\\evil.test", false),
            ("/%2Fevil.test", false),
            ("/", false),
            ("javascript:alert(1)", false),
            ("ftp://example.com/", false),
            ("evil.test", false),
            ("https:///x", false),
            ("https://a b/", false),
            ("https://ex{path}", true),
            ("/x{client}", false),
            ("", false),
        ] {
            assert_eq!(read(to).is_ok(), good, "{to}");
        }
    }

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r#"{"to":"/v2{rest}"}"#, &[][..]),
            (r#"{"status":301,"to":"/v2"}"#, &[]),
            (r#"{"status":200,"to":"//x"}"#, &["/status", "/to"]),
        ] {
            let policy: Redirect = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
