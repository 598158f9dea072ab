//! The script in a real Redis: what it answers, case by case, and that the server of the properties
//! answers the same, whatever is said.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "the rig of the tests on the wire has more than is asked for here"
)]
#[path = "../../../tests/it/rig/redis.rs"]
mod redis_server;

mod cases;
mod windows;

use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::lease::properties::server::{Said, Server, Stale};
use crate::limiter::Rate;
use redis_server::RedisServer;

/// Of one request in nanoseconds: so long that nothing is refilled while a test runs.
const INTERVAL: u64 = 288_000_000_000;
const BURST: u64 = 300;
const NODES: usize = 3;
/// The time of the server of the properties, in which none passes.
const NOW: f64 = 1e15;

/// What a node says of a subject, counted in requests.
#[derive(Debug, Clone, Copy, Default)]
struct Say {
    node: usize,
    subject: u8,
    spent: u64,
    known: u64,
    wanted: u64,
    level: u64,
    owed: u64,
    done: bool,
    leaves: bool,
    again: bool,
    /// By so many numbers too late.
    late: u64,
    /// The node does not get the answer.
    is_lost: bool,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Say(Say),
    Flush,
    /// The bucket of a subject had to make room.
    Evict(u8),
    /// What Redis knows now it will know again.
    Keep,
    Restore,
}

/// Nodes, counted only while none is forgotten, and in requests: taken, level, held and over; whether
/// Redis has forgotten things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figures {
    nodes: Option<u32>,
    forgot: bool,
    answer: [u64; 4],
}

/// Redis and the server that stands for it.
struct Pair<'a> {
    redis: &'a RedisServer,
    ledgers: Vec<Ledger>,
    server: Server,
    kept: Server,
    begun: Instant,
}

const FORGET: &str =
    "for _, key in ipairs(redis.call('KEYS', 'portunus:*')) do redis.call('DEL', key) end";
const KEEP: &str = "for _, key in ipairs(redis.call('KEYS', 'old:*')) do redis.call('DEL', key) end \
     for _, key in ipairs(redis.call('KEYS', 'portunus:*')) do redis.call('COPY', key, 'old:' .. key) end";
const RESTORE: &str =
    "for _, key in ipairs(redis.call('KEYS', 'old:*')) do redis.call('COPY', key, key:sub(5)) end";

impl<'a> Pair<'a> {
    async fn new(redis: &'a RedisServer) -> Self {
        redis.ask(&["FLUSHALL"]).await;
        let ledger = |_| {
            let mut ledger = Ledger::new(&redis.address()).unwrap();
            // The machine may be busy.
            ledger.patience = Duration::from_secs(20);
            ledger
        };
        Self {
            redis,
            ledgers: (0..NODES).map(ledger).collect(),
            server: Server::default(),
            kept: Server::default(),
            begun: Instant::now(),
        }
    }

    /// What both answer; `None` where the number is an earlier one, or nothing was said.
    async fn take(&mut self, step: Step) -> Option<Figures> {
        match step {
            Step::Say(say) => return self.say(say).await,
            Step::Flush => {
                self.redis.ask(&["EVAL", FORGET, "0"]).await;
                self.server.forget();
            }
            Step::Evict(subject) => {
                let bucket = [subject; 16];
                let key = format!("{PREFIX}:bucket:{}", hex(&bucket));
                self.redis.ask(&["DEL", &key]).await;
                self.server.forget_bucket(bucket);
            }
            Step::Keep => {
                self.redis.ask(&["EVAL", KEEP, "0"]).await;
                self.kept = self.server.clone();
            }
            Step::Restore => {
                self.redis.ask(&["EVAL", FORGET, "0"]).await;
                self.redis.ask(&["EVAL", RESTORE, "0"]).await;
                self.server = self.kept.clone();
            }
        }
        None
    }

    async fn say(&mut self, say: Say) -> Option<Figures> {
        let ask = Ask {
            bucket: [say.subject; 16],
            rate: Rate {
                interval: INTERVAL,
                tolerance: BURST * INTERVAL,
                owed: say.owed * INTERVAL,
            },
            spent: say.spent,
            known: say.known,
            wanted: say.wanted,
            level: say.level * INTERVAL,
            done: say.done,
        };
        let word = Word {
            leaves: say.leaves,
            again: say.again,
        };
        let ledger = &mut self.ledgers[say.node];
        let (number, heard) = (ledger.number, ledger.heard);
        ledger.number = number.saturating_sub(say.late);
        let said = Said {
            node: say.node,
            number: ledger.number + 1,
            heard,
            word,
            now: NOW,
        };
        let real = ledger.exchange(&[&ask], word).await;
        if say.is_lost {
            ledger.heard = heard;
        }
        ledger.heard = ledger.heard.max(heard);
        ledger.number = ledger.number.max(number);
        let model = self.server.exchange(said, &[&ask]);
        let is_fresh = self.begun.elapsed() < Duration::from_millis(FORGOTTEN_MS / 2);
        match (real, model) {
            (Ok(real), Ok(model)) => {
                let real = figures(&real, is_fresh);
                assert_eq!(real, figures(&model, is_fresh), "{say:?}");
                Some(real)
            }
            (Err(LedgerError::Redis(error)), Err(Stale)) => {
                assert_eq!(error.code(), Some("STALE"), "{error}");
                None
            }
            (real, model) => panic!("{say:?}: {real:?}, and not {model:?}"),
        }
    }
}

fn figures(settlement: &Settlement, is_fresh: bool) -> Figures {
    let [answer] = settlement.answers[..] else {
        panic!("one answer: {settlement:?}");
    };
    Figures {
        nodes: is_fresh.then_some(settlement.nodes),
        forgot: settlement.forgot,
        answer: [
            answer.taken,
            // Milliseconds that went by are no request.
            answer.level.div_ceil(INTERVAL),
            answer.held,
            answer.over,
        ],
    }
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = (0..400_u64, 0..400_u64, 0..150_u64, 0..400_u64);
    let rarely = || proptest::bool::weighted(0.1);
    let flags = (rarely(), rarely(), rarely(), rarely());
    let owed = prop_oneof![4 => Just(0_u64), 1 => Just(700)];
    let late = prop_oneof![9 => Just(0_u64), 1 => 1..4_u64];
    let say = (0..NODES, 0..2_u8, numbers, owed, flags, late).prop_map(
        |(node, subject, (spent, known, wanted, level), owed, flags, late)| {
            let (done, leaves, again, is_lost) = flags;
            Step::Say(Say {
                node,
                subject,
                spent,
                known,
                wanted,
                level,
                owed,
                done,
                leaves,
                again,
                late,
                is_lost,
            })
        },
    );
    prop_oneof![
        30 => say,
        1 => Just(Step::Flush),
        1 => (0..2_u8).prop_map(Step::Evict),
        1 => Just(Step::Keep),
        1 => Just(Step::Restore),
    ]
}

#[test]
fn the_server_of_the_properties_does_what_redis_does() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let Some(redis) = runtime.block_on(RedisServer::start()) else {
        return;
    };
    let mut runner = TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    });
    let steps = proptest::collection::vec(step(), 1..30);
    let outcome = runner.run(&steps, |steps| {
        runtime.block_on(async {
            let mut pair = Pair::new(&redis).await;
            for step in steps {
                pair.take(step).await;
            }
        });
        Ok(())
    });
    outcome.unwrap();
}
