//! Choice among targets, as pure arithmetic: a set of candidates as bits, their weights and loads
//! by index, and chance handed in. Nothing here allocates once a rotation has its length.

mod hash;
mod tiers;

pub(crate) use hash::{hashed, identity};
pub(crate) use tiers::{Tier, tier};

/// The indices of the bits of `set`.
pub(crate) fn each(set: u64) -> impl Iterator<Item = usize> {
    let mut left = set;
    std::iter::from_fn(move || {
        let index = left.trailing_zeros() as usize;
        (left != 0).then(|| {
            left &= left - 1;
            index
        })
    })
}

/// Smooth weighted round robin; `rotation` is what was left over from the turns before.
pub(crate) fn rotate(
    rotation: &mut Vec<i64>,
    set: u64,
    weight: impl Fn(usize) -> u32,
) -> Option<usize> {
    let mut best: Option<usize> = None;
    let total: i64 = each(set).map(|index| i64::from(weight(index))).sum();
    for index in each(set) {
        if rotation.len() <= index {
            rotation.resize(index + 1, 0);
        }
        // What turns by other weights left over is worth a round of these at most.
        rotation[index] = rotation[index].clamp(-total, total) + i64::from(weight(index));
        if best.is_none_or(|best| rotation[index] > rotation[best]) {
            best = Some(index);
        }
    }
    let best = best?;
    rotation[best] -= total;
    Some(best)
}

/// One by weight, where `chance` is even over all its values.
pub(crate) fn random(set: u64, weight: impl Fn(usize) -> u32, chance: u64) -> Option<usize> {
    let total: u64 = each(set).map(|index| u64::from(weight(index))).sum();
    let mut point = ((u128::from(chance) * u128::from(total)) >> 64) as u64;
    for index in each(set) {
        let weight = u64::from(weight(index));
        if point < weight {
            return Some(index);
        }
        point -= weight;
    }
    each(set).next()
}

/// Of two different ones by weight the one with the lower load for its weight; of equal ones the
/// first drawn.
pub(crate) fn lighter(
    set: u64,
    weight: impl Fn(usize) -> u32,
    load: impl Fn(usize) -> u64,
    chances: [u64; 2],
) -> Option<usize> {
    let first = random(set, &weight, chances[0])?;
    let Some(second) = random(set & !(1 << first), &weight, chances[1]) else {
        return Some(first);
    };
    let scaled = |one: usize, other: usize| u128::from(load(one)) * u128::from(weight(other));
    let is_lighter = scaled(second, first) < scaled(first, second);
    Some(if is_lighter { second } else { first })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_exact_and_smooth() {
        for weights in [vec![1, 1], vec![5, 1, 1], vec![3, 2, 1, 0], vec![7]] {
            let set = (1 << weights.len()) - 1;
            let total: u32 = weights.iter().sum();
            let mut rotation = Vec::new();
            let mut counts = vec![0; weights.len()];
            for _ in 0..total * 3 {
                counts[rotate(&mut rotation, set, |index| weights[index]).unwrap()] += 1;
            }
            let wanted: Vec<u32> = weights.iter().map(|weight| weight * 3).collect();
            assert_eq!(counts, wanted);
        }
        let mut rotation = Vec::new();
        let turns: Vec<usize> = (0..7)
            .filter_map(|_| rotate(&mut rotation, 0b111, |index| [5, 1, 1][index]))
            .collect();
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(rotate(&mut rotation, 0, |_| 1), None);
    }

    #[test]
    fn a_rotation_forgets_other_weights() {
        let mut rotation = Vec::new();
        for _ in 0..500 {
            rotate(&mut rotation, 0b11, |index| [1000, 1][index]);
        }
        let mut counts = [0; 2];
        for _ in 0..10 {
            counts[rotate(&mut rotation, 0b11, |_| 1).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| *count >= 4), "{counts:?}");
    }

    #[test]
    fn chance_follows_the_weights() {
        let weights = [1, 0, 3];
        let step = u64::MAX / 400;
        let mut counts = [0; 3];
        for turn in 0..400 {
            counts[random(0b111, |index| weights[index], turn * step).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((99..=101).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn the_lighter_of_two_is_taken() {
        let even = |_: usize| 1;
        // Two candidates are always both drawn, in either order.
        for chances in [[0, 0], [u64::MAX, 0], [0, u64::MAX]] {
            let load = |index: usize| [9, 2][index];
            assert_eq!(lighter(0b11, even, load, chances), Some(1));
        }
        // Twice the weight carries twice the load.
        let weights = |index: usize| [2, 1][index];
        let load = |index: usize| [3, 2][index];
        assert_eq!(lighter(0b11, weights, load, [0, 0]), Some(0));
        assert_eq!(lighter(0b100, even, |_| 7, [5, 5]), Some(2));
    }
}
