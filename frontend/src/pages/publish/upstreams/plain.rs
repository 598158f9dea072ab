//! The fields of an upstream's form that hold one value: their names are where the value stands in
//! its settings, so that the form is read and shown by this table alone.

use std::sync::LazyLock;

use domain::upstream::{
    Active, After, Balance, Errors, Health, Hedge, Mirror, Passive, Retries, Timeouts,
};
use serde_json::{Value, json};

/// What a value is in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Like `500ms`.
    Span,
    /// Like `200ms` or `p95`.
    After,
    /// A whole number of at most so much as the settings can hold.
    Number(u64),
    /// Numbers with blanks between them.
    Numbers,
    /// The id of another upstream.
    Upstream,
    /// A value, and its words.
    OneOf(&'static [(&'static str, &'static str)]),
}

/// A field that may stay empty: then its default holds, which the page shows in its place.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    /// The pointer of the value without the first slash.
    pub name: &'static str,
    pub kind: Kind,
    pub label: &'static str,
    pub help: &'static str,
}

const fn field(name: &'static str, kind: Kind, label: &'static str, help: &'static str) -> Plain {
    Plain {
        name,
        kind,
        label,
        help,
    }
}

const PERCENT: Kind = Kind::Number(255);
const SMALL: Kind = Kind::Number(255);
const NUMBER: Kind = Kind::Number(65_535);
const LARGE: Kind = Kind::Number(4_294_967_295);

pub const PROTOCOL: Plain = field(
    "protocol",
    Kind::OneOf(&[("http1", "HTTP/1.1"), ("http2", "HTTP/2")]),
    "Protocol",
    "gRPC needs HTTP/2.",
);
pub const ALGORITHM: Plain = field(
    "balance/algorithm",
    Kind::OneOf(&[
        ("round_robin", "in turn"),
        ("least_requests", "fewest requests in flight"),
        ("ewma", "fewest and quickest"),
        ("consistent_hash", "the same caller, the same target"),
        ("random", "at random"),
    ]),
    "Share requests",
    "",
);
pub const SLOW_START: Plain = field(
    "balance/slow_start",
    Kind::Span,
    "Slow start",
    "A new target's share grows in this time, like 30s.",
);
pub const BOUND: Plain = field(
    "balance/bound",
    NUMBER,
    "Most of its share (%)",
    "What is above goes to the next target of the hash.",
);
pub const STICKY: [Plain; 2] = [
    field(
        "balance/sticky/cookie",
        Kind::Text,
        "Sticky cookie",
        "Keeps a client at its target; a name of your choice.",
    ),
    field(
        "balance/sticky/max_age",
        Kind::Span,
        "Kept for",
        "Like 1h; empty is until the browser closes.",
    ),
];
pub const ACTIVE: [&[Plain]; 3] = [
    &[
        field(
            "health/active/kind",
            Kind::OneOf(&[
                ("", "by the path"),
                ("http", "a GET of the path"),
                ("tcp", "a connection"),
                ("grpc", "gRPC's health service"),
            ]),
            "Ask for",
            "By the path: a GET where there is one, else a connection.",
        ),
        field(
            "health/active/service",
            Kind::Text,
            "gRPC service",
            "Over HTTP/2. Empty asks about the server as a whole.",
        ),
    ],
    &[
        field(
            "health/active/path",
            Kind::Text,
            "Path",
            "Of a GET; empty asks for a connection only.",
        ),
        field(
            "health/active/statuses",
            Kind::Numbers,
            "Answers that pass",
            "Empty: 200 to 299.",
        ),
    ],
    &[
        field("health/active/interval", Kind::Span, "Every", ""),
        field("health/active/timeout", Kind::Span, "Wait for", ""),
        field("health/active/failures", SMALL, "Failures to go", ""),
        field("health/active/passes", SMALL, "Passes to return", ""),
    ],
];
pub const PASSIVE: [&[Plain]; 2] = [
    &[
        field(
            "health/passive/failures",
            NUMBER,
            "Failures in a row",
            "0 never ejects.",
        ),
        field("health/passive/base", Kind::Span, "First for", ""),
        field("health/passive/longest", Kind::Span, "At most for", ""),
    ],
    &[
        field(
            "health/passive/most",
            PERCENT,
            "Most at once (%)",
            "Of the targets.",
        ),
        field(
            "health/panic",
            PERCENT,
            "Use all below (%)",
            "Of healthy targets; 0 never.",
        ),
    ],
];
pub const RETRIES: [&[Plain]; 2] = [
    &[
        field(
            "retries/tries",
            SMALL,
            "Tries",
            "The first included; 1 never tries again.",
        ),
        field(
            "retries/statuses",
            Kind::Numbers,
            "Answers that are tried again",
            "Of 500 to 599.",
        ),
    ],
    &[
        field("retries/backoff", Kind::Span, "Pause", ""),
        field(
            "retries/longest_wait",
            Kind::Span,
            "Longest Retry-After",
            "",
        ),
        field("retries/budget", PERCENT, "Budget (%)", ""),
        field("retries/least", NUMBER, "But always", ""),
    ],
];
pub const HEDGE: [Plain; 3] = [
    field(
        "hedge/after",
        Kind::After,
        "Ask another target after",
        "Without a first byte: 200ms, or p95 of recent answers; empty never does.",
    ),
    field(
        "hedge/least",
        Kind::Span,
        "But not before",
        "With a percentile.",
    ),
    field(
        "hedge/max",
        SMALL,
        "Most further tries at once",
        "Each as long after the one before.",
    ),
];
pub const MIRROR: [&[Plain]; 2] = [
    &[
        field("mirror/sample", PERCENT, "Requests (%)", ""),
        field("mirror/concurrency", NUMBER, "Most copies at once", ""),
    ],
    &[
        field("mirror/body", LARGE, "Longest body (bytes)", ""),
        field("mirror/timeout", Kind::Span, "Whole answer within", ""),
    ],
];
pub const CAPS: [Plain; 2] = [
    field(
        "breaker/in_flight",
        LARGE,
        "Most requests at once",
        "Empty is no bound.",
    ),
    field(
        "breaker/connects",
        LARGE,
        "Most connections being made",
        "Empty is no bound.",
    ),
];
pub const ERRORS: [&[Plain]; 2] = [
    &[
        field("breaker/errors/ratio", PERCENT, "Failures (%)", ""),
        field("breaker/errors/window", Kind::Span, "Over", ""),
        field("breaker/errors/least", LARGE, "Tries to judge", ""),
    ],
    &[
        field("breaker/errors/pause", Kind::Span, "Open for", ""),
        field("breaker/errors/probes", SMALL, "Probes to close", ""),
    ],
];
pub const TIMEOUTS: [Plain; 4] = [
    field("timeouts/connect", Kind::Span, "Connect within", ""),
    field("timeouts/first_byte", Kind::Span, "First byte within", ""),
    field("timeouts/idle", Kind::Span, "Between bytes", ""),
    field("timeouts/total", Kind::Span, "In all", "Empty is no end."),
];
pub const KEPT: Plain = field(
    "split/sticky",
    Kind::OneOf(&[
        ("caller", "the application, or else the address"),
        ("address", "the address"),
        ("nothing", "nothing: each request for itself"),
    ]),
    "What keeps its variant",
    "",
);
pub const TLS: Plain = field(
    "tls/server_name",
    Kind::Text,
    "Name on the certificate",
    "Unless it is the target's host.",
);

/// All of them, but those of lists.
pub fn all() -> impl Iterator<Item = &'static Plain> {
    const ONE: [Plain; 6] = [PROTOCOL, ALGORITHM, SLOW_START, BOUND, KEPT, TLS];
    let rows: [&[&'static [Plain]]; 5] = [&ACTIVE, &PASSIVE, &RETRIES, &ERRORS, &MIRROR];
    let single: [&'static [Plain]; 5] = [&ONE, &STICKY, &CAPS, &TIMEOUTS, &HEDGE];
    let rows: Vec<&'static [Plain]> = rows.concat();
    single.into_iter().chain(rows).flatten()
}

/// The defaults of all settings, as JSON with everything written out.
pub static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
    let hedge = Hedge::new(After::Percentile(95));
    json!({
        "protocol": "http1",
        "timeouts": Timeouts::default(),
        "balance": Balance::default(),
        "health": {
            "active": Active::default(),
            "passive": Passive::default(),
            "panic": Health::default().panic,
        },
        "retries": Retries::default(),
        "breaker": { "errors": Errors::default() },
        "split": { "sticky": "caller" },
        "mirror": Mirror::new(()),
        "hedge": { "least": hedge.least, "max": hedge.max },
    })
});

/// A value as the form writes it; empty for nothing.
#[must_use]
pub fn words(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items = items.iter().map(|item| words(Some(item)));
            items.collect::<Vec<_>>().join(" ")
        }
        Some(other) => other.to_string(),
    }
}

/// The default of a field in words; empty for none.
#[must_use]
pub fn default_of(name: &str) -> String {
    words(DEFAULTS.pointer(&format!("/{name}")))
}
