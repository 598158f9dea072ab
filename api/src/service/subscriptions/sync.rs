//! Whether the gateways have the present form of a subscription: all live nodes report a state
//! that holds its last change.

use std::collections::HashMap;

use chrono::Duration;
use domain::bound::NODES_UNKNOWN;
use domain::wire::subscriptions::Sync;
use entity::{change, node};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::ctx::Ctx;
use crate::error::Result;

/// Nodes report every 5 s; one that missed this many seconds is not live.
const LIVE_SECONDS: i64 = 20;

/// Gateways that reported lately.
pub(super) async fn live_gateways(ctx: &Ctx) -> Result<Vec<node::Model>> {
    let since = ctx.now - Duration::seconds(LIVE_SECONDS);
    let nodes = entity::store::node::list(&ctx.plane.databases.traffic, since).await?;
    Ok(nodes
        .into_iter()
        .filter(|node| node.kind != "portal")
        .collect())
}

/// For how many gateways bounds of limits are told.
pub(crate) async fn nodes_told(ctx: &Ctx) -> Result<u32> {
    Ok(match live_gateways(ctx).await?.len() {
        0 => NODES_UNKNOWN,
        live => u32::try_from(live).unwrap_or(u32::MAX),
    })
}

/// Last change number by subscription. What is older than the change table is long known to all.
pub(super) async fn last_changes(
    ctx: &Ctx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, i64>> {
    let rows: Vec<(Uuid, i64)> = change::Entity::find()
        .select_only()
        .column(change::Column::ObjectId)
        .column_as(change::Column::Number.max(), "newest")
        .filter(change::Column::ObjectId.is_in(ids))
        .group_by(change::Column::ObjectId)
        .into_tuple()
        .all(ctx.db())
        .await?;
    Ok(rows.into_iter().collect())
}

pub(super) fn judge(nodes: &[node::Model], change: i64) -> Sync {
    let Some(lowest) = nodes.iter().map(|node| node.state).min() else {
        return Sync::NoGateway;
    };
    let number = |state: i64| u64::try_from(state).unwrap_or(0);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    if lowest >= change {
        return Sync::Synced {
            number: number(lowest),
        };
    }
    let behind = nodes.iter().filter(|node| node.state < change).count();
    Sync::Waiting {
        number: number(change),
        nodes: count(nodes.len()),
        behind: count(behind),
    }
}
