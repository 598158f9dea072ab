//! Where a request goes that nothing refused.

use std::cell::Cell;

use domain::explain::{Destination, WeightedTarget, masked};

use crate::answer::Refusal;
use crate::call::Call;
use crate::compile::Compiler;
use crate::forward;
use crate::state::Upstream;
use crate::upstream::Split;

/// Chooses the upstream and makes the fields ready, as the last step before sending does.
pub(super) fn prepare<'a>(call: &mut Call<'a>) -> Result<&'a Upstream, Refusal> {
    forward::prepare(call).map(|way| way.upstream)
}

/// The targets, with the path that goes on.
pub(super) fn shown(
    compiler: &Compiler,
    call: &Call<'_>,
    upstream: &Upstream,
) -> Option<Destination> {
    let source = compiler.source_of_upstream(upstream.id)?;
    let rest = match call.rest() {
        "" => "/",
        rest => rest,
    };
    let targets = source.settings.targets.iter();
    let targets = targets
        .filter(|target| target.weight > 0)
        .map(|target| WeightedTarget {
            url: format!("{}{}", target.url.trim_end_matches('/'), masked(rest)),
            weight: target.weight,
            variant: target.variant.clone(),
        });
    let is = |other: &Option<std::sync::Arc<Upstream>>| {
        other.as_ref().is_some_and(|other| other.id == upstream.id)
    };
    Some(Destination {
        upstream_id: upstream.id,
        upstream: source.name.clone(),
        test: is(&call.route.test_upstream) && !is(&call.route.upstream),
        targets: targets.collect(),
        variant: upstream
            .split
            .as_ref()
            .and_then(|split| variant(call, split)),
        preserve_host: upstream.preserve_host,
    })
}

/// The variant that the same request gets every time.
fn variant(call: &Call<'_>, split: &Split) -> Option<String> {
    let by_chance = Cell::new(false);
    let chance = || {
        by_chance.set(true);
        0
    };
    let index = forward::variant(call, split, chance);
    (!by_chance.get()).then(|| split.variants[index].name.to_string())
}
