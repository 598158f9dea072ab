//! `portunus migrate`: the schema of this release, in one transaction a database.

use super::{say, start, store};
use crate::cli::Common;

pub fn run(common: &Common) -> anyhow::Result<()> {
    let settings = start::settings(common.settings.as_deref(), &common.flags())?;
    start::data_directory(&settings.data)?;
    start::runtime()?.block_on(async {
        let databases = store::open(&settings).await?;
        let missing = migration::pending(&databases.main, &databases.traffic).await?;
        migration::up(&databases.main, &databases.traffic).await?;
        let newer = migration::newer(&databases.main, &databases.traffic).await?;
        databases.close().await?;
        say::line(format_args!("{} migrations applied.", missing.len()))?;
        if newer.is_empty() {
            return Ok(());
        }
        say::line(format_args!(
            "The database has {} migrations of a newer release; they stay as they are.",
            newer.len()
        ))
    })
}
