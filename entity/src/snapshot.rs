//! The configuration state as gateways load it: all of it, or what changed since a number.

mod documents;
mod packed;
mod parts;
mod retired;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::snapshot::{
    Application, Credential, Delta, Kind, Mark, Parts, SCHEMA, Snapshot, Subscription,
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    QueryOrder, QuerySelect,
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::change;
use crate::database::begin_read;
use crate::row::unsigned;
use crate::setting;

/// More changes than this at once are read as a whole state: it is cheaper.
const MOST_CHANGES: u64 = 20_000;
/// How long is waited for a connection that is good to have, and not needed.
const SPARE: Duration = Duration::from_millis(250);

/// What a reader has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// It has everything.
    None,
    Delta(Box<Delta>),
    /// What is between is not kept any more, or the database is another one: load everything.
    Reload,
    /// The rows have a form that this release does not know: a state of that schema, for the gateway
    /// to refuse. Nothing else is in it.
    Newer(Box<Snapshot>),
}

/// Has something to do with objects while others are still being loaded. It is shown each of these
/// once, in portions.
pub trait Watcher: Send + Sync {
    fn applications(&self, all: &[Application]);
    fn credentials(&self, all: &[Credential]);
    fn subscriptions(&self, all: &[Subscription]);
}

/// Has nothing to do.
impl Watcher for () {
    fn applications(&self, _: &[Application]) {}
    fn credentials(&self, _: &[Credential]) {}
    fn subscriptions(&self, _: &[Subscription]) {}
}

/// Number and mark of the last change.
type Last = (u64, Option<Mark>);

/// Loads the whole state, as of one moment. What cannot be read costs its own object
/// ([`Parts::unreadable`]); nothing is in a state of a newer schema.
pub async fn load(db: &DatabaseConnection) -> Result<Snapshot, DbErr> {
    let tx = begin_read(db).await?;
    let last = change::last(&tx).await?;
    let snapshot = whole(last, [&tx; 3], &()).await?;
    end(tx).await?;
    Ok(snapshot)
}

/// [`load`] for who is waited for: by three connections at once, where that many are free.
pub async fn load_at_once(
    db: &DatabaseConnection,
    watcher: &dyn Watcher,
) -> Result<Snapshot, DbErr> {
    let tx = begin_read(db).await?;
    let last = change::last(&tx).await?;
    let second = beside(db, &last).await;
    let third = match second {
        Some(_) => beside(db, &last).await,
        None => None,
    };
    let by = [Some(&tx), second.as_ref(), third.as_ref()];
    let by = by.map(|one| one.unwrap_or(&tx));
    let snapshot = whole(last, by, watcher).await?;
    for tx in [Some(tx), second, third].into_iter().flatten() {
        end(tx).await?;
    }
    Ok(snapshot)
}

/// By transactions that see the same moment, or are the same.
async fn whole(
    (state, mark): Last,
    by: [&DatabaseTransaction; 3],
    watcher: &dyn Watcher,
) -> Result<Snapshot, DbErr> {
    Ok(match schema(by[0]).await? {
        SCHEMA => Snapshot {
            schema: SCHEMA,
            state,
            parts: Parts {
                mark,
                ..parts::all(by, watcher).await?
            },
        },
        newer => refused(newer, state, mark),
    })
}

/// A transaction that sees the same moment as another, which saw `last`: what is in a state changes
/// together with that, or with the schema. `None` where it has changed meanwhile, and where there is
/// no connection for it.
async fn beside(db: &DatabaseConnection, last: &Last) -> Option<DatabaseTransaction> {
    let begin = async {
        let tx = begin_read(db).await?;
        let is_same = change::last(&tx).await? == *last && schema(&tx).await? == SCHEMA;
        Ok::<_, DbErr>(is_same.then_some(tx))
    };
    timeout(SPARE, begin).await.ok()?.ok()?
}

/// Ends a transaction that has read much. SQLite would keep pages of the file until the next time,
/// of each connection its own.
async fn end(tx: DatabaseTransaction) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Sqlite {
        tx.execute_unprepared("PRAGMA shrink_memory").await?;
    }
    tx.commit().await
}

/// [`SCHEMA`] of what wrote the rows, if that is a newer release. A database that says nothing was
/// brought up by one that had the first.
pub async fn schema<C: ConnectionTrait>(db: &C) -> Result<u32, DbErr> {
    let written: Option<u32> = setting::value(db, setting::SCHEMA).await?;
    Ok(written.unwrap_or(SCHEMA).max(SCHEMA))
}

fn refused(schema: u32, state: u64, mark: Option<Mark>) -> Snapshot {
    Snapshot {
        schema,
        state,
        parts: Parts {
            mark,
            ..Parts::default()
        },
    }
}

/// Reads what changed after `state`, as of one moment. No change is ever skipped: the writers of
/// the change table hold one lock until they have committed, so numbers appear in order. With the
/// `mark` of the state, a database that was restored from a copy and has changed since is
/// recognized: its numbers are the same, its changes are others.
pub async fn changes_since(
    db: &DatabaseConnection,
    state: u64,
    mark: Option<&Mark>,
) -> Result<Changes, DbErr> {
    if is_up_to_date(&change::last(db).await?, state, mark) {
        return Ok(Changes::None);
    }
    let tx = begin_read(db).await?;
    let changes = read(&tx, state, mark).await?;
    tx.commit().await?;
    Ok(changes)
}

fn is_up_to_date(last: &(u64, Option<Mark>), state: u64, mark: Option<&Mark>) -> bool {
    last.0 == state && (mark.is_none() || last.1.as_ref() == mark)
}

async fn read<C: ConnectionTrait>(
    tx: &C,
    from: u64,
    mark: Option<&Mark>,
) -> Result<Changes, DbErr> {
    let last = change::last(tx).await?;
    if is_up_to_date(&last, from, mark) {
        return Ok(Changes::None);
    }
    let schema = schema(tx).await?;
    if schema > SCHEMA {
        return Ok(Changes::Newer(Box::new(refused(schema, last.0, last.1))));
    }
    if mark.is_some() && change::mark(tx, from).await?.as_ref() != mark {
        return Ok(Changes::Reload);
    }
    let (newest, mark) = last;
    let oldest = oldest(tx).await?;
    if newest < from
        || oldest.is_none_or(|oldest| oldest > from + 1)
        || newest - from > MOST_CHANGES
    {
        return Ok(Changes::Reload);
    }
    let mut ids: BTreeMap<Kind, BTreeSet<Uuid>> = BTreeMap::new();
    for row in change::Entity::after(from).all(tx).await? {
        let change::Model {
            number: _,
            kind,
            object_id,
            at: _,
        } = row;
        // What a later release tells its gateways of is not in the state of this one.
        if let Some(kind) = Kind::parse(&kind) {
            ids.entry(kind).or_default().insert(object_id);
        }
    }
    let mut delta = Delta {
        from,
        state: newest,
        put: Parts {
            mark,
            ..Parts::default()
        },
        gone: Vec::new(),
    };
    let none = BTreeSet::new();
    let of = |kind| ids.get(&kind).unwrap_or(&none);
    let more = documents::of_changed(tx, of(Kind::Api), of(Kind::Organization)).await?;
    if !more.is_empty() {
        ids.entry(Kind::Version).or_default().extend(more);
    }
    for (kind, ids) in ids {
        parts::some(tx, kind, &ids, &mut delta).await?;
    }
    Ok(Changes::Delta(Box::new(delta)))
}

async fn oldest<C: ConnectionTrait>(tx: &C) -> Result<Option<u64>, DbErr> {
    let number: Option<i64> = change::Entity::find()
        .select_only()
        .column(change::Column::Number)
        .order_by_asc(change::Column::Number)
        .limit(1)
        .into_tuple()
        .one(tx)
        .await?;
    Ok(number.map(unsigned))
}
