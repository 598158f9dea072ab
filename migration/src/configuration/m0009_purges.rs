//! What was taken out of gateways' caches lately, for each API.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let api = Table::alter()
            .table("api")
            .add_column(text_null("purges"))
            .to_owned();
        manager.alter_table(api).await
    }
}
