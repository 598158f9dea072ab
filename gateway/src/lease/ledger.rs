//! The buckets and windows of the cluster in Redis: a script for either, one round trip for many
//! subjects. Nothing that a client sends stands there, and no more than numbers is taken from it.

use std::time::Duration;

use domain::hex::hex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script, ScriptInvocation};
use tokio::time::timeout;

use super::settling::{Answer, Ask};

/// A Redis that hangs is away after this long, and a connection that is not there.
const PATIENCE: Duration = Duration::from_millis(250);

/// A node that says nothing for so long is no longer counted.
const FORGOTTEN_MS: u64 = 5000;

const PREFIX: &str = "portunus:limits";

/// `redis_url` is none.
#[derive(Debug, thiserror::Error)]
#[error("redis_url is no address of a Redis, such as redis://host:6379 or rediss://host:6380")]
pub(crate) struct NoLedger;

/// Why nothing was settled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("no answer in time")]
    Late,
    #[error("an answer of another form")]
    Strange,
}

/// What Redis said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settlement<A = Answer> {
    /// How many nodes there are.
    pub(crate) nodes: u32,
    /// It knows less than it has answered before: it is another Redis, an empty one, or one that
    /// came back with what it knew some time ago.
    pub(crate) forgot: bool,
    /// What time it is there: milliseconds since 1970.
    pub(crate) time_ms: u64,
    pub(crate) answers: Vec<A>,
}

/// What is said of one subject.
pub(crate) trait Question: Sync {
    type Answer;
    /// What [`HEAD`] goes on with.
    const SCRIPT: Kind;
    /// Of an answer.
    const NUMBERS: usize;

    /// Adds its keys, with names that begin like `prefix`, and its arguments.
    fn ask(&self, prefix: &str, call: &mut ScriptInvocation<'_>);

    /// What so many numbers mean.
    fn read(numbers: &[i64]) -> Option<Self::Answer>;
}

/// Which script.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Buckets,
    Windows,
}

const HEAD: &str = include_str!("ledger/head.lua");

/// The way to Redis.
pub(crate) struct Ledger {
    client: Client,
    connection: Option<MultiplexedConnection>,
    buckets: Script,
    windows: Script,
    /// Of this process: another one of the same node counts for itself.
    node: String,
    /// Of the last settlement; Redis takes only larger ones.
    number: u64,
    /// Of the last one that was answered.
    heard: u64,
    patience: Duration,
}

/// What a settlement says of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    /// It is none any more.
    pub(crate) leaves: bool,
    /// Redis has forgotten things: levels are at least those that are said here.
    pub(crate) again: bool,
}

impl Ledger {
    /// Nothing is connected yet.
    pub(crate) fn new(url: &str) -> Result<Self, NoLedger> {
        let mut random = [0; 12];
        getrandom::fill(&mut random).map_err(|_| NoLedger)?;
        let script = |rest: &str| Script::new(&[HEAD, rest].concat());
        Ok(Self {
            client: Client::open(url).map_err(|_| NoLedger)?,
            connection: None,
            buckets: script(include_str!("ledger/buckets.lua")),
            windows: script(include_str!("ledger/windows.lua")),
            node: hex(&random),
            number: 0,
            heard: 0,
            patience: PATIENCE,
        })
    }

    /// What there is to know, with an answer for each of `asks`. After an error it is not known
    /// whether Redis has heard it; saying it again is safe.
    pub(crate) async fn exchange<Q: Question>(
        &mut self,
        asks: &[&Q],
        word: Word,
    ) -> Result<Settlement<Q::Answer>, LedgerError> {
        let outcome = self.try_exchange(asks, word).await;
        if outcome.is_err() {
            // What is still under way on it must not be taken for the next answer.
            self.connection = None;
        }
        outcome
    }

    async fn try_exchange<Q: Question>(
        &mut self,
        asks: &[&Q],
        word: Word,
    ) -> Result<Settlement<Q::Answer>, LedgerError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        self.number += 1;
        let script = match Q::SCRIPT {
            Kind::Buckets => &self.buckets,
            Kind::Windows => &self.windows,
        };
        let mut call = script.prepare_invoke();
        call.key(format!("{PREFIX}:nodes"))
            .key(format!("{PREFIX}:node:{}", self.node))
            .arg(&self.node)
            .arg(self.number)
            .arg(self.heard)
            .arg(FORGOTTEN_MS)
            .arg(u8::from(word.leaves))
            .arg(u8::from(word.again));
        for ask in asks {
            ask.ask(PREFIX, &mut call);
        }
        let said: Vec<i64> = timeout(self.patience, call.invoke_async(&mut connection))
            .await
            .map_err(|_| LedgerError::Late)??;
        self.connection = Some(connection);
        let settlement = understand::<Q>(&said, asks.len()).ok_or(LedgerError::Strange)?;
        self.heard = self.number;
        Ok(settlement)
    }

    async fn connect(&self) -> Result<MultiplexedConnection, LedgerError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        // The name of the host is looked up outside of the connection's own time-out.
        Ok(timeout(self.patience, connecting)
            .await
            .map_err(|_| LedgerError::Late)??)
    }
}

fn understand<Q: Question>(said: &[i64], asks: usize) -> Option<Settlement<Q::Answer>> {
    let [nodes, forgot, time, rest @ ..] = said else {
        return None;
    };
    if rest.len() != asks * Q::NUMBERS {
        return None;
    }
    Some(Settlement {
        nodes: u32::try_from(*nodes).ok()?,
        forgot: *forgot == 1,
        time_ms: u64::try_from(*time).ok()?,
        answers: rest
            .chunks_exact(Q::NUMBERS)
            .map(Q::read)
            .collect::<Option<_>>()?,
    })
}

impl Question for Ask {
    type Answer = Answer;
    const SCRIPT: Kind = Kind::Buckets;
    const NUMBERS: usize = 4;

    fn ask(&self, prefix: &str, call: &mut ScriptInvocation<'_>) {
        call.key(format!("{prefix}:bucket:{}", hex(&self.bucket)))
            .arg(micros(self.rate.interval))
            .arg(micros(self.rate.tolerance))
            .arg(self.spent)
            .arg(self.known)
            .arg(self.wanted)
            .arg(micros(self.level))
            .arg(if self.done { "done" } else { "" })
            .arg(micros(self.rate.owed));
    }

    fn read(numbers: &[i64]) -> Option<Answer> {
        let number = |at: usize| u64::try_from(*numbers.get(at)?).ok();
        Some(Answer {
            taken: number(0)?,
            level: number(1)?.saturating_mul(1000),
            held: number(2)?,
            over: number(3)?,
        })
    }
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

#[cfg(test)]
mod tests;
