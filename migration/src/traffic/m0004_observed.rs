//! What policies in observe mode would have refused, by application: rollups of their own. A former
//! release goes on without them.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rollup(manager, "observed_minute").await?;
        rollup(manager, "observed_hour").await
    }
}

async fn rollup(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table(name)
        .col(uuid("provider"))
        .col(big_integer("at"))
        .col(uuid("version"))
        .col(small_integer("environment"))
        .col(text("policy"))
        .col(uuid("consumer"))
        .col(uuid("application"))
        .col(big_integer("count"))
        .primary_key(
            Index::create()
                .col("provider")
                .col("at")
                .col("version")
                .col("environment")
                .col("policy")
                .col("consumer")
                .col("application"),
        );
    if manager.get_database_backend() == DbBackend::Sqlite {
        table.extra("WITHOUT ROWID");
    }
    manager.create_table(table).await?;
    index(manager, name, &["at"]).await
}
