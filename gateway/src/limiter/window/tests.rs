//! Windows that start anew, slide, and are settled.

use proptest::prelude::*;

use super::*;

const fn window(slides: bool, limit: u32) -> Window {
    Window {
        slides,
        length: 60_000,
        limit,
        cost: 1,
    }
}

/// Start of a minute.
const START: u64 = 1_764_460_800_000;

fn admitted(window: Window, cell: &Cell, at: u64, tries: u32) -> u32 {
    let all = (0..tries).filter(|_| window.admit(cell, at).0.admitted);
    all.count() as u32
}

#[test]
fn a_fixed_window_starts_anew_at_its_border() {
    let (window, cell) = (window(false, 5), Cell::default());
    assert_eq!(admitted(window, &cell, START + 50_000, 9), 5);
    let (refused, _) = window.admit(&cell, START + 59_000);
    assert!(!refused.admitted);
    assert_eq!((refused.left, refused.retry_in), (0, 1000 * MILLI));
    assert!(!window.is_over(&cell, START + 59_999));
    assert!(window.is_over(&cell, START + 60_000));
    assert_eq!(admitted(window, &cell, START + 60_000, 9), 5);
}

#[test]
fn a_sliding_window_lets_go_evenly() {
    let (window, cell) = (window(true, 10), Cell::default());
    assert_eq!(admitted(window, &cell, START + 59_000, 20), 10);
    // A tenth of the next window: nine tenths of ten still count.
    assert_eq!(admitted(window, &cell, START + 66_000, 20), 1);
    let (refused, _) = window.admit(&cell, START + 66_000);
    let again = START + 66_000 + refused.retry_in / MILLI;
    assert_eq!(again, START + 72_000);
    assert!(!window.peek(&cell, again - 1).admitted);
    assert!(window.peek(&cell, again).admitted);
    // Nothing of the first is left after two.
    assert_eq!(admitted(window, &cell, START + 180_000, 20), 10);
}

#[test]
fn what_is_put_back_can_be_taken_again() {
    for slides in [false, true] {
        let (window, cell) = (window(slides, 1), Cell::default());
        let (_, hit) = window.admit(&cell, START);
        assert!(!window.peek(&cell, START).admitted);
        hit.give_back(&cell);
        assert!(window.peek(&cell, START).admitted);
        // Late, in the next window.
        let (_, hit) = window.admit(&cell, START);
        window.admit(&cell, START + 60_000);
        hit.give_back(&cell);
        let late = window.peek(&cell, START + 60_001);
        assert_eq!(late.admitted, slides, "{late:?}");
    }
}

#[test]
fn what_a_request_costs_is_settled_afterwards() {
    // What it costs more, and what is left of ten then.
    for (slides, difference, left) in [
        (false, 0, 8),
        (false, 3, 5),
        (false, -1, 9),
        (false, -50, 10),
        (false, 50, -42),
        (false, i64::MAX, -(i64::from(u32::MAX) - 10)),
        (true, 3, 5),
        (true, -2, 10),
        (true, 50, -42),
        (true, i64::MAX, -((1 << COUNT) - 1 - 10)),
    ] {
        let window = Window {
            cost: 2,
            ..window(slides, 10)
        };
        let cell = Cell::default();
        let (_, hit) = window.admit(&cell, START);
        window.settle(&cell, hit, START + 1, difference);
        let (counts, _) = window.settled(cell.arrival(), START + 1);
        let used = 10 - left;
        assert_eq!(i64::from(counts.count), used, "{slides} {difference}");
        assert_eq!(window.peek(&cell, START + 1).admitted, left >= 2);
    }
    // The answer comes in the next window: what is more counts there.
    let (window, cell) = (window(false, 5), Cell::default());
    let (_, hit) = window.admit(&cell, START + 59_999);
    window.settle(&cell, hit, START + 60_001, 9);
    let refused = window.peek(&cell, START + 60_001);
    assert_eq!((refused.admitted, refused.left), (false, 0));
    assert!(window.peek(&cell, START + 120_000).admitted);
}

#[test]
fn what_requests_at_the_same_time_cost_adds_up() {
    for slides in [false, true] {
        let (window, cell) = (window(slides, 10), Cell::default());
        let hits = [(); 10].map(|()| window.admit(&cell, START).1);
        for hit in hits {
            window.settle(&cell, hit, START + 1, 49);
        }
        let (counts, _) = window.settled(cell.arrival(), START + 1);
        assert_eq!(counts.count, 500);
    }
}

#[test]
fn what_comes_late_begins_no_window_again() {
    for slides in [false, true] {
        let (window, cell) = (window(slides, 3), Cell::default());
        for at in [START + 60_000, START + 59_999, START + 60_001] {
            assert!(window.admit(&cell, at).0.admitted);
        }
        assert!(!window.admit(&cell, START + 59_990).0.admitted);
        assert!(!window.admit(&cell, START + 60_002).0.admitted);
        // A clock that was set back far is believed.
        assert!(window.admit(&cell, START - 600_000).0.admitted);
    }
    // One that is not used for long is no window that is ahead.
    let (short, cell) = (
        Window {
            length: 1000,
            ..window(true, 1)
        },
        Cell::default(),
    );
    for step in 0..50 {
        let at = START + step * (1000 << 19);
        assert!(short.admit(&cell, at).0.admitted, "{step}");
    }
}

proptest! {
    /// No stretch as long as a window has more than twice the limit of a fixed one; of a sliding
    /// one no window has more than the limit, and what is refused says when to come back.
    #[test]
    fn limits_hold(
        slides in any::<bool>(),
        limit in 1_u32..50,
        cost in 1_u32..4,
        steps in proptest::collection::vec(0_u64..40_000, 1..200),
    ) {
        prop_assume!(cost <= limit);
        let window = Window { cost, ..window(slides, limit) };
        let cell = Cell::default();
        let mut at = START;
        let mut hits: Vec<u64> = Vec::new();
        for step in steps {
            at += step;
            let seen = window.peek(&cell, at);
            let (verdict, _) = window.admit(&cell, at);
            prop_assert_eq!(seen, verdict);
            if verdict.admitted {
                hits.push(at);
                let own = hits.iter().filter(|hit| **hit / 60_000 == at / 60_000);
                prop_assert!(own.count() as u32 * cost <= limit);
            } else {
                prop_assert!(verdict.retry_in > 0);
                let again = at + verdict.retry_in / MILLI;
                prop_assert!(window.peek(&cell, again).admitted);
            }
        }
    }
}
