//! Gateway nodes as they last reported, for the operator.

use chrono::Duration;
use domain::wire::platform as wire;
use entity::{change, node};
use sea_orm::{EntityTrait, QueryOrder};

use crate::ctx::Ctx;
use crate::error::Result;

/// Nodes report every 5 seconds; one that missed two is not alive.
const ALIVE: Duration = Duration::seconds(15);

pub async fn list(ctx: &Ctx) -> Result<Vec<wire::Node>> {
    ctx.operate(false)?;
    let rows = node::Entity::find()
        .order_by_asc(node::Column::Name)
        .all(&ctx.plane.databases.traffic)
        .await?;
    // Read after the nodes' own, so that none seems to be ahead of it.
    let newest = change::newest(ctx.db()).await?;
    let newest = i64::try_from(newest).unwrap_or(i64::MAX);
    Ok(rows
        .into_iter()
        .map(|row| shown(ctx, row, newest))
        .collect())
}

fn shown(ctx: &Ctx, row: node::Model, newest: i64) -> wire::Node {
    wire::Node {
        id: row.id.into(),
        name: row.name,
        kind: row.kind,
        version: row.version,
        group: row.group,
        region: row.region,
        state: row.state,
        newest,
        cpu: row.cpu,
        memory: row.memory,
        connections: row.connections,
        dropped: row.dropped,
        unreadable: row.unreadable,
        started_at: row.started_at,
        last_seen_at: row.last_seen_at,
        alive: ctx.now - row.last_seen_at < ALIVE,
    }
}
