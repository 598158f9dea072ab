//! The names of all targets, resolved anew every ten seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;

use super::Upkeep;
use crate::state::State;
use crate::upstream::{Host, Resolved, Resolver};

/// From the begin of a round to the next; a round that takes longer is not hurried.
const ROUND: Duration = Duration::from_secs(10);

/// Names that are asked for at once: each holds a thread of the system's resolver.
const AT_ONCE: usize = 16;

/// Longest wait for an answer about one of them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Goes on for as long as there are states.
pub(super) async fn resolve_all(
    resolver: &Resolver,
    mut state: watch::Receiver<Option<Arc<State>>>,
    upkeep: &Upkeep,
) {
    loop {
        let began = tokio::time::Instant::now();
        let names = names(state.borrow_and_update().as_deref());
        let round = futures::stream::iter(names).for_each_concurrent(AT_ONCE, |name| async move {
            let counter = if name.refresh(resolver, PATIENCE).await {
                &upkeep.resolved
            } else {
                tracing::debug!(name = name.name(), "A target's name does not resolve now.");
                &upkeep.resolves_failed
            };
            counter.fetch_add(1, Relaxed);
        });
        round.await;
        // A new state's names are known before most of its requests come; a stream of states does
        // not make a stream of questions.
        tokio::time::sleep_until(began + ROUND / 10).await;
        tokio::select! {
            () = tokio::time::sleep_until(began + ROUND) => {}
            changed = state.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
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
