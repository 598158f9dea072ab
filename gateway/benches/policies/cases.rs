//! What is measured.

use jsonwebtoken::Algorithm;

use crate::callers::Shows;

/// One chain of policies, and the request that goes through it.
pub struct Case {
    pub name: &'static str,
    /// What it is compared with.
    pub base: Option<&'static str>,
    /// `@ISSUER@` is an issuer of tokens, `@NETS@` 100 networks.
    pub policies: &'static str,
    pub shows: Shows,
    /// Whether the request has a body of 1 kB.
    pub has_body: bool,
    /// What was kept of the request before is forgotten: its token is verified again, and details
    /// have room.
    pub is_anew: bool,
}

const NONE: &str = "none";
const NONE_WITH_BODY: &str = "none, 1 kB body";
const KEY: &str = "key_auth, with the subscription";
const TOKEN: &str = "jwt, a token of ES256 that was seen before";

impl Case {
    const fn base(name: &'static str) -> Self {
        Self {
            name,
            base: None,
            policies: "",
            shows: Shows::Key,
            has_body: false,
            is_anew: false,
        }
    }

    const fn new(name: &'static str, policies: &'static str) -> Self {
        Self {
            base: Some(NONE),
            policies,
            ..Self::base(name)
        }
    }

    const fn beside(self, base: &'static str) -> Self {
        Self {
            base: Some(base),
            ..self
        }
    }

    const fn showing(self, shows: Shows) -> Self {
        Self { shows, ..self }
    }

    /// With a body, and compared with the base that has one.
    const fn with_body(self) -> Self {
        let base = match self.base {
            Some(_) => Some(NONE_WITH_BODY),
            None => None,
        };
        Self {
            base,
            has_body: true,
            ..self
        }
    }

    const fn anew(self) -> Self {
        Self {
            is_anew: true,
            ..self
        }
    }
}

const RSA: Shows = Shows::Token(Algorithm::RS256);
const EC: Shows = Shows::Token(Algorithm::ES256);

const JWT: &str = "{ jwt: { issuers: [@ISSUER@] } }";
const KEY_OR_JWT: &str = "{ any_of: { of: [{ key_auth: {} }, { jwt: { issuers: [@ISSUER@] } }] } }";

/// All of them, each behind its base.
pub const CASES: &[Case] = &[
    Case::base(NONE),
    // Who calls.
    Case::new(KEY, "{ key_auth: {} }"),
    Case::new(TOKEN, JWT).showing(EC),
    Case::new("jwt, a token of ES256 that is new", JWT)
        .showing(EC)
        .anew(),
    Case::new("jwt, a token of RS256 that was seen before", JWT).showing(RSA),
    Case::new("jwt, a token of RS256 that is new", JWT)
        .showing(RSA)
        .anew(),
    Case::new("basic_auth", "{ basic_auth: {} }").showing(Shows::Password),
    Case::new(
        "http_signature of ES256",
        "{ http_signature: { max_age: 1h } }",
    )
    .showing(Shows::Signature),
    Case::new("mtls", "{ mtls: {} }").showing(Shows::Certificate),
    Case::new("any_of key_auth and jwt, with a key", KEY_OR_JWT),
    Case::new("any_of key_auth and jwt, with a token", KEY_OR_JWT).showing(EC),
    Case::new(
        "scopes, beside jwt",
        "{ jwt: { issuers: [@ISSUER@] } }, { scopes: { all: [read] } }",
    )
    .showing(EC)
    .beside(TOKEN),
    // How often.
    Case::new(
        "rate_limit by address",
        "{ rate_limit: { limit: 1000000000, window: 1s, by: [address] } }",
    ),
    Case::new(
        "rate_limit by address, cost",
        "{ rate_limit: { limit: 1000000000, window: 1s, by: [address], cost: 5 } }",
    ),
    Case::new(
        "rate_limit by address, delay",
        "{ rate_limit: { limit: 1000000000, window: 1s, by: [address], delay: 1s } }",
    ),
    Case::new(
        "rate_limit by address, sliding_window",
        "{ rate_limit: { limit: 1000000, window: 1s, by: [address], algorithm: sliding_window } }",
    ),
    Case::new(
        "rate_limit by address, fixed_window",
        "{ rate_limit: { limit: 1000000000, window: 1s, by: [address], algorithm: fixed_window } }",
    ),
    Case::new(
        "rate_limit by a header field",
        "{ rate_limit: { limit: 1000000000, window: 1s, headers: [X-Tenant] } }",
    ),
    Case::new(
        "rate_limit by application, beside key_auth",
        "{ key_auth: {} }, { rate_limit: { limit: 1000000000, window: 1s } }",
    )
    .beside(KEY),
    Case::new(
        "rate_limit by a claim, beside jwt",
        "{ jwt: { issuers: [@ISSUER@] } }, { rate_limit: { limit: 1000000000, window: 1s, claims: [sub] } }",
    )
    .showing(EC)
    .beside(TOKEN),
    Case::new(
        "quota, beside key_auth",
        "{ key_auth: {} }, { quota: { limit: 1000000000000000, period: month } }",
    )
    .beside(KEY),
    Case::new(
        "concurrency by address",
        "{ concurrency: { limit: 1000, by: [address] } }",
    ),
    Case::new(
        "concurrency by address, queue",
        "{ concurrency: { limit: 1000, by: [address], queue: { max: 50 } } }",
    ),
    // What is looked at.
    Case::new(
        "ip_filter, 100 networks",
        "{ ip_filter: { deny: [@NETS@] } }",
    ),
    Case::new(
        "ip_filter, a list of 10,000 networks",
        "{ ip_filter: { deny_lists: [scanners] } }",
    ),
    Case::new(
        "request_limits",
        "{ request_limits: { headers: 50, header_bytes: 8000, query: 20 } }",
    ),
    Case::new("auth_guard", "{ auth_guard: {} }"),
    Case::new(
        "expression",
        "{ expression: { allow: 'request.method == \"GET\" && request.headers[\"accept\"].startsWith(\"*\")' } }",
    ),
    Case::new("validate, parameters", "{ validate: { body: false } }"),
    Case::new(
        "threat_patterns",
        "{ threat_patterns: { mode: enforce } }",
    ),
    Case::new(
        "log_detail, the header fields",
        "{ log_detail: { request: [headers], answer: [headers] } }",
    )
    .anew(),
    // What is answered.
    Case::new(
        "cors",
        "{ cors: { origins: ['https://app.example.com'] } }",
    ),
    Case::new("security_headers", "{ security_headers: {} }"),
    Case::new(
        "transform, header fields of the answer",
        "{ transform: { response: { remove: [X-Internal], set: { X-Served-By: 'portunus {request_id}' } } } }",
    ),
    Case::new("mock", "{ mock: { body: '{}' } }"),
    Case::new(
        "redirect",
        "{ redirect: { to: 'https://new.example.com{rest}' } }",
    ),
    Case::new(
        "fault that strikes nobody",
        "{ fault: { mode: observe, abort: { percent: 1, status: 503 } } }",
    ),
    // Bodies.
    Case::base(NONE_WITH_BODY).with_body(),
    Case::new("json_threat, 1 kB body", "{ json_threat: {} }").with_body(),
    Case::new("validate, 1 kB body", "{ validate: {} }").with_body(),
    Case::new(
        "threat_patterns, 1 kB body",
        "{ threat_patterns: { mode: enforce } }",
    )
    .with_body(),
    Case::new(
        "json_threat and validate, 1 kB body",
        "{ json_threat: {} }, { validate: {} }",
    )
    .with_body(),
    Case::new(
        "transform that removes a member, 1 kB body",
        "{ transform: { request: { body: { remove: [/title] } } } }",
    )
    .with_body(),
    Case::new(
        "transform by an expression, 1 kB body",
        "{ transform: { request: { body: { becomes: '{\"name\": body.title, \"note\": body}' } } } }",
    )
    .with_body(),
];
