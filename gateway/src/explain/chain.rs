//! The chain of policies of one request: the order of [`crate::pipeline`]'s `admit`, each step
//! asked by its own code what it would say.

use domain::explain::{Caller, Counted, Decision, Limit, Step as Told};
use domain::policy::{Mode, Stage};
use domain::problem::Code;

use super::words::{caches, checks, checks_answers, finishes, keeps_detail, mirrors, shapes};
use super::{End, Walk};
use crate::access;
use crate::answer::{Refusal, Shown};
use crate::call::Call;
use crate::policy::{Beyond, Chain, Flow, Step};

impl Walk<'_> {
    /// Edge → identity → access → allowance, of the version and then of the plan.
    pub(super) fn admit(&mut self, call: &mut Call<'_>) -> Result<(), End> {
        let chain = call.chain;
        let refused = self
            .stage(&chain.edge, Stage::Edge, call)
            .or_else(|| self.preflight(call))
            .or_else(|| self.stage(&chain.identity, Stage::Identity, call));
        self.caller(call);
        if let Some(end) = refused {
            self.behind(chain);
            return Err(end);
        }
        if call.caller.is_some() {
            self.subscription(call)?;
        }
        if let Some(end) = self.access(chain, call) {
            return Err(end);
        }
        let allowed = self.plan(call);
        let Some(beyond) = &chain.beyond else {
            return allowed.map_err(End::from);
        };
        if let Err(refusal) = allowed {
            self.none_beyond(beyond);
            return Err(refusal.into());
        }
        if let Err(refusal) = self.contract(beyond, call) {
            self.none_behind(beyond);
            return Err(refusal.into());
        }
        if let Some(end) = self.stage(&beyond.answer, Stage::Answer, call) {
            self.none_sent(beyond);
            return Err(end);
        }
        if let Some(step) = &beyond.cache {
            self.acts(step, Stage::Answer, caches());
        }
        for step in &beyond.shape {
            self.acts(step, Stage::Shape, shapes(&step.running));
        }
        if let Some(step) = &beyond.mirror {
            self.acts(step, Stage::Shape, mirrors(&step.running));
        }
        Ok(())
    }

    /// A preflight ends behind the edge.
    fn preflight(&mut self, call: &Call<'_>) -> Option<End> {
        let (step, _) = call.preflight?;
        let mut told = self.told(step, Stage::Edge);
        told.decision = Decision::Answers;
        told.why = "It answers the preflight.".to_owned();
        self.decided_by = Some(told.policy.clone());
        self.out.explanation.steps.push(told);
        Some(End::Answered(204))
    }

    fn access<'a>(&mut self, chain: &'a Chain, call: &mut Call<'a>) -> Option<End> {
        let beyond = chain.beyond.as_deref()?;
        self.stage(&beyond.access, Stage::Access, call)
    }

    /// The limits, of the version and of the plan.
    fn plan(&mut self, call: &mut Call<'_>) -> Result<(), Refusal> {
        let chain = call.chain;
        let Some(plan) = call.plan() else {
            return self.allowances([(&*chain.allowance, Stage::Allowance)], call);
        };
        let plan = plan.chain.as_ref().map_err(|error| {
            Refusal::new(Code::PolicyInvalid).detail(format!("It cannot be loaded: {error}."))
        })?;
        if let Some(End::Refused(refusal)) = self.access(plan, call) {
            return Err(refusal);
        }
        self.allowances(
            [
                (&*chain.allowance, Stage::Allowance),
                (&*plan.edge, Stage::Edge),
                (&*plan.allowance, Stage::Allowance),
            ],
            call,
        )
    }

    /// What acts on the answer, whoever gave it.
    pub(super) fn finishing(&mut self, chain: &Chain) {
        if let Some(step) = chain.answers() {
            self.acts(step, Stage::Contract, checks_answers(&step.running));
        }
        if let Some(step) = chain.status() {
            let why = format!("Gives the upstream's answer the status {}.", step.running);
            self.acts(step, Stage::Shape, why);
        }
        for step in chain.finishing().into_iter().flat_map(|one| &one.finish) {
            self.acts(step, step.kind.stage(), finishes(&step.running));
        }
        if let Some(step) = chain.detail() {
            self.acts(step, step.kind.stage(), keeps_detail());
        }
    }

    fn acts<R>(&mut self, step: &Step<R>, stage: Stage, why: String) {
        let mut told = self.told(step, stage);
        told.why = if step.observe {
            format!("{why} It only observes.")
        } else {
            why
        };
        self.out.explanation.steps.push(told);
    }

    fn none_beyond(&mut self, beyond: &Beyond) {
        self.none_of(&beyond.contract, Stage::Contract);
        self.none_behind(beyond);
    }

    /// Nothing behind the contract.
    fn none_behind(&mut self, beyond: &Beyond) {
        self.none_of(&beyond.answer, Stage::Answer);
        self.none_sent(beyond);
    }

    /// Nothing that is there for what no policy answers.
    fn none_sent(&mut self, beyond: &Beyond) {
        self.none_of(beyond.cache.as_slice(), Stage::Answer);
        self.none_of(&beyond.shape, Stage::Shape);
        self.none_of(beyond.mirror.as_slice(), Stage::Shape);
    }

    fn none_of<R>(&mut self, steps: &[Step<R>], stage: Stage) {
        for step in steps {
            self.not_reached(step, stage);
        }
    }

    /// What looks into requests, as far as a head tells; up to the first that refuses.
    fn contract(&mut self, beyond: &Beyond, call: &Call<'_>) -> Result<(), Refusal> {
        let mut refused = None;
        for step in &beyond.contract {
            if refused.is_some() {
                self.not_reached(step, Stage::Contract);
                continue;
            }
            let mut told = self.told(step, Stage::Contract);
            let found = step.running.judge_head(call);
            if found.is_empty() {
                told.why = checks(&step.running);
            } else {
                let refusal = Refusal::new(step.running.code()).violations(found);
                told.why = refusal.sentence().to_owned();
                told.code = Some(refusal.code.as_str().to_owned());
                told.decision = Decision::WouldRefuse;
                if !step.observe {
                    told.decision = Decision::Refuses;
                    self.decided_by = Some(told.policy.clone());
                    refused = Some(refusal);
                }
            }
            self.out.explanation.steps.push(told);
        }
        refused.map_or(Ok(()), Err)
    }

    /// Up to the first that says something, as [`crate::policy::stage`].
    fn stage<'a>(&mut self, steps: &'a [Step], stage: Stage, call: &mut Call<'a>) -> Option<End> {
        let mut refused = None;
        for (place, step) in steps.iter().enumerate() {
            if refused.is_some() {
                self.not_reached(step, stage);
                continue;
            }
            refused = self.ask(step, place, stage, call);
        }
        refused
    }

    /// All of them, also behind a refusal, as [`crate::policy::allowances`].
    fn allowances<'a, const N: usize>(
        &mut self,
        lists: [(&'a [Step], Stage); N],
        call: &mut Call<'a>,
    ) -> Result<(), Refusal> {
        let mut refused = None;
        let all = lists.into_iter().flat_map(|(steps, stage)| {
            let steps = steps.iter().enumerate();
            steps.map(move |(place, step)| (place, step, stage))
        });
        // Places come last.
        let (places, rest): (Vec<_>, Vec<_>) =
            all.partition(|(_, step, _)| step.running.is_of_places());
        for (place, step, stage) in rest.into_iter().chain(places) {
            let decided_by = self.decided_by.clone();
            if let Some(End::Refused(refusal)) = self.ask(step, place, stage, call) {
                if refused.is_none() {
                    refused = Some(refusal);
                } else {
                    self.decided_by = decided_by;
                }
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// Asks one step; a refusal where it enforces.
    fn ask<'a>(
        &mut self,
        step: &'a Step,
        place: usize,
        stage: Stage,
        call: &mut Call<'a>,
    ) -> Option<End> {
        let known = if step.observe { call.known() } else { None };
        let said = self.peek(step, place, call);
        if step.observe {
            call.watch(known, (step.kind, step.watch));
        }
        let mut told = self.told(step, stage);
        told.limit = said.shown.map(|(shown, counted)| limit(&shown, counted));
        let end = match said.flow {
            Flow::Next => {
                told.why = said.why;
                None
            }
            Flow::Answer(answer) => {
                told.why = said.why;
                told.decision = if step.observe {
                    Decision::WouldAnswer
                } else {
                    Decision::Answers
                };
                (!step.observe).then_some(End::Answered(answer.status))
            }
            Flow::Refuse(refusal) => {
                told.why = refusal.sentence().to_owned();
                told.code = Some(refusal.code.as_str().to_owned());
                told.decision = if step.observe {
                    Decision::WouldRefuse
                } else {
                    Decision::Refuses
                };
                (!step.observe).then_some(End::Refused(*refusal))
            }
        };
        if end.is_some() {
            self.decided_by = Some(told.policy.clone());
        }
        self.out.explanation.steps.push(told);
        end
    }

    /// Whether the caller's application may use the version, and under which plan.
    fn subscription(&mut self, call: &mut Call<'_>) -> Result<(), Refusal> {
        let Some(caller) = call.caller else {
            return Ok(());
        };
        let judged = access::judge(call.state, caller.key, call.route, call.utc());
        let mut told = of_subscription();
        let outcome = match judged {
            Ok(subscription) => {
                call.subscribe(subscription);
                let plan = self.plan_slug(call);
                told.why = format!(
                    "Subscription {} in plan {}.",
                    subscription.id,
                    plan.unwrap_or("unknown")
                );
                Ok(())
            }
            Err(code) if call.watching.is_some() => {
                call.forget_watched();
                told.decision = Decision::WouldRefuse;
                told.code = Some(code.as_str().to_owned());
                told.why = "Who called was only watched: it calls as nobody.".to_owned();
                Ok(())
            }
            Err(code) => {
                let refusal = Refusal::new(code);
                told.decision = Decision::Refuses;
                told.code = Some(code.as_str().to_owned());
                told.why = refusal.sentence().to_owned();
                self.decided_by = Some(told.policy.clone());
                Err(refusal)
            }
        };
        self.out.explanation.steps.push(told);
        self.caller(call);
        if outcome.is_err() {
            for step in &call.chain.allowance {
                self.not_reached(step, Stage::Allowance);
            }
            if let Some(beyond) = &call.chain.beyond {
                self.none_beyond(beyond);
            }
        }
        outcome
    }

    fn caller(&mut self, call: &Call<'_>) {
        self.out.explanation.caller = call.caller.map(|caller| Caller {
            application: caller.application.id,
            environment: caller.key.environment(),
            subscription: caller.subscription.map(|subscription| subscription.id),
            plan: self.plan_slug(call).map(str::to_owned),
        });
    }

    fn plan_slug(&self, call: &Call<'_>) -> Option<&'_ str> {
        self.explainer.compiler.plan_slug(call.plan()?.id)
    }

    /// What would have come behind a refusal of the edge or of the identity.
    fn behind(&mut self, chain: &Chain) {
        let at_the_edge =
            chain.identity.len() + chain.edge.len() > self.out.explanation.steps.len();
        if at_the_edge {
            for step in &chain.identity {
                self.not_reached(step, Stage::Identity);
            }
        }
        if !chain.identity.is_empty() {
            let mut told = of_subscription();
            told.decision = Decision::NotReached;
            self.out.explanation.steps.push(told);
        }
        for step in chain.beyond.iter().flat_map(|beyond| &beyond.access) {
            self.not_reached(step, Stage::Access);
        }
        for step in &chain.allowance {
            self.not_reached(step, Stage::Allowance);
        }
        if let Some(beyond) = &chain.beyond {
            self.none_beyond(beyond);
        }
    }

    fn not_reached<R>(&mut self, step: &Step<R>, stage: Stage) {
        let mut told = self.told(step, stage);
        told.decision = Decision::NotReached;
        self.out.explanation.steps.push(told);
    }

    /// A step that passes, so far.
    fn told<R>(&self, step: &Step<R>, stage: Stage) -> Told {
        Told {
            policy: self.explainer.names.get(step.label).to_string(),
            stage,
            from: Some(step.from),
            mode: if step.observe {
                Mode::Observe
            } else {
                Mode::Enforce
            },
            decision: Decision::Passes,
            code: None,
            why: String::new(),
            limit: None,
        }
    }
}

fn of_subscription() -> Told {
    Told {
        policy: "subscription".to_owned(),
        stage: Stage::Access,
        from: None,
        mode: Mode::Enforce,
        decision: Decision::Passes,
        code: None,
        why: String::new(),
        limit: None,
    }
}

/// `left` with this request, as none was taken.
fn limit(shown: &Shown<'_>, counted: Counted) -> Limit {
    let is_known = counted != Counted::Elsewhere;
    Limit {
        limit: shown.quota,
        window_s: shown.window,
        left: is_known.then(|| shown.left + u64::from(shown.taken)),
        reset_s: is_known.then_some(shown.reset),
        counted,
    }
}
