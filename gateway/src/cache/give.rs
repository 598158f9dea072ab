//! A kept answer as a client gets it (RFC 9111 §4, RFC 9110 §15.4.5), and what every answer says
//! of the cache (RFC 9211).

use std::ops::Range;
use std::sync::Arc;

use super::conditions::{Conditions, Part};
use super::stored::Stored;
use crate::body::{Answer, Outflow, ROOM};
use crate::fields::Fields;
use crate::policy::{self, Step};
use crate::text::Text;

/// Why a request went on, as RFC 9211 §2.2 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarded {
    Bypass,
    Method,
    Miss,
    VaryMiss,
    Request,
    Stale,
}

impl Forwarded {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::Miss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

/// How a kept answer comes to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Hit {
        waited: bool,
        /// It was kept by another node.
        shared: bool,
    },
    /// The upstream said that it is still good.
    Validated(Forwarded),
    /// The upstream failed, with this status.
    StandsIn(u16),
}

/// What a 304 says of the answer that it stands for.
const OF_304: [&str; 9] = [
    "cache-control",
    "cache-groups",
    "content-location",
    "date",
    "etag",
    "expires",
    "last-modified",
    "vary",
    "cache-status",
];

/// What is left to be given of a kept answer's body.
pub(crate) struct Given {
    stored: Arc<Stored>,
    left: Range<usize>,
}

impl Given {
    /// Appends a part; true at its end.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        let end = self.left.end.min(self.left.start + ROOM);
        out.extend_from_slice(&self.stored.body[self.left.start..end]);
        self.left.start = end;
        self.left.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.left.len()
    }
}

pub(super) fn give(
    stored: &Arc<Stored>,
    conditions: &Conditions,
    is_get: bool,
    now: u64,
    how: How,
) -> Answer {
    let part = if conditions.is_empty() {
        Part::All
    } else {
        conditions.part(stored, is_get)
    };
    let mut fields = stored.fields.fields();
    let (status, left) = match part {
        Part::All if is_get => (stored.status, 0..stored.body.len()),
        Part::All => (stored.status, 0..0),
        Part::NotModified => {
            fields.retain(|_, name, _| {
                OF_304
                    .iter()
                    .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
            });
            (304, 0..0)
        }
        Part::Bytes(range) => {
            let all = stored.body.len();
            let told = format!("bytes {}-{}/{all}", range.start, range.end - 1);
            fields.set("content-length", range.len().to_string().as_bytes());
            fields.set("content-range", told.as_bytes());
            // Those of the whole: a part has others (RFC 9530 §2), and `Repr-Digest` is the whole's.
            for name in ["content-digest", "content-md5"] {
                fields.remove_named(name.as_bytes());
            }
            (206, range)
        }
        Part::Outside => {
            fields = Fields::new(b"");
            fields.push(
                "content-range",
                format!("bytes */{}", stored.body.len()).as_bytes(),
            );
            fields.push("content-length", b"0");
            (416, 0..0)
        }
    };
    let age = stored.usage.age_at(now);
    fields.push("age", Text::<20>::new().number(age).as_bytes());
    let mut text = Text::<96>::new();
    text.push("Portunus");
    match how {
        How::Hit { waited, shared } => {
            text.push("; hit; ttl=");
            match stored.usage.lifetime.checked_sub(age) {
                Some(left) => text.number(left),
                None => text.push("-").number(age - stored.usage.lifetime),
            };
            if waited {
                text.push("; collapsed");
            }
            if shared {
                text.push("; detail=second-level");
            }
        }
        How::Validated(why) => {
            text.push("; fwd=")
                .push(why.as_str())
                .push("; fwd-status=304");
        }
        How::StandsIn(status) => {
            text.push("; fwd=stale; fwd-status=")
                .number(u64::from(status));
            text.push("; detail=stale-if-error");
        }
    }
    fields.push("cache-status", text.as_bytes());
    Answer {
        status,
        fields,
        body: Outflow::Shared(Given {
            stored: stored.clone(),
            left,
        }),
        closes: false,
    }
}

/// Marks an answer that the upstream gave. Where the policy only watches, its client gets it as it
/// came.
pub(super) fn mark(step: &Step<policy::Cache>, answer: &mut Answer, why: Forwarded, is_kept: bool) {
    if step.observe {
        return;
    }
    let mut text = Text::<96>::new();
    text.push("Portunus; fwd=").push(why.as_str());
    if is_kept {
        text.push("; stored");
    }
    answer.fields.push("cache-status", text.as_bytes());
    // Between gateway and upstream alone.
    answer.fields.remove_named(b"surrogate-key");
}
