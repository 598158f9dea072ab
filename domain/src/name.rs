//! Validated names: what people may call things, checked once where text becomes a value.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Slugs that a portal or gateway address already means something else by.
pub const RESERVED_SLUGS: &[&str] = &[
    "admin",
    "api",
    "apis",
    "app",
    "assets",
    "catalog",
    "console",
    "docs",
    "gateway",
    "health",
    "healthz",
    "internal",
    "invitations",
    "livez",
    "login",
    "logout",
    "metrics",
    "new",
    "o",
    "operator",
    "pkg",
    "portal",
    "portunus",
    "readyz",
    "search",
    "settings",
    "setup",
    "sign-in",
    "sign-out",
    "sign-up",
    "static",
    "status",
    "system",
    "well-known",
    "www",
];

/// Why a name was refused: one sentence that says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub &'static str);

/// A name in an address: 1 to 63 of `a-z 0-9 -`, starting and ending with a letter or digit,
/// no two hyphens in a row (RFC 1123 label, so that it may also become a host name).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(schemars::JsonSchema, utoipa::ToSchema)]
#[schema(value_type = String, example = "bookshop")]
#[schemars(with = "String")]
pub struct Slug(String);

impl Slug {
    pub const MAX: usize = 63;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_reserved(&self) -> bool {
        RESERVED_SLUGS.contains(&self.as_str())
    }

    /// The nearest slug to a free text: lower case, everything else becomes a hyphen.
    /// `None` when nothing of the text remains.
    pub fn suggest(text: &str) -> Option<Self> {
        let mut out = String::with_capacity(text.len().min(Self::MAX));
        for c in text.chars().map(|c| c.to_ascii_lowercase()) {
            if out.len() == Self::MAX {
                break;
            }
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                out.push(c);
            } else if !out.is_empty() && !out.ends_with('-') {
                out.push('-');
            }
        }
        out.truncate(out.trim_end_matches('-').len());
        out.parse().ok()
    }

    /// The slug with a number behind it, shortened so that it still fits: for the second of a name.
    pub fn numbered(&self, number: u32) -> Self {
        let tail = format!("-{number}");
        let head = &self.0[..self.0.len().min(Self::MAX - tail.len())];
        Self(format!("{}{tail}", head.trim_end_matches('-')))
    }
}

impl FromStr for Slug {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > Self::MAX {
            return Err(NameError("Use 1 to 63 characters."));
        }
        if !bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        {
            return Err(NameError(
                "Use lower-case letters, digits and hyphens only.",
            ));
        }
        if bytes[0] == b'-' || bytes[bytes.len() - 1] == b'-' || text.contains("--") {
            return Err(NameError(
                "Hyphens stand between letters or digits, one at a time.",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Slug {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name for people: 1 to 100 characters after trimming, one line, no control characters and
/// none of the invisible direction marks that make two names look alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(schemars::JsonSchema, utoipa::ToSchema)]
#[schema(value_type = String, example = "Foxglove Books")]
#[schemars(with = "String")]
pub struct DisplayName(String);

impl DisplayName {
    pub const MAX: usize = 100;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl FromStr for DisplayName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NameError("Enter a name."));
        }
        if text.chars().count() > Self::MAX {
            return Err(NameError("Use at most 100 characters."));
        }
        if text.chars().any(is_invisible) {
            return Err(NameError("Remove the line breaks or invisible characters."));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for DisplayName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mail address in the part of RFC 5321 that is in use: one `@`, no quotes, no spaces, at most
/// 254 bytes. The domain is lower-cased; [`Self::key`] is what two spellings are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(schemars::JsonSchema, utoipa::ToSchema)]
#[schema(value_type = String, example = "ines@lantern.example")]
#[schemars(with = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole address in lower case: one account for one key.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for EmailAddress {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: NameError = NameError("Enter a mail address like name@example.com.");
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(WRONG)?;
        let local_ok = !local.is_empty()
            && local.len() <= 64
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
        let domain_ok = text.len() <= 254
            && !domain.is_empty()
            && domain.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            });
        if !local_ok || !domain_ok {
            return Err(WRONG);
        }
        Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for good in ["a", "a1", "foxglove-books", "7"] {
            assert_eq!(good.parse::<Slug>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a-",
            "a--b",
            "A",
            "a_b",
            "ä",
            "a/b",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
        assert_eq!(
            Slug::suggest("Foxglove Books!").unwrap().as_str(),
            "foxglove-books"
        );
        assert_eq!(Slug::suggest("  ¡!  "), None);
        let long: Slug = "a".repeat(63).parse().unwrap();
        assert_eq!(long.numbered(12).as_str().len(), 63);
    }

    #[test]
    fn display_names() {
        assert_eq!(
            " Ines K. ".parse::<DisplayName>().unwrap().as_str(),
            "Ines K."
        );
        for bad in ["", "   ", "a\nb", "a\u{202e}b", &"x".repeat(101)] {
            assert!(bad.parse::<DisplayName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn mail_addresses() {
        assert_eq!(
            "Ines@Lantern.Example"
                .parse::<EmailAddress>()
                .unwrap()
                .as_str(),
            "Ines@lantern.example"
        );
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c.d",
            "a@b..c",
            "a\r\n@b.c",
            "\"a\"@b.c",
            ".a@b.c",
            "a@-b.c",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?}");
        }
    }
}
