//! The configuration state as gateways load it: all of it, or what changed since a number.

mod documents;
mod lines;
mod parts;
mod retired;

use std::collections::{BTreeMap, BTreeSet};

use domain::snapshot::{Delta, Kind, Mark, Parts, SCHEMA, Snapshot};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::change;
use crate::database::begin_read;
use crate::row::unsigned;
use crate::setting;

/// More changes than this at once are read as a whole state: it is cheaper.
const MOST_CHANGES: u64 = 20_000;

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

/// Loads the whole state, as of one moment. What cannot be read costs its own object
/// ([`Parts::unreadable`]); nothing is in a state of a newer schema.
pub async fn load(db: &DatabaseConnection) -> Result<Snapshot, DbErr> {
    let tx = begin_read(db).await?;
    let (state, mark) = change::last(&tx).await?;
    let snapshot = match schema(&tx).await? {
        SCHEMA => Snapshot {
            schema: SCHEMA,
            state,
            parts: Parts {
                mark,
                ..parts::all(&tx).await?
            },
        },
        newer => refused(newer, state, mark),
    };
    let_go(&tx).await?;
    tx.commit().await?;
    Ok(snapshot)
}

/// Of a whole state SQLite keeps pages that no change asks for: as many as the connection may keep, as
/// long as it lives.
async fn let_go<C: ConnectionTrait>(tx: &C) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Sqlite {
        tx.execute_unprepared("PRAGMA shrink_memory").await?;
    }
    Ok(())
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
