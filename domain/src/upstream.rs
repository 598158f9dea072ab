//! Upstreams: named sets of targets, how requests are shared among them, their time-outs and the
//! credential sent to them.

mod balance;
mod credential;
mod health;
mod protocol;
mod retries;
mod target;

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::problem::Invalid;

pub use balance::{Algorithm, Balance, HashBy};
pub use credential::UpstreamCredential;
pub use health::{Health, Passive};
pub use protocol::Protocol;
pub use retries::Retries;
pub use target::Target;

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
        }
        let parts = [
            ("/balance", self.balance.check()),
            ("/health", self.health.check()),
            ("/retries", self.retries.check()),
        ];
        for (pointer, problems) in parts {
            found.extend(problems.into_iter().map(|invalid| invalid.under(pointer)));
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
            "health":{"passive":{"failures":3},"panic":20},"retries":{"tries":3}}"#;
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
        ] {
            let found = read(&with(part)).unwrap().check();
            let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(pointers, [pointer], "{part}");
        }
        for part in [
            r#""balance":{"algorithm":"fair"}"#,
            r#""protocol":"http3""#,
            r#""health":{"activ":{}}"#,
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
