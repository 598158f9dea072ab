//! What stands in a list, read, changed and made ready to be stored. There may be a hundred thousand
//! networks: no thread of this runtime does it, and hardly ever a write waits for it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::hex::hex;
use domain::ip_list::{self, Entries, Entry, MAX_OF_ALL, MAX_OF_PLATFORM};
use domain::problem::{Code, Invalid};
use entity::row::{read_json, write_json};
use entity::{ip_list as rows, ip_list_content as contents};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::write::Write;

/// Largest content as it is stored, in bytes.
const MOST_STORED: usize = 16 * 1024 * 1024;
/// Of how many networks the audit says that they came or went.
const MOST_TOLD: usize = 100;

/// Who has more than these gets no more once half of the platform's room is taken: a few organizations
/// do not take it from all others.
const SMALL: u64 = 10_000;

/// Contents that are held and read at a time, as each takes several times its text meanwhile.
static PLACES: Semaphore = Semaphore::const_new(4);

/// How long one is waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// Waits for one of the places. Whoever holds up other writes needs none: it is alone.
pub(super) async fn place() -> Result<SemaphorePermit<'static>> {
    let place = tokio::time::timeout(PATIENCE, PLACES.acquire()).await;
    let busy = |_| Error {
        retry_after: Some(PATIENCE.as_secs()),
        ..Error::new(Code::Unavailable, "Too many lists are read now. Try again.")
    };
    place.map_err(busy)?.map_err(Error::internal)
}

/// Does it on a thread that may take its time.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(Error::internal)
}

/// What stands in a list, as it is stored. `None`: nothing ever did.
pub(super) async fn stored<C: ConnectionTrait>(db: &C, list: Uuid) -> Result<Option<String>> {
    let found = contents::Entity::find_by_id(list)
        .select_only()
        .column(contents::Column::Entries)
        .into_tuple()
        .one(db)
        .await?;
    Ok(found)
}

/// The entries of a stored text.
pub(super) fn entries(stored: Option<&str>) -> Result<Entries> {
    let Some(text) = stored else {
        return Ok(Entries::default());
    };
    let all: Vec<Entry> = read_json("ip_list_content.entries", text)?;
    Entries::new(all).map_err(|_| Error::internal("a list holds what is no network"))
}

/// Entries as people write them; one that has ended is none. Pointers of what is wrong begin with
/// the entry's place.
pub(super) async fn written(
    all: Vec<Entry>,
    now: DateTime<Utc>,
) -> Result<Result<Entries, Vec<Invalid>>> {
    let read = move || {
        let over = ip_list::check_until(&all, now);
        match Entries::new(all) {
            Ok(entries) if over.is_empty() => Ok(entries),
            Ok(_) => Err(over),
            Err(mut wrong) => {
                wrong.extend(over);
                Err(wrong)
            }
        }
    };
    apart(read).await
}

/// What people do with the entries of a list.
#[derive(Debug)]
pub(super) enum Change {
    Add(Entries),
    Remove(Vec<String>),
    Import {
        entries: Entries,
        /// In the place of all that is there.
        replace: bool,
    },
}

impl Change {
    /// What is in the list then, and what the audit is told of it.
    fn of(&self, mut all: Entries) -> (Entries, Value) {
        match self {
            Self::Add(new) => {
                let added = new.iter().take(MOST_TOLD).map(|one| one.net.as_str());
                let told = json!({ "added": added.collect::<Vec<_>>() });
                all.put(new.clone());
                (all, told)
            }
            Self::Remove(networks) => {
                let mut gone: Vec<&str> = networks.iter().map(String::as_str).collect();
                gone.retain(|net| all.remove(net));
                gone.truncate(MOST_TOLD);
                let told = json!({ "removed": gone });
                (all, told)
            }
            Self::Import { entries, replace } => {
                if *replace {
                    all = Entries::default();
                }
                all.put(entries.clone());
                (all, json!({ "replaced": replace }))
            }
        }
    }

    /// Where the caller said it.
    const fn pointer(&self) -> &'static str {
        match self {
            Self::Add(_) => "/entries",
            Self::Remove(_) => "/networks",
            Self::Import { .. } => "/text",
        }
    }
}

/// What is in the list once it is changed, and what the audit is told of it.
pub(super) async fn changed<C: ConnectionTrait>(
    db: &C,
    list: Uuid,
    change: &Arc<Change>,
    now: DateTime<Utc>,
) -> Result<(Ready, Value)> {
    let (change, stored) = (Arc::clone(change), stored(db, list).await?);
    let work = move || -> Result<(Ready, Value)> {
        let (all, told) = change.of(entries(stored.as_deref())?);
        Ok((Ready::of(all, now, change.pointer())?, told))
    };
    apart(work).await?
}

/// Entries as they are stored, without those that had ended.
#[derive(Debug)]
pub(super) struct Ready {
    count: i64,
    text: String,
    pub(super) digest: String,
}

impl Ready {
    /// It takes a while. `pointer` is where the caller named them.
    pub(super) fn of(mut entries: Entries, now: DateTime<Utc>, pointer: &str) -> Result<Self> {
        entries.drop_ended(now);
        if let Some(wrong) = entries.check_count() {
            return Err(Error::field(pointer, wrong.message));
        }
        let count = entries.len() as i64;
        let entries: Vec<Entry> = entries.into_iter().collect();
        let text = write_json("ip_list_content.entries", &entries)?;
        if text.len() > MOST_STORED {
            let message = "The list is too large as it is stored. Use shorter notes.";
            return Err(Error::field(pointer, message));
        }
        let digest = hex(&Sha256::digest(&text));
        Ok(Self {
            count,
            text,
            digest,
        })
    }

    /// Whether it is what stands in the list already.
    pub(super) async fn is_stored<C: ConnectionTrait>(&self, db: &C, list: Uuid) -> Result<bool> {
        Ok(stored(db, list).await?.as_ref() == Some(&self.text))
    }

    /// Puts it in the place of what stands in the list, and notes that in `active`, which is of
    /// `row`. Nothing is written where it is too much.
    pub(super) async fn put(
        self,
        write: &Write<'_>,
        row: &rows::Model,
        active: &mut rows::ActiveModel,
    ) -> Result<()> {
        // Whoever takes something away may do so, however much there is.
        if self.count > row.entries {
            self.refuse_too_many(write, row).await?;
        }
        let content = contents::ActiveModel {
            list_id: Set(row.id),
            entries: Set(self.text),
        };
        let again = OnConflict::column(contents::Column::ListId)
            .update_column(contents::Column::Entries)
            .to_owned();
        contents::Entity::insert(content)
            .on_conflict(again)
            .exec_without_returning(write.tx())
            .await?;
        active.entries = Set(self.count);
        active.updated_at = Set(write.ctx().now);
        active.etag = Set(row.etag + 1);
        Ok(())
    }

    async fn refuse_too_many(&self, write: &Write<'_>, row: &rows::Model) -> Result<()> {
        let others: Vec<i64> = rows::Entity::in_org(row.organization_id.into())
            .select_only()
            .column(rows::Column::Entries)
            .filter(rows::Column::Id.ne(row.id))
            .into_tuple()
            .all(write.tx())
            .await?;
        let is_beyond = |count: i64, most: u64| u64::try_from(count).unwrap_or(0) > most;
        let own = others.iter().sum::<i64>() + self.count;
        if is_beyond(own, MAX_OF_ALL) {
            let detail = "All lists of an organization have at most 300,000 networks together.";
            return Err(Error::new(Code::LimitReached, detail));
        }
        let of_all = rows::Entity::networks(write.tx()).await?;
        let most = match is_beyond(own, SMALL) {
            true => MAX_OF_PLATFORM / 2,
            false => MAX_OF_PLATFORM,
        };
        if is_beyond(of_all - row.entries + self.count, most) {
            let detail = "The platform has no room for more networks. Ask whoever runs it.";
            return Err(Error::new(Code::LimitReached, detail));
        }
        Ok(())
    }
}
