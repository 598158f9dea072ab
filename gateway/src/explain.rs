//! Says what the gateway would do with a request and why, by the very code that would do it: the
//! steps of [`crate::pipeline`] on a request that nobody sent, with limits that are looked at
//! instead of counted.
//!
//! The same table of requests is sent to a running gateway and explained in `tests/it/explain.rs`;
//! the two must agree.

mod asked;
mod chain;
mod destination;
mod runners;
mod said;
mod verdict;
mod words;

use std::rc::Rc;
use std::sync::Arc;

use domain::explain::{Asked, Counted, Explanation, KeyState, Operation, Read, Sight, masked};
use domain::problem::Code;
use domain::snapshot::{Delta, Snapshot};

use crate::answer::Refusal;
use crate::cache::Cache;
use crate::call::Call;
use crate::clock::Clock;
use crate::compile::Compiler;
use crate::connections::Connections;
use crate::head::Head;
use crate::in_flight::InFlight;
use crate::lease::Leases;
use crate::limiter::Cells;
use crate::metrics::WorkerMetrics;
use crate::operation;
use crate::pipeline;
use crate::place;
use crate::policy::key_auth::StandIn;
use crate::quota::{QuotaKey, Quotas};
use crate::record::{NameId, Names, Rings};
use crate::report::Report;
use crate::settings::Settings;
use crate::slot::Limits;
use crate::state::{Route, State};
use crate::target;
use crate::waiting::WaitingOnNode;
use crate::watched::{Users, Watched};
use crate::worker::{Shared, Worker};
use asked::{Before, Request};
use verdict::{answered, forwarded, refused, unreadable};

/// Where limits are looked up.
#[derive(Debug, Clone)]
pub struct Counts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Clock,
    pub(crate) rates: Counted,
    pub(crate) quotas: Counted,
}

impl Counts {
    /// Of no gateway: limits are taken as unused. With `totals` somebody puts the sums of all nodes
    /// into [`Explainer::quotas`] before each answer.
    pub fn none(settings: &Settings, totals: bool) -> Self {
        let quotas = Arc::<Quotas>::default();
        Self {
            shared: Arc::new(Shared {
                cells: Cells::new(settings.limits.cells.min(100_000)),
                leases: Arc::new(Leases::new(false)),
                quotas,
                in_flight: InFlight::new(settings.limits.requests),
                places: Arc::default(),
                waiting: WaitingOnNode::default(),
                watched: Watched::new(settings.limits.cells.min(100_000)),
                users: Users::new(settings.limits.cells.min(100_000)),
                cache: Arc::new(Cache::new(0)),
                answers: Arc::default(),
                nonces: Arc::default(),
                connections: Connections::new(&settings.limits, true),
            }),
            limits: Arc::default(),
            clock: settings.clock.clone(),
            rates: Counted::Elsewhere,
            quotas: if totals {
                Counted::Platform
            } else {
                Counted::Elsewhere
            },
        }
    }
}

/// What came out, and which quotas were looked at, with the start of their period: seconds since
/// 1970.
#[derive(Debug)]
pub struct Explained {
    pub explanation: Explanation,
    pub quotas: Vec<(QuotaKey, i64)>,
}

/// The configuration did not become a state.
#[derive(Debug, thiserror::Error)]
#[error("The configuration cannot be taken: {0}.")]
pub struct NoState(String);

/// A configuration state to ask about.
pub struct Explainer {
    settings: Arc<Settings>,
    counts: Counts,
    names: Arc<Names>,
    rings: Rings,
    compiler: Compiler,
    state: Arc<State>,
}

impl std::fmt::Debug for Explainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explainer")
            .field("state", &self.state.number)
            .finish_non_exhaustive()
    }
}

impl Explainer {
    pub fn new(snapshot: Snapshot, settings: Settings, counts: Counts) -> Result<Self, NoState> {
        let names = Arc::new(Names::default());
        let settings = Settings {
            clock: counts.clock.clone(),
            ..settings
        };
        let mut compiler = Compiler::new(
            names.clone(),
            counts.limits.clone(),
            settings.gateway_key.clone(),
        );
        let state = compiler
            .full(snapshot)
            .map_err(|error| NoState(error.to_string()))?;
        Ok(Self {
            settings: Arc::new(settings),
            counts,
            rings: Rings::new(1, names.clone()),
            names,
            compiler,
            state,
        })
    }

    /// The number of the state that is explained.
    pub fn state(&self) -> u64 {
        self.state.number
    }

    /// Takes what changed since; the state before stays where that is not possible.
    pub fn follow(&mut self, delta: Delta) -> Result<(), NoState> {
        let state = self.compiler.delta(delta);
        self.state = state.map_err(|error| NoState(error.to_string()))?;
        Ok(())
    }

    /// The counters of quotas that are looked at.
    pub fn quotas(&self) -> &Quotas {
        &self.counts.shared.quotas
    }

    /// What would become of a request. It must have passed [`Asked::check`].
    pub fn explain(&self, asked: &Asked, key: KeyState, sight: &Sight) -> Explained {
        let mut worker = Worker::new(
            self.settings.clone(),
            self.counts.shared.clone(),
            Arc::<WorkerMetrics>::default(),
            self.rings.sink(0),
        );
        worker.explains = true;
        let worker = Rc::new(worker);
        self.settings.clock.adjust();
        let mut explained = Explained {
            explanation: Explanation {
                state: self.state.number,
                at: self.settings.clock.utc(),
                request: asked::shown(asked),
                route: None,
                runners_up: Vec::new(),
                operation: None,
                caller: None,
                steps: Vec::new(),
                upstream: None,
                headers: None,
                verdict: forwarded(),
            },
            quotas: Vec::new(),
        };
        match Request::read(worker, asked) {
            None => explained.explanation.verdict = unreadable(),
            Some((request, head, before)) => {
                let stand_in = asked.credential.map(|id| StandIn {
                    digest: self.compiler.digest_of(id),
                    judged: key == KeyState::Judged,
                });
                let mut walk = Walk {
                    explainer: self,
                    sight,
                    stand_in,
                    out: &mut explained,
                    decided_by: None,
                    elsewhere: None,
                };
                if let Err(end) = walk.through(&request, head, &before) {
                    let (decided_by, elsewhere) = (walk.decided_by, walk.elsewhere);
                    let verdict = &mut explained.explanation.verdict;
                    *verdict = match end {
                        End::Refused(refusal) => refused(&refusal, decided_by),
                        End::Answered(status) => answered(status, decided_by),
                    };
                    verdict.status = elsewhere.or(verdict.status);
                }
            }
        }
        // What the walk left is no traffic.
        self.rings.drain(|_| ());
        explained
    }
}

/// How a request ends that does not go to the upstream.
enum End {
    Refused(Refusal),
    /// A policy answers, with this status.
    Answered(u16),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// One request on its way.
struct Walk<'w> {
    explainer: &'w Explainer,
    sight: &'w Sight,
    stand_in: Option<StandIn>,
    out: &'w mut Explained,
    decided_by: Option<String>,
    /// The status of an answer that sends the client to https.
    elsewhere: Option<u16>,
}

impl Walk<'_> {
    /// The steps of [`pipeline`]'s `serve`, up to where it would be forwarded.
    fn through(
        &mut self,
        request: &Request,
        mut head: Box<Head>,
        before: &Before,
    ) -> Result<(), End> {
        let explainer = self.explainer;
        let state = &*explainer.state;
        let mut report = Report::new(request.worker.clone(), request.client.clone());
        report.name(&mut head);
        let address = request.address(&head);
        self.out.explanation.request.client = address;

        target::method(&head)?;
        target::path(&mut head)?;
        let path = head.canonical();
        self.read(|read| read.path = Some(masked(path)));
        let (route, prefix) = {
            let host = target::host(&head)?;
            self.read(|read| read.host = Some(host.to_string()));
            if !state.tls.asks_nothing() {
                let (worker, client) = (&request.worker, &request.client);
                let sent =
                    pipeline::by_https(worker, client, state, &host, &head, report.at as u64)?;
                if let Some(answer) = sent {
                    self.elsewhere = Some(answer.status);
                    return Err(Refusal::new(Code::HttpsRequired).into());
                }
            }
            // Nothing is told of a place where another organization's version answers.
            if !self.sees(state, &host, &head) {
                let code = if head.has_encoded_slash {
                    Code::PathNotCanonical
                } else {
                    Code::NoRoute
                };
                return Err(Refusal::new(code).into());
            }
            self.runners_up(state, &host, &head);
            let found = place::find(state, &host, path, &head, &mut report);
            found.map_err(|refusal| match place::preflight(&head, &mut report) {
                Some(answer) => End::Answered(answer.status),
                None => refusal.into(),
            })?
        };
        report.note_route(route);
        self.out.explanation.route = explainer.compiler.place_of(route.version);
        let (chain, preflight) = operation::chosen(&mut report, route, &head, &path[prefix..]);
        self.operation(route, report.operation, chain.is_ok());
        let chain =
            chain.map_err(|refusal| because(refusal, route, report.operation, explainer))?;

        let mut call = request.call(head, state, &mut report, route, chain, address);
        call.place(prefix);
        call.preflight = preflight;
        let ended = self.forwardable(request, &mut call, before);
        self.finishing(chain);
        ended
    }

    /// What comes before anything is sent.
    fn forwardable(
        &mut self,
        request: &Request,
        call: &mut Call<'_>,
        before: &Before,
    ) -> Result<(), End> {
        let explainer = self.explainer;
        request.body()?;
        self.admit(call)?;
        let prepared = destination::prepare(call);
        if prepared.is_err() && call.record.decided_by != NameId::NONE {
            let label = explainer.names.get(call.record.decided_by);
            self.decided_by = Some(label.to_string());
        }
        let upstream = prepared?;
        let explanation = &mut self.out.explanation;
        explanation.headers = Some(asked::changes(before, call, upstream));
        if self.sight.upstream(upstream.id) {
            explanation.upstream = destination::shown(&explainer.compiler, call, upstream);
        }
        Ok(())
    }

    fn read(&mut self, note: impl FnOnce(&mut Read)) {
        note(&mut self.out.explanation.request);
    }

    fn operation(&mut self, route: &Route, id: domain::id::OperationId, found: bool) {
        let source = self.explainer.compiler.operation(route.version, id);
        self.out.explanation.operation = match source {
            Some(source) => Some(Operation {
                id: Some(id),
                name: format!("{} {}", source.method, source.template),
                own_policies: !source.policies.is_empty(),
            }),
            None if found => Some(Operation {
                id: None,
                name: "other".to_owned(),
                own_policies: false,
            }),
            None => None,
        };
    }
}

/// Adds to `policy_invalid` what only its owner sees: which policy, and what is wrong with it.
fn because(
    refusal: Refusal,
    route: &Route,
    operation: domain::id::OperationId,
    explainer: &Explainer,
) -> Refusal {
    if refusal.code != Code::PolicyInvalid {
        return refusal;
    }
    let name = explainer.compiler.operation(route.version, operation);
    let wrong = match &route.chain {
        Err(error) => error.to_string(),
        Ok(_) => name.map_or_else(String::new, |operation| {
            format!("a policy of {} {}", operation.method, operation.template)
        }),
    };
    refusal.detail(format!("It cannot be loaded: {wrong}."))
}
