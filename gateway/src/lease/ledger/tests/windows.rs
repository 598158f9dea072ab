//! What Redis answers of windows, and that the server of the properties answers the same.

use super::*;
use crate::lease::properties::windows::Server as Model;
use crate::lease::windows::{Answer, Question};
use crate::limiter::{Counts, Window};

/// A node says of a window what it has counted in it and in the one before, what it wants, and how
/// many thousandths of it are left.
struct Told {
    node: usize,
    slides: bool,
    number: u32,
    count: u32,
    before: u32,
    wanted: u32,
    rest: u64,
}

const fn fixed(node: usize, number: u32, count: u32, wanted: u32) -> Told {
    Told {
        node,
        slides: false,
        number,
        count,
        before: 0,
        wanted,
        rest: 400,
    }
}

const fn sliding(node: usize, number: u32, numbers: [u32; 3], rest: u64) -> Told {
    let [before, count, wanted] = numbers;
    Told {
        slides: true,
        before,
        rest,
        ..fixed(node, number, count, wanted)
    }
}

#[tokio::test]
async fn each_window_is_answered_by_what_all_have_counted() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (a, b) = (0, 1);
    // Used by others, now and before; granted, free and above the limit.
    let cases = [
        (fixed(a, 5, 10, 20), [0, 0, 20, 270, 0]),
        (fixed(a, 5, 10, 20), [0, 0, 20, 270, 0]),
        (fixed(b, 5, 5, 400), [10, 0, 265, 0, 0]),
        (fixed(a, 5, 30, 20), [5, 0, 0, 0, 0]),
        (fixed(b, 5, 300, 0), [30, 0, 0, 0, 30]),
        (fixed(b, 5, 300, 0), [30, 0, 0, 0, 0]),
        // What is given back is no excess, and no window has what another had.
        (fixed(a, 5, 20, 9), [300, 0, 0, 0, 0]),
        (fixed(a, 6, 1, 0), [0, 0, 0, 299, 0]),
        (sliding(a, 7, [0, 100, 50], 900), [0, 0, 50, 150, 0]),
        (sliding(b, 7, [0, 60, 0], 900), [100, 0, 0, 90, 0]),
        // What the other still held there counts until it has said its last word.
        (sliding(b, 8, [60, 10, 10], 500), [0, 150, 10, 175, 0]),
        (sliding(a, 8, [120, 0, 0], 250), [10, 60, 0, 235, 0]),
        (sliding(b, 8, [60, 300, 5], 250), [0, 120, 0, 0, 45]),
        // Nothing of it is left two windows later.
        (sliding(b, 10, [0, 1, 0], 1000), [0, 0, 0, 299, 0]),
    ];
    redis.ask(&["FLUSHALL"]).await;
    let mut ledgers = [a, b].map(|_| {
        let mut ledger = Ledger::new(&redis.address()).unwrap();
        ledger.patience = Duration::from_secs(20);
        ledger
    });
    let mut model = Model::default();
    let word = Word {
        leaves: false,
        again: false,
    };
    for (step, (told, wanted)) in cases.into_iter().enumerate() {
        let question = Question {
            bucket: [7; 16],
            window: Window {
                slides: told.slides,
                length: 60_000,
                limit: 300,
                cost: 1,
            },
            counts: Counts {
                number: told.number,
                before: told.before,
                count: told.count,
            },
            wanted: told.wanted,
            rest: told.rest * 60,
        };
        let [used, before, granted, free, over] = wanted;
        let wanted = Answer {
            used,
            before,
            granted,
            free,
            over,
        };
        let ledger = &mut ledgers[told.node];
        let settlement = ledger.exchange(&[&question], word).await.unwrap();
        assert_eq!(settlement.answers, [wanted], "step {step}");
        assert_eq!(model.settle(told.node, &question), wanted, "step {step}");
        assert!(settlement.time_ms > 1_700_000_000_000);
    }
}
