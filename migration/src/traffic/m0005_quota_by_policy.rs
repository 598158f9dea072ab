//! Finds who has used how much of one quota.

use sea_orm_migration::prelude::*;

use crate::piece::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        index(manager, "quota", &["attach", "name", "subject"]).await
    }
}
