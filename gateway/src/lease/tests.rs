//! What a node's share of a bucket has spent.

use super::*;

#[test]
fn what_is_put_back_is_not_spent() {
    const SECOND: u64 = 1_000_000_000;
    let rate = Rate::new(10, 10_000, 10);
    // Milliseconds of the bucket that come back, of which a request takes a thousand.
    for (back, times, left) in [
        (0, 4, 4),
        (1000, 1, 3),
        (1000, 4, 0),
        // The others hear of whole requests.
        (500, 2, 3),
        (500, 4, 2),
        (250, 4, 3),
    ] {
        let lease = Lease::new([0; 16], rate, 1);
        lease.spent.store(4, Ordering::Relaxed);
        for _ in 0..times {
            lease.put_back(SECOND, back * SECOND / 1000);
        }
        let spent = lease.spent.load(Ordering::Relaxed);
        assert_eq!(spent, left, "{times} times {back}");
    }
}
