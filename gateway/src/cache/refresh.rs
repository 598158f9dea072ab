//! A kept answer that is behind its time is asked for anew in the background, while the client has
//! it already (RFC 5861 §3). That is the gateway's own request: it costs the client nothing, whatever
//! its answer says.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use domain::snapshot;

use super::ask::has_end;
use super::exchange::Visit;
use super::flight::{Flight, Joined};
use super::freshness::Exchange;
use super::keeping::Filling;
use super::key;
use super::second::{Names, Second, Share};
use super::stored::{Asker, Draft, Rules, Source, Stored, is_of_all};
use super::{Cache, Moment};
use crate::body::{Inflow, Outflow};
use crate::call::Call;
use crate::fields::Fields;
use crate::head::Head;
use crate::passage;
use crate::state::{Patience, Upstream};
use crate::upstream::{Attempts, Copied, Outgoing, Sent, alone, chance, send};
use crate::worker::Worker;

/// Of one worker at a time; what is above is left for the next request.
const MOST: u64 = 64;
/// Where neither version nor upstream have a time-out for all of an exchange.
const PATIENCE_MS: u64 = 60_000;

/// Whether the upstream can say in short that it is still good.
pub(super) const fn can_be_asked(stored: &Stored) -> bool {
    stored.etag.is_some() || stored.modified.is_some()
}

/// Asks only for what is not there already, and for all of it.
pub(super) fn condition(fields: &mut Fields, stored: &Stored) {
    for name in ["if-none-match", "if-modified-since", "range", "if-range"] {
        fields.remove_named(name.as_bytes());
    }
    if let Some(etag) = &stored.etag {
        fields.push("if-none-match", etag);
    }
    if let Some(modified) = &stored.modified {
        fields.push("if-modified-since", modified);
    }
}

/// All that the task has.
struct Refresh {
    worker: Rc<Worker>,
    settings: Arc<snapshot::Settings>,
    upstream: Arc<Upstream>,
    patience: Patience,
    variant: Option<usize>,
    head: Head,
    /// Fields of the answer that say what a request cost, and are not for clients.
    hidden: Vec<Box<str>>,
    rest: String,
    target: String,
    cache: Arc<Cache>,
    rules: Rules,
    longest: usize,
    asker: Asker,
    version: uuid::Uuid,
    place: u128,
    moment: Moment,
    old: Arc<Stored>,
    flight: Flight,
    /// Where another node may have it already, and what it is called there: nothing while that is
    /// away.
    second: Option<(Arc<Second>, Option<Names>)>,
}

/// Begins, unless somebody asks already.
pub(super) fn begin(call: &Call<'_>, visit: &Visit<'_>, old: &Arc<Stored>) {
    let metrics = &call.worker.metrics;
    let route = call.route;
    let chosen = route.chosen.iter().flat_map(|all| all.iter());
    let mut known = [&route.upstream, &route.test_upstream]
        .into_iter()
        .chain(chosen.map(|one| &one.upstream))
        .flatten();
    let upstream = known.find(|one| std::ptr::eq(&raw const ***one, visit.upstream));
    // What is got with a cookie is for nobody else.
    if visit.asker.has_cookie {
        return;
    }
    let (Some(upstream), Some(key)) = (upstream, key::flight(visit.place, visit.asker.owner))
    else {
        return;
    };
    if metrics.cache_refreshing.get() >= MOST {
        return;
    }
    let Joined::Leads(flight) = visit.cache.flights.join(key) else {
        return;
    };
    let second = visit.aside.as_ref().map(|aside| {
        let names = visit.names(call, aside);
        (aside.second.clone(), names)
    });
    let mut head = call.head.twin();
    // Another request's, of which nobody else has heard.
    head.method = http::Method::GET;
    condition(&mut head.fields, old);
    let refresh = Refresh {
        worker: call.record.worker.clone(),
        settings: call.state.settings.clone(),
        upstream: upstream.clone(),
        patience: route.patience(upstream),
        variant: call.variant,
        head,
        hidden: call
            .owed
            .iter()
            .filter_map(|owed| owed.hides().map(Box::from))
            .collect(),
        rest: call.rest().to_owned(),
        target: key::target(call),
        cache: visit.cache.clone(),
        rules: visit.step.running.rules,
        longest: visit.step.running.max_body,
        asker: visit.asker,
        version: route.version.uuid(),
        place: visit.place,
        moment: visit.moment,
        old: old.clone(),
        flight,
        second,
    };
    metrics.cache_refreshing.add(1);
    tokio::task::spawn_local(refresh.run());
}

impl Refresh {
    async fn run(self) {
        let worker = self.worker.clone();
        let patience = Duration::from_millis(self.patience.total_ms.unwrap_or(PATIENCE_MS));
        // What fails leaves the kept answer as it is.
        let _ = tokio::time::timeout(patience, self.exchange()).await;
        worker.metrics.cache_refreshing.take(1);
    }

    /// What is everybody's is not for one caller's answer to take away.
    fn take_out(&self, share: Option<&Share>) {
        if Some(self.old.owner) == self.asker.owner {
            if let Some(share) = share {
                share.forget(&self.old);
            }
            self.cache.remove(self.place, &self.old);
        }
    }

    async fn exchange(mut self) -> Option<()> {
        let mut share = None;
        if let Some((second, names)) = self.second.take() {
            let fields = &self.head.fields;
            let (found, by) = match names {
                Some(names) => second.find(names, fields, self.longest).await,
                None => (None, Share::away(second)),
            };
            share = Some(by);
            let now = self.worker.settings.clock.micros() / 1_000_000;
            let age = self.old.usage.age_at(now);
            let is_newer =
                |found: &Arc<Stored>| found.usage.is_fresh(now) && found.usage.age_at(now) < age;
            if let Some(found) = found.filter(is_newer) {
                self.cache.replace(self.place, &self.old, found);
                self.flight.land();
                return Some(());
            }
        }
        let worker = &*self.worker;
        let clock = &worker.settings.clock;
        let asked = clock.wall(clock.micros()) / 1_000_000;
        // Nothing stands in for it: the kept answer does already.
        let way = alone(worker, &self.upstream).ok()?;
        let mut attempts = Attempts::new(worker, way, chance());
        if let (Some(split), Some(variant)) = (&self.upstream.split, self.variant) {
            attempts.keep_to(split.variants[variant].members);
        }
        let target = attempts.next()?;
        let outgoing = Outgoing {
            head: &self.head,
            rest: &self.rest,
            upstream: &self.upstream,
            patience: self.patience,
            is_safe: false,
        };
        let mut nothing = Copied::nothing(worker.metrics.clone());
        let sent = send(worker, &self.settings, target, outgoing, &mut nothing).await;
        let Sent {
            mut head,
            mut outflow,
            ..
        } = match sent {
            Ok(sent) => sent,
            Err((failure, _)) => {
                if failure.is_the_targets() {
                    attempts.failed();
                }
                return None;
            }
        };
        attempts.answered(head.status);
        outflow.hold(attempts.ticket());
        drop(attempts);
        for name in &self.hidden {
            head.fields.remove_named(name.as_bytes());
        }
        passage::strip_response(&mut head.fields, &worker.settings.session_cookie);
        let micros = clock.micros();
        let source = Source {
            request: &self.head.fields,
            asker: self.asker,
            rules: &self.rules,
            times: Exchange {
                asked,
                answered: clock.wall(micros) / 1_000_000,
            },
            now: micros / 1_000_000,
            target: &self.target,
            version: self.version,
        };
        if head.status == 304 {
            match self.old.freshened(&source, &head.fields) {
                Some(fresh) => {
                    let fresh = Arc::new(fresh);
                    if let Some(share) = &share {
                        share.keep(&fresh);
                    }
                    self.cache.replace(self.place, &self.old, fresh);
                }
                None => self.take_out(share.as_ref()),
            }
            outflow.give_back(worker);
            self.flight.land();
            return Some(());
        }
        if matches!(head.status, 500..=599) {
            return None;
        }
        let ends = has_end(&outflow, head.status, &head.fields);
        let draft = Draft::of(&source, head.status, &head.fields).filter(|_| ends);
        let Some(draft) = draft else {
            if is_of_all(head.status) {
                self.take_out(share.as_ref());
            }
            return None;
        };
        let spot = (self.place, self.moment);
        let mut filling = Filling::new(
            self.cache,
            draft,
            spot,
            self.longest,
            (Some(self.flight), share),
        );
        let mut part = Vec::new();
        loop {
            let inflow: &mut dyn Inflow = &mut nothing;
            let polled = poll_fn(|cx| outflow.poll_fill(cx, worker, inflow, &mut part)).await;
            if !filling.add(&part) {
                return None;
            }
            part.clear();
            if polled.ok()? {
                if matches!(&outflow, Outflow::Stream(stream) if stream.trailers().is_some()) {
                    return None;
                }
                outflow.give_back(worker);
                filling.finish();
                return Some(());
            }
        }
    }
}
