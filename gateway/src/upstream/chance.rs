//! Chance for sharing load, one source per thread.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    static CHANCE: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
}

/// Good enough to share load by (SplitMix64); nothing secret comes of it.
pub(crate) fn chance() -> u64 {
    CHANCE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}
