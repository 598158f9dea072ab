//! Chains of policies, compiled: a list for each stage that has something to run.

mod documented;
mod one;

use std::hint::black_box;
use std::sync::Arc;

use domain::effective::Effective;
use domain::policy::{AttachPoint, Mode, Policy, Stage, Subject};

use super::{
    Answers, Cache, Checking, Context, Cors, Finishing, LogDetail, Mirror, Reshape, Running,
    Shaping, Step,
};
use crate::record::{NameId, Watch};
use crate::state::State;
use one::compile;

/// The policies of one attach point's chain, by stage.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    pub(crate) edge: Box<[Step]>,
    pub(crate) identity: Box<[Step]>,
    pub(crate) allowance: Box<[Step]>,
    /// What only some chains have: the others pay one branch.
    pub(crate) beyond: Option<Box<Beyond>>,
}

/// The stages that few chains have, and the way back.
#[derive(Debug, Default)]
pub(crate) struct Beyond {
    /// Something asks other servers who calls, or whether that caller may.
    pub(crate) asks: bool,
    /// Something takes passwords: those that people chose are compared off the worker.
    pub(crate) passwords: bool,
    /// What asks more of the caller than a subscription.
    pub(crate) access: Box<[Step]>,
    /// What looks into what is sent.
    pub(crate) contract: Box<[Step<Checking>]>,
    /// What answers in the upstream's place.
    pub(crate) answer: Box<[Step]>,
    /// What answers with what is kept, or keeps what is answered.
    pub(crate) cache: Option<Step<Cache>>,
    /// What changes the request's body.
    pub(crate) reshape: Box<[Step<Arc<Reshape>>]>,
    /// What looks at the answer.
    pub(crate) answers: Option<Step<Arc<Answers>>>,
    /// What changes the answer's.
    pub(crate) reshape_answer: Box<[Step<Arc<Reshape>>]>,
    /// The status that answers get in the place of the upstream's.
    pub(crate) status: Option<Step<u16>>,
    /// What changes the request.
    pub(crate) shape: Box<[Step<Shaping>]>,
    /// What sends copies of it to another upstream.
    pub(crate) mirror: Option<Step<Mirror>>,
    /// What acts on the answer, in this order: those of shape, then those of the edge.
    pub(crate) finish: Box<[Step<Finishing>]>,
    /// What of request and answer is kept beside the record.
    pub(crate) detail: Option<Step<Arc<LogDetail>>>,
}

/// A policy or a condition that has no running form; its route answers 500.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{label}: {reason}")]
pub(crate) struct Uncompiled {
    /// `policy kind/name`, or where in the route it stands.
    pub(crate) label: String,
    pub(crate) reason: String,
}

/// What one policy becomes.
#[derive(Default)]
struct Parts {
    running: Option<Running>,
    checking: Option<Checking>,
    answers: Option<Answers>,
    reshape: Option<Reshape>,
    reshape_answer: Option<Reshape>,
    status: Option<u16>,
    shaping: Option<Shaping>,
    finishing: Option<Finishing>,
    cache: Option<Cache>,
    mirror: Option<Mirror>,
    detail: Option<LogDetail>,
}

impl From<Running> for Parts {
    fn from(running: Running) -> Self {
        Self {
            running: Some(running),
            ..Self::default()
        }
    }
}

impl From<Checking> for Parts {
    fn from(checking: Checking) -> Self {
        Self {
            checking: Some(checking),
            ..Self::default()
        }
    }
}

impl From<Finishing> for Parts {
    fn from(finishing: Finishing) -> Self {
        Self {
            finishing: Some(finishing),
            ..Self::default()
        }
    }
}

impl Chain {
    /// Compiles a chain that [`domain::effective::chain`] put in order. `attach` gives the id of
    /// each attach point.
    pub(crate) fn compile(
        chain: &[Effective<'_>],
        attach: impl Fn(AttachPoint) -> uuid::Uuid,
        context: &Context<'_>,
    ) -> Result<Self, Uncompiled> {
        let (mut edge, mut identity, mut allowance) = (Vec::new(), Vec::new(), Vec::new());
        let (mut access, mut answer, mut shape) = (Vec::new(), Vec::new(), Vec::new());
        let (mut of_shape, mut of_edge) = (Vec::new(), Vec::new());
        let mut contract = Vec::new();
        let (mut reshape, mut reshape_answer) = (Vec::new(), Vec::new());
        let (mut cache, mut answers, mut detail) = (None, None, None);
        let (mut status, mut mirror) = (None, None);
        for (index, effective) in chain.iter().enumerate() {
            let bit = Watch::bit(index);
            let parts = compile(effective, attach(effective.from), context)?;
            let stage = stage_of(effective.policy);
            if let Some(running) = parts.running {
                let step = step(running, effective, bit, context);
                match stage {
                    Stage::Edge => edge.push(step),
                    Stage::Identity => identity.push(step),
                    Stage::Allowance => allowance.push(step),
                    Stage::Answer => answer.push(step),
                    Stage::Access => access.push(step),
                    Stage::Contract | Stage::Shape => {
                        return Err(Uncompiled {
                            label: label(effective.policy),
                            reason: "its stage is not run by this release".to_owned(),
                        });
                    }
                }
            }
            if let Some(checking) = parts.checking {
                contract.push(step(checking, effective, bit, context));
            }
            if let Some(running) = parts.answers {
                answers = Some(documented::watching(running, effective, bit, context));
            }
            if let Some(running) = parts.cache {
                cache = Some(step(running, effective, bit, context));
            }
            if let Some(running) = parts.detail {
                detail = Some(step(Arc::new(running), effective, bit, context));
            }
            if let Some(running) = parts.reshape {
                reshape.push(step(Arc::new(running), effective, bit, context));
            }
            if let Some(running) = parts.reshape_answer {
                reshape_answer.push(step(Arc::new(running), effective, bit, context));
            }
            if let Some(running) = parts.status
                && effective.policy.mode() == Mode::Enforce
            {
                status = Some(step(running, effective, bit, context));
            }
            if let Some(shaping) = parts.shaping {
                shape.push(step(shaping, effective, bit, context));
            }
            if let Some(running) = parts.mirror {
                mirror = Some(step(running, effective, bit, context));
            }
            if let Some(finishing) = parts.finishing {
                let list = match stage {
                    Stage::Shape => &mut of_shape,
                    _ => &mut of_edge,
                };
                list.push(step(finishing, effective, bit, context));
            }
        }
        // Who only observes looks before whoever enforces takes out what it has looked at; but those who
        // take passwords out in either mode.
        identity.sort_by_key(|step: &Step| !step.observe || step.running.takes_passwords());
        of_shape.append(&mut of_edge);
        let asks = |step: &Step| step.running.asks();
        let asks = identity.iter().chain(&access).any(asks);
        let takes = |step: &Step| step.running.takes_passwords();
        let passwords = identity.iter().any(takes);
        let is_plain = access.is_empty()
            && !asks
            && !passwords
            && contract.is_empty()
            && answer.is_empty()
            && cache.is_none()
            && answers.is_none()
            && reshape.is_empty()
            && reshape_answer.is_empty()
            && status.is_none()
            && shape.is_empty()
            && mirror.is_none()
            && of_shape.is_empty()
            && detail.is_none();
        let beyond = (!is_plain).then(|| {
            Box::new(Beyond {
                asks,
                passwords,
                access: access.into(),
                contract: contract.into(),
                answer: answer.into(),
                cache,
                answers,
                reshape: reshape.into(),
                reshape_answer: reshape_answer.into(),
                status,
                shape: shape.into(),
                mirror,
                finish: of_shape.into(),
                detail,
            })
        });
        Ok(Self {
            edge: edge.into(),
            identity: identity.into(),
            allowance: allowance.into(),
            beyond,
        })
    }

    /// Asks for the lines of the processor's cache that a request is about to look at, all at once.
    #[inline]
    pub(crate) fn fetch(&self) {
        black_box(self.identity.first().map(|step| step.kind));
        if let Some(beyond) = &self.beyond {
            beyond.fetch();
        }
    }

    /// What looks into what is sent; most chains have nothing that does.
    pub(crate) fn contract(&self) -> &[Step<Checking>] {
        match &self.beyond {
            None => &[],
            Some(beyond) => &beyond.contract,
        }
    }

    /// What changes bodies of requests, and of answers.
    pub(crate) fn reshaped_requests(&self) -> &[Step<Arc<Reshape>>] {
        match &self.beyond {
            None => &[],
            Some(beyond) => &beyond.reshape,
        }
    }

    pub(crate) fn reshaped_answers(&self) -> &[Step<Arc<Reshape>>] {
        match &self.beyond {
            None => &[],
            Some(beyond) => &beyond.reshape_answer,
        }
    }

    /// The status that answers of the upstream get, where one is said.
    pub(crate) fn status(&self) -> Option<&Step<u16>> {
        self.beyond.as_deref()?.status.as_ref()
    }

    /// Whether a request goes on as it comes, and its answer comes as it is.
    pub(crate) fn is_straight(&self, state: &State) -> bool {
        self.beyond.as_ref().is_none_or(|beyond| {
            !beyond.asks(state)
                && beyond.contract.is_empty()
                && beyond.cache.is_none()
                && beyond.answers.is_none()
                && beyond.reshape.is_empty()
                && beyond.reshape_answer.is_empty()
                && beyond.status.is_none()
        })
    }

    /// Whether other servers are asked before it is let in, or a password may have to be compared.
    pub(crate) fn asks(&self, state: &State) -> bool {
        let beyond = self.beyond.as_ref();
        beyond.is_some_and(|beyond| beyond.asks(state))
    }

    /// Whether what comes behind an upstream needs something of the request as it came.
    pub(crate) fn notes(&self) -> bool {
        self.beyond.as_ref().is_some_and(|beyond| {
            let judges = |step: &Step<Arc<Answers>>| !step.running.watches();
            !beyond.finish.is_empty()
                || beyond.reshape_answer.iter().any(|step| !step.observe)
                || beyond.answers.as_ref().is_some_and(judges)
        })
    }

    /// What acts on the answer, where something does.
    pub(crate) fn finishing(&self) -> Option<&Beyond> {
        self.beyond
            .as_deref()
            .filter(|beyond| !beyond.finish.is_empty())
    }

    /// Whether a refusal that was told before its policies were asked is theirs as well.
    pub(crate) fn acts_on_answers(&self) -> bool {
        self.finishing().is_some() || self.detail().is_some()
    }

    /// What looks at answers, where something does.
    pub(crate) fn answers(&self) -> Option<&Step<Arc<Answers>>> {
        self.beyond.as_deref()?.answers.as_ref()
    }

    /// What is kept of requests and answers, where something is.
    pub(crate) fn detail(&self) -> Option<&Step<Arc<LogDetail>>> {
        self.beyond.as_deref()?.detail.as_ref()
    }

    pub(crate) fn cache(&self) -> Option<&Step<Cache>> {
        self.beyond.as_deref()?.cache.as_ref()
    }

    /// What sends copies to another upstream, where something does.
    pub(crate) fn mirror(&self) -> Option<&Step<Mirror>> {
        self.beyond.as_deref()?.mirror.as_ref()
    }
}

impl Beyond {
    /// Of each part whether it is there.
    fn fetch(&self) {
        black_box((self.asks, self.access.len(), self.finish.len()));
        black_box((self.contract.len(), self.answer.len(), self.shape.len()));
        black_box((self.reshape.len(), self.reshape_answer.len()));
        black_box((self.cache.is_some(), self.answers.is_some()));
        black_box((self.status.is_some(), self.mirror.is_some()));
        black_box(self.detail.is_some());
    }

    fn asks(&self, state: &State) -> bool {
        self.asks || (self.passwords && !state.keys.hashes.is_empty())
    }

    /// The one that answers preflights.
    pub(crate) fn cors(&self) -> Option<(&Step<Finishing>, &Cors)> {
        self.finish.iter().find_map(|step| match &step.running {
            Finishing::Cors(cors) if !step.observe => Some((step, cors)),
            _ => None,
        })
    }
}

fn label(policy: &Policy) -> String {
    format!("{}/{}", policy.kind().as_str(), policy.name())
}

/// Limits that look only at address and route run before anybody is identified; but where requests
/// wait, it counts whose they are.
fn stage_of(policy: &Policy) -> Stage {
    if let Policy::RateLimit(limit) = policy {
        let edge = |subject: &Subject| match subject {
            Subject::Address | Subject::Route => true,
            Subject::Subscription | Subject::Application | Subject::Key => false,
        };
        let is_named = !limit.by.is_empty() || !limit.headers.is_empty();
        let waits = limit.delay.is_some();
        if is_named && !waits && limit.claims.is_empty() && limit.by.iter().all(edge) {
            return Stage::Edge;
        }
    }
    policy.kind().stage()
}

fn step<R>(running: R, effective: &Effective<'_>, bit: u32, context: &Context<'_>) -> Step<R> {
    let (observe, label) = (
        effective.policy.mode() == Mode::Observe,
        label(effective.policy),
    );
    let name = match observe {
        true => documented::watched(effective, &label, context),
        false => NameId::NONE,
    };
    Step {
        running,
        kind: effective.policy.kind(),
        observe,
        from: effective.from,
        label: context.names.intern(&label),
        watch: Watch { bit, name },
    }
}
