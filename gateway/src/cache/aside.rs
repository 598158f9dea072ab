//! A request that asks the second level, where this node keeps nothing that it may be given.

use std::sync::Arc;

use super::exchange::{Visit, seconds};
use super::give::Forwarded;
use super::key::{self, Spot};
use super::second::{Digest, Names, Second, Share};
use super::stored::Stored;
use crate::call::Call;

/// What is known of a caller before its request is made ready, for those who may ask there.
#[derive(Debug)]
pub(super) struct Aside<'a> {
    pub(super) second: &'a Arc<Second>,
    pub(super) told: Vec<(&'a str, String)>,
    pub(super) carried: Option<Digest>,
}

impl Visit<'_> {
    /// What there is, and what becomes of the answer there. Nothing of either where it is known that
    /// such answers are not kept.
    pub(super) async fn look_aside(
        &self,
        call: &Call<'_>,
        why: Forwarded,
    ) -> (Option<Arc<Stored>>, Option<Share>) {
        let asked = &self.wishes.asked;
        let is_of_use = match why {
            Forwarded::Miss | Forwarded::VaryMiss | Forwarded::Stale => {
                !asked.no_cache && asked.max_age != Some(0)
            }
            // Whoever wants it from the upstream gets it from there, and it is kept for others.
            Forwarded::Request => false,
            Forwarded::Bypass | Forwarded::Method => return (None, None),
        };
        let Some(aside) = self.aside.as_ref().filter(|_| !self.is_unkept(call)) else {
            return (None, None);
        };
        let second = aside.second;
        let Some(names) = self.names(call, aside) else {
            return (None, Some(Share::away(second.clone())));
        };
        if !is_of_use {
            return (None, Some(second.share(names)));
        }
        let longest = self.step.running.max_body;
        let (found, share) = second.find(names, &call.head.fields, longest).await;
        (found, Some(share))
    }

    fn is_unkept(&self, call: &Call<'_>) -> bool {
        let flight = key::flight(self.place, self.asker.owner);
        let shard = self.cache.shard(self.place);
        flight.is_some_and(|flight| shard.is_unkept(flight, seconds(call)))
    }

    /// What answers to the request are called in the second level; nothing while that is away.
    pub(super) fn names(&self, call: &Call<'_>, aside: &Aside<'_>) -> Option<Names> {
        if !aside.second.is_up() {
            return None;
        }
        let spot = Spot {
            upstream: self.upstream,
            key_headers: &self.step.running.key_headers,
        };
        Some(key::names(call, spot, &self.asker, aside))
    }
}
