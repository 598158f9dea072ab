//! The form in which gateways read the configuration (`domain::snapshot::SCHEMA`), as a setting. A
//! release whose rows a former one would misread raises it in a migration of its own: gateways of
//! the former one then go on with the state that they have.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let row = "INSERT INTO setting (name, value, updated_at, etag) \
                   VALUES ('schema', '1', '2026-11-30T00:00:00+00:00', 1)";
        manager.get_connection().execute_unprepared(row).await?;
        Ok(())
    }
}
