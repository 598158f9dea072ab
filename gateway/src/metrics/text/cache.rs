//! What the store of `cache` holds, and what became of requests at it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Page;
use crate::cache::Cache;
use crate::metrics::WorkerMetrics;

/// Of one worker.
type Read = fn(&WorkerMetrics) -> u64;

pub(super) fn write(page: &mut Page, sum: &impl Fn(Read) -> u64, cache: &Cache) {
    let counters: [(&str, &str, Read); 6] = [
        (
            "hits_total",
            "Requests answered with a fresh kept answer.",
            |w| w.cache_hits.get(),
        ),
        (
            "stale_total",
            "Requests answered with a stale one, while a new one was fetched or the upstream failed.",
            |w| w.cache_stale.get(),
        ),
        (
            "misses_total",
            "Requests that went on to the upstream.",
            |w| w.cache_misses.get(),
        ),
        (
            "validated_total",
            "Of these, those after which the upstream said that the kept answer is still good.",
            |w| w.cache_validated.get(),
        ),
        (
            "bypassed_total",
            "Requests that ask for what is never kept, beside unsafe ones.",
            |w| w.cache_bypassed.get(),
        ),
        (
            "collapsed_total",
            "Waits of requests for one that asked the same.",
            |w| w.cache_collapsed.get(),
        ),
    ];
    for (name, help, read) in counters {
        page.one(&format!("cache_{name}"), "counter", help, sum(read));
    }
    let counts = &cache.counts;
    let of_store: [(&str, &str, &AtomicU64); 5] = [
        ("stored_total", "Answers that were kept.", &counts.stored),
        (
            "evicted_total",
            "Kept answers that made room for others.",
            &counts.evicted,
        ),
        (
            "invalidated_total",
            "Kept answers that were taken out: purged, or changed by a request.",
            &counts.invalidated,
        ),
        (
            "unkept_total",
            "Answers that were not kept as they, or all on their way in, were too large.",
            &counts.unkept,
        ),
        (
            "unkept_forgotten_total",
            "Places of which it was forgotten early that their answers are not kept, for want of room.",
            &counts.forgotten,
        ),
    ];
    for (name, help, count) in of_store {
        page.one(
            &format!("cache_{name}"),
            "counter",
            help,
            count.load(Relaxed),
        );
    }
    let gauges = [
        (
            "refreshing",
            "Kept answers asked for anew in the background.",
            sum(|w| w.cache_refreshing.get()),
        ),
        ("entries", "Kept answers.", cache.len() as u64),
        ("bytes", "Memory of kept answers.", cache.held() as u64),
        (
            "bound_bytes",
            "Most memory of kept answers.",
            cache.bound() as u64,
        ),
    ];
    for (name, help, value) in gauges {
        page.one(&format!("cache_{name}"), "gauge", help, value);
    }
}
