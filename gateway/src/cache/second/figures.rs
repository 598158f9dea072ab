//! What the admin address says of the second level.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Second;

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(super) asked: AtomicU64,
    pub(super) found: AtomicU64,
    pub(super) kept: AtomicU64,
    /// Not kept, as something was taken out meanwhile.
    pub(super) outdated: AtomicU64,
    /// Neither asked nor kept, as too much was on its way.
    pub(super) skipped: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) strange: AtomicU64,
    pub(super) renewed: AtomicU64,
}

pub(super) fn count(figure: &AtomicU64) {
    figure.fetch_add(1, Relaxed);
}

impl Second {
    /// In the text form of metrics.
    pub(crate) fn write(&self, out: &mut String) {
        let figures = &self.figures;
        let is_away = self.used.load(Relaxed) && !self.is_there();
        let _ = writeln!(
            out,
            "# HELP portunus_cache_second_degraded 1 while the second level is asked for and away.\n\
             # TYPE portunus_cache_second_degraded gauge\n\
             portunus_cache_second_degraded {}",
            u64::from(is_away)
        );
        let counters: [(&str, &str, &AtomicU64); 8] = [
            (
                "asked",
                "Times that the second level was asked.",
                &figures.asked,
            ),
            (
                "hits",
                "Of these, those that found something of use.",
                &figures.found,
            ),
            ("kept", "Answers that were kept there.", &figures.kept),
            (
                "outdated",
                "Answers that were not, as something was taken out meanwhile.",
                &figures.outdated,
            ),
            (
                "skipped",
                "Times that it was left out, as too much was on its way, or too long.",
                &figures.skipped,
            ),
            (
                "failed",
                "Times that it did not answer, or refused.",
                &figures.failed,
            ),
            (
                "strange",
                "Times that what stood there was nothing that a gateway had written.",
                &figures.strange,
            ),
            (
                "renewed",
                "Times that something was taken out there.",
                &figures.renewed,
            ),
        ];
        for (name, help, count) in counters {
            let _ = writeln!(
                out,
                "# HELP portunus_cache_second_{name}_total {help}\n\
                 # TYPE portunus_cache_second_{name}_total counter\n\
                 portunus_cache_second_{name}_total {}",
                count.load(Relaxed)
            );
        }
    }
}
