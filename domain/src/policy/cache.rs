//! `cache`: answers that are kept and given again (RFC 9111, as a shared cache).

use serde::{Deserialize, Serialize};

use super::{Mode, Written, mode_and_name};
use crate::duration::Span;
use crate::problem::Invalid;

/// Keeps answers to GET, for as long as the upstream says, and gives them to later requests.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How long answers are fresh that say nothing of it themselves; none unless set. Only those
    /// with 200, 203, 204, 300, 301, 308, 404 and 410. At most 365 d.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Fresh for", example = &"none")]
    pub ttl: Option<Span>,
    /// Guess it from `Last-Modified`: a tenth of the answer's age, at most a day
    /// (RFC 9111 §4.2.2). `ttl` comes first.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(title = "Guess from Last-Modified")]
    pub heuristic: bool,
    /// For how long behind its time an answer is given all the same while a new one is fetched in
    /// the background, where it says nothing of that itself (RFC 5861 §3). At most 365 d.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Stale while asking again", example = &"none")]
    pub stale_while_revalidate: Option<Span>,
    /// The same where the upstream fails: 500, 502, 503, 504, or none at all (RFC 5861 §4).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Stale if the upstream fails", example = &"none")]
    pub stale_if_error: Option<Span>,
    /// Longest body that is kept, 1 to 67,108,864 bytes; 1 MiB unless set.
    #[serde(skip_serializing_if = "is_mib")]
    #[schemars(title = "Longest body", range(min = 1, max = 67_108_864), extend("x-unit" = "bytes"), !skip_serializing_if)]
    pub max_body: u32,
    /// Request fields that tell answers apart although no `Vary` names them; at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Header fields in the key", length(max = 20))]
    pub key_headers: Vec<String>,
    /// Also keep answers with `Set-Cookie`: everybody then gets the same cookie.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(title = "Keep answers with Set-Cookie")]
    pub set_cookie: bool,
    /// What clients say in `Cache-Control` and `Pragma` is not heeded: nobody can make the gateway
    /// ask the upstream.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(title = "Ignore what clients ask for")]
    pub ignore_clients: bool,
    /// Where answers are kept as well, for all nodes: what one has asked for, the others need not.
    /// Nowhere unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Second level")]
    pub second_level: Option<SecondLevel>,
}

/// Where answers are kept for all nodes.
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
pub enum SecondLevel {
    /// In the Redis of the setting `redis_url`; without one each node keeps its own alone.
    Redis,
}

const MIB: u32 = 1024 * 1024;
const MAX_BODY: u32 = 64 * MIB;
const MAX_KEY_HEADERS: usize = 20;
const LONGEST: Span = Span::from_secs(365 * 24 * 3600);

const fn is_false(is: &bool) -> bool {
    !*is
}

const fn is_mib(bytes: &u32) -> bool {
    *bytes == MIB
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            ttl: None,
            heuristic: false,
            stale_while_revalidate: None,
            stale_if_error: None,
            max_body: MIB,
            key_headers: Vec::new(),
            set_cookie: false,
            ignore_clients: false,
            second_level: None,
        }
    }
}

impl Written for Cache {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let spans = [
            ("/ttl", self.ttl),
            ("/stale_while_revalidate", self.stale_while_revalidate),
            ("/stale_if_error", self.stale_if_error),
        ];
        for (pointer, span) in spans {
            if span.is_some_and(|span| span > LONGEST) {
                found.push(Invalid::new(pointer, "Use at most 365d."));
            }
        }
        if !(1..=MAX_BODY).contains(&self.max_body) {
            found.push(Invalid::new("/max_body", "Use 1 to 67,108,864 bytes."));
        }
        if self.key_headers.len() > MAX_KEY_HEADERS {
            found.push(Invalid::new("/key_headers", "Name at most 20 fields."));
        }
        for (index, name) in self.key_headers.iter().enumerate() {
            if !super::header::is_name(name) {
                found.push(Invalid::new(
                    format!("/key_headers/{index}"),
                    "Write the name of a header field.",
                ));
            }
        }
        found
    }

    fn words(&self) -> String {
        let mut words = "as the upstream says".to_owned();
        if let Some(ttl) = self.ttl {
            words.push_str(&format!(", else for {ttl}"));
        }
        if self.second_level.is_some() {
            words.push_str(", for all nodes");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        for (json, pointers) in [
            (r"{}", &[][..]),
            (
                r#"{"ttl":"30s","heuristic":true,"stale_while_revalidate":"10s","stale_if_error":"24h","max_body":1,"key_headers":["X-Tenant"],"set_cookie":true,"ignore_clients":true,"second_level":"redis"}"#,
                &[],
            ),
            (
                r#"{"ttl":"366d","max_body":0,"key_headers":["a b"]}"#,
                &["/ttl", "/max_body", "/key_headers/0"],
            ),
            (r#"{"max_body":67108865}"#, &["/max_body"]),
        ] {
            let policy: Cache = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
        for wrong in [r#"{"ttl":"0s"}"#, r#"{"second_level":"disk"}"#] {
            assert!(serde_json::from_str::<Cache>(wrong).is_err(), "{wrong}");
        }
    }
}
