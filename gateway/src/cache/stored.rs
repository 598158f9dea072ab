//! One answer that is kept: the upstream's, without what belongs to one hop or one client.

use std::time::Duration;

use bytes::Bytes;

use super::directives::Said;
use super::freshness::{Exchange, Freshness, Usual, date};
use super::tags;
use super::vary::{self, Vary};
use crate::fields::{Copied, Fields, Name};

/// To whom an answer may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Everybody: the upstream said so.
    Anyone,
    /// Callers that nobody knows.
    Nobody,
    /// One caller, by all that the upstream learns of it.
    Caller(u128),
}

/// How long an answer may be used, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    /// When it was `age` old, of the gateway's own clock.
    pub(crate) since: u64,
    pub(crate) age: u64,
    pub(crate) lifetime: u64,
    /// 0 for not at all.
    pub(crate) while_revalidate: u64,
    pub(crate) if_error: u64,
    /// Never when stale.
    pub(crate) is_strict: bool,
    /// Only after asking the upstream.
    pub(crate) no_cache: bool,
}

impl Use {
    pub(crate) const fn age_at(&self, now: u64) -> u64 {
        self.age.saturating_add(now.saturating_sub(self.since))
    }

    /// Seconds behind its time; 0 while it is fresh.
    pub(crate) const fn behind(&self, now: u64) -> u64 {
        (self.age_at(now) + 1).saturating_sub(self.lifetime)
    }

    pub(crate) const fn is_fresh(&self, now: u64) -> bool {
        !self.no_cache && self.behind(now) == 0
    }

    /// For how many seconds from `now` it may still be of use without being asked for.
    pub(crate) const fn useful_for(&self, now: u64) -> u64 {
        let window = if self.while_revalidate > self.if_error {
            self.while_revalidate
        } else {
            self.if_error
        };
        let ends = self.lifetime.saturating_add(window);
        if self.no_cache && window == 0 {
            return 0;
        }
        ends.saturating_sub(self.age_at(now))
    }

    /// May be given in the place of a failure (RFC 5861 §4).
    pub(crate) const fn stands_in(&self, now: u64) -> bool {
        !self.is_strict && self.behind(now) <= self.if_error
    }
}

/// An answer, kept.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) status: u16,
    pub(crate) fields: Copied,
    pub(crate) body: Bytes,
    pub(crate) owner: Owner,
    pub(crate) vary: Vary,
    pub(crate) usage: Use,
    pub(crate) etag: Option<Box<[u8]>>,
    pub(crate) modified: Option<Box<[u8]>>,
    /// What it can be purged by, as numbers.
    pub(crate) tags: Box<[u64]>,
    /// Host, path and query as the client wrote them.
    pub(crate) target: Box<str>,
    pub(crate) version: uuid::Uuid,
}

/// A request, as far as it matters to what may be kept of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    /// `None`: it shows credentials that this gateway knows nothing of.
    pub(crate) owner: Option<Owner>,
    pub(crate) has_cookie: bool,
}

/// What a policy allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) usual: Usual,
    pub(crate) set_cookie: bool,
}

/// An answer's head that will be kept once its body is there.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(super) status: u16,
    pub(super) fields: Fields,
    pub(super) owner: Owner,
    pub(super) vary: Vary,
    pub(super) usage: Use,
    pub(super) tags: Box<[u64]>,
    pub(super) target: Box<str>,
    pub(super) version: uuid::Uuid,
}

/// Where a draft comes from.
pub(crate) struct Source<'a> {
    pub(crate) request: &'a Fields,
    pub(crate) asker: Asker,
    pub(crate) rules: &'a Rules,
    pub(crate) times: Exchange,
    /// The gateway's own clock, in seconds.
    pub(crate) now: u64,
    pub(crate) target: &'a str,
    pub(crate) version: uuid::Uuid,
}

impl Draft {
    /// `None`: it must not be kept (RFC 9111 §3), or would be of no use.
    pub(crate) fn of(source: &Source<'_>, status: u16, answer: &Fields) -> Option<Self> {
        let Source {
            request,
            asker,
            rules,
            times,
            now,
            target,
            version,
        } = *source;
        let said = Said::read(answer.named("cache-control"));
        if !is_of_all(status) || said.no_store || said.private {
            return None;
        }
        // What else comes of a range is about that range.
        if request.named("range").next().is_some() && status != 200 {
            return None;
        }
        if said.must_understand && !is_understood(status) {
            return None;
        }
        let sets_cookie = answer.get(Name::SetCookie).is_some();
        if sets_cookie && !rules.set_cookie {
            return None;
        }
        let vary = vary::of(answer, request)?;
        let is_told_apart = vary.iter().any(|(name, _)| &**name == "cookie");
        if asker.has_cookie && !said.is_for_all() && !is_told_apart {
            return None;
        }
        let owner = if said.is_for_all() {
            Owner::Anyone
        } else {
            asker.owner?
        };
        let Freshness {
            age,
            lifetime,
            is_explicit: _,
        } = Freshness::of(status, answer, &said, &rules.usual, times);
        let windows = Windows::of(status, &said, &rules.usual);
        let can_be_validated =
            answer.named("etag").next().is_some() || answer.named("last-modified").next().is_some();
        let is_useful = lifetime > age && !said.no_cache || windows.longest() > 0;
        if !is_useful && !can_be_validated {
            return None;
        }
        Some(Self {
            status,
            fields: kept(answer, times.answered, rules.set_cookie),
            owner,
            vary,
            usage: Use {
                since: now,
                age,
                lifetime,
                while_revalidate: windows.while_revalidate,
                if_error: windows.if_error,
                is_strict: said.is_strict(),
                no_cache: said.no_cache,
            },
            tags: tags::of(answer, version),
            target: target.into(),
            version,
        })
    }

    pub(crate) fn finish(mut self, body: Bytes) -> Stored {
        if self.fields.get(Name::ContentLength).is_none() && self.status != 204 {
            let length = body.len().to_string();
            self.fields.push("content-length", length.as_bytes());
        }
        Stored::new(self, body)
    }
}

struct Windows {
    while_revalidate: u64,
    if_error: u64,
}

impl Windows {
    fn of(status: u16, said: &Said, usual: &Usual) -> Self {
        // A failure does not stand in for another one.
        if said.is_strict() || status >= 500 {
            return Self {
                while_revalidate: 0,
                if_error: 0,
            };
        }
        let told = said.stale_while_revalidate;
        Self {
            while_revalidate: told.unwrap_or(usual.stale_while_revalidate),
            if_error: said.stale_if_error.unwrap_or(usual.stale_if_error),
        }
    }

    const fn longest(&self) -> u64 {
        if self.while_revalidate > self.if_error {
            self.while_revalidate
        } else {
            self.if_error
        }
    }
}

/// A part is no whole, a 304 is about what somebody else has, and what is wrong with one request
/// says nothing about the next: kept, it would keep the good ones out.
pub(super) const fn is_of_all(status: u16) -> bool {
    !matches!(
        status,
        0..=199
            | 206
            | 304
            | 400
            | 407
            | 408
            | 411..=413
            | 415..=417
            | 421
            | 425
            | 426
            | 428
            | 429
            | 431
    )
}

/// Those whose meaning this cache knows (RFC 9111 §5.2.2.3).
fn is_understood(status: u16) -> bool {
    http::StatusCode::from_u16(status).is_ok_and(|known| known.canonical_reason().is_some())
}

/// What of an answer is never kept: what is computed anew or belongs to one exchange
/// (RFC 9111 §3.1).
fn is_passing(name: &[u8]) -> bool {
    const NAMES: [&str; 6] = [
        "age",
        "proxy-authentication-info",
        "ratelimit",
        "ratelimit-policy",
        "surrogate-key",
        "x-request-id",
    ];
    NAMES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn kept(answer: &Fields, answered: u64, set_cookie: bool) -> Fields {
    let mut fields = Fields::new(b"");
    for (name, value) in answer.iter() {
        let is_cookie = Name::of(name) == Name::SetCookie;
        if is_passing(name) || is_cookie && !set_cookie {
            continue;
        }
        fields.push(std::str::from_utf8(name).unwrap_or_default(), value);
    }
    if fields.get(Name::Date).is_none() {
        let at = std::time::UNIX_EPOCH + Duration::from_secs(answered);
        fields.push("date", httpdate::fmt_http_date(at).as_bytes());
    }
    fields
}

/// What a 304 does not change: it is about the bytes that are there (RFC 9111 §3.2).
fn stays(name: &[u8]) -> bool {
    const NAMES: [&str; 7] = [
        "content-encoding",
        "content-length",
        "content-md5",
        "content-range",
        "content-digest",
        "repr-digest",
        "etag",
    ];
    NAMES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

impl Stored {
    fn new(draft: Draft, body: Bytes) -> Self {
        let Draft {
            status,
            fields,
            owner,
            vary,
            usage,
            tags,
            target,
            version,
        } = draft;
        let first = |name| fields.named(name).next();
        let modified = first("last-modified").filter(|value| date(value).is_some());
        let (copied, body) = Copied::beside(&fields, body);
        Self {
            status,
            etag: first("etag").map(Box::from),
            modified: modified.map(Box::from),
            fields: copied,
            body,
            owner,
            vary,
            usage,
            tags,
            target,
            version,
        }
    }

    /// The same answer as the upstream's 304 says it is now; `None` where that is not to be kept.
    pub(crate) fn freshened(&self, source: &Source<'_>, answer: &Fields) -> Option<Self> {
        let mut fields = self.fields.fields();
        let mut seen: Vec<&[u8]> = Vec::new();
        for (name, value) in answer.iter() {
            if stays(name) {
                continue;
            }
            let text = std::str::from_utf8(name).unwrap_or_default();
            if seen.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                fields.push(text, value);
            } else {
                fields.set(text, value);
                seen.push(name);
            }
        }
        if answer.get(Name::Date).is_none() {
            let at = Duration::from_secs(source.times.answered);
            let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + at);
            fields.set("date", date.as_bytes());
        }
        let mut draft = Draft::of(source, self.status, &fields)?;
        if answer.named("surrogate-key").next().is_none() {
            draft.tags = tags::joined(&self.tags, &draft.tags, source.version);
        }
        Some(draft.finish(self.body.clone()))
    }

    /// Bytes that it takes.
    pub(crate) fn weight(&self) -> usize {
        let vary = self
            .vary
            .iter()
            .map(|(name, value)| name.len() + value.as_ref().map_or(0, |value| value.len()) + 32);
        size_of::<Self>()
            + 128
            + self.fields.weight()
            + self.body.len()
            + vary.sum::<usize>()
            // With their places in the list of tags.
            + self.tags.len() * 160
            + self.target.len()
            + self.etag.as_ref().map_or(0, |etag| etag.len())
    }

    /// Whether it may answer a request of `owner`, as far as that says.
    pub(crate) fn is_of(&self, owner: Option<Owner>) -> bool {
        self.owner == Owner::Anyone || Some(self.owner) == owner
    }
}
