//! How much of the machine this process uses, as Linux tells it under `/proc/self`.

use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks per second in `/proc`: 100 on every Linux that this program runs on (`USER_HZ` is
/// part of the kernel's interface).
const TICKS: u32 = 100;

/// Measures the share of a core between two readings.
#[derive(Debug)]
pub struct Meter {
    last: Option<(Instant, Duration)>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            last: cpu_time().map(|cpu| (Instant::now(), cpu)),
        }
    }
}

impl Meter {
    /// Cores kept busy since the last reading: 1.0 is one. 0 where the system does not tell.
    pub fn cpu(&mut self) -> f64 {
        let Some(cpu) = cpu_time() else {
            return 0.0;
        };
        let now = Instant::now();
        match self.last.replace((now, cpu)) {
            Some((then, before)) if now > then => {
                cpu.saturating_sub(before).as_secs_f64() / (now - then).as_secs_f64()
            }
            Some(_) | None => 0.0,
        }
    }
}

/// Processor time of all threads since the start.
fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(Duration::from_secs(1) * (user + system) / TICKS)
}

/// Resident bytes; 0 where the system does not tell.
pub fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_shows() {
        let mut meter = Meter::default();
        let before = cpu_time().unwrap();
        // Ticks are coarse, and the machine may be busy with something else.
        while cpu_time().unwrap() < before + Duration::from_millis(30) {
            std::hint::black_box(0);
        }
        assert!(meter.cpu() > 0.0);
        assert!(memory() > 1 << 20);
    }
}
