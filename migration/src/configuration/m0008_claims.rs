//! Credentials that others issued: clients of identity providers and certificates. A former release
//! goes on beside it: of such a row it finds a digest that nobody shows.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::piece::statement;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // By which gateways find it; several organizations may have the same.
        let claim = Table::alter()
            .table("credential")
            .add_column(blob_null("claim"))
            .to_owned();
        manager.alter_table(claim).await?;
        // JSON of what it is of.
        let claimed = Table::alter()
            .table("credential")
            .add_column(text_null("claimed"))
            .to_owned();
        manager.alter_table(claimed).await?;
        let one = statement("one", "credential", &["organization_id", "claim"])
            .unique()
            .and_where(Expr::col("revoked_at").is_null())
            .to_owned();
        manager.create_index(one).await
    }
}
