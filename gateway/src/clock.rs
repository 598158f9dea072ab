//! The clock of the data plane: monotonic for limits and deadlines, wall time for calendars and
//! records. A test hands in one that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// Cheap to clone; all workers share one origin, so that their limiter cells agree.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Monotonic time plus the wall time of the origin. Wall time is read anew by
    /// [`Clock::adjust`] now and then, as a machine's clock may be set.
    System {
        origin: Instant,
        wall_us: Arc<AtomicU64>,
    },
    /// Microseconds since 1970, moved by hand.
    Manual(Arc<AtomicU64>),
}

impl Default for Clock {
    fn default() -> Self {
        Self(Kind::System {
            origin: Instant::now(),
            wall_us: Arc::new(AtomicU64::new(system_us())),
        })
    }
}

fn system_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

impl Clock {
    /// A clock that stands at `start` until the returned number (microseconds since 1970) moves.
    pub fn manual(start: DateTime<Utc>) -> (Self, Arc<AtomicU64>) {
        let micros = Arc::new(AtomicU64::new(
            start.timestamp_micros().max(0).unsigned_abs(),
        ));
        (Self(Kind::Manual(micros.clone())), micros)
    }

    /// Microseconds since the clock was made (of a manual one: since 1970). Never goes back.
    pub fn micros(&self) -> u64 {
        match &self.0 {
            Kind::System { origin, .. } => origin.elapsed().as_micros() as u64,
            Kind::Manual(micros) => micros.load(Ordering::Relaxed),
        }
    }

    /// Wall time at the monotonic instant `micros`: microseconds since 1970.
    pub fn wall(&self, micros: u64) -> u64 {
        match &self.0 {
            Kind::System { wall_us, .. } => wall_us.load(Ordering::Relaxed) + micros,
            Kind::Manual(_) => micros,
        }
    }

    pub fn utc(&self) -> DateTime<Utc> {
        let micros = self.wall(self.micros());
        DateTime::from_timestamp_micros(micros as i64).unwrap_or_default()
    }

    /// Follows the machine's clock where it was set. Called once a second, off the request's way.
    pub fn adjust(&self) {
        match &self.0 {
            Kind::System { origin, wall_us } => {
                let elapsed = origin.elapsed().as_micros() as u64;
                wall_us.store(system_us().saturating_sub(elapsed), Ordering::Relaxed);
            }
            Kind::Manual(_) => {}
        }
    }
}
