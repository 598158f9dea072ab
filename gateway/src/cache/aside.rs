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
    /// What there is, and by what the answer may be kept there. Nothing of either where it is known
    /// that such answers are not kept.
    pub(super) async fn look_aside(
        &self,
        call: &Call<'_>,
        why: Forwarded,
    ) -> (Option<Arc<Stored>>, Option<Share>) {
        let is_of_use = match why {
            Forwarded::Miss | Forwarded::VaryMiss | Forwarded::Stale => true,
            // Whoever wants it from the upstream gets it from there, and it is kept for others.
            Forwarded::Request => false,
            Forwarded::Bypass | Forwarded::Method => return (None, None),
        };
        if self.aside.is_none() || self.is_unkept(call) {
            return (None, None);
        }
        let Some((second, names)) = self.names(call) else {
            return (None, None);
        };
        if !is_of_use {
            return (None, second.share(names).await);
        }
        let longest = self.step.running.max_body;
        second.find(names, &call.head.fields, longest).await
    }

    fn is_unkept(&self, call: &Call<'_>) -> bool {
        let flight = key::flight(self.place, self.asker.owner);
        let shard = self.cache.shard(self.place);
        flight.is_some_and(|flight| shard.is_unkept(flight, seconds(call)))
    }

    /// The second level, and what answers to the request are called there; nothing while it is
    /// away.
    pub(super) fn names(&self, call: &Call<'_>) -> Option<(Arc<Second>, Names)> {
        let aside = self.aside.as_ref()?;
        if !aside.second.is_up() {
            return None;
        }
        let spot = Spot {
            upstream: self.upstream,
            key_headers: &self.step.running.key_headers,
        };
        let names = key::names(call, spot, &self.asker, aside);
        Some((aside.second.clone(), names))
    }
}
