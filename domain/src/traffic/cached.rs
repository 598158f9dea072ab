//! How a cache answered a request, as records, rollups and dashboards tell it.

use serde::{Deserialize, Serialize};

/// What the policy `cache` did with a request. Its number is what is stored, and stays.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cached {
    /// No cache was asked.
    #[default]
    None = 0,
    /// Answered with what this node keeps, and fresh.
    Hit = 1,
    /// Answered with what is kept although its time is over.
    Stale = 2,
    /// The upstream said that what is kept is still good.
    Validated = 3,
    /// The upstream answered, and nothing of it is kept.
    Miss = 4,
    /// The upstream answered, and its answer is kept.
    Stored = 5,
    /// Not a request whose answer could be kept.
    Pass = 6,
    /// Answered with what another node put into the second level.
    Shared = 7,
}

impl Cached {
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Hit,
        Self::Stale,
        Self::Validated,
        Self::Miss,
        Self::Stored,
        Self::Pass,
        Self::Shared,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Validated => "validated",
            Self::Miss => "miss",
            Self::Stored => "stored",
            Self::Pass => "pass",
            Self::Shared => "shared",
        }
    }

    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What a later release counts otherwise is none that this one knows.
    pub fn of_number(number: u64) -> Self {
        let known = Self::ALL.into_iter();
        let mut known = known.filter(|one| u64::from(one.number()) == number);
        known.next().unwrap_or_default()
    }
}

/// Requests by what a cache did with them; those that met none are in no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheSums {
    /// Answered fresh, be it from the second level.
    pub hits: u64,
    pub stale: u64,
    /// The upstream was asked, be it only whether what is kept is still good.
    pub misses: u64,
    pub passes: u64,
}

impl CacheSums {
    pub const fn add(&mut self, cached: Cached) {
        match cached {
            Cached::None => {}
            Cached::Hit | Cached::Shared => self.hits += 1,
            Cached::Stale => self.stale += 1,
            Cached::Validated | Cached::Miss | Cached::Stored => self.misses += 1,
            Cached::Pass => self.passes += 1,
        }
    }

    pub const fn merge(&mut self, other: &Self) {
        self.hits = self.hits.saturating_add(other.hits);
        self.stale = self.stale.saturating_add(other.stale);
        self.misses = self.misses.saturating_add(other.misses);
        self.passes = self.passes.saturating_add(other.passes);
    }

    /// Whether a cache was asked at all.
    pub const fn is_any(&self) -> bool {
        self.hits + self.stale + self.misses + self.passes > 0
    }

    /// The share of answers that no upstream gave, of those that could be kept; 0 to 1. `None`
    /// where there were none of these.
    pub fn hit_ratio(&self) -> Option<f64> {
        let given = self.hits + self.stale;
        let all = given + self.misses;
        (all > 0).then(|| given as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_stay() {
        for (number, cached) in (0..).zip(Cached::ALL) {
            assert_eq!(u64::from(cached.number()), number);
            assert_eq!(Cached::of_number(number), cached);
            let name = serde_json::to_value(cached).unwrap();
            assert_eq!(name, cached.as_str());
        }
        for strange in [8, 255, 256, u64::MAX] {
            assert_eq!(Cached::of_number(strange), Cached::None);
        }
    }

    #[test]
    fn the_share_is_of_what_could_be_kept() {
        for (all, ratio) in [
            (&[][..], None),
            (&[Cached::None], None),
            (&[Cached::Pass, Cached::Pass], None),
            (&[Cached::Pass, Cached::Stored], Some(0.0)),
            (&[Cached::Hit, Cached::Miss], Some(0.5)),
            (
                &[
                    Cached::Shared,
                    Cached::Stale,
                    Cached::Hit,
                    Cached::Validated,
                ],
                Some(0.75),
            ),
        ] {
            let mut sums = CacheSums::default();
            all.iter().for_each(|cached| sums.add(*cached));
            assert_eq!(sums.hit_ratio(), ratio, "{all:?}");
            let mut twice = sums;
            twice.merge(&sums);
            assert_eq!(twice.hit_ratio(), ratio, "{all:?}");
            assert_eq!(sums.is_any(), all.iter().any(|one| *one != Cached::None));
        }
    }
}
