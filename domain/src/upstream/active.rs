//! Probes of targets that the gateway sends of its own accord.

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::problem::Invalid;

/// Each node asks every target at this interval, off the way of requests. A target that fails
/// takes nothing until it passes again.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Active {
    /// What is asked; unless set, a GET where there is a path, else a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Path of a GET, from the target's root; without one a connection (with `https` its handshake
    /// included) is all that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With `grpc`: the service that is asked about; unless set, the server as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Answers that pass, of 100 to 599; with none, 200 to 299 do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<u16>,
    /// From the begin of a probe to the next, 100 ms to 1 h, default 5 s; up to a tenth is added or
    /// taken away, so that nodes and targets do not fall into step.
    pub interval: Span,
    /// Longest wait for a verdict, at most 60 s, default 1 s.
    pub timeout: Span,
    /// So many failures in a row take a target out, 1 to 100, default 3.
    pub failures: u8,
    /// So many passes in a row let it in again, 1 to 100, default 1.
    pub passes: u8,
}

/// What a probe asks.
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
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A connection, and nothing over it.
    Tcp,
    /// A GET of the path.
    Http,
    /// `grpc.health.v1.Health/Check`: SERVING passes.
    Grpc,
}

impl Default for Active {
    fn default() -> Self {
        Self {
            kind: None,
            path: None,
            service: None,
            statuses: Vec::new(),
            interval: Span::from_secs(5),
            timeout: Span::from_secs(1),
            failures: 3,
            passes: 1,
        }
    }
}

impl Active {
    /// Whether an answer with this status passes.
    pub fn accepts(&self, status: u16) -> bool {
        if self.statuses.is_empty() {
            (200..=299).contains(&status)
        } else {
            self.statuses.contains(&status)
        }
    }

    pub fn is_grpc(&self) -> bool {
        self.kind == Some(Kind::Grpc)
    }

    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let plain = |path: &String| {
            path.starts_with('/')
                && path.len() <= 1024
                && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
        };
        that(
            self.path.as_ref().is_none_or(plain),
            "/path",
            "Enter a path of visible ASCII characters that begins with a slash.",
        );
        let has_path = self.path.is_some();
        let fits = match self.kind {
            None => true,
            Some(Kind::Http) => has_path,
            Some(Kind::Tcp | Kind::Grpc) => !has_path,
        };
        that(fits, "/path", "A GET has a path, and nothing else has one.");
        let named = |name: &String| {
            (1..=256).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
        };
        that(
            self.service.is_none() || self.is_grpc() && self.service.as_ref().is_some_and(named),
            "/service",
            "With kind grpc, enter a name of visible ASCII characters.",
        );
        that(
            self.path.is_some() || self.statuses.is_empty(),
            "/statuses",
            "Only a path is answered with a status.",
        );
        that(
            self.statuses.len() <= 100 && self.statuses.iter().all(|s| (100..=599).contains(s)),
            "/statuses",
            "Use up to 100 codes of 100 to 599.",
        );
        that(
            (100..=3_600_000).contains(&self.interval.as_millis()),
            "/interval",
            "Use 100ms to 1h.",
        );
        that(
            self.timeout <= Span::from_secs(60),
            "/timeout",
            "Use at most 60s.",
        );
        let few = |count: u8| (1..=100).contains(&count);
        that(few(self.failures), "/failures", "Use 1 to 100 failures.");
        that(few(self.passes), "/passes", "Use 1 to 100 passes.");
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_asks_for_its_own() {
        let grpc = r#""protocol":"http2","#;
        for (protocol, active, pointers) in [
            ("", r#"{"kind":"tcp"}"#, &[][..]),
            ("", r#"{"kind":"http","path":"/"}"#, &[]),
            (grpc, r#"{"kind":"grpc"}"#, &[]),
            (grpc, r#"{"kind":"grpc","service":"pets.Pets"}"#, &[]),
            ("", r#"{"kind":"grpc"}"#, &["/health/active/kind"]),
            ("", r#"{"kind":"tcp","path":"/"}"#, &["/health/active/path"]),
            ("", r#"{"kind":"http"}"#, &["/health/active/path"]),
            (
                grpc,
                r#"{"kind":"grpc","path":"/","statuses":[200]}"#,
                &["/health/active/path"],
            ),
            (
                grpc,
                r#"{"kind":"grpc","statuses":[200]}"#,
                &["/health/active/statuses"],
            ),
            ("", r#"{"service":"a"}"#, &["/health/active/service"]),
            (
                grpc,
                r#"{"kind":"grpc","service":"a b"}"#,
                &["/health/active/service"],
            ),
        ] {
            let text = format!(
                r#"{{"targets":[{{"url":"http://h"}}],{protocol}"health":{{"active":{active}}}}}"#
            );
            let settings: crate::upstream::UpstreamSettings = serde_json::from_str(&text).unwrap();
            let found = settings.check();
            let found: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(found, pointers, "{text}");
        }
    }

    #[test]
    fn what_passes() {
        let any = Active::default();
        let some = Active {
            statuses: vec![204, 401],
            ..Active::default()
        };
        for (status, by_any, by_some) in [
            (200, true, false),
            (204, true, true),
            (299, true, false),
            (301, false, false),
            (401, false, true),
            (503, false, false),
        ] {
            assert_eq!(
                (any.accepts(status), some.accepts(status)),
                (by_any, by_some)
            );
        }
    }
}
