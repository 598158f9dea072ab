//! `cache`: what of an upstream's answers is kept, and for how long. What is done with it is in
//! [`crate::cache`].

use domain::duration::Span;
use domain::policy;

use crate::cache::{Rules, Usual};
use crate::record::{NameId, Names};

/// The running form.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) rules: Rules,
    /// Bytes of a body.
    pub(crate) max_body: usize,
    /// In small letters.
    pub(crate) key_headers: Box<[Box<str>]>,
    pub(crate) ignore_clients: bool,
    /// Answers are kept for all nodes as well.
    pub(crate) second_level: bool,
    /// For the record, where a kept answer stands in for an upstream that takes nothing.
    pub(crate) fallback: NameId,
}

impl Cache {
    pub(crate) fn compile(policy: &policy::Cache, names: &Names) -> Self {
        let seconds = |span: Span| span.as_secs_ceil();
        let window = |span: Option<Span>| span.map_or(0, seconds);
        let headers = policy.key_headers.iter();
        Self {
            rules: Rules {
                usual: Usual {
                    ttl: policy.ttl.map(seconds),
                    heuristic: policy.heuristic,
                    stale_while_revalidate: window(policy.stale_while_revalidate),
                    stale_if_error: window(policy.stale_if_error),
                },
                set_cookie: policy.set_cookie,
            },
            max_body: policy.max_body as usize,
            key_headers: headers
                .map(|name| name.to_ascii_lowercase().into())
                .collect(),
            ignore_clients: policy.ignore_clients,
            second_level: policy.second_level.is_some(),
            fallback: names.intern("fallback/cached"),
        }
    }
}
