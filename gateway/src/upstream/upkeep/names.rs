//! The names of all targets, each resolved anew when the time of what is known of it is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::Upkeep;
use crate::state::State;
use crate::upstream::{Host, Resolved, Resolver};

/// From one look at what is due to the next.
const LOOK: Duration = Duration::from_millis(500);

/// Names that are asked for at once: each holds sockets, or a thread of the system's resolver.
const AT_ONCE: usize = 64;

/// Longest wait for an answer about one of them: long enough for a second name server after a first
/// that is silent.
const PATIENCE: Duration = Duration::from_secs(15);

type States = watch::Receiver<Option<Arc<State>>>;

/// Goes on for as long as there are states.
pub(super) async fn resolve_all(resolver: &Resolver, state: States, upkeep: &Upkeep) {
    let asked = due(state).for_each_concurrent(AT_ONCE, |name| async move {
        let counter = if name.refresh(resolver, PATIENCE).await {
            &upkeep.resolved
        } else {
            tracing::debug!(name = name.name(), "A target's name does not resolve now.");
            &upkeep.resolves_failed
        };
        counter.fetch_add(1, Relaxed);
    });
    asked.await;
}

/// The names that are due, for as long as there are states. Those of a new one are looked at at once,
/// as its requests come soon.
fn due(mut state: States) -> impl Stream<Item = Arc<Resolved>> {
    let first = names(state.borrow_and_update().as_deref());
    stream::unfold(
        (state, first, 0_usize),
        |(mut state, mut all, mut next)| async move {
            loop {
                let now = Instant::now();
                while let Some(name) = all.get(next).cloned() {
                    next += 1;
                    if name.falls_due(now, PATIENCE) {
                        return Some((name, (state, all, next)));
                    }
                }
                let changed = timeout(LOOK, state.changed()).await;
                match changed {
                    Ok(Ok(())) => all = names(state.borrow_and_update().as_deref()),
                    Ok(Err(_)) => return None,
                    Err(_) => {}
                }
                next = 0;
            }
        },
    )
}

/// Each once.
fn names(state: Option<&State>) -> Vec<Arc<Resolved>> {
    let upstreams = state.map_or(&[][..], |state| &state.upstreams);
    let members = upstreams.iter().flat_map(|upstream| &upstream.targets);
    let names = members.filter_map(|member| match &member.target.host {
        Host::Name(resolved) => Some((Arc::as_ptr(resolved), resolved.clone())),
        Host::Address(_) => None,
    });
    names.collect::<HashMap<_, _>>().into_values().collect()
}
