//! What is said to Redis. Everything has a time by which it is answered, and nothing of what comes
//! back is believed here.

mod notes;

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script, Value};
use tokio::time::timeout;

use super::frame::FORM;
use super::names::Name;

pub(super) use notes::AT_ONCE;

/// A connection is made off every request's way.
const CONNECTED_WITHIN: Duration = Duration::from_millis(500);
/// How long a generation stands to which nothing belongs: longer than what was asked for under it is
/// under way.
const STANDS_S: u64 = super::WITHIN_S + 60;
/// What of each place comes with a question: what is longer is asked for by itself.
pub(super) const SHORT: usize = 16 * 1024;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("no answer in time")]
    Late,
    #[error("an answer of another form")]
    Strange,
    #[error("it is a replica, or another one than before")]
    Other,
    #[error("no room for what an answer belongs to")]
    Full,
    #[error("an answer that nobody would read")]
    Long,
    #[error("there is no chance to be had from the system")]
    Chance,
}

/// What a failure says of the next question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// It is answered, as nothing can be kept just now.
    Full,
    /// It is answered: one key was nothing that a gateway had written.
    Strange,
    /// It is answered: one thing was too long.
    Long,
    /// Perhaps it is.
    Late,
    /// It is not.
    Away,
}

impl Failure {
    pub(super) fn means(&self) -> Means {
        let error = match self {
            Self::Redis(error) => error,
            Self::Late => return Means::Late,
            Self::Full | Self::Chance => return Means::Full,
            Self::Long => return Means::Long,
            Self::Strange | Self::Other => return Means::Away,
        };
        // What a script met stands in the text, in older versions.
        let says = |code: &str, inner: &str| {
            error.code() == Some(code) || error.detail().is_some_and(|text| text.contains(inner))
        };
        if error.is_timeout() {
            Means::Late
        } else if says("OOM", "-OOM ") {
            Means::Full
        } else if says("WRONGTYPE", "-WRONGTYPE ") {
            Means::Strange
        } else {
            Means::Away
        }
    }
}

/// Something that an answer belongs to, as it was.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) name: Name,
    pub(super) was: Vec<u8>,
    /// It must outlive the answer.
    pub(super) lasts: bool,
}

/// What stands at a place.
#[derive(Debug)]
pub(super) struct Kept {
    /// Up to [`SHORT`] bytes.
    pub(super) start: Vec<u8>,
    /// Of all of it, in bytes; 0 for nothing.
    pub(super) length: usize,
}

/// A connection that many ask over at a time.
#[derive(Clone)]
pub(super) struct Link {
    connection: MultiplexedConnection,
    /// In front of every key. It names the run of Redis, and its life as the primary: one that was
    /// started anew, from whichever file, another one in its place, and one that was a replica
    /// meanwhile know nothing that can be believed of purges.
    prefix: Arc<str>,
    keeps: Arc<Script>,
    purges: Arc<Script>,
    /// How long an answer is waited for.
    patience: Duration,
    /// Of all that this node has made.
    pub(super) number: usize,
}

impl Link {
    pub(super) async fn open(
        client: &Client,
        patience: Duration,
        number: usize,
    ) -> Result<Self, Failure> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTED_WITHIN))
            .set_response_timeout(Some(patience));
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        // The name of the host is looked up outside of the connection's own time-out.
        let connected = timeout(CONNECTED_WITHIN, connecting).await;
        let mut connection = connected.map_err(|_| Failure::Late)??;
        let prefix = within(patience, prefix(&mut connection)).await?.into();
        Ok(Self {
            connection,
            prefix,
            keeps: Arc::new(Script::new(include_str!("keep.lua"))),
            purges: Arc::new(Script::new(include_str!("purge.lua"))),
            patience,
            number,
        })
    }

    async fn within<T, E>(&self, asked: impl Future<Output = Result<T, E>>) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        within(self.patience, asked).await
    }

    /// Whether it is the one that was connected to, in the same life.
    pub(super) async fn is_same(&self) -> Result<bool, Failure> {
        let mut connection = self.connection.clone();
        Ok(*self.within(prefix(&mut connection)).await? == *self.prefix)
    }

    fn key(&self, name: &Name) -> String {
        name.written(&self.prefix)
    }

    fn keys(&self, names: &[Name]) -> Vec<String> {
        names.iter().map(|name| self.key(name)).collect()
    }

    /// Generations, the `made` ones made where there are none and then those that are only `read`,
    /// and what is kept at `places`. A generation is none where there is no room for it, a place
    /// where it is nothing that a gateway had written.
    pub(super) async fn begin(
        &self,
        made: &[Name],
        read: &[Name],
        places: &[Name],
    ) -> Result<(Vec<Option<u64>>, Vec<Option<Kept>>), Failure> {
        let (mut keys, new) = (self.keys(made), written(chance()?));
        let mut ask = redis::pipe();
        ask.ignore_errors();
        for key in &keys {
            let set = ask.cmd("SET").arg(key).arg(&new).arg("NX");
            set.arg("EX").arg(STANDS_S);
        }
        keys.extend(self.keys(read));
        if !keys.is_empty() {
            ask.cmd("MGET").arg(&keys);
        }
        for key in self.keys(places) {
            ask.cmd("STRLEN").arg(&key);
            // Never all of something that is not ours.
            ask.cmd("GETRANGE").arg(&key).arg(0).arg(SHORT - 1);
        }
        let mut connection = self.connection.clone();
        let said: Vec<Value> = self.within(ask.query_async(&mut connection)).await?;
        let mut said = said.into_iter();
        let mut next = || said.next().ok_or(Failure::Strange);
        for _ in made {
            match good(next()?) {
                Err(failure) if failure.means() == Means::Full => {}
                made => drop(made?),
            }
        }
        let mut found = Vec::new();
        if !keys.is_empty() {
            let Value::Array(values) = good(next()?)? else {
                return Err(Failure::Strange);
            };
            found.extend(values.into_iter().map(|value| generation(&bytes(value))));
        }
        if found.len() != keys.len() {
            return Err(Failure::Strange);
        }
        let mut kept = Vec::new();
        for _ in places {
            let (length, start) = (good(next()?), good(next()?));
            let failure = match (length, start) {
                (Ok(Value::Int(length)), Ok(start)) => {
                    let length = usize::try_from(length).map_err(|_| Failure::Strange)?;
                    let start = bytes(start);
                    kept.push(Some(Kept { start, length }));
                    continue;
                }
                (Ok(_), Ok(_)) => Failure::Strange,
                (Err(failure), _) | (Ok(_), Err(failure)) => failure,
            };
            if failure.means() != Means::Strange {
                return Err(failure);
            }
            kept.push(None);
        }
        Ok((found, kept))
    }

    /// Generations as they are.
    pub(super) async fn generations(&self, names: &[Name]) -> Result<Vec<Option<u64>>, Failure> {
        let mut connection = self.connection.clone();
        let mut ask = redis::cmd("MGET");
        let said = ask.arg(self.keys(names)).query_async(&mut connection);
        let said: Vec<Value> = self.within(said).await?;
        let found = said.into_iter().map(|value| generation(&bytes(value)));
        Ok(found.collect())
    }

    /// All of what is kept at a place, as long as that is no more than `most` bytes and one.
    pub(super) async fn all(&self, place: &Name, most: usize) -> Result<Vec<u8>, Failure> {
        let mut connection = self.connection.clone();
        let mut ask = redis::cmd("GETRANGE");
        let ask = ask.arg(self.key(place)).arg(0).arg(most);
        Ok(bytes(self.within(ask.query_async(&mut connection)).await?))
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
                .arg(claim.was.as_slice())
                .arg(u8::from(claim.lasts));
        }
        for (name, value) in values {
            call.key(self.key(name)).arg(value.as_slice());
        }
        let mut connection = self.connection.clone();
        let kept: i64 = self.within(call.invoke_async(&mut connection)).await?;
        Ok(kept == 1)
    }

    /// Takes these out. What belongs to a generation that is gone is not given any more, and whoever
    /// asks next makes another: also where nothing more goes in, and nothing is left behind.
    pub(super) async fn forget(&self, names: &[Name]) -> Result<(), Failure> {
        let mut connection = self.connection.clone();
        let mut ask = redis::cmd("UNLINK");
        let ask = ask.arg(self.keys(names));
        self.within(ask.query_async::<()>(&mut connection)).await
    }
}

/// The one of this Redis, as it is now.
async fn prefix(connection: &mut MultiplexedConnection) -> Result<String, Failure> {
    let mut ask = redis::pipe();
    ask.cmd("INFO").arg("server");
    ask.cmd("INFO").arg("replication");
    let (server, replication): (String, String) = ask.query_async(connection).await?;
    prefix_of(&server, &replication)
}

/// The same, by what it says of itself.
fn prefix_of(server: &str, replication: &str) -> Result<String, Failure> {
    let said = |info: &str, name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned())
    };
    let is_id = |id: &String| id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if said(replication, "role:").as_deref() == Some("slave") {
        return Err(Failure::Other);
    }
    let run = said(server, "run_id:").filter(is_id);
    let life = said(replication, "master_replid:").filter(is_id);
    let (Some(run), Some(life)) = (run, life) else {
        return Err(Failure::Strange);
    };
    let (run, life) = (&run[..16], &life[..16]);
    Ok(format!("portunus:cache:{FORM}:{run}-{life}:"))
}

async fn within<T, E>(
    patience: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure>
where
    Failure: From<E>,
{
    let said = timeout(patience, asked).await;
    Ok(said.map_err(|_| Failure::Late)??)
}

/// One of several answers.
fn good(value: Value) -> Result<Value, Failure> {
    match value {
        Value::ServerError(error) => Err(Failure::Redis(error.into())),
        value => Ok(value),
    }
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

/// As numbers stand in Redis.
pub(super) fn written(number: u64) -> String {
    format!("{number:016x}")
}

pub(super) fn generation(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.len() == 16)?;
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests;
