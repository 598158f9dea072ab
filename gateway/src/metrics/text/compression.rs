//! Answers that are encoded on their way.

use super::Page;
use crate::metrics::WorkerMetrics;

pub(super) fn write(page: &mut Page, sum: &impl Fn(fn(&WorkerMetrics) -> u64) -> u64) {
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
}
