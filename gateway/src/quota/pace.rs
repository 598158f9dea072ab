//! How often all counters of a node are looked at for what they have counted.
//!
//! A request says nothing of what it counted to anybody, so that it waits for nobody; whoever writes
//! down what was counted has to look. Few counters are looked at in no time. Where there are very
//! many, they are looked at less often, so that it never takes more than a part of a core.

use std::io;
use std::time::{Duration, Instant};

/// Between two looks, as the records of traffic are drained: a `kill -9` forgets what was counted
/// since, and twice this stays well below 100 ms.
const MOMENT: Duration = Duration::from_millis(25);
/// The longest time between two looks, however many counters there are.
const LONGEST: Duration = Duration::from_secs(1);
/// So many times as long as a look took nothing is done, where there was something to write down: a
/// fifth of a core at most.
const REST: u32 = 4;
/// The same where there was nothing: a twentieth.
const IDLE_REST: u32 = 19;

/// Most counters of one look; the others are seen by the next ones.
pub(crate) const MOST: usize = 4096;

/// Of one who looks.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pause: Duration,
}

impl Pace {
    /// Looks for lines to be written down, and remembers how long it took.
    pub(crate) fn look(
        &mut self,
        look: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Vec<u8>> {
        let begun = Instant::now();
        let lines = look();
        let is_idle = lines.as_ref().is_ok_and(Vec::is_empty);
        self.pause = pause(begun.elapsed(), is_idle);
        lines
    }

    /// How long to wait for the next look.
    pub(crate) fn pause(&self) -> Duration {
        self.pause.max(MOMENT)
    }
}

fn pause(took: Duration, is_idle: bool) -> Duration {
    let rest = if is_idle { IDLE_REST } else { REST };
    took.saturating_mul(rest).clamp(MOMENT, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_much_to_look_at_looks_less_often() {
        let millis = Duration::from_millis;
        for (took, idle, busy) in [
            (0, 25, 25),
            (1, 25, 25),
            (3, 57, 25),
            (10, 190, 40),
            (400, 1000, 1000),
        ] {
            let pauses = [true, false].map(|is_idle| pause(millis(took), is_idle));
            assert_eq!(pauses, [millis(idle), millis(busy)], "{took} ms");
        }
        let mut pace = Pace::default();
        assert_eq!(pace.pause(), MOMENT);
        assert_eq!(pace.look(|| Ok(vec![7])).unwrap(), [7]);
        assert!(pace.pause() >= MOMENT);
    }
}
