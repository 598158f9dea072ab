//! Scopes that plans grant to the tokens of their subscribers.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // JSON list; none: no scopes.
        let plan = Table::alter()
            .table("plan")
            .add_column(text_null("scopes"))
            .to_owned();
        manager.alter_table(plan).await
    }
}
