//! Upstreams: named sets of targets, their time-outs and the credential sent to them.

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::problem::Invalid;

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
}

const fn one() -> u16 {
    1
}

impl Target {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            weight: 1,
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

/// How long each phase may take. Defaults: gateway.md §3.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// TCP and TLS handshake.
    pub connect: Span,
    /// From the request's last byte to the response's first.
    pub first_byte: Span,
    /// Between two reads of the response body.
    pub idle: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Span::from_secs(2),
            first_byte: Span::from_secs(30),
            idle: Span::from_secs(60),
        }
    }
}

/// TLS towards the targets: verified always.
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
pub struct UpstreamTls {
    /// PEM certificates that are trusted instead of the system's roots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Name to verify and to send as SNI, instead of the target's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// The credential that the gateway shows to the upstream, in clear. At rest it is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UpstreamCredential {
    Header { name: String, value: String },
    Basic { user: String, password: String },
    Bearer { token: String },
}

impl std::fmt::Debug for UpstreamCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header { .. } => "UpstreamCredential::Header(…)",
            Self::Basic { .. } => "UpstreamCredential::Basic(…)",
            Self::Bearer { .. } => "UpstreamCredential::Bearer(…)",
        })
    }
}

impl UpstreamCredential {
    /// What is wrong with it; pointers from its own root. Nothing of the secret is repeated.
    pub fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        const SECRET: &str = "Enter 1 to 4,096 visible characters.";
        let secret = |text: &str| {
            (1..=4096).contains(&text.len()) && text.bytes().all(|b| matches!(b, b' '..=b'~'))
        };
        match self {
            Self::Header { name, value } => {
                let token = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
                let plain = (1..=64).contains(&name.len()) && name.bytes().all(token);
                that(
                    plain,
                    "/header/name",
                    "Name a header with letters, digits and hyphens.",
                );
                let ours = FRAMING.iter().any(|taken| name.eq_ignore_ascii_case(taken));
                that(
                    !ours,
                    "/header/name",
                    "The gateway itself sets this header.",
                );
                that(secret(value), "/header/value", SECRET);
            }
            Self::Basic { user, password } => {
                let plain = secret(user) && !user.contains(':');
                that(
                    plain,
                    "/basic/user",
                    "Enter a name without a colon (RFC 7617 §2).",
                );
                that(secret(password), "/basic/password", SECRET);
            }
            Self::Bearer { token } => {
                let plain = secret(token) && !token.contains(' ');
                that(plain, "/bearer/token", SECRET);
            }
        }
        found
    }
}

/// Headers that frame or route a request; a credential in them would break it.
const FRAMING: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "expect",
    "proxy-authorization",
];

/// Everything of an upstream but its credential.
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
pub struct UpstreamSettings {
    pub targets: Vec<Target>,
    #[serde(default)]
    pub timeouts: Timeouts,
    #[serde(default)]
    pub tls: UpstreamTls,
    /// Send the client's authority instead of the target's.
    #[serde(default)]
    pub preserve_host: bool,
}

/// Most targets of one upstream.
pub const MAX_TARGETS: usize = 64;

impl UpstreamSettings {
    pub fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        if self.targets.is_empty() {
            found.push(Invalid::new("/targets", "Name at least one target."));
        }
        if self.targets.len() > MAX_TARGETS {
            found.push(Invalid::new("/targets", "Name at most 64 targets."));
        }
        for (index, target) in self.targets.iter().enumerate() {
            if let Err(message) = target.parse() {
                found.push(Invalid::new(format!("/targets/{index}/url"), message));
            }
            if target.weight > 1000 {
                found.push(Invalid::new(
                    format!("/targets/{index}/weight"),
                    "Use a weight of 0 to 1000.",
                ));
            }
        }
        if !self.targets.is_empty() && self.targets.iter().all(|target| target.weight == 0) {
            found.push(Invalid::new(
                "/targets",
                "Give at least one target a weight.",
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let none = UpstreamSettings::default();
        assert_eq!(none.check()[0].pointer, "/targets");
        let idle = UpstreamSettings {
            targets: vec![Target {
                url: "http://h".into(),
                weight: 0,
            }],
            ..none
        };
        assert_eq!(idle.check().len(), 1);
    }
}
