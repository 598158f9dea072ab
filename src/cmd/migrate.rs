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
        databases.close().await?;
        say::line(format_args!("{} migrations applied.", missing.len()))
    })
}
