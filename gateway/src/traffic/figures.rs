//! What the admin address and the node's reports say about the traffic on its way out.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Counters since the start, and gauges of now. Written by the writer, read by anyone.
#[derive(Debug, Default)]
pub struct Figures {
    /// Records that the workers' full rings lost.
    pub ring_dropped: AtomicU64,
    /// Records that a full or failing spool (or lines file) lost.
    pub spool_dropped: AtomicU64,
    /// Records that the store has refused for good and that were set aside.
    pub refused: AtomicU64,
    /// Records that the store has taken.
    pub stored: AtomicU64,
    /// Requests' details that a full or failing spool (or lines file) lost.
    pub details_dropped: AtomicU64,
    /// Requests' details that the store has refused for good.
    pub details_refused: AtomicU64,
    /// Requests' details that the store has taken.
    pub details_stored: AtomicU64,
    /// Requests' details that went out of the store early, for want of room.
    pub details_evicted: AtomicU64,
    /// Batches that the store has taken.
    pub batches: AtomicU64,
    /// Attempts to store that failed.
    pub failures: AtomicU64,
    /// Bytes of the spool on disk.
    pub spool_bytes: AtomicU64,
    /// Bytes of the spool that are not stored yet.
    pub waiting_bytes: AtomicU64,
    /// Bytes of the spool that a crash or damage made unreadable.
    pub lost_bytes: AtomicU64,
    /// Segments of the spool that the disk did not give back, since the start.
    pub set_aside: AtomicU64,
    /// The last attempt to store failed.
    pub away: AtomicBool,
    /// When the oldest record of the batch in work was made, microseconds since 1970; 0: none is.
    pub oldest_us: AtomicI64,
}

impl Figures {
    /// Every record that is lost for good, wherever.
    pub fn dropped(&self) -> u64 {
        [&self.ring_dropped, &self.spool_dropped, &self.refused]
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    /// Microseconds that the store is behind the requests at `now_us` (since 1970).
    pub fn lag_us(&self, now_us: i64) -> u64 {
        match self.oldest_us.load(Ordering::Relaxed) {
            0 => 0,
            oldest => u64::try_from(now_us.saturating_sub(oldest)).unwrap_or(0),
        }
    }

    /// In the text form of metrics, as the admin address writes it.
    pub fn write(&self, out: &mut String, now_us: i64) {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let counters = [
            (
                "ring_dropped",
                "Records lost to full rings.",
                load(&self.ring_dropped),
            ),
            (
                "spool_dropped",
                "Records lost to a full or failing spool.",
                load(&self.spool_dropped),
            ),
            (
                "refused",
                "Records that the store refused for good.",
                load(&self.refused),
            ),
            (
                "stored",
                "Records that the store has taken.",
                load(&self.stored),
            ),
            (
                "details_dropped",
                "Requests' details lost to a full or failing spool.",
                load(&self.details_dropped),
            ),
            (
                "details_refused",
                "Requests' details that the store refused for good.",
                load(&self.details_refused),
            ),
            (
                "details_stored",
                "Requests' details that the store has taken.",
                load(&self.details_stored),
            ),
            (
                "details_evicted",
                "Requests' details that went out of the store early, as their provider had too many.",
                load(&self.details_evicted),
            ),
            (
                "batches",
                "Batches that the store has taken.",
                load(&self.batches),
            ),
            (
                "store_failures",
                "Attempts to store that failed.",
                load(&self.failures),
            ),
        ];
        for (name, help, value) in counters {
            let name = format!("portunus_traffic_{name}_total");
            push(out, &name, help, "counter", value as f64);
        }
        let gauges = [
            (
                "spool_bytes",
                "Bytes of the spool on disk.",
                load(&self.spool_bytes) as f64,
            ),
            (
                "spool_waiting_bytes",
                "Bytes of the spool that are not stored yet.",
                load(&self.waiting_bytes) as f64,
            ),
            (
                "spool_lost_bytes",
                "Bytes of the spool that are torn or damaged.",
                load(&self.lost_bytes) as f64,
            ),
            (
                "spool_set_aside",
                "Segments of the spool that could not be read, since the start.",
                load(&self.set_aside) as f64,
            ),
            (
                "store_away",
                "1 while the store does not answer.",
                f64::from(u8::from(self.away.load(Ordering::Relaxed))),
            ),
            (
                "lag_seconds",
                "Age of the oldest record in work.",
                self.lag_us(now_us) as f64 / 1e6,
            ),
        ];
        for (name, help, value) in gauges {
            push(
                out,
                &format!("portunus_traffic_{name}"),
                help,
                "gauge",
                value,
            );
        }
    }
}

fn push(out: &mut String, name: &str, help: &str, kind: &str, value: f64) {
    out.push_str(&format!(
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_the_age_of_what_is_in_work() {
        let figures = Figures::default();
        assert_eq!(figures.lag_us(5), 0);
        figures.oldest_us.store(2_000_000, Ordering::Relaxed);
        assert_eq!(figures.lag_us(3_500_000), 1_500_000);
        assert_eq!(figures.lag_us(1), 0);
        let mut text = String::new();
        figures.write(&mut text, 3_500_000);
        assert!(text.contains("\nportunus_traffic_lag_seconds 1.5\n"));
    }
}
