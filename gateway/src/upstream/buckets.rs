//! Times by their order of magnitude: four buckets to each doubling, so that neighbours are a
//! quarter apart or less. For percentiles that need no more than that.

/// For all microseconds that fit.
pub(super) const BUCKETS: usize = 128;

pub(super) fn bucket(us: u32) -> usize {
    let us = us.max(4);
    let top = us.ilog2();
    (top * 4 + (us >> (top - 2) & 3)) as usize
}

/// The shortest time of a bucket.
pub(super) const fn least_of(bucket: usize) -> u64 {
    let top = bucket as u64 / 4;
    if top < 2 {
        return 0;
    }
    (4 + bucket as u64 % 4) << (top - 2)
}

/// The bucket in which so many percent of all counts are reached; `None` without any.
pub(super) fn percentile(counts: &[u32; BUCKETS], percent: u8) -> Option<usize> {
    let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let mut left = (all * u64::from(percent)).div_ceil(100);
    counts.iter().position(|count| {
        left = left.saturating_sub(u64::from(*count));
        left == 0 && all > 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles() {
        let mut counts = [0; BUCKETS];
        assert_eq!(percentile(&counts, 95), None);
        counts[bucket(1000)] = 94;
        counts[bucket(9000)] = 5;
        counts[bucket(90_000)] = 1;
        for (percent, us) in [
            (50, 1000),
            (94, 1000),
            (95, 9000),
            (99, 9000),
            (100, 90_000),
        ] {
            assert_eq!(percentile(&counts, percent), Some(bucket(us)), "{percent}");
        }
    }

    proptest! {
        #[test]
        fn buckets_are_a_quarter_wide(us in 4u32..) {
            let least = least_of(bucket(us));
            prop_assert!(least <= u64::from(us) && u64::from(us) * 4 < least * 5 + 4);
        }
    }
}
