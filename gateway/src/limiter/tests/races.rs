//! Buckets and windows on several threads at once: what a limit has is given once, and none of it is
//! lost.

use std::sync::Barrier;

use crate::limiter::{Cell, CellKey, Cells, Hit, Now, Portion, Rate, Window};

const THREADS: usize = 4;
/// So many that all threads are at it for a while.
const LIMIT: u32 = 100_000;
/// Start of a minute, and what the gateway's clock says then: nothing is refilled meanwhile.
const WALL_MS: u64 = 1_764_460_800_000;
const NOW: u64 = 1_000_000_000_000;

fn rate() -> Rate {
    Rate::new(LIMIT, 60_000, LIMIT)
}

const fn window(slides: bool) -> Window {
    Window {
        slides,
        length: 60_000,
        limit: LIMIT,
        cost: 1,
    }
}

/// Runs on all threads from the same moment on; the sum of what they say.
fn at_once(run: impl Fn() -> u32 + Sync) -> u32 {
    let together = Barrier::new(THREADS);
    let start = || {
        together.wait();
        run()
    };
    std::thread::scope(|scope| {
        let threads = [(); THREADS].map(|()| scope.spawn(start));
        let sums = threads.map(|thread| thread.join().unwrap());
        sums.into_iter().sum()
    })
}

/// All threads take until nothing is left, and keep one of four: what is kept in the end is the
/// limit, no less and no more.
fn is_given_once<T>(what: &str, take: impl Fn() -> Option<T> + Sync, back: impl Fn(T) + Sync) {
    let kept = at_once(|| {
        let mut kept = 0;
        for turn in 0_u32.. {
            match take() {
                None => break,
                Some(taken) if !turn.is_multiple_of(4) => back(taken),
                Some(_) => kept += 1,
            }
        }
        kept
    });
    // What was put back when the others had given up.
    let rest = std::iter::from_fn(&take).count() as u32;
    assert_eq!(kept + rest, LIMIT, "{what}: {kept} and {rest}");
}

type BackToBucket = fn(&Cell, Rate, Portion);

#[test]
fn what_a_bucket_has_is_given_once() {
    let ways: [(&str, BackToBucket); 3] = [
        ("given back", |cell, rate, _| cell.give_back(rate)),
        ("put back", |cell, _, portion| cell.put_back(NOW, portion)),
        ("settled", |cell, rate, _| {
            cell.settle(NOW, rate, -(rate.interval as i64));
        }),
    ];
    for (what, back) in ways {
        let (cell, rate) = (Cell::default(), rate());
        // It was found full once, and later by nobody: all that is put back is missing.
        assert!(cell.admit(NOW, rate).admitted);
        cell.give_back(rate);
        let take = || {
            let admitted = cell.admit(NOW, rate).admitted;
            admitted.then(|| cell.portion(rate))
        };
        is_given_once(what, take, |portion| back(&cell, rate, portion));
    }
}

type BackToWindow = fn(&Cell, Window, Hit);

#[test]
fn what_a_window_has_is_given_once() {
    let ways: [(&str, BackToWindow); 2] = [
        ("given back", |cell, _, hit| hit.give_back(cell)),
        ("settled", |cell, window, hit| {
            window.settle(cell, hit, WALL_MS, -1);
        }),
    ];
    for window in [false, true].map(window) {
        for (what, back) in ways {
            let cell = Cell::default();
            let take = || {
                let (verdict, hit) = window.admit(&cell, WALL_MS);
                verdict.admitted.then_some(hit)
            };
            is_given_once(what, take, |hit| back(&cell, window, hit));
        }
    }
}

#[test]
fn what_is_counted_without_asking_adds_up() {
    type Way = fn(&Cell, Rate);
    const EACH: u32 = 200_000;
    let each = |count: &(dyn Fn() + Sync)| {
        at_once(|| {
            (0..EACH).for_each(|_| count());
            EACH
        })
    };
    let rate = rate().owing();
    let ways: [(&str, Way); 4] = [
        ("charged", |cell, rate| {
            cell.charge(NOW, rate);
        }),
        ("weighed", |cell, rate| cell.weigh(NOW, rate.interval)),
        ("settled", |cell, rate| {
            cell.settle(NOW, rate, rate.interval as i64);
        }),
        // Others have taken one of a bucket that was full here.
        ("followed", |cell, rate| {
            cell.follow(NOW, NOW, rate.interval, 0);
        }),
    ];
    for (what, count) in ways {
        let cell = Cell::default();
        let counted = u64::from(each(&|| count(&cell, rate)));
        assert_eq!(cell.arrival() - NOW, counted * rate.interval, "{what}");
    }
    for window in [false, true].map(window) {
        let cell = Cell::default();
        let (_, hit) = window.admit(&cell, WALL_MS);
        let counted = each(&|| window.settle(&cell, hit, WALL_MS, 1));
        assert_eq!(window.counts(&cell, WALL_MS).0.count, counted + 1);
    }
}

/// Whoever comes late for the one before, as it begins, is one of the window's own.
#[test]
fn each_window_has_its_limit_whoever_comes_as_it_begins() {
    const WINDOWS: u64 = 1000;
    let (cell, window) = (
        Cell::default(),
        Window {
            limit: 3,
            ..window(false)
        },
    );
    let admits = |at: &u64| window.admit(&cell, *at).0.admitted;
    // The one before is used up.
    let before = [WALL_MS - 1; 4].map(|at| admits(&at));
    assert_eq!(before, [true, true, true, false]);
    let together = Barrier::new(THREADS);
    let admitted = at_once(|| {
        let each = |number: u64| {
            together.wait();
            let begins = WALL_MS + number * window.length;
            let late = std::iter::repeat_n(begins - 1, 4);
            let times = late.chain(std::iter::repeat_n(begins, 8));
            times.filter(admits).count() as u32
        };
        (0..WINDOWS).map(each).sum()
    });
    assert_eq!(admitted, 3 * WINDOWS as u32);
}

#[test]
fn a_subject_has_one_cell_whoever_meets_it_first() {
    const SUBJECTS: u32 = 5000;
    // There is room for all of them, however they fall.
    let cells = Cells::new(SUBJECTS as usize * 8);
    let rate = Rate::new(1, 60_000, 1);
    let now = Now {
        nanos: NOW,
        wall_ms: WALL_MS,
    };
    for known in [true, false] {
        let admits = |subject: &u32| {
            let key = CellKey {
                limit: u32::from(known),
                subject: u128::from(*subject),
            };
            let cell = cells.get(key, known, now, |_| Cell::default());
            cell.admit(NOW, rate).admitted
        };
        let admitted = at_once(|| (0..SUBJECTS).filter(admits).count() as u32);
        assert_eq!(admitted, SUBJECTS, "{known}");
    }
}
