//! What `log_detail` keeps of requests, beside the request log, and how much of it each provider has.
//! A former release goes on without them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut detail = Table::create();
        detail
            .table("request_detail")
            .col(big_pk_auto("id"))
            .col(uuid("provider"))
            .col(big_integer("at"))
            .col(text("node"))
            .col(text("request_id"));
        for column in ["consumer", "version", "application"] {
            detail.col(uuid(column));
        }
        // JSON; its length is what counts for the provider's share.
        detail.col(big_integer("bytes")).col(text("seen"));
        manager.create_table(detail).await?;
        index(manager, "request_detail", &["provider", "at"]).await?;
        index(manager, "request_detail", &["at"]).await?;

        let share = Table::create()
            .table("detail_share")
            .col(pk_uuid("provider"))
            .col(big_integer("count"))
            .col(big_integer("bytes"))
            .to_owned();
        manager.create_table(share).await
    }
}
