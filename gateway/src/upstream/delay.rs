//! When a further try is due, where that follows from how long recent answers took: atomics that
//! all workers share and that outlive a change of the configuration. Times are milliseconds of the
//! gateway's clock unless said otherwise.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::buckets::{BUCKETS, bucket, least_of, percentile};

/// Answers of so many spans of time count, the present one included.
const SPANS: usize = 8;
const SPAN_MS: u64 = 2000;

/// With fewer answers than this nothing follows from them.
const LEAST: u32 = 100;

/// Of one upstream. Each request that may have a further try is noted once, by its first try.
#[derive(Debug)]
pub(crate) struct Delay {
    /// End of the present span; 0 before the first request.
    ends: AtomicU64,
    /// Which of the spans is the present one.
    present: AtomicU32,
    spans: [[AtomicU32; BUCKETS]; SPANS],
    /// The percentile as of the last span's end, in microseconds; 0 while it is not known.
    known_us: AtomicU64,
}

impl Default for Delay {
    fn default() -> Self {
        let none = || std::array::from_fn(|_| AtomicU32::new(0));
        Self {
            ends: AtomicU64::new(0),
            present: AtomicU32::new(0),
            spans: std::array::from_fn(|_| none()),
            known_us: AtomicU64::new(0),
        }
    }
}

impl Delay {
    /// How long so many percent of recent answers took to their first byte; `None` while there were
    /// too few.
    pub(crate) fn of(&self, percent: u8, now: u64) -> Option<Duration> {
        self.turn(percent, now);
        let known = self.known_us.load(Relaxed);
        (known > 0).then(|| Duration::from_micros(known))
    }

    /// Notes an answer. One that was outrun took at least as long as it ran.
    pub(crate) fn note(&self, took_us: u64) {
        let took = u32::try_from(took_us).unwrap_or(u32::MAX);
        let present = self.present.load(Relaxed) as usize % SPANS;
        self.spans[present][bucket(took)].fetch_add(1, Relaxed);
    }

    /// Begins the next span if the present one is over. Of several workers one does; what others
    /// note at that moment may count for either.
    fn turn(&self, percent: u8, now: u64) {
        let ends = self.ends.load(Relaxed);
        if now < ends {
            return;
        }
        let next = now + SPAN_MS;
        let mine = self.ends.compare_exchange(ends, next, Relaxed, Relaxed);
        if mine.is_err() || ends == 0 {
            return;
        }
        self.known_us.store(self.percentile(percent), Relaxed);
        // The spans without any request are over as well.
        let over = 1 + (now - ends) / SPAN_MS;
        for _ in 0..over.min(SPANS as u64) {
            let next = (self.present.load(Relaxed) + 1) % SPANS as u32;
            for count in &self.spans[next as usize] {
                count.store(0, Relaxed);
            }
            self.present.store(next, Relaxed);
        }
        if over > 1 {
            self.known_us.store(self.percentile(percent), Relaxed);
        }
    }

    /// In microseconds; 0 with too few answers.
    fn percentile(&self, percent: u8) -> u64 {
        let counts: [u32; BUCKETS] = std::array::from_fn(|index| {
            let spans = self.spans.iter();
            spans.map(|span| span[index].load(Relaxed)).sum()
        });
        if counts.iter().sum::<u32>() < LEAST {
            return 0;
        }
        // The end of the bucket: what took as long as it is not late yet.
        percentile(&counts, percent).map_or(0, |bucket| least_of(bucket + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As whole milliseconds.
    fn told(delay: &Delay, now: u64) -> Option<u128> {
        delay.of(95, now).map(|delay| delay.as_millis())
    }

    fn note(delay: &Delay, times: &[(u32, u64)]) {
        for (count, took_ms) in times {
            for _ in 0..*count {
                delay.note(took_ms * 1000);
            }
        }
    }

    #[test]
    fn it_follows_recent_answers_and_needs_enough_of_them() {
        let delay = Delay::default();
        assert_eq!(told(&delay, 1000), None);
        note(&delay, &[(94, 10), (5, 300)]);
        assert_eq!(told(&delay, 3000), None, "99 are too few");
        note(&delay, &[(1, 10)]);
        assert_eq!(told(&delay, 4999), None, "judged at a span's end");
        // 95 of 100 took 10 ms; the bucket of 10 ms ends at 10.24 ms.
        assert_eq!(told(&delay, 5000), Some(10));
        note(&delay, &[(100, 300)]);
        assert_eq!(told(&delay, 7000), Some(327));
        // Those of before are forgotten span by span; with too few nothing is known again.
        note(&delay, &[(150, 20)]);
        for now in [9000, 11_000, 13_000, 15_000, 17_000, 19_000] {
            assert_eq!(told(&delay, now), Some(327), "{now}");
        }
        assert_eq!(told(&delay, 21_000), Some(327));
        assert_eq!(told(&delay, 23_000), Some(20));
        assert_eq!(told(&delay, 25_000), None);
    }

    #[test]
    fn a_pause_forgets_as_much_as_it_is_long() {
        let delay = Delay::default();
        told(&delay, 1000);
        note(&delay, &[(100, 10)]);
        assert_eq!(told(&delay, 1_000_000), None);
        note(&delay, &[(100, 10)]);
        assert_eq!(told(&delay, 1_005_000), Some(10), "two spans later");
    }
}
