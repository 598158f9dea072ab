//! Buckets, and the cells that hold them.

mod races;

use super::*;

const SECOND: u64 = 1_000_000_000;

#[test]
fn five_a_minute() {
    let rate = Rate::new(5, 60_000, 5);
    let cell = Cell::default();
    let start = 1_000 * SECOND;
    for left in [4, 3, 2, 1, 0] {
        let seen = cell.peek(start, rate);
        let verdict = cell.admit(start, rate);
        assert_eq!(seen, verdict);
        assert!(verdict.admitted);
        assert_eq!(verdict.left, left);
    }
    let refused = cell.admit(start + 11 * SECOND, rate);
    assert!(!refused.admitted);
    assert_eq!((refused.retry_in, refused.full_in), (SECOND, 49 * SECOND));
    assert!(cell.admit(start + 12 * SECOND, rate).admitted);
    assert!(!cell.admit(start + 12 * SECOND, rate).admitted);
    cell.give_back(rate);
    assert!(cell.admit(start + 12 * SECOND, rate).admitted);
}

#[test]
fn what_is_refilled_is_not_put_back() {
    let rate = Rate::new(10, 10_000, 10);
    let start = 1_000 * SECOND;
    // How many are admitted right behind one that is refused later, so many seconds later, and then.
    for (behind, seconds, others, left) in [
        (0, 0, 0, 10),
        (0, 0, 9, 1),
        (9, 0, 0, 1),
        // The bucket was not full since.
        (9, 4, 0, 5),
        (4, 2, 5, 3),
        // It was, and others have taken all of it.
        (0, 2, 10, 0),
        (9, 60, 10, 0),
        (0, 60, 0, 10),
    ] {
        let cell = Cell::default();
        let admit = |count: usize, now| {
            let admitted = (0..count).filter(|_| cell.admit(now, rate).admitted);
            admitted.count()
        };
        assert_eq!(admit(1, start), 1);
        let portion = cell.portion(rate);
        let now = start + seconds * SECOND;
        let admitted = (admit(behind, start), admit(others, now));
        assert_eq!(admitted, (behind, others));
        cell.put_back(now, portion);
        assert_eq!(admit(20, now), left, "{behind} {seconds} {others}");
    }
}

#[test]
fn what_a_request_costs_is_settled_afterwards() {
    let rate = Rate::new(10, 10_000, 10).owing();
    let start = 1_000 * SECOND;
    let second = SECOND as i64;
    for (difference, counted, left) in [
        (0, 0, 9),
        (4, 4, 5),
        (-1, -1, 10),
        // More than there is: it is owed.
        (12, 12, -3),
        (1_000, 1_000, -991),
    ] {
        let cell = Cell::default();
        assert!(cell.admit(start, rate).admitted);
        let settled = cell.settle(start, rate, difference * second);
        let full_in = SECOND * (10 - left) as u64;
        assert_eq!(settled, (counted * second, full_in), "{difference}");
        let verdict = cell.peek(start, rate);
        assert_eq!(verdict.admitted, left > 0, "{difference}");
        if left <= 0 {
            assert_eq!(verdict.retry_in, SECOND * (1 - left) as u64, "{difference}");
        }
    }
    // What is refilled is not given back a second time.
    let cell = Cell::default();
    assert!(cell.admit(start, rate).admitted);
    let later = start + 60 * SECOND;
    assert_eq!(cell.settle(later, rate, -second), (-second, 0));
    assert_eq!(
        (0..20).filter(|_| cell.admit(later, rate).admitted).count(),
        10
    );
    // Nobody owes more than that; where costs are not told, nothing is owed.
    let huge = cell.settle(later, rate, i64::MAX);
    assert_eq!(huge.1, 10 * SECOND + MOST_OWED);
    let none = Cell::default().settle(later, Rate { owed: 0, ..rate }, i64::MAX);
    assert_eq!(none.1, 10 * SECOND);
}

#[test]
fn what_requests_at_the_same_time_cost_adds_up() {
    let rate = Rate::new(10, 10_000, 10).owing();
    let (cell, start) = (Cell::default(), 1_000 * SECOND);
    for _ in 0..10 {
        assert!(cell.admit(start, rate).admitted);
    }
    for answer in 1..=10 {
        let (counted, full_in) = cell.settle(start, rate, 49 * SECOND as i64);
        assert_eq!(counted, 49 * SECOND as i64);
        assert_eq!(full_in, (10 + answer * 49) * SECOND);
    }
}

#[test]
fn what_is_refilled_since_is_not_given_back() {
    let rate = Rate::new(10, 10_000, 10).owing();
    let start = 1_000 * SECOND;
    let admit = |cell: &Cell, now| {
        let verdict = cell.admit(now, rate);
        assert!(verdict.admitted);
        cell.mark(now + verdict.full_in)
    };
    // All of it, while the bucket has not been full since.
    let cell = Cell::default();
    let marks = [(); 10].map(|()| admit(&cell, start));
    assert_eq!(cell.unfilled(start + 4 * SECOND, marks[9]), 6 * SECOND);
    // A late answer: what others have taken meanwhile is theirs.
    assert_eq!(cell.unfilled(start + 4 * SECOND, marks[2]), 0);
    admit(&cell, start + 9 * SECOND);
    assert_eq!(cell.unfilled(start + 60 * SECOND, marks[9]), 0);
    // What was given back to others makes it full earlier.
    let cell = Cell::default();
    let marks = [(); 10].map(|()| admit(&cell, start));
    let later = start + 5 * SECOND;
    cell.settle(later, rate, -5 * SECOND as i64);
    assert_eq!(cell.unfilled(later, marks[9]), 0);
}

#[test]
fn a_burst_of_its_own_and_the_largest_rate() {
    let rate = Rate::new(1, 1000, 3);
    let cell = Cell::default();
    let admitted = (0..9).filter(|_| cell.admit(5, rate).admitted).count();
    assert_eq!(admitted, 3);
    let fast = Rate::new(1_000_000_000, 1000, 1);
    assert!(Cell::default().admit(0, fast).admitted);
}

#[test]
fn without_room_strangers_share_and_the_known_do_not() {
    let cells = Cells::new(SHARDS);
    let new = |_| Cell::default();
    let rate = Rate::new(1, 1000, 1);
    let key = |subject| CellKey { limit: 1, subject };
    let at = |nanos| Now { nanos, wall_ms: 0 };
    for subject in 0..1000 {
        cells
            .get(key(subject), false, at(SECOND), new)
            .admit(SECOND, rate);
    }
    assert!(cells.overflowed() > 0);
    assert!(cells.len() <= 2 * SHARDS);
    let known = cells.get(key(5000), true, at(SECOND), new);
    assert!(known.admit(SECOND, rate).admitted);
    let later = 10 * SECOND;
    let before = cells.overflowed();
    for subject in 2000..2010 {
        cells.get(key(subject), false, at(later), new);
    }
    assert_eq!(cells.overflowed(), before, "full cells went");
}

#[test]
fn cells_of_windows_go_when_their_windows_are_over() {
    let cells = Cells::new(SHARDS);
    let window = Window {
        slides: false,
        length: 1000,
        limit: 1,
        cost: 1,
    };
    cells.note(1, window);
    let at = |nanos, wall_ms| Now { nanos, wall_ms };
    let key = |subject| CellKey { limit: 1, subject };
    for subject in 0..1000 {
        let cell = cells.get(key(subject), false, at(SECOND, 5000), |_| Cell::default());
        window.admit(&cell, 5000);
    }
    let before = cells.overflowed();
    assert!(before > 0);
    for subject in 2000..2010 {
        let now = at(10 * SECOND, 6000);
        cells.get(key(subject), false, now, |_| Cell::default());
    }
    assert_eq!(cells.overflowed(), before);
}
