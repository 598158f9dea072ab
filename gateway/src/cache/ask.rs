//! A request that goes to the upstream, and what is kept of what comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use domain::problem::Code;
use domain::traffic::Cached;

use super::directives::number;
use super::exchange::{Visit, seconds, wall};
use super::flight::Flight;
use super::freshness::Exchange;
use super::give::{Forwarded, How, mark};
use super::keeping::{Filling, Keeping, Old, Removal, Then};
use super::key;
use super::refresh;
use super::second::Share;
use super::stored::{Draft, Source, Stored, is_of_all};
use crate::body::{Answer, Inflow, Outflow};
use crate::call::Call;
use crate::fields::{Fields, Name, any_of};
use crate::forward::{self, Stop};
use crate::passage;
use crate::policy::{Answers, Step};
use crate::record::NameId;

impl<'a> Visit<'a> {
    /// Asks the upstream, on condition where something is there.
    pub(super) async fn ask(
        self,
        call: &mut Call<'a>,
        inflow: &mut dyn Inflow,
        found: Option<Arc<Stored>>,
        why: Forwarded,
        flight: Option<Flight>,
        share: Option<Share>,
    ) -> Result<Answer, Stop> {
        let validates = found
            .as_ref()
            .filter(|stored| self.wishes.is_get && refresh::can_be_asked(stored));
        let way = match forward::enter(call, self.upstream, self.beside) {
            Ok(way) => way,
            Err(refusal) => {
                let failed = self.failed(call, found.as_ref(), refusal.into());
                // Nothing was sent: it costs nothing.
                return failed.inspect_err(|_| call.give_back());
            }
        };
        // What stands in for the upstream is asked on the client's own conditions.
        let validates = validates.filter(|_| way.instead.is_none());
        if way.instead.is_some() {
            passage::readdress(&mut call.head.fields, self.upstream, way.upstream);
        } else if let Some(stored) = validates {
            refresh::condition(&mut call.head.fields, stored);
        }
        call.record.policies_us = call.record.elapsed();
        let asked = wall(call);
        let mut answer = match forward::forward(call, way, inflow).await {
            Ok(answer) => answer,
            Err(stop) => return self.failed(call, found.as_ref(), stop),
        };
        // Somebody else's answer, or a connection that speaks something else from here on.
        let is_other =
            call.record.decided_by != NameId::NONE || matches!(answer.body, Outflow::Switched(_));
        if is_other {
            // It was asked with our condition, and not with the client's.
            if answer.status == 304
                && let Some(stored) = validates
            {
                answer.body.give_back(call.worker);
                return Ok(self.give(call, stored, seconds(call), How::StandsIn(304)));
            }
            return Ok(answer);
        }
        if matches!(answer.status, 500 | 502 | 503 | 504)
            && let Some(stored) = &found
            && stored.usage.stands_in(seconds(call))
        {
            call.worker.metrics.cache_stale.add(1);
            return Ok(self.give(call, stored, seconds(call), How::StandsIn(answer.status)));
        }
        let target = key::target(call);
        let times = Exchange {
            asked,
            answered: wall(call),
        };
        let source = self.source(call, times, &target);
        if answer.status == 304
            && let Some(stored) = validates
        {
            let (given, cookies) = self.validated(stored, &source, &answer, share.as_ref());
            answer.body.give_back(call.worker);
            call.worker.metrics.cache_validated.add(1);
            if let Some(flight) = flight {
                flight.land();
            }
            let mut given = self.give(call, &given, seconds(call), How::Validated(why));
            for cookie in cookies {
                given.fields.push("set-cookie", &cookie);
            }
            return Ok(given);
        }
        if !self.wishes.is_get {
            if let Some(stored) = &found {
                self.headed(stored, &source, &answer, share.as_ref());
            }
            mark(self.step, &mut answer, why, false);
            return Ok(answer);
        }
        let draft = self.draft(&source, &answer);
        let old = match &draft {
            Some(_) => None,
            None => self.displaced(&source, &answer, found.as_ref(), share.as_ref()),
        };
        let is_kept = self.keep(call, &mut answer, draft, flight, old, share);
        if is_kept {
            self.note(call, Cached::Stored);
        }
        mark(self.step, &mut answer, why, is_kept);
        Ok(answer)
    }

    fn source<'s>(&'s self, call: &'s Call<'_>, times: Exchange, target: &'s str) -> Source<'s> {
        Source {
            request: &call.head.fields,
            asker: self.asker,
            rules: &self.step.running.rules,
            times,
            now: seconds(call),
            target,
            version: call.route.version.uuid(),
        }
    }

    /// The upstream could not answer: what is there stands in, where it may (RFC 5861 §4). Where it took
    /// nothing, that is its fallback, and told as one.
    fn failed(
        &self,
        call: &mut Call<'_>,
        found: Option<&Arc<Stored>>,
        stop: Stop,
    ) -> Result<Answer, Stop> {
        let (status, code) = match &stop {
            Stop::Refused(refusal) if refusal.status() >= 500 => (refusal.status(), refusal.code),
            Stop::Refused(_) | Stop::Answered(_) | Stop::Gone => return Err(stop),
        };
        match found {
            Some(stored) if stored.usage.stands_in(seconds(call)) => {
                call.worker.metrics.cache_stale.add(1);
                let answer = self.give(call, stored, seconds(call), How::StandsIn(status));
                if matches!(code, Code::CircuitOpen | Code::NoHealthyTarget) {
                    // Where an answer stands in for it as well, that was counted already.
                    let fallback = self.upstream.fallback.as_ref();
                    if fallback.is_none_or(|one| one.answer.is_none()) {
                        call.worker.metrics.upstream_fell_back.add(1);
                    }
                    call.record.decided_by = self.step.running.fallback;
                    call.record.code = Some(code);
                }
                Ok(answer)
            }
            Some(_) | None => Err(stop),
        }
    }

    /// The upstream's 304: the kept answer as it is now, and cookies that are for this client.
    fn validated(
        &self,
        stored: &Arc<Stored>,
        source: &Source<'_>,
        answer: &Answer,
        share: Option<&Share>,
    ) -> (Arc<Stored>, Vec<Vec<u8>>) {
        let cookies = answer
            .fields
            .all(Name::SetCookie)
            .map(<[u8]>::to_vec)
            .collect();
        let fresh = stored.freshened(source, &answer.fields).map(Arc::new);
        match fresh {
            Some(fresh) => {
                self.replace(stored, fresh.clone(), share);
                (fresh, Vec::new())
            }
            None => {
                self.take_out(stored, share);
                (stored.clone(), cookies)
            }
        }
    }

    fn replace(&self, stored: &Arc<Stored>, fresh: Arc<Stored>, share: Option<&Share>) {
        if let Some(share) = share {
            share.keep(&fresh);
        }
        self.cache.replace(self.place, stored, fresh);
    }

    /// Takes out what this asker's answer says is not to be kept any more, if it is the asker's: what
    /// is everybody's is not for one with other fields to take away.
    fn take_out(&self, stored: &Arc<Stored>, share: Option<&Share>) {
        if self.may_take_out(stored) {
            self.remove(stored, share);
        }
    }

    /// Out of the second level first: from there it would come back.
    fn remove(&self, stored: &Arc<Stored>, share: Option<&Share>) {
        if let Some(share) = share {
            share.forget(stored);
        }
        self.cache.remove(self.place, stored);
    }

    fn may_take_out(&self, stored: &Stored) -> bool {
        Some(stored.owner) == self.asker.owner && !self.asker.has_cookie
    }

    /// Takes out what an answer replaces that is not kept itself, unless that may still be refused:
    /// then it is done when it has passed.
    fn displace(&self, call: &Call<'_>, answer: &mut Answer, old: Old, share: Option<Share>) {
        let removal = Removal {
            cache: self.cache.clone(),
            place: self.place,
            old,
            share,
        };
        let judges = |step: &Step<Arc<Answers>>| !step.running.watches();
        let is_judged = call.chain.answers().is_some_and(judges);
        let mut reshaped = call.chain.reshaped_answers().iter();
        if !is_judged && reshaped.all(|step| step.observe) {
            return removal.finish();
        }
        let body = std::mem::replace(&mut answer.body, Outflow::empty());
        let keeping = Keeping::new(body, Then::TakeOut(removal));
        answer.body = Outflow::Keeping(Box::new(keeping));
    }

    /// An answer to HEAD says whether what is kept is still what GET would get (RFC 9111 §4.3.5).
    fn headed(
        &self,
        stored: &Arc<Stored>,
        source: &Source<'_>,
        answer: &Answer,
        share: Option<&Share>,
    ) {
        let first = |name| answer.fields.named(name).next();
        let is_same = |kept: Option<&[u8]>, told: Option<&[u8]>| told.is_none() || told == kept;
        let length = stored.body.len().to_string();
        let is_still = is_same(stored.etag.as_deref(), first("etag"))
            && is_same(stored.modified.as_deref(), first("last-modified"))
            && is_same(Some(length.as_bytes()), first("content-length"));
        match answer.status {
            status if status == stored.status => {}
            404 | 410 => return self.take_out(stored, share),
            _ => return,
        }
        match stored
            .freshened(source, &answer.fields)
            .filter(|_| is_still)
        {
            Some(fresh) => self.replace(stored, Arc::new(fresh), share),
            None => self.take_out(stored, share),
        }
    }

    /// What an answer takes the place of, be it one that is not kept: it is newer.
    fn displaced(
        &self,
        source: &Source<'_>,
        answer: &Answer,
        found: Option<&Arc<Stored>>,
        share: Option<&Share>,
    ) -> Option<Old> {
        if answer.status >= 500 || !is_of_all(answer.status) {
            return None;
        }
        match found {
            Some(stored) => self.may_take_out(stored).then(|| Old::Here(stored.clone())),
            None => {
                let unseen = share?.unseen(&self.asker);
                unseen.map(|name| Old::Unseen(source.version, name))
            }
        }
    }

    /// What may be kept of an answer whose end can be told.
    fn draft(&self, source: &Source<'_>, answer: &Answer) -> Option<Draft> {
        let length = answer.fields.get(Name::ContentLength);
        let length = length.and_then(number).unwrap_or(0);
        let ends = has_end(&answer.body, answer.status, &answer.fields);
        if !ends || length > self.step.running.max_body as u64 {
            return None;
        }
        Draft::of(source, answer.status, &answer.fields)
    }

    /// Whether it will be, as far as can be told.
    fn keep(
        &self,
        call: &Call<'_>,
        answer: &mut Answer,
        draft: Option<Draft>,
        flight: Option<Flight>,
        old: Option<Old>,
        share: Option<Share>,
    ) -> bool {
        let Some(draft) = draft else {
            // Nobody is to wait for such answers.
            if let Some(key) =
                key::flight(self.place, self.asker.owner).filter(|_| flight.is_some())
            {
                let now = seconds(call);
                if self.cache.shard(self.place).note_unkept(key, now) {
                    self.cache.counts.forgotten.fetch_add(1, Relaxed);
                }
            }
            if let Some(old) = old {
                self.displace(call, answer, old, share);
            }
            return false;
        };
        let spot = (self.place, self.moment);
        let longest = self.step.running.max_body;
        let filling = Filling::new(self.cache.clone(), draft, spot, longest, (flight, share));
        let body = std::mem::replace(&mut answer.body, Outflow::empty());
        answer.body = Outflow::Keeping(Box::new(Keeping::new(body, Then::Keep(Box::new(filling)))));
        true
    }
}

/// Whether it can be told that all of a body came.
pub(super) fn has_end(body: &Outflow, status: u16, fields: &Fields) -> bool {
    match body {
        Outflow::Link(_) => {
            fields.get(Name::ContentLength).is_some()
                || status == 204
                || fields.had(any_of(&[Name::TransferEncoding]))
        }
        Outflow::Stream(_) => true,
        Outflow::Whole(..)
        | Outflow::Switched(_)
        | Outflow::Packed(_)
        | Outflow::Keeping(_)
        | Outflow::Shared(_)
        | Outflow::Made(_)
        | Outflow::Passing(_) => false,
    }
}
