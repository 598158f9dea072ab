//! Which tier a request goes to: the first, as far as enough of it is healthy; what it cannot
//! carry spills over to the next.

/// How many targets a tier has, and how many of them are healthy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tier {
    pub(crate) all: u32,
    pub(crate) healthy: u32,
}

/// A tier carries all of its requests while five sevenths of it are healthy.
const SPARE: u32 = 140;

/// The tier of a request, by `chance` even over all its values; `None` when in every tier less
/// than `panic` percent are healthy, so that health should not be heeded.
pub(crate) fn tier(tiers: &[Tier], panic: u8, chance: u64) -> Option<usize> {
    let is_sound = |tier: &Tier| tier.healthy * 100 >= tier.all * u32::from(panic) && tier.all > 0;
    if !tiers.iter().any(is_sound) {
        return None;
    }
    let share = |tier: &Tier| (tier.healthy * SPARE / tier.all.max(1)).min(100);
    let total = tiers.iter().map(share).sum::<u32>().min(100);
    let mut point = ((u128::from(chance) * u128::from(total)) >> 64) as u32;
    for (index, tier) in tiers.iter().enumerate() {
        let share = share(tier);
        if point < share {
            return Some(index);
        }
        point -= share;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tier_cannot_carry_spills_over() {
        let half = u64::MAX / 2;
        let (low, high) = (0, u64::MAX);
        for (tiers, chance, wanted) in [
            (&[(4, 4)][..], high, Some(0)),
            (&[(4, 4), (2, 2)], high, Some(0)),
            // 3 of 4 are above five sevenths.
            (&[(4, 3), (2, 2)], high, Some(0)),
            // Half of the first carries 70 %.
            (&[(4, 2), (2, 2)], half, Some(0)),
            (&[(4, 2), (2, 2)], high, Some(1)),
            (&[(4, 0), (2, 2)], low, Some(1)),
            // Half of the only one: it takes everything.
            (&[(4, 2)], high, Some(0)),
            // Less than half of each: panic.
            (&[(4, 1)], low, None),
            (&[(4, 1), (3, 1)], low, None),
            (&[(4, 1), (2, 1)], low, Some(0)),
            (&[], low, None),
        ] {
            let tiers: Vec<Tier> = tiers
                .iter()
                .map(|(all, healthy)| Tier {
                    all: *all,
                    healthy: *healthy,
                })
                .collect();
            assert_eq!(tier(&tiers, 50, chance), wanted, "{tiers:?} {chance}");
        }
    }
}
