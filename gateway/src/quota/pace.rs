//! How often all counters of a node are looked at for what they have counted.
//!
//! A request says nothing of what it counted to anybody, so that it waits for nobody; whoever writes
//! down what was counted has to look. Few counters are looked at in no time. Where there are very
//! many, they are looked at less often, so that it never takes more than a small part of a core.

use std::time::{Duration, Instant};

/// Between two looks, as the records of traffic are drained: a `kill -9` forgets what was counted
/// since, and twice this stays well below 100 ms.
const MOMENT: Duration = Duration::from_millis(25);
/// The longest time between two looks, however many counters there are.
const LONGEST: Duration = Duration::from_secs(1);
/// So many times as long as a look took nothing is done: 5 % of a core at most.
const REST: u32 = 19;

/// Most counters of one look; the others are seen by the next ones.
pub(crate) const MOST: usize = 4096;

/// Of one who looks.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    took: Duration,
}

impl Pace {
    /// Looks, and remembers how long it took.
    pub(crate) fn look<T>(&mut self, look: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let seen = look();
        self.took = begun.elapsed();
        seen
    }

    /// How long to wait for the next look.
    pub(crate) fn pause(&self) -> Duration {
        self.took.saturating_mul(REST).clamp(MOMENT, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_much_to_look_at_looks_less_often() {
        let of = |took| Pace { took }.pause();
        let millis = Duration::from_millis;
        for (took, pause) in [(0, 25), (1, 25), (3, 57), (50, 950), (400, 1000)] {
            assert_eq!(of(millis(took)), millis(pause), "{took} ms");
        }
        assert_eq!(Pace::default().pause(), MOMENT);
        let mut pace = Pace::default();
        assert_eq!(pace.look(|| 7), 7);
    }
}
