//! Questions to other servers that policies put before they decide: sent by the worker as requests to
//! an upstream, with its balancing, circuit and credential. What is answered holds for a while for
//! all who ask the same, as does what came of passwords that were compared.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use http::Method;
use moka::Expiry;
use moka::future::Cache;
use moka::notification::RemovalCause;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use tokio::time::timeout_at;

use crate::answer::Refusal;
use crate::body::Inflow;
use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::head::Head;
use crate::passage;
use crate::passwords::{Passwords, Unheard};
use crate::policy::{Decision, Introspected};
use crate::state::{Place, Upstream};
use crate::upstream::{self, Attempts, Closed, Copied, Failure, Outgoing};

/// Longest answer that is read, in bytes.
const MOST_ANSWER: usize = 64 * 1024;
/// What is remembered of answers, in bytes of memory, by process.
pub(crate) const MOST_KEPT: u64 = 32 << 20;

/// By what an answer is found again: of all that it depends on.
pub(crate) type Key = [u8; 32];

/// Why nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The upstream cannot be used, or takes nothing now.
    #[error("the server takes no requests now")]
    Closed,
    /// As many questions as may be are under way.
    #[error("as many as may be are being asked")]
    Crowded,
    #[error("the server cannot be reached")]
    Unreachable,
    #[error("there was no answer in time")]
    TimedOut,
    #[error("the answer is longer than 64 KiB, or was cut off")]
    Body,
    #[error("the answer is none that says anything: status {0}")]
    Unclear(u16),
}

impl Unanswered {
    /// Whether nobody said anything, rather than something that cannot be understood, or was not
    /// even asked: callers can bring that about.
    pub(crate) const fn is_silence(self) -> bool {
        match self {
            Self::Closed | Self::Unreachable | Self::TimedOut | Self::Unclear(500..) => true,
            Self::Crowded | Self::Body | Self::Unclear(_) => false,
        }
    }
}

/// What was learned for the policy that is next.
pub(crate) enum Learned {
    Token(Result<Arc<Introspected>, Unanswered>),
    Decision(Result<Arc<Decision>, Unanswered>),
    /// Where the key of user name and password is; `None`: nobody has these.
    Password(Result<Option<Place>, Unheard>),
    /// The request is one that no upstream would get: nobody was asked.
    Refused(Refusal),
}

/// An upstream that a policy asks, with what tells it from what it was before.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) upstream: Arc<Upstream>,
    /// Of its settings and credential.
    pub(crate) written: Key,
}

/// An answer, read whole.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
}

/// A request of our own.
pub(crate) struct Question<'q> {
    pub(crate) upstream: &'q Upstream,
    pub(crate) timeout: Duration,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl<'q> Question<'q> {
    /// `None`: the target is none.
    pub(crate) fn new(
        upstream: &'q Upstream,
        timeout: Duration,
        method: Method,
        target: &str,
    ) -> Option<Self> {
        Some(Self {
            upstream,
            timeout,
            head: Head::of(method, target)?,
            body: Vec::new(),
        })
    }

    /// With a body of this media type.
    #[must_use]
    pub(crate) fn with(mut self, media_type: &str, body: Vec<u8>) -> Self {
        let length = body.len().to_string();
        let fields = &mut self.head.fields;
        fields.set("content-type", media_type.as_bytes());
        fields.set("content-length", length.as_bytes());
        fields.set("accept", b"application/json");
        self.body = body;
        self
    }

    /// Sends it, for `call`, unless `most` are under way to the same upstream.
    pub(crate) async fn ask(mut self, call: &Call<'_>, most: u32) -> Result<Reply, Unanswered> {
        let metrics = &call.worker.metrics;
        let fields = &mut self.head.fields;
        fields.set("x-request-id", call.record.request_id.as_str().as_bytes());
        if self.upstream.preserve_host
            && let Some(host) = call.head.fields.get(Name::Host)
        {
            fields.set("host", host);
        }
        // Behind all that anybody said: it is the gateway's own.
        if let Some((name, value)) = &self.upstream.credential {
            fields.set(name.as_str(), value.as_bytes());
        }
        let upstream = self.upstream;
        let reply = match upstream.vitals.begin_question(most) {
            None => Err(Unanswered::Crowded),
            Some(_place) => {
                metrics.questions.add(1);
                self.exchange(call).await
            }
        };
        if let Err(error) = &reply {
            match *error == Unanswered::Crowded {
                true => metrics.questions_crowded.add(1),
                false => metrics.questions_failed.add(1),
            }
            if call.worker.shared.answers.may_warn(call.wall_secs()) {
                tracing::warn!(upstream.id = %upstream.id, %error, "A question that a policy puts was not answered; there may be more of these in 10 s.");
            }
        }
        reply
    }

    /// Until there is an answer, or no more tries.
    async fn exchange(&self, call: &Call<'_>) -> Result<Reply, Unanswered> {
        let (worker, upstream) = (call.worker, self.upstream);
        if upstream.broken.is_some() || upstream.targets.is_empty() {
            return Err(Unanswered::Closed);
        }
        let end = tokio::time::Instant::now() + self.timeout;
        let way = upstream::alone(worker, upstream).map_err(|closed| match closed {
            Closed::Full => Unanswered::Crowded,
            Closed::Open(_) | Closed::NoTarget => Unanswered::Closed,
        })?;
        let mut attempts = Attempts::new(worker, way, upstream::chance());
        let mut body = Copied::of(&self.body, worker.metrics.clone());
        loop {
            let target = attempts.next().ok_or(Unanswered::Closed)?;
            let outgoing = Outgoing {
                head: &self.head,
                rest: self.head.path(),
                upstream,
                patience: upstream.patience,
                // It only asks.
                is_safe: true,
            };
            let settings = &call.state.settings;
            let sent = upstream::send(worker, settings, target, outgoing, &mut body);
            let Ok(sent) = timeout_at(end, sent).await else {
                attempts.failed();
                return Err(Unanswered::TimedOut);
            };
            match sent {
                Ok(mut sent) => {
                    attempts.answered(sent.head.status);
                    sent.outflow.hold(attempts.ticket());
                    let mut bytes = Vec::new();
                    loop {
                        let outflow = &mut sent.outflow;
                        let filled =
                            poll_fn(|cx| outflow.poll_fill(cx, worker, &mut body, &mut bytes));
                        let filled = timeout_at(end, filled).await;
                        let filled = filled.map_err(|_| Unanswered::TimedOut)?;
                        let is_whole = filled.map_err(|_| Unanswered::Body)?;
                        if bytes.len() > MOST_ANSWER {
                            return Err(Unanswered::Body);
                        }
                        if is_whole {
                            outflow.give_back(worker);
                            let cookie = &worker.settings.session_cookie;
                            passage::strip_response(&mut sent.head.fields, cookie);
                            return Ok(Reply {
                                status: sent.head.status,
                                fields: sent.head.fields,
                                body: bytes,
                            });
                        }
                    }
                }
                Err((failure, _)) => {
                    if failure.is_the_targets() {
                        attempts.failed();
                    }
                    let undone = failure.is_undone(&body);
                    let pause = undone.then(|| attempts.again(None)).flatten();
                    let pause = pause.ok_or(match failure {
                        Failure::TimedOut => Unanswered::TimedOut,
                        Failure::Full => Unanswered::Crowded,
                        _ => Unanswered::Unreachable,
                    })?;
                    tokio::time::sleep(pause).await;
                    body.repeat();
                }
            }
        }
    }
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    Token(Arc<Introspected>),
    Decision(Arc<Decision>),
}

impl Known {
    fn keep(&self) -> Duration {
        match self {
            Self::Token(one) => one.keep,
            Self::Decision(one) => one.keep,
        }
    }

    /// About what it takes.
    fn size(&self) -> u32 {
        let size = match self {
            Self::Token(one) => one.size,
            Self::Decision(one) => one.size(),
        };
        u32::try_from(size + 256).unwrap_or(u32::MAX)
    }
}

struct AsLongAsItSays;

impl Expiry<Key, Known> for AsLongAsItSays {
    fn expire_after_create(&self, _: &Key, known: &Known, _: Instant) -> Option<Duration> {
        Some(known.keep())
    }
}

/// Answers that hold for a while; of all workers.
#[derive(Debug)]
pub(crate) struct Answers {
    known: Cache<Key, Known>,
    /// Taken out for want of room.
    evicted: Arc<AtomicU64>,
    /// What is being asked: others who want the same wait for it.
    flights: Mutex<HashMap<Key, Weak<OnceCell<Known>>>>,
    /// The second of the last line in the log.
    warned: AtomicU64,
    pub(crate) passwords: Passwords,
}

/// Questions under way, above which those that ended are let go.
const FLIGHTS: usize = 1024;

impl Default for Answers {
    fn default() -> Self {
        let evicted = Arc::new(AtomicU64::new(0));
        let counter = evicted.clone();
        let known = Cache::builder()
            .max_capacity(MOST_KEPT)
            .weigher(|_, known: &Known| known.size())
            .expire_after(AsLongAsItSays)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    counter.fetch_add(1, Relaxed);
                }
            })
            .build();
        Self {
            known,
            evicted,
            flights: Mutex::default(),
            warned: AtomicU64::new(0),
            passwords: Passwords::default(),
        }
    }
}

impl Answers {
    /// What is known.
    pub(crate) async fn known(&self, key: &Key) -> Option<Known> {
        self.known.get(key).await
    }

    pub(crate) async fn note(&self, key: Key, known: Known) {
        self.known.insert(key, known).await;
    }

    /// What is known, or what `ask` learns: once, for all who want it at the same time. Where whoever
    /// asks goes away or fails, the next one asks.
    pub(crate) async fn get(
        &self,
        key: Key,
        ask: impl Future<Output = Result<Known, Unanswered>>,
    ) -> Result<Known, Unanswered> {
        if let Some(known) = self.known(&key).await {
            return Ok(known);
        }
        let flight = self.flight(key);
        let learn = async {
            let known = ask.await?;
            self.note(key, known.clone()).await;
            Ok(known)
        };
        let known = flight.get_or_try_init(|| learn).await;
        known.cloned()
    }

    fn flight(&self, key: Key) -> Arc<OnceCell<Known>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key).and_then(Weak::upgrade) {
            return flight;
        }
        if flights.len() >= FLIGHTS {
            flights.retain(|_, flight| flight.strong_count() > 0);
        }
        let flight = Arc::default();
        flights.insert(key, Arc::downgrade(&flight));
        flight
    }

    /// Whether a line may go to the log: one in 10 s.
    fn may_warn(&self, now: i64) -> bool {
        let now = now.unsigned_abs();
        let last = self.warned.load(Relaxed);
        let may = now >= last + 10 || now < last;
        may && self
            .warned
            .compare_exchange(last, now, Relaxed, Relaxed)
            .is_ok()
    }

    /// Bytes, and answers that were taken out for want of room.
    pub(crate) fn figures(&self) -> (u64, u64) {
        (self.known.weighted_size(), self.evicted.load(Relaxed))
    }
}

/// Makes a key of parts, none of which can pass for two.
#[derive(Clone)]
pub(crate) struct Parts(Sha256);

impl Parts {
    pub(crate) fn new(kind: &str) -> Self {
        Self(Sha256::new()).and(kind.as_bytes())
    }

    #[must_use]
    pub(crate) fn and(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    pub(crate) fn key(self) -> Key {
        self.0.finalize().into()
    }
}
