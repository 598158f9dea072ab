//! Migrations of the traffic database: what gateways report. Nothing here is edited by people.

mod m0001_nodes;
mod m0002_requests;
mod m0003_variant;
mod m0004_observed;
mod m0005_quota_by_policy;
mod m0006_details;
mod m0007_cached;
mod m0008_trace;
mod m0009_unreadable;
mod m0010_usage;

use sea_orm_migration::prelude::*;

#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_nodes::Migration),
            Box::new(m0002_requests::Migration),
            Box::new(m0003_variant::Migration),
            Box::new(m0004_observed::Migration),
            Box::new(m0005_quota_by_policy::Migration),
            Box::new(m0006_details::Migration),
            Box::new(m0007_cached::Migration),
            Box::new(m0008_trace::Migration),
            Box::new(m0009_unreadable::Migration),
            Box::new(m0010_usage::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "migration_traffic".into_iden()
    }
}
