//! Which plans' requests come first where they wait. A former release goes on, as the column has a
//! default.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let plan = Table::alter()
            .table("plan")
            .add_column(integer("priority").default(0))
            .to_owned();
        manager.alter_table(plan).await
    }
}
