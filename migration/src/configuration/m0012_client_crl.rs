//! Lists of revoked client certificates, for each host.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // PEM. SQLite adds one column at a time.
        let lists = Table::alter()
            .table("host")
            .add_column(text_null("client_crl"))
            .to_owned();
        manager.alter_table(lists).await?;
        let current = Table::alter()
            .table("host")
            .add_column(boolean_null("client_crl_current"))
            .to_owned();
        manager.alter_table(current).await
    }
}
