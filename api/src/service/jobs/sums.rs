//! Sums for dashboards: what gateways stored is moved into them, piece by piece.

use std::sync::Arc;
use std::time::Duration;

use entity::store::traffic;

use crate::ctx::Ctx;
use crate::error::Result;
use crate::plane::Plane;

/// Between two pieces those who store traffic have their turn: on SQLite they look for it each tenth
/// of a second.
const PAUSE: Duration = Duration::from_millis(200);

/// Moves what there is, up to the present minute, or until `ends` is true. Says how many rows.
pub async fn sum_up(plane: &Arc<Plane>, ends: impl Fn() -> bool) -> Result<u64> {
    let mut count = 0;
    loop {
        // After an upgrade this goes on for minutes: each piece has its own present.
        let ctx = Ctx::job(plane, "sums");
        let done = traffic::sum_up(&ctx.plane.databases.traffic, ctx.now).await?;
        count += done.rows;
        if !done.more || ends() {
            return Ok(count);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
