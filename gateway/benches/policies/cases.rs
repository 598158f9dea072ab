//! What is measured.

use jsonwebtoken::Algorithm;

use crate::callers::Shows;

/// One chain of policies, and the request that goes through it.
pub struct Case {
    pub name: &'static str,
    /// What it is compared with.
    pub base: Option<&'static str>,
    /// `@ISSUER@` is an issuer of tokens, `@NETS@` 100 networks, `@NOTES@` 10 kB of JSON.
    pub policies: &'static str,
    pub shows: Shows,
    pub sends: Sends,
    /// Fields that it has besides, each with its CRLF.
    pub fields: &'static str,
    /// What was kept of the request before is forgotten: its token is verified again, and details
    /// have room.
    pub is_anew: bool,
    /// How often each request asks a server, where it is followed to the last byte of its answer.
    /// `None`: it ends where it would be sent, or is answered before.
    pub asks: Option<u64>,
}

/// The body of a request, of 1 kB.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    Nothing,
    Json,
    Xml,
}

const NONE: &str = "none";
const NONE_WITH_BODY: &str = "none, 1 kB body";
const KEY: &str = "key_auth, with the subscription";
const TOKEN: &str = "jwt, a token of ES256 that was seen before";
const MOCKED: &str = "mock of 10 kB, sent whole";
const PROXIED: &str = "none, with an upstream that answers 1 kB";
const PROXIED_WITH_BODY: &str = "none, 1 kB body, with an upstream that answers 1 kB";

impl Case {
    const fn base(name: &'static str) -> Self {
        Self {
            name,
            base: None,
            policies: "",
            shows: Shows::Key,
            sends: Sends::Nothing,
            fields: "",
            is_anew: false,
            asks: None,
        }
    }

    const fn new(name: &'static str, policies: &'static str) -> Self {
        Self {
            base: Some(NONE),
            policies,
            ..Self::base(name)
        }
    }

    /// Compared with what an upstream answers: each request asks once.
    const fn proxied(name: &'static str, policies: &'static str) -> Self {
        Self::new(name, policies).beside(PROXIED).asking(1)
    }

    /// An answer of 10 kB to a client that takes one coding.
    const fn compressed(name: &'static str, fields: &'static str) -> Self {
        let policies = "{ mock: { body: '@NOTES@' } }, { compress: {} }";
        let case = Self::new(name, policies).with_fields(fields);
        case.beside(MOCKED).asking(0)
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

    const fn sending(self, sends: Sends) -> Self {
        Self { sends, ..self }
    }

    /// With a body, and compared with the base that has one.
    const fn with_body(self) -> Self {
        self.beside(NONE_WITH_BODY).sending(Sends::Json)
    }

    const fn with_fields(self, fields: &'static str) -> Self {
        Self { fields, ..self }
    }

    const fn anew(self) -> Self {
        Self {
            is_anew: true,
            ..self
        }
    }

    const fn asking(self, times: u64) -> Self {
        Self {
            asks: Some(times),
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
    Case::new("jwt, a bound token with its proof (DPoP)", JWT).showing(Shows::Proof),
    Case::new(
        "oauth2_introspection, an answer that is remembered",
        "{ oauth2_introspection: { upstream: server, issuer: 'https://login.example.com', cache: 1h } }",
    )
    .showing(EC),
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
    Case::new(
        "ext_auth, a decision that is remembered",
        "{ ext_auth: { upstream: server, headers: [X-Tenant], cache: { for: 1h, by: [address, method] } } }",
    ),
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
        "rate_limit by address, scope cluster, of a lease",
        "{ rate_limit: { limit: 1000000000, window: 1s, by: [address], scope: cluster } }",
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
    Case::new("mock, an example of the document", "{ mock: { examples: true } }"),
    Case::new(
        "redirect",
        "{ redirect: { to: 'https://new.example.com{rest}' } }",
    ),
    Case::new(
        "fault that strikes nobody",
        "{ fault: { mode: observe, abort: { percent: 1, status: 503 } } }",
    ),
    // Bodies.
    Case::base(NONE_WITH_BODY).sending(Sends::Json),
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
    Case::new(
        "transform of JSON to XML, 1 kB body",
        "{ transform: { request: { body: { to: xml, root: note } } } }",
    )
    .with_body(),
    Case::new(
        "transform of XML to JSON, 1 kB body",
        "{ transform: { request: { body: { to: json } } } }",
    )
    .with_body()
    .sending(Sends::Xml),
    // Answers, to their last byte.
    Case {
        policies: "{ mock: { body: '@NOTES@' } }",
        ..Case::base(MOCKED).asking(0)
    },
    Case::compressed("compress, gzip of 10 kB", "Accept-Encoding: gzip\r\n"),
    Case::compressed("compress, br of 10 kB", "Accept-Encoding: br\r\n"),
    Case::compressed("compress, zstd of 10 kB", "Accept-Encoding: zstd\r\n"),
    // What is asked of a server, over sockets.
    Case::base(PROXIED).asking(1),
    Case::proxied("ext_auth, asked each time", "{ ext_auth: { upstream: server } }").asking(2),
    Case::proxied(
        "rate_limit by address, cost_from",
        "{ rate_limit: { limit: 1000000000, window: 1s, by: [address], cost_from: { header: X-Cost, max: 10 } } }",
    ),
    Case::proxied(
        "rewrite",
        "{ rewrite: { prefix: { from: /, to: /inner }, set_query: { via: gateway } } }",
    ),
    Case::proxied(
        "transform, header fields of the request",
        "{ transform: { request: { remove: [X-Tenant], set: { X-Via: 'portunus {request_id}' } } } }",
    ),
    Case::proxied(
        "mirror that copies none",
        "{ mirror: { upstream: none, percent: 0 } }",
    ),
    Case::proxied("cache, a miss that is kept", "{ cache: {} }")
        .with_fields("Cache-Control: no-cache\r\n"),
    Case::proxied("cache, a hit", "{ cache: {} }").asking(0),
    Case::proxied(
        "validate, answers of 1 kB observed",
        "{ validate: { parameters: false, body: false, responses: observe } }",
    ),
    Case::proxied(
        "validate, answers of 1 kB held until they fit",
        "{ validate: { parameters: false, body: false, responses: block } }",
    ),
    Case::base(PROXIED_WITH_BODY).sending(Sends::Json).asking(1),
    Case::proxied("log_detail, header fields and bodies of 1 kB", "{ log_detail: {} }")
        .beside(PROXIED_WITH_BODY)
        .sending(Sends::Json)
        .anew(),
];
