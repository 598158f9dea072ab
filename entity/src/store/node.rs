//! Gateway nodes: each reports itself, everybody reads the list.

use chrono::{DateTime, Utc};
use domain::id::NodeId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Iterable, QueryFilter,
    QueryOrder,
};

use crate::node::{Column, Entity, Model};
use crate::row::{signed, to_micros};

/// What a node says of itself: at each applied change (at most once a second) and every 5 s.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub id: NodeId,
    pub name: String,
    /// `gateway`, `portal` or `up`.
    pub kind: String,
    /// Of the program.
    pub version: String,
    pub group: String,
    pub region: String,
    /// Number of the configuration state that it serves.
    pub state: u64,
    /// 1.0 is one core busy.
    pub cpu: f64,
    /// Resident bytes.
    pub memory: u64,
    pub connections: u64,
    /// Traffic records lost since the start.
    pub dropped: u64,
    /// Objects of its state that it cannot read, or only in part.
    pub unreadable: u64,
    pub started_at: DateTime<Utc>,
}

pub async fn report<C: ConnectionTrait>(
    db: &C,
    report: Report,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let Report {
        id,
        name,
        kind,
        version,
        group,
        region,
        state,
        cpu,
        memory,
        connections,
        dropped,
        unreadable,
        started_at,
    } = report;
    let row = Model {
        id: id.uuid(),
        name,
        kind,
        version,
        group,
        region,
        state: signed(state),
        cpu,
        memory: signed(memory),
        connections: signed(connections),
        dropped: signed(dropped),
        unreadable: signed(unreadable),
        started_at: to_micros(started_at),
        last_seen_at: to_micros(now),
    };
    let all_but_id = Column::iter().filter(|column| !matches!(column, Column::Id));
    let again = OnConflict::column(Column::Id)
        .update_columns(all_but_id)
        .to_owned();
    Entity::insert(row.into_active_model())
        .on_conflict(again)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// All nodes that reported after `since`, by name.
pub async fn list<C: ConnectionTrait>(db: &C, since: DateTime<Utc>) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::LastSeenAt.gt(since))
        .order_by_asc(Column::Name)
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// Forgets nodes that have not reported since `before`.
pub async fn prune<C: ConnectionTrait>(db: &C, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let result = Entity::delete_many()
        .filter(Column::LastSeenAt.lt(before))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}
