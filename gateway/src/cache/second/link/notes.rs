//! Which purges of APIs were done in the second level: a note of each API with the number of the
//! last one. Notes only ever rise, and with them goes what the purges are of.

use redis::Value;

use super::{Failure, Link, Means, bytes, written};
use crate::cache::second::KEPT_S;
use crate::cache::second::names::Name;

/// How long it is known which purges were done, where no node says that it still wants to know:
/// longer than anything is kept.
const KNOWN_S: u64 = KEPT_S + 2 * 3600;
/// How many are named at a time.
pub(in crate::cache::second) const AT_ONCE: usize = 256;
impl Link {
    /// What these notes say of purges that were done there, as they stand.
    pub(in crate::cache::second) async fn notes(
        &self,
        names: &[Name],
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let mut connection = self.connection.clone();
        let mut ask = redis::cmd("MGET");
        let said = ask.arg(self.keys(names)).query_async(&mut connection);
        let said: Vec<Value> = self.within(said).await?;
        if said.len() != names.len() {
            return Err(Failure::Strange);
        }
        Ok(said.into_iter().map(bytes).collect())
    }

    /// Takes notes out, and then what else goes: who purges in between makes another note.
    pub(in crate::cache::second) async fn tell(
        &self,
        notes: &[Name],
        names: &[Name],
    ) -> Result<(), Failure> {
        for some in notes.chunks(AT_ONCE).chain([names]) {
            match self.forget(some).await {
                // To say it twice does no harm.
                Err(failure) if failure.means() == Means::Late => self.forget(some).await?,
                told => told?,
            }
        }
        Ok(())
    }

    /// These notes are still of use.
    pub(in crate::cache::second) async fn stand(&self, notes: &[Name]) -> Result<(), Failure> {
        let mut connection = self.connection.clone();
        let mut ask = redis::pipe();
        for key in self.keys(notes) {
            ask.cmd("EXPIRE").arg(key).arg(KNOWN_S).ignore();
        }
        self.within(ask.query_async::<()>(&mut connection)).await
    }

    /// Takes out what purges up to `number` are of, where the note says what it `said`. False: others
    /// have done some meanwhile.
    pub(in crate::cache::second) async fn purge(
        &self,
        note: &Name,
        said: &[u8],
        names: &[Name],
        number: u64,
    ) -> Result<bool, Failure> {
        let (before, last) = names.split_at(names.len().saturating_sub(AT_ONCE));
        for some in before.chunks(AT_ONCE) {
            if !self.purge_some(note, said, some, "").await? {
                return Ok(false);
            }
        }
        match self.purge_some(note, said, last, &written(number)).await {
            // Where there is no room for the note it is done again, by whoever comes next.
            Err(failure) if failure.means() == Means::Full => {
                if !last.is_empty() {
                    self.forget(last).await?;
                }
                Ok(true)
            }
            purged => purged,
        }
    }

    async fn purge_some(
        &self,
        note: &Name,
        said: &[u8],
        names: &[Name],
        says: &str,
    ) -> Result<bool, Failure> {
        let mut call = self.purges.prepare_invoke();
        call.key(self.key(note));
        for name in names {
            call.key(self.key(name));
        }
        call.arg(said).arg(says).arg(KNOWN_S);
        let mut connection = self.connection.clone();
        let done: i64 = self.within(call.invoke_async(&mut connection)).await?;
        Ok(done == 1)
    }
}
