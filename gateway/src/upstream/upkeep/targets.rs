//! Which targets are probed, each in a task of its own at its own pace, and what their verdicts do
//! to them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use domain::id::UpstreamId;
use domain::upstream::Active;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use super::Upkeep;
use super::probe::probe;
use crate::settings::Settings;
use crate::state::State;
use crate::upstream::{Pulse, Target, chance};

/// Probes at once on a node; what is above waits its turn.
const AT_ONCE: usize = 256;

/// What the probes of all targets have in common.
struct Office {
    settings: Arc<Settings>,
    /// Says which addresses are allowed.
    state: watch::Receiver<Option<Arc<State>>>,
    upkeep: Arc<Upkeep>,
    places: Semaphore,
}

/// A target that is probed; the task ends when this is dropped.
struct Watched {
    target: Arc<Target>,
    pulse: Arc<Pulse>,
    rule: Active,
    task: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Goes on for as long as there are states.
pub(super) async fn probe_all(
    settings: Arc<Settings>,
    state: watch::Receiver<Option<Arc<State>>>,
    upkeep: Arc<Upkeep>,
) {
    let mut changes = state.clone();
    let office = Arc::new(Office {
        settings,
        state,
        upkeep,
        places: Semaphore::new(AT_ONCE),
    });
    let mut all = HashMap::new();
    let mut count = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                let state = changes.borrow_and_update().clone();
                all = follow(&office, state.as_deref(), all);
            }
            _ = count.tick() => {}
        }
        let down = all.values().filter(|one: &&Watched| one.pulse.is_down());
        office.upkeep.down.store(down.count() as u64, Relaxed);
    }
}

type Key = (UpstreamId, u64);

/// Begins what is new, ends what is gone, and leaves the rest in its stride.
fn follow(
    office: &Arc<Office>,
    state: Option<&State>,
    mut before: HashMap<Key, Watched>,
) -> HashMap<Key, Watched> {
    let mut after = HashMap::new();
    let upstreams = state.map_or(&[][..], |state| &state.upstreams);
    for upstream in upstreams {
        let Some(rule) = &upstream.active else {
            continue;
        };
        for member in &upstream.targets {
            let key = (upstream.id, member.identity);
            let known = before.remove(&key).filter(|known| {
                Arc::ptr_eq(&known.target, &member.target)
                    && Arc::ptr_eq(&known.pulse, &member.pulse)
                    && known.rule == *rule
            });
            let begin = || {
                let (target, pulse) = (member.target.clone(), member.pulse.clone());
                let task = watch(office.clone(), target, pulse, rule.clone());
                Watched {
                    target: member.target.clone(),
                    pulse: member.pulse.clone(),
                    rule: rule.clone(),
                    task: tokio::spawn(task).abort_handle(),
                }
            };
            after.insert(key, known.unwrap_or_else(begin));
        }
    }
    after
}

/// Probes one target for ever.
async fn watch(office: Arc<Office>, target: Arc<Target>, pulse: Arc<Pulse>, rule: Active) {
    let mut tally = Tally::default();
    // Nodes that start together do not ask together.
    let interval = rule.interval.as_millis();
    sleep_ms(share(interval, chance())).await;
    loop {
        let began = tokio::time::Instant::now();
        let ejected_until = pulse.ejected_until();
        let allowed = office.state.borrow().as_ref().map(|s| s.settings.clone());
        if let (Some(allowed), Ok(_place)) = (allowed, office.places.acquire().await) {
            let result = probe(&office.settings, &allowed, &target, &rule).await;
            office.upkeep.probed.fetch_add(1, Relaxed);
            if result.is_err() {
                office.upkeep.probes_failed.fetch_add(1, Relaxed);
            }
            let now = office.settings.clock.micros() / 1000;
            match tally.judge(&pulse, &rule, result.is_ok(), ejected_until, now) {
                Verdict::Same => {}
                Verdict::Down => {
                    let error = result.err().map(|error| error.to_string());
                    tracing::warn!(target.host = %String::from_utf8_lossy(target.authority.as_bytes()), error, "A target does not pass its health check and takes no requests.");
                }
                Verdict::Up => {
                    tracing::info!(target.host = %String::from_utf8_lossy(target.authority.as_bytes()), "A target passes its health check again.");
                }
            }
        }
        let whole = interval - interval / 10 + share(interval / 5, chance());
        let spent = began.elapsed().as_millis() as u64;
        sleep_ms(whole.saturating_sub(spent)).await;
    }
}

async fn sleep_ms(ms: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
}

/// An even part of `whole`, by `chance`.
fn share(whole: u64, chance: u64) -> u64 {
    ((u128::from(chance) * u128::from(whole)) >> 64) as u64
}

/// Verdicts in a row.
#[derive(Debug, Default)]
struct Tally {
    passes: u8,
    failures: u8,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    Down,
    Up,
}

impl Tally {
    /// `ejected_until` is what it was when the probe began: a pass from before an ejection says
    /// nothing about it.
    fn judge(
        &mut self,
        pulse: &Pulse,
        rule: &Active,
        passed: bool,
        ejected_until: u64,
        now: u64,
    ) -> Verdict {
        if !passed {
            self.passes = 0;
            self.failures = self.failures.saturating_add(1);
            let down = self.failures >= rule.failures && pulse.go_down();
            return if down { Verdict::Down } else { Verdict::Same };
        }
        self.failures = 0;
        if pulse.ejected_until() != ejected_until {
            self.passes = 0;
            return Verdict::Same;
        }
        if pulse.is_healthy(now) {
            // A later ejection wants passes of its own.
            self.passes = 0;
            return Verdict::Same;
        }
        self.passes = self.passes.saturating_add(1);
        if self.passes >= rule.passes && pulse.come_up(now) {
            self.passes = 0;
            return Verdict::Up;
        }
        Verdict::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::upstream::Passive;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn verdicts_count_in_a_row() {
        let rule = Active {
            failures: 3,
            passes: 2,
            ..Active::default()
        };
        let (mut tally, pulse) = (Tally::default(), Pulse::default());
        for (passed, verdict) in [
            (true, Verdict::Same),
            (false, Verdict::Same),
            (false, Verdict::Same),
            (true, Verdict::Same),
            (false, Verdict::Same),
            (false, Verdict::Same),
            (false, Verdict::Down),
            (false, Verdict::Same),
            (true, Verdict::Same),
            (false, Verdict::Same),
            (true, Verdict::Same),
            (true, Verdict::Up),
            (true, Verdict::Same),
        ] {
            let got = tally.judge(&pulse, &rule, passed, 0, 1000);
            assert_eq!(got, verdict, "{tally:?}");
        }
        assert!(pulse.is_healthy(1000));
    }

    #[test]
    fn a_pass_ends_an_ejection_that_it_has_seen() {
        let (rule, now) = (Active::default(), 1000);
        let (mut tally, pulse, other) = (Tally::default(), Pulse::default(), Pulse::default());
        let before = pulse.ejected_until();
        let busy = AtomicU32::new(0);
        let all = [&pulse, &other].into_iter();
        assert!(crate::upstream::pulse::eject(
            &pulse,
            all,
            &Passive::default(),
            now,
            &busy
        ));
        assert_eq!(tally.judge(&pulse, &rule, true, before, now), Verdict::Same);
        let seen = pulse.ejected_until();
        assert_eq!(tally.judge(&pulse, &rule, true, seen, now), Verdict::Up);
        assert!(pulse.is_healthy(now));
    }

    #[test]
    fn shares_are_even() {
        assert_eq!(share(1000, 0), 0);
        assert_eq!(share(1000, u64::MAX), 999);
        assert_eq!(share(0, u64::MAX), 0);
    }
}
