//! What the admin address says of shared limits.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Leases;

/// Counters since the start, and gauges of now.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Requests above a limit that this node admitted, as Redis saw it, with what answers said that
    /// they cost.
    pub(super) over: AtomicU64,
    /// The most of them in one settlement.
    pub(super) most_over: AtomicU64,
    /// Subjects that are looked at, of buckets and of windows.
    pub(super) subjects: AtomicU64,
    pub(super) windows: AtomicU64,
    held: AtomicU64,
    pub(super) failed: AtomicU64,
    settled: AtomicU64,
    settled_us: AtomicU64,
}

impl Figures {
    /// One subject holds another share than before. Only who settles says so.
    pub(super) fn hold(&self, before: u64, now: u64) {
        let held = self.held.load(Ordering::Relaxed);
        let held = held.saturating_sub(before).saturating_add(now);
        self.held.store(held, Ordering::Relaxed);
    }

    pub(super) fn settled(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.settled.fetch_add(1, Ordering::Relaxed);
        self.settled_us.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Leases {
    /// In the text form of metrics.
    pub(crate) fn write(&self, out: &mut String) {
        let figures = &self.figures;
        let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        let is_used = self.configured || self.warned.load(Ordering::Relaxed);
        let mut one = |name: &str, kind: &str, help: &str, value: u64| {
            let _ = writeln!(
                out,
                "# HELP portunus_cluster_limits_{name} {help}\n\
                 # TYPE portunus_cluster_limits_{name} {kind}\n\
                 portunus_cluster_limits_{name} {value}"
            );
        };
        one(
            "degraded",
            "gauge",
            "1 while limits of the cluster are counted by this node alone.",
            u64::from(is_used && self.is_apart()),
        );
        one(
            "nodes",
            "gauge",
            "Nodes that share limits, as this one knows it.",
            u64::from(self.nodes()),
        );
        one(
            "subjects",
            "gauge",
            "Subjects that this node settles.",
            load(&figures.subjects) + load(&figures.windows),
        );
        one(
            "held",
            "gauge",
            "Requests that Redis has granted to this node beyond those that it has settled.",
            load(&figures.held),
        );
        one(
            "overshoot_total",
            "counter",
            "Requests above a limit of the cluster that this node admitted, and what answers cost beyond it.",
            load(&figures.over),
        );
        one(
            "overshoot_most",
            "gauge",
            "The most requests above a limit that one settlement told of.",
            load(&figures.most_over),
        );
        one(
            "failed_total",
            "counter",
            "Times that Redis was not reached.",
            load(&figures.failed),
        );
        let _ = writeln!(
            out,
            "# HELP portunus_cluster_limits_settle_seconds Time that Redis took to settle.\n\
             # TYPE portunus_cluster_limits_settle_seconds summary\n\
             portunus_cluster_limits_settle_seconds_sum {}\n\
             portunus_cluster_limits_settle_seconds_count {}",
            load(&figures.settled_us) as f64 / 1e6,
            load(&figures.settled)
        );
    }
}
