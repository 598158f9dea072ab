//! Upstreams: named sets of targets, how requests are shared among them, their time-outs and the
//! credential sent to them.

mod active;
mod balance;
mod breaker;
mod chosen;
mod credential;
mod fallback;
mod health;
mod hedge;
mod mirror;
mod protocol;
mod retries;
mod split;
mod target;
mod tls;

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::problem::Invalid;

pub use active::{Active, Kind};
pub use balance::{Algorithm, Balance, HashBy, Sticky};
pub use breaker::{Breaker, Errors};
pub use chosen::{CallerIs, Chosen, ClaimIs, MAX_CHOSEN};
pub use credential::UpstreamCredential;
pub use fallback::{Fallback, FixedAnswer};
pub use health::{Health, Passive};
pub use hedge::{After, Hedge};
pub use mirror::Mirror;
pub use protocol::Protocol;
pub use retries::Retries;
pub use split::{Kept, MAX_VARIANTS, NamedBy, Ramp, Rollback, Split, Variant};
pub use target::{REGION, Target, is_region};
pub use tls::UpstreamTls;

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
    /// From the request's first byte to the response's last, all tries included, up to 24 h; none
    /// unless set. It also ends streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Span>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Span::from_secs(2),
            first_byte: Span::from_secs(30),
            idle: Span::from_secs(60),
            total: None,
        }
    }
}

impl Timeouts {
    fn check(&self) -> Vec<Invalid> {
        if self
            .total
            .is_some_and(|total| total > Span::from_secs(86_400))
        {
            return vec![Invalid::new("/total", "Use at most 24h.")];
        }
        Vec::new()
    }
}

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
    #[serde(default, skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    #[serde(default, skip_serializing_if = "is_default")]
    pub balance: Balance,
    #[serde(default, skip_serializing_if = "is_default")]
    pub health: Health,
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: Retries,
    #[serde(default, skip_serializing_if = "is_default")]
    pub breaker: Breaker,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// Variants of its targets and their shares; none unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Copies of the requests for another upstream; none unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// A further try beside one that takes long; none unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
        for (index, target) in self.targets.iter().enumerate() {
            if target.tier > 9 {
                let pointer = format!("/targets/{index}/tier");
                found.push(Invalid::new(pointer, "Use a tier of 0 to 9."));
            }
            if target.region.as_ref().is_some_and(|name| !is_region(name)) {
                let pointer = format!("/targets/{index}/region");
                found.push(Invalid::new(pointer, REGION));
            }
        }
        let (fallback, mirror) = (self.fallback.as_ref(), self.mirror.as_ref());
        let hedge = self.hedge.as_ref();
        let parts = [
            ("/timeouts", self.timeouts.check()),
            ("/tls", self.tls.check()),
            ("/balance", self.balance.check()),
            ("/health", self.health.check()),
            ("/retries", self.retries.check()),
            ("/breaker", self.breaker.check()),
            ("/fallback", fallback.map_or(vec![], Fallback::check)),
            ("/mirror", mirror.map_or(vec![], Mirror::check)),
            (
                "/hedge",
                hedge.map_or(vec![], |hedge| hedge.check(&self.timeouts, &self.targets)),
            ),
        ];
        for (pointer, problems) in parts {
            found.extend(problems.into_iter().map(|invalid| invalid.under(pointer)));
        }
        found.extend(Split::check(self.split.as_ref(), &self.targets));
        let active = self.health.active.as_ref();
        if active.is_some_and(Active::is_grpc) && self.protocol != Protocol::Http2 {
            found.push(Invalid::new(
                "/health/active/kind",
                "gRPC is spoken over HTTP/2: set protocol to http2.",
            ));
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

    fn read(text: &str) -> Result<UpstreamSettings, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_stored_before_is_read_and_written_as_before() {
        let old = r#"{"targets":[{"url":"http://h","weight":1}],"timeouts":{"connect":"2s","first_byte":"30s","idle":"60s"},"tls":{},"preserve_host":false}"#;
        let settings = read(old).unwrap();
        assert_eq!(settings.check(), []);
        assert_eq!(serde_json::to_string(&settings).unwrap(), old);
    }

    #[test]
    fn what_is_set_comes_back() {
        let text = r#"{"targets":[{"url":"http://h","weight":1,"tier":1}],"timeouts":{"idle":"5s"},
            "protocol":"http2","balance":{"algorithm":"consistent_hash","by":{"header":"x-user"},"slow_start":"30s"},
            "health":{"active":{"path":"/healthz","statuses":[204]},"passive":{"failures":3},"panic":20},
            "retries":{"tries":3},"breaker":{"in_flight":5,"errors":{"ratio":30}},
            "fallback":{"answer":{"status":200,"body":"{}"}}}"#;
        let settings = read(text).unwrap();
        assert_eq!(settings.check(), []);
        let again = read(&serde_json::to_string(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let with = |part: &str| format!(r#"{{"targets":[{{"url":"http://h"}}],{part}}}"#);
        for (part, pointer) in [
            (r#""balance":{"bound":99}"#, "/balance/bound"),
            (r#""balance":{"by":"path"}"#, "/balance/by"),
            (
                r#""balance":{"algorithm":"consistent_hash","by":{"header":"a b"}}"#,
                "/balance/by/header",
            ),
            (r#""balance":{"slow_start":"2h"}"#, "/balance/slow_start"),
            (r#""health":{"panic":101}"#, "/health/panic"),
            (
                r#""health":{"passive":{"base":"400s"}}"#,
                "/health/passive/base",
            ),
            (
                r#""health":{"passive":{"most":101}}"#,
                "/health/passive/most",
            ),
            (r#""retries":{"tries":0}"#, "/retries/tries"),
            (r#""retries":{"statuses":[404]}"#, "/retries/statuses"),
            (r#""retries":{"budget":101}"#, "/retries/budget"),
            (r#""timeouts":{"total":"25h"}"#, "/timeouts/total"),
            (r#""tls":{"ca":"ca.pem"}"#, "/tls/ca"),
            (
                r#""balance":{"sticky":{"cookie":"a b"}}"#,
                "/balance/sticky/cookie",
            ),
            (
                r#""balance":{"sticky":{"cookie":"a","max_age":"400d"}}"#,
                "/balance/sticky/max_age",
            ),
            (r#""health":{"active":{"path":"x"}}"#, "/health/active/path"),
            (
                r#""health":{"active":{"path":"/a b"}}"#,
                "/health/active/path",
            ),
            (
                r#""health":{"active":{"statuses":[200]}}"#,
                "/health/active/statuses",
            ),
            (
                r#""health":{"active":{"path":"/","statuses":[99]}}"#,
                "/health/active/statuses",
            ),
            (
                r#""health":{"active":{"interval":"99ms"}}"#,
                "/health/active/interval",
            ),
            (
                r#""health":{"active":{"timeout":"61s"}}"#,
                "/health/active/timeout",
            ),
            (
                r#""health":{"active":{"failures":0}}"#,
                "/health/active/failures",
            ),
            (
                r#""health":{"active":{"passes":101}}"#,
                "/health/active/passes",
            ),
            (r#""breaker":{"in_flight":0}"#, "/breaker/in_flight"),
            (r#""breaker":{"connects":0}"#, "/breaker/connects"),
            (
                r#""breaker":{"errors":{"ratio":0}}"#,
                "/breaker/errors/ratio",
            ),
            (
                r#""breaker":{"errors":{"window":"11m"}}"#,
                "/breaker/errors/window",
            ),
            (
                r#""breaker":{"errors":{"least":0}}"#,
                "/breaker/errors/least",
            ),
            (
                r#""breaker":{"errors":{"pause":"2h"}}"#,
                "/breaker/errors/pause",
            ),
            (
                r#""breaker":{"errors":{"probes":0}}"#,
                "/breaker/errors/probes",
            ),
            (
                r#""fallback":{"answer":{"status":204}}"#,
                "/fallback/answer/status",
            ),
            (
                r#""fallback":{"answer":{"status":200,"content_type":"json"}}"#,
                "/fallback/answer/content_type",
            ),
        ] {
            let found = read(&with(part)).unwrap().check();
            let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(pointers, [pointer], "{part}");
        }
        for part in [
            r#""balance":{"algorithm":"fair"}"#,
            r#""protocol":"http3""#,
            r#""health":{"activ":{}}"#,
            r#""health":{"active":{"url":"/"}}"#,
            r#""breaker":{"errors":{"rate":1}}"#,
            r#""fallback":{"upstream":"other"}"#,
            r#""fallback":{"answer":{"status":200,"headers":{}}}"#,
            r#""retries":{"try":1}"#,
        ] {
            assert!(read(&with(part)).is_err(), "{part}");
        }
    }

    #[test]
    fn an_upstream_needs_a_target_with_a_weight() {
        let none = UpstreamSettings::default();
        assert_eq!(none.check()[0].pointer, "/targets");
        let idle = UpstreamSettings {
            targets: vec![Target {
                weight: 0,
                ..Target::new("http://h")
            }],
            ..none
        };
        assert_eq!(idle.check().len(), 1);
    }
}
