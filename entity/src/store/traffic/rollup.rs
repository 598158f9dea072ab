//! Rollups: the sums of a batch in the rows of their minute and hour.

use domain::traffic::{Record, RollupKey};
use sea_orm::{DatabaseTransaction, DbErr, Value};

use super::raw::environment_code;
use super::sums::{self, Subject};

/// The caller holds what keeps others from merging at once.
pub(super) async fn merge(tx: &DatabaseTransaction, records: &[Record]) -> Result<(), DbErr> {
    for (resolution, rows) in sums::of_records(records, |record| Some(RollupKey::of(record))) {
        sums::add(tx, resolution.table(), rows).await?;
    }
    Ok(())
}

impl Subject for RollupKey {
    const KEY: &'static [&'static str] = &[
        "at",
        "provider",
        "consumer",
        "version",
        "operation",
        "plan",
        "application",
        "environment",
        "class",
    ];
    const SUMS: &'static [&'static str] = sums::WITH_CACHES;

    fn push(self, out: &mut Vec<Value>) {
        let Self {
            provider,
            consumer,
            version,
            operation,
            plan,
            application,
            environment,
            class,
        } = self;
        out.extend([
            provider.uuid().into(),
            consumer.uuid().into(),
            version.uuid().into(),
            operation.uuid().into(),
            plan.uuid().into(),
            application.uuid().into(),
            environment_code(environment).into(),
            i16::from(class.0).into(),
        ]);
    }
}
