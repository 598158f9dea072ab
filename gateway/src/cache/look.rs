//! A request's look at what is kept: whether something is there for it, and may be given as it is.

use std::sync::Arc;

use domain::traffic::Cached;

use super::exchange::{Visit, seconds};
use super::give::{Forwarded, How};
use super::refresh;
use super::stored::Stored;
use super::wishes::Wishes;
use super::{Found, vary};
use crate::body::Answer;
use crate::call::Call;
use crate::passage;

/// What is to be done with what was found.
pub(super) enum Verdict {
    /// It is given as it is; `stale`: a new one is fetched as well.
    Give { stale: bool },
    /// The upstream is asked.
    Ask(Forwarded),
}

/// What a look at what is kept comes to.
pub(super) enum Look {
    /// It is the answer.
    Given(Answer),
    /// It would be: the upstream is asked all the same.
    Watched,
    /// The upstream is asked, as this is not enough.
    Goes(Option<Arc<Stored>>, Forwarded),
}

/// What may be done with an answer at `now` of the gateway's own clock.
pub(super) fn judge(stored: &Stored, wishes: &Wishes, now: u64) -> Verdict {
    let (usage, asked) = (&stored.usage, &wishes.asked);
    let age = usage.age_at(now);
    // Nothing is as new as what max-age=0 asks for.
    let too_old = asked.max_age.is_some_and(|most| most == 0 || age > most);
    if asked.no_cache || too_old {
        return Verdict::Ask(Forwarded::Request);
    }
    if usage.is_fresh(now) {
        let left = usage.lifetime - age;
        return match asked.min_fresh {
            Some(least) if left < least => Verdict::Ask(Forwarded::Request),
            Some(_) | None => Verdict::Give { stale: false },
        };
    }
    let behind = usage.behind(now);
    let may_be_stale = !usage.is_strict && !usage.no_cache && asked.min_fresh.is_none();
    if may_be_stale && asked.max_stale.is_some_and(|most| behind <= most) {
        return Verdict::Give { stale: false };
    }
    if may_be_stale && behind <= usage.while_revalidate {
        return Verdict::Give { stale: true };
    }
    Verdict::Ask(Forwarded::Stale)
}

impl Visit<'_> {
    /// Looks for what is kept, and gives it where it may be given. `waited`: for another request, which
    /// asked the same.
    pub(super) fn look(&mut self, call: &mut Call<'_>, waited: bool) -> Look {
        let Found {
            stored,
            has_others,
            moment,
        } = self.find(call);
        self.moment = moment;
        let Some(stored) = stored else {
            let why = match has_others {
                true => Forwarded::VaryMiss,
                false => Forwarded::Miss,
            };
            return Look::Goes(None, why);
        };
        // Of one that did not wait the clock was looked at a moment ago.
        let now = if waited {
            seconds(call)
        } else {
            call.now_us / 1_000_000
        };
        let stale = match judge(&stored, &self.wishes, now) {
            Verdict::Give { stale } => stale,
            Verdict::Ask(why) => return Look::Goes(Some(stored), why),
        };
        if !self.step.decides(call) {
            return Look::Watched;
        }
        if stale {
            call.record.cached = Cached::Stale;
            call.worker.metrics.cache_stale.add(1);
            self.make_ready(call);
            refresh::begin(call, self, &stored);
        } else {
            call.record.cached = Cached::Hit;
            call.worker.metrics.cache_hits.add(1);
        }
        let how = How::Hit {
            waited,
            shared: false,
        };
        Look::Given(self.give(call, &stored, now, how))
    }

    fn find(&mut self, call: &mut Call<'_>) -> Found {
        let version = call.route.version.uuid();
        let (cache, upstream) = (self.cache, self.upstream);
        let mut values = vary::Values::default();
        cache.find(version, self.place, self.asker.owner, |vary| {
            let is_ours = |name: &str| passage::is_ours(name, upstream);
            if vary.iter().any(|(name, _)| is_ours(name)) {
                self.make_ready(call);
            }
            values.fit(vary, &call.head.fields)
        })
    }

    pub(super) fn is_missing(&mut self, call: &mut Call<'_>) -> bool {
        self.find(call).stored.is_none()
    }
}
