//! What the gateway shows to an upstream, and what can be wrong with it.

use serde::{Deserialize, Serialize};

use crate::problem::Invalid;

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
