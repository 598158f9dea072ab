//! One address of an upstream, with its share.

use serde::{Deserialize, Serialize};

/// One address that requests go to.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `http` or `https`, host, optional port, optional base path; no userinfo, query or fragment.
    pub url: String,
    /// Share of the requests among the targets, 0 to 1000; 0 takes none.
    #[serde(default = "one")]
    pub weight: u16,
    /// 0 to 9, default 0: a tier takes requests when those below it have too few healthy targets.
    #[serde(default, skip_serializing_if = "is_first")]
    pub tier: u8,
    /// Name of one of the split's variants; needed where there is a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Where it stands. A node of the same region prefers it to others of its tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

const fn one() -> u16 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
const fn is_first(tier: &u8) -> bool {
    *tier == 0
}

/// What [`is_region`] asks for.
pub const REGION: &str = "Use 1 to 32 lower-case letters, digits and hyphens.";

/// Whether it can be the name of a region.
pub fn is_region(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}

impl Target {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            weight: 1,
            tier: 0,
            variant: None,
            region: None,
        }
    }

    /// The parsed address, or why it cannot be one.
    pub fn parse(&self) -> Result<url::Url, &'static str> {
        let url = url::Url::parse(&self.url)
            .map_err(|_| "Enter an address like https://api.example.com/base.")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("Use http or https.");
        }
        if url.host().is_none() {
            return Err("Name a host.");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "Leave user and password out of the address; store them as the upstream's credential.",
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("Leave query and fragment out of the address.");
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions() {
        let longest = "a".repeat(32);
        for good in ["eu", "eu-west-1", &longest] {
            assert!(is_region(good), "{good}");
        }
        for bad in ["", "EU", "eu west", "é", &format!("{longest}a")] {
            assert!(!is_region(bad), "{bad}");
        }
        let target = Target {
            region: Some("EU".into()),
            ..Target::new("http://h")
        };
        let settings = crate::upstream::UpstreamSettings {
            targets: vec![target],
            ..Default::default()
        };
        assert_eq!(settings.check()[0].pointer, "/targets/0/region");
    }

    #[test]
    fn targets() {
        for good in [
            "http://127.0.0.1:9000",
            "https://api.example.com/base/",
            "http://[::1]:8080",
        ] {
            assert!(Target::new(good).parse().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ftp://x",
            "http://",
            "/x",
            "http://u:p@h",
            "http://h/?q",
            "http://h/#f",
            "unix:/x",
        ] {
            assert!(Target::new(bad).parse().is_err(), "{bad}");
        }
    }
}
