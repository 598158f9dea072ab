//! Lists of networks that policies of an organization share, and labels of applications. All new; a
//! former release goes on beside it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::{belongs, index, unique};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        lists(manager).await?;
        let application = Table::alter()
            .table("application")
            // JSON list of labels; none: it has none.
            .add_column(text_null("labels"))
            .to_owned();
        manager.alter_table(application).await
    }
}

async fn lists(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let list = Table::create()
        .table("ip_list")
        .col(pk_uuid("id"))
        .col(uuid("organization_id"))
        .col(text("name"))
        .col(text("description"))
        // How many networks there are in it.
        .col(big_integer("entries"))
        // JSON of where it is fetched from; none: people write it.
        .col(text_null("source"))
        // What the server of the source said when it was last read well: RFC 9110 §8.8.3.
        .col(text_null("source_tag"))
        .col(timestamp_with_time_zone_null("fetched_at"))
        .col(timestamp_with_time_zone_null("tried_at"))
        // Why the last fetch came to nothing.
        .col(text_null("problem"))
        .col(integer("failures"))
        .col(timestamp_with_time_zone_null("next_at"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(big_integer("etag"))
        .foreign_key(&mut belongs(
            "organization_id",
            "organization",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(list).await?;
    unique(manager, "ip_list", &["organization_id", "name"]).await?;
    index(manager, "ip_list", &["next_at"]).await?;

    // Apart, as it may have megabytes, and most that is asked of a list does not need it.
    let content = Table::create()
        .table("ip_list_content")
        .col(pk_uuid("list_id"))
        // JSON list of entries, in the order of addresses.
        .col(text("entries"))
        .foreign_key(&mut belongs(
            "list_id",
            "ip_list",
            ForeignKeyAction::Cascade,
        ))
        .to_owned();
    manager.create_table(content).await
}
