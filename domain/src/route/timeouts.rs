//! How long a version's requests wait for the upstream, where that is not as the upstream has it:
//! streams of events are silent for longer than other answers, and reports are not there at once.

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::problem::Invalid;

/// Times of a version in the place of those of the upstream that its requests go to, each of at most
/// 24 h; what is not set is as the upstream has it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct RouteTimeouts {
    /// From the request's last byte to the answer's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<Span>,
    /// Between two reads of the answer; the longest silence of a stream or a WebSocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Span>,
    /// From the request's head to the answer's last byte, all tries included. It also ends streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Span>,
}

const MOST: Span = Span::from_secs(86_400);

impl RouteTimeouts {
    /// What is wrong with them; pointers from their own root.
    pub fn check(&self) -> Vec<Invalid> {
        let Self {
            first_byte,
            idle,
            total,
        } = *self;
        if (first_byte, idle, total) == (None, None, None) {
            return vec![Invalid::new("", "Set first_byte, idle or total.")];
        }
        let all = [
            ("/first_byte", first_byte),
            ("/idle", idle),
            ("/total", total),
        ];
        let long = all
            .into_iter()
            .filter(|(_, time)| time.is_some_and(|time| time > MOST));
        long.map(|(pointer, _)| Invalid::new(pointer, "Use at most 24h."))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r#"{"idle":"2h"}"#, &[][..]),
            (r#"{"first_byte":"24h","idle":"1ms","total":"24h"}"#, &[]),
            (r"{}", &[""]),
            (
                r#"{"first_byte":"25h","idle":"2d","total":"30d"}"#,
                &["/first_byte", "/idle", "/total"],
            ),
        ] {
            let timeouts: RouteTimeouts = serde_json::from_str(json).unwrap();
            let found = timeouts.check().into_iter().map(|one| one.pointer);
            assert_eq!(found.collect::<Vec<_>>(), pointers, "{json}");
            assert_eq!(serde_json::to_string(&timeouts).unwrap(), json);
        }
        for json in [r#"{"connect":"1s"}"#, r#"{"idle":"0s"}"#, r#"{"idle":1}"#] {
            serde_json::from_str::<RouteTimeouts>(json).unwrap_err();
        }
    }
}
