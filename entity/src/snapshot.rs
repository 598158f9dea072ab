//! The configuration state as gateways load it: all of it, or what changed since a number.

mod parts;

use std::collections::{BTreeMap, BTreeSet};

use domain::snapshot::{Delta, Kind, Parts, SCHEMA, Snapshot};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::change;
use crate::database::begin_read;
use crate::row::unsigned;

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
}

/// Loads the whole state, as of one moment.
pub async fn load(db: &DatabaseConnection) -> Result<Snapshot, DbErr> {
    let tx = begin_read(db).await?;
    let state = change::newest(&tx).await?;
    let parts = parts::all(&tx).await?;
    tx.commit().await?;
    Ok(Snapshot {
        schema: SCHEMA,
        state,
        parts,
    })
}

/// Reads what changed after `state`, as of one moment. No change is ever skipped: the writers of
/// the change table hold one lock until they have committed, so numbers appear in order.
pub async fn changes_since(db: &DatabaseConnection, state: u64) -> Result<Changes, DbErr> {
    if change::newest(db).await? == state {
        return Ok(Changes::None);
    }
    let tx = begin_read(db).await?;
    let changes = read(&tx, state).await?;
    tx.commit().await?;
    Ok(changes)
}

async fn read<C: ConnectionTrait>(tx: &C, from: u64) -> Result<Changes, DbErr> {
    let newest = change::newest(tx).await?;
    if newest == from {
        return Ok(Changes::None);
    }
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
        put: Parts::default(),
        gone: Vec::new(),
    };
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
