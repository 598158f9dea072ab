//! What a request that changes something takes out of the cache (RFC 9111 §4.4, RFC 9875 §3).

use std::sync::Arc;

use super::Cache;
use super::key::{self, Resource, Spot};
use super::second::{self, Second};
use super::tags;
use crate::body::Answer;
use crate::call::Call;
use crate::fields::Name;
use crate::policy::{self, Step};
use crate::record::NameId;
use crate::state::Upstream;

/// `answer` is that of an unsafe request which was sent to `upstream`.
pub(super) fn after(
    call: &Call<'_>,
    step: &Step<policy::Cache>,
    upstream: &Upstream,
    answer: &Answer,
) {
    // One that failed has changed nothing, as far as anybody knows.
    if !matches!(answer.status, 200..=399) || call.record.decided_by != NameId::NONE {
        return;
    }
    let mut changed = Changed::new(call, step);
    let own = Resource {
        canonical: call.head.canonical(),
        rest: call.rest(),
        query: call.head.query(),
    };
    clear(call, step, upstream, own, &mut changed);
    for name in ["location", "content-location"] {
        for value in answer.fields.named(name) {
            let value = std::str::from_utf8(value).ok();
            let Some((path, query)) = value.and_then(|value| here(call, value)) else {
                continue;
            };
            let prefix = &call.head.canonical()[..call.prefix];
            let of = |canonical, rest| Resource {
                canonical,
                rest,
                query,
            };
            if !call.route.strip_path {
                clear(call, step, upstream, of(path, path), &mut changed);
                continue;
            }
            // Of its own paths, or as its clients know them.
            let outside = format!("{prefix}{path}");
            clear(call, step, upstream, of(&outside, path), &mut changed);
            if let Some(rest) = path.strip_prefix(prefix) {
                clear(call, step, upstream, of(path, rest), &mut changed);
            }
        }
    }
    let version = call.route.version.uuid();
    changed.take_out(version, &tags::invalidated(&answer.fields, version));
}

/// What is to be taken out, here and in the second level, where there is one.
struct Changed<'a> {
    cache: &'a Cache,
    second: Option<&'a Arc<Second>>,
    names: Vec<second::Name>,
    places: Vec<u128>,
}

impl<'a> Changed<'a> {
    fn new(call: &Call<'a>, step: &Step<policy::Cache>) -> Self {
        let cache = &call.worker.shared.cache;
        Self {
            cache,
            second: cache.second(step.running.second_level),
            names: Vec::new(),
            places: Vec::new(),
        }
    }

    fn add(&mut self, call: &Call<'_>, resource: Resource<'_>) {
        if let Some(second) = self.second {
            let address = key::address(call, resource.canonical, resource.query);
            let version = call.route.version.uuid();
            self.names.push(second.secret.of_address(version, &address));
        }
    }

    /// There first: who asks here in between would get back from there what is gone here.
    fn take_out(mut self, version: uuid::Uuid, tags: &[u64]) {
        if let Some(second) = self.second {
            self.names.extend(second.secret.of_tags(version, tags));
            second.renew(version, self.names);
        }
        for place in self.places {
            self.cache.invalidate(place);
        }
        self.cache.remove_tags(version, tags);
    }
}

/// Path and query of a reference, if it is one to the host that was asked: another's answers are
/// not this one's to take out.
fn here<'v>(call: &Call<'_>, value: &'v str) -> Option<(&'v str, Option<&'v str>)> {
    let value = value.split('#').next()?;
    // Behind a slash or a question mark an address is somebody's parameter.
    let scheme = value.split_once("://").map(|(scheme, _)| scheme);
    let has_host = scheme.is_some_and(|scheme| !scheme.contains(['/', '?']));
    let path = if value.starts_with("//") || has_host {
        let (_, behind) = value.split_once("//")?;
        let at = behind.find(['/', '?']).unwrap_or(behind.len());
        let host = call.head.fields.get(Name::ForwardedHost)?;
        if !behind.as_bytes()[..at].eq_ignore_ascii_case(host) {
            return None;
        }
        &behind[at..]
    } else {
        value
    };
    let (path, query) = match path.split_once('?') {
        None => (path, None),
        Some((path, query)) => (path, Some(query)),
    };
    path.starts_with('/').then_some((path, query))
}

/// Of all variants of the upstream.
fn clear(
    call: &Call<'_>,
    step: &Step<policy::Cache>,
    upstream: &Upstream,
    resource: Resource<'_>,
    changed: &mut Changed<'_>,
) {
    changed.add(call, resource);
    let cache = &call.worker.shared.cache;
    let spot = Spot {
        upstream,
        key_headers: &step.running.key_headers,
    };
    let variants = upstream
        .split
        .as_ref()
        .map_or(0, |split| split.variants.len());
    for variant in 0..variants {
        let place = key::place(cache, call, spot, Some(variant), resource);
        changed.places.push(place);
    }
    if variants == 0 {
        let place = key::place(cache, call, spot, None, resource);
        changed.places.push(place);
    }
}
