//! Consistent hashing by rendezvous: each target draws a number from the caller's key and its own
//! identity, and the highest wins. A target that comes or goes moves only its own callers.

use super::each;

/// Even mixing of 64 bits (the finalizer of SplitMix64).
const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number for `bytes` that is the same on all nodes and in all releases (FNV-1a, then mixed).
pub(crate) fn identity(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    let folded = bytes.iter().fold(start, |sum: u64, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(folded)
}

/// The target of `key`: the best one that has less in flight than `bound` percent of its share.
pub(crate) fn hashed(
    set: u64,
    key: u64,
    bound: u16,
    weight: impl Fn(usize) -> u32,
    identity: impl Fn(usize) -> u64,
    in_flight: impl Fn(usize) -> u32,
) -> Option<usize> {
    let total: u64 = each(set).map(|index| u64::from(weight(index))).sum();
    let all: u64 = each(set).map(|index| u64::from(in_flight(index))).sum();
    let has_room = |index: usize| {
        let share = u128::from(all + 1) * u128::from(weight(index)) * u128::from(bound);
        let most = share.div_ceil(u128::from(total.max(1)) * 100);
        u128::from(in_flight(index)) < most
    };
    // -ln(u)/w is exponential with rate w: the least of them is i with probability w_i/W.
    let draw = |index: usize| {
        let bits = mix(key ^ identity(index)) >> 11;
        let even = (bits as f64 + 0.5) / (1u64 << 53) as f64;
        -even.ln() / f64::from(weight(index).max(1))
    };
    let best = |set: &mut dyn Iterator<Item = usize>| {
        set.map(|index| (draw(index), index))
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, index)| index)
    };
    best(&mut each(set).filter(|index| has_room(*index))).or_else(|| best(&mut each(set)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: u64, key: u64, weights: &[u32], load: &[u32]) -> usize {
        let name = |index: usize| identity(format!("target {index}").as_bytes());
        hashed(set, mix(key), 125, |i| weights[i], name, |i| load[i]).unwrap()
    }

    #[test]
    fn only_the_callers_of_a_target_that_goes_move() {
        let (weights, none) = ([1; 10], [0; 10]);
        let mut moved = 0;
        for key in 0..10_000 {
            let before = of(0x3ff, key, &weights, &none);
            let after = of(0x3ff & !1, key, &weights, &none);
            if before == 0 {
                moved += 1;
                assert_ne!(after, 0);
            } else {
                assert_eq!(before, after, "{key}");
            }
        }
        assert!((850..1150).contains(&moved), "about a tenth: {moved}");
    }

    #[test]
    fn weights_are_shares() {
        let mut first = 0;
        for key in 0..10_000 {
            first += u32::from(of(0b11, key, &[3, 1], &[0, 0]) == 0);
        }
        assert!((7300..7700).contains(&first), "{first}");
    }

    #[test]
    fn a_full_target_is_passed_over() {
        let even = [1, 1];
        let own = of(0b11, 7, &even, &[0, 0]);
        let mut load = [1, 1];
        load[own] = 20;
        assert_ne!(of(0b11, 7, &even, &load), own);
        load[1 - own] = 20;
        assert_eq!(of(0b11, 7, &even, &load), own, "both are at their share");
    }
}
