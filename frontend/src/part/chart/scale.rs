//! From values to the 100 × 100 field of a plot: round ticks, lines with gaps, areas.

use std::fmt::Write as _;

/// A scale from zero to a round number that no value exceeds, with three to five ticks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    step: f64,
    steps: u32,
}

impl Scale {
    pub(super) fn up_to(highest: f64) -> Self {
        // An empty chart still shows a scale, of whole requests.
        let highest = if highest.is_finite() && highest > 0.0 {
            highest
        } else {
            1.0
        };
        let magnitude = 10_f64.powf((highest / 4.0).log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * magnitude)
            .find(|step| highest / step <= 4.0)
            .unwrap_or(magnitude * 10.0);
        Self {
            step,
            steps: (highest / step).ceil() as u32,
        }
    }

    pub(super) fn ticks(self) -> impl Iterator<Item = f64> {
        (0..=self.steps).map(move |tick| f64::from(tick) * self.step)
    }

    /// Distance from the top, in per cent.
    pub(super) fn y(self, value: f64) -> f64 {
        100.0 - value / (self.step * f64::from(self.steps)) * 100.0
    }

    /// The line as path data; a gap lifts the pen. Values without a neighbour are [`Self::dots`].
    pub(super) fn path(self, values: &[Option<f64>]) -> String {
        self.runs(values)
            .into_iter()
            .filter(|run| run.len() > 1)
            .map(|run| self.line(&run))
            .collect()
    }

    /// Values between gaps, as lines of no length: round ends make dots of them.
    pub(super) fn dots(self, values: &[Option<f64>]) -> String {
        self.runs(values)
            .into_iter()
            .filter(|run| run.len() == 1)
            .map(|run| format!("{}h0", self.line(&run)))
            .collect()
    }

    /// The ground below the line, closed run by run.
    pub(super) fn area(self, values: &[Option<f64>]) -> String {
        let mut path = String::new();
        for run in self.runs(values) {
            let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else {
                continue;
            };
            path.push_str(&self.line(&run));
            let _ = write!(path, "L{last:.2} 100L{first:.2} 100Z");
        }
        path
    }

    fn line(self, run: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for (index, (x, value)) in run.iter().enumerate() {
            let pen = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{pen}{x:.2} {:.1}", self.y(*value));
        }
        path
    }

    /// Stretches of values without a gap, each value with its place from left to right.
    fn runs(self, values: &[Option<f64>]) -> Vec<Vec<(f64, f64)>> {
        let last = values.len().saturating_sub(1).max(1) as f64;
        let mut runs = vec![Vec::new()];
        for (index, value) in values.iter().enumerate() {
            match value {
                Some(value) => {
                    if let Some(run) = runs.last_mut() {
                        run.push((index as f64 / last * 100.0, *value));
                    }
                }
                None => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for highest in [0.0, 0.3, 1.0, 7.0, 71.0, 120.0, 4_334.0, 1e9, f64::NAN] {
            let scale = Scale::up_to(highest);
            let ticks: Vec<_> = scale.ticks().collect();
            assert!((2..=6).contains(&ticks.len()), "{highest}: {ticks:?}");
            assert!(
                highest.is_nan() || *ticks.last().unwrap() >= highest,
                "{highest}: {ticks:?}"
            );
        }
    }
}
