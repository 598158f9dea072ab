//! `mirror`: copies of requests for another upstream, sent as those of an upstream's own mirror are
//! and within the same bounds.

use std::sync::Arc;

use domain::{policy, upstream};

use super::Context;
use crate::call::Call;
use crate::state::Upstream;
use crate::upstream::Shadow;

/// The running form.
#[derive(Debug)]
pub(crate) struct Mirror {
    to: Arc<Upstream>,
    rule: upstream::Mirror,
}

impl Mirror {
    /// `None` when there is no such upstream.
    pub(crate) fn compile(policy: &policy::Mirror, context: &Context<'_>) -> Option<Self> {
        let to = (context.upstreams)(&policy.upstream)?.upstream;
        let mut rule = upstream::Mirror::new(to.id);
        rule.sample = policy.percent;
        Some(Self { to, rule })
    }

    /// Of the requests, so many.
    pub(crate) const fn percent(&self) -> u8 {
        self.rule.sample
    }
}

/// The copy of a request that is ready for `from`, where a policy wants one; in observe mode it is
/// counted instead. `length` is that of the request's body.
pub(crate) fn shadow(call: &mut Call<'_>, from: &Upstream, length: Option<u64>) -> Option<Shadow> {
    let step = call.chain.mirror()?;
    let Mirror { to, rule } = &step.running;
    // Nobody gets a request twice.
    if to.broken.is_some() || to.id == from.id {
        return None;
    }
    if step.observe {
        if Shadow::is_wanted(call, rule, length) {
            step.decides(call);
        }
        return None;
    }
    Shadow::of(call, from, rule, to, length)
}
