//! What Redis answers, case by case.

use super::*;

/// A node says what it has spent, what of that was known, what it wants, and the level.
fn plain(node: usize, [spent, known, wanted, level]: [u64; 4]) -> Say {
    Say {
        node,
        spent,
        known,
        wanted,
        level,
        ..Say::default()
    }
}

type Wanted = Option<(u32, bool, [u64; 4])>;

fn told(nodes: u32, answer: [u64; 4]) -> Wanted {
    Some((nodes, false, answer))
}

fn forgot(nodes: u32, answer: [u64; 4]) -> Wanted {
    Some((nodes, true, answer))
}

#[tokio::test]
async fn each_settlement_is_answered_by_what_is_known() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (a, b, c) = (0, 1, 2);
    let lost = |say: Say| {
        Step::Say(Say {
            is_lost: true,
            ..say
        })
    };
    let late = |say: Say, late| Step::Say(Say { late, ..say });
    let owing = |say: Say, owed| Step::Say(Say { owed, ..say });
    let done = |say: Say| Step::Say(Say { done: true, ..say });
    let leaves = |say: Say| {
        Step::Say(Say {
            leaves: true,
            ..say
        })
    };
    let again = |say: Say| Step::Say(Say { again: true, ..say });
    let say = |node, numbers| Step::Say(plain(node, numbers));
    let cases: Vec<(&str, Vec<(Step, Wanted)>)> = vec![
        (
            "what is said twice counts once",
            vec![
                (say(a, [10, 0, 20, 0]), told(1, [30, 30, 20, 0])),
                (say(a, [10, 0, 20, 0]), told(1, [30, 30, 20, 0])),
                (lost(plain(a, [15, 10, 20, 0])), told(1, [35, 35, 20, 0])),
                (say(a, [15, 10, 20, 0]), told(1, [35, 35, 20, 0])),
            ],
        ),
        (
            "an old number changes nothing",
            vec![
                (say(a, [10, 0, 0, 0]), told(1, [10, 10, 0, 0])),
                (say(a, [50, 10, 0, 0]), told(1, [50, 50, 0, 0])),
                (late(plain(a, [10, 0, 0, 0]), 1), None),
                (late(plain(a, [10, 0, 0, 0]), 2), None),
                (say(a, [50, 50, 0, 0]), told(1, [50, 50, 0, 0])),
            ],
        ),
        (
            "who speaks first after Redis was emptied does not hide what another remembers",
            vec![
                (say(a, [10, 0, 20, 0]), told(1, [30, 30, 20, 0])),
                (say(b, [250, 0, 0, 0]), told(2, [250, 280, 20, 0])),
                (Step::Flush, None),
                (say(a, [12, 10, 0, 10]), forgot(1, [12, 12, 0, 0])),
                (say(b, [250, 250, 0, 260]), forgot(2, [250, 260, 0, 0])),
                (say(a, [12, 12, 0, 12]), told(2, [12, 260, 0, 0])),
            ],
        ),
        (
            "that it has forgotten is said until it is heard",
            vec![
                (say(a, [10, 0, 0, 0]), told(1, [10, 10, 0, 0])),
                (Step::Flush, None),
                (lost(plain(a, [10, 10, 0, 10])), forgot(1, [10, 10, 0, 0])),
                (say(a, [10, 10, 0, 10]), forgot(1, [10, 10, 0, 0])),
                (say(a, [10, 10, 0, 10]), told(1, [10, 10, 0, 0])),
            ],
        ),
        (
            "a node that nobody has answered has nothing to be reminded of",
            vec![
                (lost(plain(a, [10, 0, 0, 0])), told(1, [10, 10, 0, 0])),
                (Step::Flush, None),
                (say(a, [10, 0, 0, 0]), told(1, [10, 10, 0, 0])),
            ],
        ),
        (
            "Redis comes back with what it knew some time ago",
            vec![
                (say(b, [5, 0, 0, 0]), told(1, [5, 5, 0, 0])),
                (Step::Keep, None),
                (say(a, [200, 0, 0, 0]), told(2, [200, 205, 0, 0])),
                (say(b, [5, 5, 0, 0]), told(2, [5, 205, 0, 0])),
                (Step::Restore, None),
                (say(a, [201, 200, 0, 205]), forgot(2, [201, 206, 0, 0])),
                (say(b, [5, 5, 0, 205]), forgot(2, [5, 206, 0, 0])),
                (say(b, [5, 5, 0, 206]), told(2, [5, 206, 0, 0])),
            ],
        ),
        (
            "a bucket in which less is taken than was known is an old one",
            vec![
                (say(a, [10, 0, 0, 0]), told(1, [10, 10, 0, 0])),
                (say(a, [30, 20, 0, 40]), told(1, [30, 50, 0, 0])),
            ],
        ),
        (
            "a bucket that had to make room is filled from what the node remembers",
            vec![
                (say(a, [40, 0, 0, 0]), told(1, [40, 40, 0, 0])),
                (Step::Evict(0), None),
                (say(a, [41, 40, 10, 40]), told(1, [51, 51, 10, 0])),
            ],
        ),
        (
            "what is said again is the least that was used",
            vec![
                (say(a, [40, 0, 0, 0]), told(1, [40, 40, 0, 0])),
                (again(plain(a, [40, 40, 0, 90])), told(1, [40, 90, 0, 0])),
                (again(plain(a, [40, 40, 0, 10])), told(1, [40, 90, 0, 0])),
            ],
        ),
        (
            "nodes hold parts of one bucket and give them back",
            vec![
                (say(a, [0, 0, 100, 0]), told(1, [100, 100, 100, 0])),
                (say(b, [0, 0, 100, 0]), told(2, [100, 200, 200, 0])),
                (say(c, [0, 0, 150, 0]), told(3, [100, 300, 300, 0])),
                (say(c, [0, 0, 0, 0]), told(3, [0, 200, 200, 0])),
                (say(a, [130, 0, 0, 0]), told(3, [130, 230, 100, 0])),
                (done(plain(b, [20, 0, 0, 0])), told(3, [20, 150, 0, 0])),
                (leaves(plain(c, [0, 0, 0, 0])), told(2, [0, 150, 0, 0])),
            ],
        ),
        (
            "what is spent beyond it is owed, within what may be owed",
            vec![
                (say(a, [350, 0, 0, 0]), told(1, [350, 350, 0, 50])),
                (say(a, [360, 350, 0, 0]), told(1, [360, 360, 0, 10])),
                (say(b, [0, 0, 5, 0]), told(2, [0, 360, 0, 0])),
                (say(a, [1000, 360, 0, 0]), told(2, [1000, 600, 0, 640])),
                (
                    owing(plain(a, [1400, 1000, 0, 0]), 700),
                    told(2, [1400, 1000, 0, 400]),
                ),
                (
                    owing(plain(a, [1500, 1400, 0, 0]), 700),
                    told(2, [1500, 1000, 0, 100]),
                ),
                (say(a, [1500, 1500, 0, 0]), told(2, [1500, 600, 0, 0])),
            ],
        ),
    ];
    for (what, steps) in cases {
        let mut pair = Pair::new(&redis).await;
        for (at, (step, wanted)) in steps.into_iter().enumerate() {
            let got = pair.take(step).await;
            let wanted = wanted.map(|(nodes, forgot, answer)| Figures {
                nodes: got.and_then(|got| got.nodes).map(|_| nodes),
                forgot,
                answer,
            });
            assert_eq!(got, wanted, "{what}, step {at}: {step:?}");
        }
    }
}
