//! Shadow requests: copies of what an upstream gets, for another one whose answers nobody sees.

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::id::UpstreamId;
use crate::problem::Invalid;

/// Sent in the background, as the request goes to the upstream itself; nothing that becomes of
/// them touches the request. `U` is how the other upstream is named: by id, in a file by name.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Mirror<U = UpstreamId> {
    /// Another upstream of the same organization; its own fallback and mirror are not used.
    pub upstream: U,
    /// Percentage of the requests that are copied, 1 to 100, default 100.
    #[serde(default = "all")]
    pub sample: u8,
    /// Most copies at once on each node, 1 to 10,000, default 32; what is above is not copied.
    #[serde(default = "some")]
    pub concurrency: u16,
    /// Longest request body that is copied, in bytes, up to 65536, the default.
    #[serde(default = "longest")]
    pub body: u32,
    /// Longest wait for the whole of an answer, up to 60 s, default 10 s.
    #[serde(default = "patience")]
    pub timeout: Span,
}

const fn all() -> u8 {
    100
}

const fn some() -> u16 {
    32
}

const fn longest() -> u32 {
    LONGEST
}

const fn patience() -> Span {
    Span::from_secs(10)
}

/// What is kept of a body at most.
const LONGEST: u32 = 64 * 1024;

impl<U> Mirror<U> {
    /// All requests to it, with the defaults.
    pub fn new(upstream: U) -> Self {
        Self {
            upstream,
            sample: all(),
            concurrency: some(),
            body: longest(),
            timeout: patience(),
        }
    }

    /// The same with its upstream named in another way.
    pub fn to<V>(&self, upstream: V) -> Mirror<V> {
        Mirror {
            upstream,
            sample: self.sample,
            concurrency: self.concurrency,
            body: self.body,
            timeout: self.timeout,
        }
    }

    pub(super) fn check(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut that = |holds: bool, pointer: &str, message: &str| {
            if !holds {
                found.push(Invalid::new(pointer, message));
            }
        };
        that(
            (1..=100).contains(&self.sample),
            "/sample",
            "Use 1 to 100 percent.",
        );
        that(
            (1..=10_000).contains(&self.concurrency),
            "/concurrency",
            "Use 1 to 10,000 copies.",
        );
        that(self.body <= LONGEST, "/body", "Use at most 65536 bytes.");
        that(
            self.timeout <= Span::from_secs(60),
            "/timeout",
            "Use at most 60s.",
        );
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::upstream::UpstreamSettings;

    #[test]
    fn what_is_not_set_has_a_default_and_what_is_wrong_its_place() {
        let id = "0192c000-0000-7000-8000-000000000001";
        let read = |more: &str| {
            let text = format!(
                r#"{{"targets":[{{"url":"http://h"}}],"mirror":{{"upstream":"{id}"{more}}}}}"#
            );
            serde_json::from_str::<UpstreamSettings>(&text)
        };
        let plain = read("").unwrap();
        assert_eq!(plain.check(), []);
        let mirror = plain.mirror.unwrap();
        let said = (
            mirror.sample,
            mirror.concurrency,
            mirror.body,
            mirror.timeout.as_millis(),
        );
        assert_eq!(said, (100, 32, 65_536, 10_000));
        for (more, pointer) in [
            (r#","sample":0"#, "/mirror/sample"),
            (r#","sample":101"#, "/mirror/sample"),
            (r#","concurrency":0"#, "/mirror/concurrency"),
            (r#","concurrency":10001"#, "/mirror/concurrency"),
            (r#","body":65537"#, "/mirror/body"),
            (r#","timeout":"61s""#, "/mirror/timeout"),
        ] {
            let found = read(more).unwrap().check();
            let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(pointers, [pointer], "{more}");
        }
        for more in [r#","sample":0.5"#, r#","rate":1"#, r#","sample":256"#] {
            assert!(read(more).is_err(), "{more}");
        }
    }
}
