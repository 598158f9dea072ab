//! The buckets of the cluster in Redis: one script, one round trip for many subjects. Nothing that
//! a client sends stands there, and no more than numbers is taken from it.

use std::time::Duration;

use domain::hex::hex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
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
pub(crate) struct Settlement {
    /// How many nodes there are.
    pub(crate) nodes: u32,
    /// It knows less than it has answered before: it is another Redis, an empty one, or one that
    /// came back with what it knew some time ago.
    pub(crate) forgot: bool,
    pub(crate) answers: Vec<Answer>,
}

/// The way to Redis.
pub(crate) struct Ledger {
    client: Client,
    connection: Option<MultiplexedConnection>,
    script: Script,
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
        Ok(Self {
            client: Client::open(url).map_err(|_| NoLedger)?,
            connection: None,
            script: Script::new(include_str!("ledger.lua")),
            node: hex(&random),
            number: 0,
            heard: 0,
            patience: PATIENCE,
        })
    }

    /// What there is to know, with an answer for each of `asks`. After an error it is not known
    /// whether Redis has heard it; saying it again is safe.
    pub(crate) async fn exchange(
        &mut self,
        asks: &[&Ask],
        word: Word,
    ) -> Result<Settlement, LedgerError> {
        let outcome = self.try_exchange(asks, word).await;
        if outcome.is_err() {
            // What is still under way on it must not be taken for the next answer.
            self.connection = None;
        }
        outcome
    }

    async fn try_exchange(&mut self, asks: &[&Ask], word: Word) -> Result<Settlement, LedgerError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        self.number += 1;
        let mut call = self.script.prepare_invoke();
        call.key(format!("{PREFIX}:nodes"))
            .key(format!("{PREFIX}:node:{}", self.node))
            .arg(&self.node)
            .arg(self.number)
            .arg(self.heard)
            .arg(FORGOTTEN_MS)
            .arg(u8::from(word.leaves))
            .arg(u8::from(word.again));
        for ask in asks {
            call.key(format!("{PREFIX}:bucket:{}", hex(&ask.bucket)))
                .arg(micros(ask.rate.interval))
                .arg(micros(ask.rate.tolerance))
                .arg(ask.spent)
                .arg(ask.known)
                .arg(ask.wanted)
                .arg(micros(ask.level))
                .arg(if ask.done { "done" } else { "" })
                .arg(micros(ask.rate.owed));
        }
        let said: Vec<i64> = timeout(self.patience, call.invoke_async(&mut connection))
            .await
            .map_err(|_| LedgerError::Late)??;
        self.connection = Some(connection);
        let settlement = understand(&said, asks.len()).ok_or(LedgerError::Strange)?;
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

fn understand(said: &[i64], asks: usize) -> Option<Settlement> {
    let [nodes, forgot, rest @ ..] = said else {
        return None;
    };
    if rest.len() != asks * 4 {
        return None;
    }
    let answers = rest.chunks_exact(4).map(|one| {
        let number = |at: usize| u64::try_from(one[at]).ok();
        Some(Answer {
            taken: number(0)?,
            level: number(1)?.saturating_mul(1000),
            held: number(2)?,
            over: number(3)?,
        })
    });
    Some(Settlement {
        nodes: u32::try_from(*nodes).ok()?,
        forgot: *forgot == 1,
        answers: answers.collect::<Option<_>>()?,
    })
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

#[cfg(test)]
mod tests;
