//! Until when nobody tries again to tell of a credential's end, because that failed. A former release
//! goes on beside it, as the column may be empty, and tries each time.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let credential = Table::alter()
            .table("credential")
            .add_column(timestamp_with_time_zone_null("tell_after"))
            .to_owned();
        manager.alter_table(credential).await
    }
}
