//! What policies count and hold.

use std::fmt::Write;
use std::sync::Arc;

use domain::policy::PolicyKind;

use super::{Gauges, Page, WorkerMetrics};

pub(super) fn write(
    page: &mut Page,
    sum: &dyn Fn(fn(&WorkerMetrics) -> u64) -> u64,
    workers: &[Arc<WorkerMetrics>],
    gauges: &Gauges,
) {
    page.one(
        "limiter_cells",
        "gauge",
        "Limiter cells in use.",
        gauges.cells as u64,
    );
    page.one(
        "limiter_overflowed_total",
        "counter",
        "Subjects that had to share a limiter cell.",
        gauges.cells_overflowed,
    );
    page.one(
        "limiter_let_go_total",
        "counter",
        "Times that a worker let go of the limiter cells or quota counters that it has at hand, for want of room.",
        sum(|w| w.cells_let_go.get()),
    );
    page.one(
        "quota_counters",
        "gauge",
        "Counters of quotas.",
        gauges.quota_counters as u64,
    );
    page.one(
        "concurrency_subjects",
        "gauge",
        "Subjects of concurrency limits with requests in flight.",
        gauges.concurrency_subjects as u64,
    );
    page.one(
        "waited_too_long_total",
        "counter",
        "Requests that were refused because their turn or a place did not come in time.",
        sum(|w| w.waited_too_long.get()),
    );
    page.one(
        "displaced_total",
        "counter",
        "Requests that were refused while they waited, for one whose plan has a higher priority.",
        sum(|w| w.displaced.get()),
    );
    page.one(
        "costs_unread_total",
        "counter",
        "Answers whose header field for the cost of their request is no whole number, or comes twice.",
        sum(|w| w.costs_unread.get()),
    );
    page.one(
        "costs_forgotten_total",
        "counter",
        "Answers whose requests cost more than their subject may owe.",
        sum(|w| w.costs_forgotten.get()),
    );
    page.one(
        "tokens_forgotten_total",
        "counter",
        "Times that a worker forgot the tokens that it had verified, for want of room.",
        sum(|w| w.tokens_forgotten.get()),
    );
    page.one(
        "guard_addresses",
        "gauge",
        "Addresses that auth_guard keeps count of.",
        gauges.guarded as u64,
    );
    page.one(
        "guard_overflowed_total",
        "counter",
        "Refusals that auth_guard had no room to count.",
        gauges.guard_overflowed,
    );
    page.one(
        "guard_users",
        "gauge",
        "User names that auth_guard keeps count of.",
        gauges.guarded_users as u64,
    );
    page.one(
        "guard_users_overflowed_total",
        "counter",
        "Wrong passwords that auth_guard had no room to count by user name.",
        gauges.guard_users_overflowed,
    );
    page.one(
        "guard_pairs_displaced_total",
        "counter",
        "Pairs of user name and address that were known as good and forgotten early, for want of room.",
        gauges.guard_pairs_displaced,
    );
    page.one(
        "compressing",
        "gauge",
        "Answers that are encoded at present.",
        sum(|w| w.compressing.get()),
    );
    page.one(
        "compress_skipped_total",
        "counter",
        "Answers that were not encoded, as too many were already.",
        sum(|w| w.compress_skipped.get()),
    );
    let (held, refused) = gauges.details;
    page.one(
        "details_held_bytes",
        "gauge",
        "Bytes of requests and answers that log_detail has copied and that are not written yet.",
        held,
    );
    page.one(
        "details_not_kept_total",
        "counter",
        "Requests of which log_detail kept nothing, as too much was held already.",
        refused,
    );
    page.one(
        "held_bytes",
        "gauge",
        "Bytes of bodies that policies look into at present.",
        sum(|w| w.held_bytes.get()),
    );
    page.one(
        "not_held_total",
        "counter",
        "Request bodies that no policy could look into, as too many were held already.",
        sum(|w| w.not_held.get()),
    );
    page.one(
        "bodies_crowded_total",
        "counter",
        "Large bodies that no policy looked into, as their turn did not come in time.",
        sum(|w| w.bodies_crowded.get()),
    );
    page.one(
        "answers_unchecked_total",
        "counter",
        "Answers that validate or transform was to look at and let pass unseen: streams, and what it only observes and is too long or encoded.",
        sum(|w| w.answers_unchecked.get()),
    );
    page.one(
        "requests_unchecked_total",
        "counter",
        "Request bodies that a policy was to observe and let pass unseen, as there was no room, no time, or they did not come in time.",
        sum(|w| w.requests_unchecked.get()),
    );
    page.one(
        "answers_stripped_total",
        "counter",
        "Answers that validate took undeclared members out of.",
        sum(|w| w.answers_stripped.get()),
    );
    decisions(page, workers);
}

fn decisions(page: &mut Page, workers: &[Arc<WorkerMetrics>]) {
    const HELP: [(&str, &str); 2] = [
        (
            "policy_decided_total",
            "Requests that a policy refused or answered, by kind.",
        ),
        (
            "policy_observed_total",
            "Requests that a policy in observe mode would have refused or answered, by kind.",
        ),
    ];
    for (index, (name, help)) in HELP.into_iter().enumerate() {
        page.head(name, "counter", help);
        for kind in PolicyKind::ALL {
            let of_worker = |w: &Arc<WorkerMetrics>| w.policies[*kind as usize][index].get();
            let count: u64 = workers.iter().map(of_worker).sum();
            if count > 0 {
                let kind = kind.as_str();
                let _ = writeln!(page.0, "portunus_{name}{{kind=\"{kind}\"}} {count}");
            }
        }
    }
}
