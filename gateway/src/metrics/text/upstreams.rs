//! What there is to say about the way to upstreams.

use super::Page;
use crate::metrics::WorkerMetrics;
use crate::upstream::Upkeep;

/// `sum` adds one counter up over the workers.
pub(super) fn write(
    page: &mut Page,
    sum: &dyn Fn(fn(&WorkerMetrics) -> u64) -> u64,
    upkeep: &Upkeep,
) {
    page.one(
        "upstream_dialled_total",
        "counter",
        "Connections opened to upstreams.",
        sum(|w| w.upstream_dialled.get()),
    );
    page.one(
        "upstream_reused_total",
        "counter",
        "Requests over a kept upstream connection.",
        sum(|w| w.upstream_reused.get()),
    );
    page.one(
        "upstream_crowded_total",
        "counter",
        "Requests over a connection of HTTP/2 that is shared by more than have room on it, as no other could be had.",
        sum(|w| w.upstream_crowded.get()),
    );
    page.one(
        "upstream_retried_total",
        "counter",
        "Requests sent a second time.",
        sum(|w| w.upstream_retried.get()),
    );
    page.one(
        "upstream_failed_total",
        "counter",
        "Requests without an upstream's answer.",
        sum(|w| w.upstream_failed.get()),
    );
    page.one(
        "upstream_retry_budget_spent_total",
        "counter",
        "Requests that were not tried again because too many were.",
        sum(|w| w.upstream_budget_spent.get()),
    );
    page.one(
        "upstream_ejected_total",
        "counter",
        "Ejections of targets that failed in a row.",
        sum(|w| w.upstream_ejected.get()),
    );
    page.one(
        "upstream_panic_total",
        "counter",
        "Choices among all targets because too few were healthy.",
        sum(|w| w.upstream_panicked.get()),
    );
    page.one(
        "upstream_circuit_opened_total",
        "counter",
        "Circuits that were opened.",
        sum(|w| w.upstream_circuit_opened.get()),
    );
    page.one(
        "upstream_circuit_refused_total",
        "counter",
        "Requests that an open circuit or a full upstream did not take.",
        sum(|w| w.upstream_circuit_refused.get()),
    );
    page.one(
        "upstream_fell_back_total",
        "counter",
        "Requests that got an upstream's fallback.",
        sum(|w| w.upstream_fell_back.get()),
    );
    page.one(
        "upstream_rolled_back_total",
        "counter",
        "Variants that lost their share.",
        sum(|w| w.upstream_rolled_back.get()),
    );
    by_copies(page, sum);
    by_upkeep(page, upkeep);
}

/// What is kept of requests, and sent to others as well.
fn by_copies(page: &mut Page, sum: &dyn Fn(fn(&WorkerMetrics) -> u64) -> u64) {
    page.one(
        "upstream_kept_bytes",
        "gauge",
        "Bytes of request bodies that are kept for a further try or for copies, at present.",
        sum(|w| w.upstream_kept_bytes.get()),
    );
    page.one(
        "upstream_not_kept_total",
        "counter",
        "Request bodies that were not kept because too much is kept already.",
        sum(|w| w.upstream_not_kept.get()),
    );
    page.one(
        "upstream_removed_cut_total",
        "counter",
        "Requests that were cut off because their target was taken out and its time was over.",
        sum(|w| w.upstream_removed.get()),
    );
    page.one(
        "upstream_mirrored_total",
        "counter",
        "Copies of requests that were sent to another upstream.",
        sum(|w| w.upstream_mirrored.get()),
    );
    page.one(
        "upstream_mirror_dropped_total",
        "counter",
        "Copies of requests that were not sent: too many at once, or a body that is too long.",
        sum(|w| w.upstream_mirror_dropped.get()),
    );
    page.one(
        "upstream_mirror_failed_total",
        "counter",
        "Copies of requests that got no whole answer in time.",
        sum(|w| w.upstream_mirror_failed.get()),
    );
    page.one(
        "upstream_mirror_cut_total",
        "counter",
        "Answers to copies of requests that were not read to their end, as they were too long.",
        sum(|w| w.upstream_mirror_cut.get()),
    );
    page.one(
        "upstream_hedged_total",
        "counter",
        "Tries that were begun beside others that took long.",
        sum(|w| w.upstream_hedged.get()),
    );
    page.one(
        "upstream_hedges_won_total",
        "counter",
        "Of these, tries whose answer was the first.",
        sum(|w| w.upstream_hedges_won.get()),
    );
}

/// What is done for upstreams off the way of requests.
fn by_upkeep(page: &mut Page, upkeep: &Upkeep) {
    page.one(
        "upstream_probed_total",
        "counter",
        "Active health checks.",
        upkeep.probed(),
    );
    page.one(
        "upstream_probes_failed_total",
        "counter",
        "Active health checks that failed.",
        upkeep.probes_failed(),
    );
    page.one(
        "upstream_targets_down",
        "gauge",
        "Targets that take no requests because their health checks failed.",
        upkeep.down(),
    );
    page.one(
        "upstream_resolved_total",
        "counter",
        "Names of targets that were resolved in the background.",
        upkeep.resolved(),
    );
    page.one(
        "upstream_resolves_failed_total",
        "counter",
        "Names of targets that did not resolve in the background.",
        upkeep.resolves_failed(),
    );
}
