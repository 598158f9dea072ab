//! How callers of a document's operations prove who they are, as the document says it. The
//! gateway has its own answer (policies); this is for readers and for the lint.

use serde::{Deserialize, Serialize};

/// A named entry of `components.securitySchemes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityScheme {
    pub name: String,
    /// Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub kind: SecurityKind,
}

/// The kinds of OpenAPI 3.1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityKind {
    /// A key in a header, query parameter or cookie.
    ApiKey {
        location: KeyLocation,
        parameter: String,
    },
    /// An HTTP authentication scheme (RFC 9110 §11), lower-case.
    Http {
        scheme: String,
    },
    OAuth2 {
        flows: Vec<OAuthFlow>,
    },
    OpenIdConnect {
        address: String,
    },
    MutualTls,
    /// A kind that the standard does not know, as written.
    Other {
        kind: String,
    },
}

/// Where a key is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyLocation {
    Header,
    Query,
    Cookie,
}

/// One OAuth 2.0 flow (RFC 6749) of a scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthFlow {
    /// `authorizationCode`, `clientCredentials`, … as written.
    pub flow: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_address: Option<String>,
    /// (scope, what it allows).
    pub scopes: Vec<(String, String)>,
}

/// Schemes that must all be fulfilled; an empty one means that a call without any is fine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityRequirement {
    pub schemes: Vec<SecurityUse>,
}

/// One scheme of a requirement with the scopes that it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityUse {
    /// Name of a [`SecurityScheme`].
    pub scheme: String,
    pub scopes: Vec<String>,
}
