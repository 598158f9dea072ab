//! What is said to Redis. Everything has a time by which it is answered, and nothing of what comes
//! back is believed here.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, Script, Value};
use tokio::time::timeout;

use super::PATIENCE;
use super::frame::{FORM, MOST};
use super::names::Name;

/// A connection is made off every request's way.
const CONNECTED_WITHIN: Duration = Duration::from_millis(500);
/// How long a new generation stands by itself: longer than what was asked for before it is under way.
const STANDS_S: u64 = 3600;
/// How long it is known which purges were done, after the last one.
const KNOWN_S: u64 = 30 * 24 * 3600;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("no answer in time")]
    Late,
    #[error("an answer of another form")]
    Strange,
    #[error("there is no chance to be had from the system")]
    Chance,
}

impl Failure {
    /// Whether Redis has answered, and said no: it is full, or takes no writes.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            // One without a kind of its own is that it is full.
            Self::Redis(error) => {
                matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
            }
            Self::Late | Self::Strange | Self::Chance => false,
        }
    }
}

/// A generation that something belongs to, as it was; and what it becomes where there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) name: Name,
    pub(super) was: Option<u64>,
    pub(super) new: Option<u64>,
}

/// A connection that many ask over at a time.
#[derive(Clone)]
pub(super) struct Link {
    connection: MultiplexedConnection,
    /// In front of every key. It names the run of Redis: one that was started anew, from whichever
    /// file, or another one in its place, knows nothing that can be believed of purges.
    prefix: Arc<str>,
    keeps: Arc<Script>,
}

impl Link {
    pub(super) async fn open(client: &Client) -> Result<Self, Failure> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTED_WITHIN))
            .set_response_timeout(Some(PATIENCE));
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        // The name of the host is looked up outside of the connection's own time-out.
        let connected = timeout(CONNECTED_WITHIN, connecting).await;
        let mut connection = connected.map_err(|_| Failure::Late)??;
        let mut ask = redis::cmd("INFO");
        let info = within(ask.arg("server").query_async::<String>(&mut connection)).await?;
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        let run = run.ok_or(Failure::Strange)?.trim();
        if run.len() < 16 || !run.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Failure::Strange);
        }
        Ok(Self {
            connection,
            prefix: format!("portunus:cache:{FORM}:{}:", &run[..16]).into(),
            keeps: Arc::new(Script::new(include_str!("keep.lua"))),
        })
    }

    fn key(&self, name: &Name) -> String {
        name.written(&self.prefix)
    }

    /// Generations, and what is kept at `places`; empty for nothing.
    pub(super) async fn read(
        &self,
        generations: &[Name],
        places: &[Name],
    ) -> Result<(Vec<Option<u64>>, Vec<Vec<u8>>), Failure> {
        let mut ask = redis::pipe();
        let keys: Vec<String> = generations.iter().map(|name| self.key(name)).collect();
        ask.cmd("MGET").arg(&keys);
        for place in places {
            // One byte more than a frame may have, and never all of something that is not ours.
            ask.cmd("GETRANGE").arg(self.key(place)).arg(0).arg(MOST);
        }
        let mut connection = self.connection.clone();
        let said: Vec<Value> = within(ask.query_async(&mut connection)).await?;
        let mut said = said.into_iter();
        let Some(Value::Array(found)) = said.next() else {
            return Err(Failure::Strange);
        };
        if found.len() != generations.len() || said.len() != places.len() {
            return Err(Failure::Strange);
        }
        let found = found.into_iter().map(|value| generation(&bytes(value)));
        Ok((found.collect(), said.map(bytes).collect()))
    }

    /// Keeps `values` for so long, if nothing of what they belong to was taken out meanwhile. Whether
    /// it was not.
    pub(super) async fn keep(
        &self,
        claims: &[Claim],
        values: &[(Name, Vec<u8>)],
        seconds: u64,
    ) -> Result<bool, Failure> {
        let mut call = self.keeps.prepare_invoke();
        call.arg(claims.len()).arg(seconds);
        for claim in claims {
            call.key(self.key(&claim.name))
                .arg(written(claim.was))
                .arg(written(claim.new));
        }
        for (name, value) in values {
            call.key(self.key(name)).arg(value.as_slice());
        }
        let mut connection = self.connection.clone();
        let kept: i64 = within(call.invoke_async(&mut connection)).await?;
        Ok(kept == 1)
    }

    /// Gives these another generation: what belongs to the one before is not given any more.
    pub(super) async fn renew(&self, names: &[Name]) -> Result<(), Failure> {
        let new = written(Some(chance()?));
        let mut ask = redis::pipe();
        for name in names {
            let set = ask.cmd("SET").arg(self.key(name)).arg(&new);
            set.arg("EX").arg(STANDS_S).ignore();
        }
        let mut connection = self.connection.clone();
        match within(ask.query_async::<()>(&mut connection)).await {
            // Where it takes nothing more in, it still takes out.
            Err(failure) if failure.is_refusal() => self.forget(names).await,
            done => done,
        }
    }

    pub(super) async fn forget(&self, names: &[Name]) -> Result<(), Failure> {
        let keys: Vec<String> = names.iter().map(|name| self.key(name)).collect();
        let mut connection = self.connection.clone();
        let mut ask = redis::cmd("UNLINK");
        within(ask.arg(&keys).query_async::<()>(&mut connection)).await
    }

    /// The number of the last purge that was done there; 0 for none that is known of.
    pub(super) async fn done(&self, name: &Name) -> Result<u64, Failure> {
        let mut connection = self.connection.clone();
        let mut ask = redis::cmd("GET");
        let said: Value = within(ask.arg(self.key(name)).query_async(&mut connection)).await?;
        Ok(generation(&bytes(said)).unwrap_or(0))
    }

    pub(super) async fn note_done(&self, name: &Name, number: u64) -> Result<(), Failure> {
        let mut connection = self.connection.clone();
        let mut ask = redis::cmd("SET");
        ask.arg(self.key(name)).arg(written(Some(number)));
        let set = ask.arg("EX").arg(KNOWN_S);
        within(set.query_async::<()>(&mut connection)).await
    }
}

async fn within<T>(asked: impl Future<Output = Result<T, RedisError>>) -> Result<T, Failure> {
    let said = timeout(PATIENCE, asked).await;
    Ok(said.map_err(|_| Failure::Late)??)
}

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.into_bytes(),
        _ => Vec::new(),
    }
}

/// A number that nobody foresees.
pub(super) fn chance() -> Result<u64, Failure> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Failure::Chance)?;
    Ok(u64::from_le_bytes(random))
}

/// As numbers stand in Redis; empty for none.
fn written(number: Option<u64>) -> String {
    number.map_or_else(String::new, |number| format!("{number:016x}"))
}

fn generation(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_nothing_else_is_one() {
        for number in [0, 1, u64::MAX] {
            assert_eq!(generation(written(Some(number)).as_bytes()), Some(number));
        }
        for strange in [
            "",
            "1",
            "00000000000000000",
            "000000000000000g",
            "+00000000000000",
        ] {
            assert_eq!(generation(strange.as_bytes()), None, "{strange}");
        }
        assert_eq!(written(None), "");
    }
}
