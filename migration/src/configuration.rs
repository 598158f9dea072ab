//! Migrations of the main database: what people edit, and what is written about it.

mod m0001_accounts;
mod m0002_apis;
mod m0003_products;
mod m0004_journal;
mod m0005_platform;
mod m0006_routing;
mod m0007_certificates;
mod m0008_claims;
mod m0009_purges;
mod m0010_quota_notices;
mod m0011_scopes;
mod m0012_client_crl;
mod m0013_priorities;
mod m0014_webhooks;
mod m0015_ip_lists;
mod m0016_redelivery;
mod m0017_lifecycle;
mod m0018_schema;
mod m0019_told_ends;
mod m0020_client_addresses;
mod m0021_tell_after;

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_accounts::Migration),
            Box::new(m0002_apis::Migration),
            Box::new(m0003_products::Migration),
            Box::new(m0004_journal::Migration),
            Box::new(m0005_platform::Migration),
            Box::new(m0006_routing::Migration),
            Box::new(m0007_certificates::Migration),
            Box::new(m0008_claims::Migration),
            Box::new(m0009_purges::Migration),
            Box::new(m0010_quota_notices::Migration),
            Box::new(m0011_scopes::Migration),
            Box::new(m0012_client_crl::Migration),
            Box::new(m0013_priorities::Migration),
            Box::new(m0014_webhooks::Migration),
            Box::new(m0015_ip_lists::Migration),
            Box::new(m0016_redelivery::Migration),
            Box::new(m0017_lifecycle::Migration),
            Box::new(m0018_schema::Migration),
            Box::new(m0019_told_ends::Migration),
            Box::new(m0020_client_addresses::Migration),
            Box::new(m0021_tell_after::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "migration_configuration".into_iden()
    }
}
