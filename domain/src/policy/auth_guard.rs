//! `auth_guard`: addresses that are refused too often, and user names whose passwords are guessed,
//! are not heard for a while.

use serde::{Deserialize, Serialize};

use super::{Mode, Written, ip_filter, mode_and_name, named_lists};
use crate::duration::Span;
use crate::problem::Invalid;

/// Counts answers of 401 and 403 by client address, on each node. So many in a window, and the
/// address is answered 429 for a time that doubles with each repetition. Where callers show
/// passwords (`basic_auth`), wrong ones are counted by user name as well.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct AuthGuard {
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Answers of 401 or 403 in a window, 1 to 10,000; 20 unless set.
    #[serde(skip_serializing_if = "is_twenty")]
    #[schemars(range(min = 1, max = 10_000), extend("x-unit" = "answers"), !skip_serializing_if)]
    pub limit: u32,
    /// Wrong passwords for one user name in a window, from whatever addresses; up to 10,000, 20
    /// unless set, 0 to count none. An address that has shown the name with its password in the
    /// last 24 hours is still heard.
    #[serde(skip_serializing_if = "is_twenty")]
    #[schemars(range(max = 10_000), extend("x-unit" = "passwords"), !skip_serializing_if)]
    pub user_limit: u32,
    /// 1s to 1h; 1m unless set.
    #[serde(skip_serializing_if = "is_minute")]
    #[schemars(!skip_serializing_if)]
    pub window: Span,
    /// How long the first time, 1s to 24h; 1m unless set.
    #[serde(skip_serializing_if = "is_minute")]
    #[schemars(!skip_serializing_if)]
    pub block: Span,
    /// How long at most, up to 24h; 1h unless set. As long an address must be quiet for its
    /// repetitions to be forgotten.
    #[serde(skip_serializing_if = "is_hour")]
    #[schemars(title = "Block at most", !skip_serializing_if)]
    pub max_block: Span,
    /// Networks that are never guarded against, at most 1,000.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Never guarded against")]
    pub allow: Vec<String>,
    /// Lists of the organization, by name, whose networks are never guarded against.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(title = "Lists never guarded against")]
    pub allow_lists: Vec<String>,
}

const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(3600);

const fn is_twenty(limit: &u32) -> bool {
    *limit == 20
}

fn is_minute(span: &Span) -> bool {
    *span == MINUTE
}

fn is_hour(span: &Span) -> bool {
    *span == HOUR
}

impl Default for AuthGuard {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            name: None,
            limit: 20,
            user_limit: 20,
            window: MINUTE,
            block: MINUTE,
            max_block: HOUR,
            allow: Vec::new(),
            allow_lists: Vec::new(),
        }
    }
}

impl Written for AuthGuard {
    mode_and_name!();

    fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: String, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        let day = 24 * HOUR.as_millis();
        let within = |span: Span, most: u64| (1000..=most).contains(&span.as_millis());
        let is_limit = (1..=10_000).contains(&self.limit);
        that(
            is_limit,
            "/limit".into(),
            "Use a limit of 1 to 10,000 answers.",
        );
        that(
            self.user_limit <= 10_000,
            "/user_limit".into(),
            "Use a limit of at most 10,000 passwords, or 0 for none.",
        );
        let is_window = within(self.window, HOUR.as_millis());
        that(is_window, "/window".into(), "Use a window of 1s to 1h.");
        that(within(self.block, day), "/block".into(), "Use 1s to 24h.");
        let is_most = within(self.max_block, day) && self.max_block >= self.block;
        let message = "Use at least as long as block, and at most 24h.";
        that(is_most, "/max_block".into(), message);
        let most = ip_filter::MAX_ENTRIES;
        that(
            self.allow.len() <= most,
            "/allow".into(),
            "List at most 1,000 networks.",
        );
        for (index, net) in self.allow.iter().take(most).enumerate() {
            let message =
                "Write a network like 10.0.0.0/8, without bits behind its prefix, or an address.";
            that(
                ip_filter::net(net).is_some(),
                format!("/allow/{index}"),
                message,
            );
        }
        found.extend(named_lists::check(&[("allow_lists", &self.allow_lists)]));
        found
    }

    fn words(&self) -> String {
        format!("{} in {}", self.limit, self.window)
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
                r#"{"limit":5,"window":"10s","block":"5m","max_block":"24h","allow":["10.0.0.0/8","::1"],"allow_lists":["office"]}"#,
                &[],
            ),
            (r#"{"user_limit":0}"#, &[]),
            (
                r#"{"allow_lists":["office","office"]}"#,
                &["/allow_lists/1"],
            ),
            (
                r#"{"limit":0,"user_limit":10001,"window":"2h","block":"2d","max_block":"1s","allow":["10.0.0.1/8"]}"#,
                &[
                    "/limit",
                    "/user_limit",
                    "/window",
                    "/block",
                    "/max_block",
                    "/allow/0",
                ],
            ),
        ] {
            let policy: AuthGuard = serde_json::from_str(json).unwrap();
            let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
            assert_eq!(found, pointers, "{json}");
            assert_eq!(serde_json::to_string(&policy).unwrap(), json);
        }
    }
}
