//! What there is to say of the outbox of webhooks, for the operator.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Figures of the outbox.
#[derive(Debug, Default)]
pub struct Outbox {
    full: AtomicU64,
    waiting: AtomicU64,
}

impl Outbox {
    /// A webhook was not told of an event, as too many messages wait for it.
    pub(crate) fn count_full(&self) {
        self.full.fetch_add(1, Relaxed);
    }

    /// So many wait for all of them.
    pub(super) fn waits(&self, count: u64) {
        self.waiting.store(count, Relaxed);
    }

    /// Adds them to `/metrics`, in Prometheus's text form.
    pub fn write(&self, out: &mut String) {
        let (full, waiting) = (self.full.load(Relaxed), self.waiting.load(Relaxed));
        // Nothing fails that is written to a string.
        let _ = write!(
            out,
            "# TYPE portunus_webhook_outbox_full_total counter\n\
             portunus_webhook_outbox_full_total {full}\n\
             # TYPE portunus_webhook_outbox_waiting gauge\n\
             portunus_webhook_outbox_waiting {waiting}\n"
        );
    }
}
