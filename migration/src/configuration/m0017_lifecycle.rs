//! Since when a version is deprecated, and whether it is retired by itself at its sunset. A former
//! release goes on, as the one column may be empty and the other has a default.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        let columns = [
            timestamp_with_time_zone_null("deprecated_at"),
            boolean("retire_at_sunset").default(false).take(),
        ];
        for column in columns {
            let table = Table::alter()
                .table("version")
                .add_column(column)
                .to_owned();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
