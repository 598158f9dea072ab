//! How much of a client's address the records of an organization's APIs keep. A former release goes
//! on, as the column has a default, and keeps all of it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let organization = Table::alter()
            .table("organization")
            .add_column(text("client_addresses").default("whole"))
            .to_owned();
        manager.alter_table(organization).await
    }
}
