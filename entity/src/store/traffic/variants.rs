//! Variants of upstreams side by side: their sums by version, environment and class, merged with
//! every batch into rows of their own. Variants are few, so these rows are.

use std::collections::BTreeMap;

use domain::id::VersionId;
use domain::traffic::{Record, StatusClass, VariantKey};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Value};
use uuid::Uuid;

use super::raw::environment_code;
use super::scope::{Scope, Side, Stretch};
use super::sums::{self, Subject, histogram};
use super::usage::{SLICE, Totals, bounded};
use crate::row::unsigned;

/// What went to a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantUsage {
    pub version: VersionId,
    pub variant: String,
    pub totals: Totals,
}

/// The caller holds what keeps others from merging at once.
pub(super) async fn merge(tx: &DatabaseTransaction, records: &[Record]) -> Result<(), DbErr> {
    for (resolution, rows) in sums::of_records(records, VariantKey::of) {
        sums::add(tx, resolution.variants(), rows).await?;
    }
    Ok(())
}

impl Subject for VariantKey {
    const KEY: &'static [&'static str] = &[
        "at",
        "provider",
        "version",
        "environment",
        "variant",
        "class",
    ];
    /// What a cache gave reached no variant.
    const SUMS: &'static [&'static str] = sums::PLAIN;

    fn push(self, out: &mut Vec<Value>) {
        let Self {
            provider,
            version,
            environment,
            variant,
            class,
        } = self;
        out.extend([
            provider.uuid().into(),
            version.uuid().into(),
            environment_code(environment).into(),
            variant.into(),
            i16::from(class.0).into(),
        ]);
    }
}

#[derive(FromQueryResult)]
struct Row {
    version: Uuid,
    variant: String,
    class: i16,
    count: i64,
    bytes_in: i64,
    bytes_out: i64,
    latency: Vec<u8>,
}

/// What went to each variant, by version and name; at most `most`. Nothing for what these rows do
/// not tell: a consumer's side, a plan, an application, an operation.
pub async fn variants<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    stretch: &Stretch,
    most: usize,
) -> Result<Vec<VariantUsage>, DbErr> {
    let Some(condition) = condition(scope) else {
        return Ok(Vec::new());
    };
    let (from, to, step) = bounded(stretch);
    let mut found: BTreeMap<(Uuid, String), Totals> = BTreeMap::new();
    let mut slice = from;
    while slice < to {
        let end = std::cmp::min(slice + SLICE * step, to);
        let query = Query::select()
            .columns([
                "version",
                "variant",
                "class",
                "count",
                "bytes_in",
                "bytes_out",
                "latency",
            ])
            .from(stretch.resolution.variants())
            .cond_where(condition.clone())
            .and_where(Expr::col("at").gte(slice))
            .and_where(Expr::col("at").lt(end))
            .to_owned();
        for row in db.query_all(&query).await? {
            let Row {
                version,
                variant,
                class,
                count,
                bytes_in,
                bytes_out,
                latency,
            } = Row::from_query_result(&row, "")?;
            let totals = found.entry((version, variant)).or_default();
            let count = unsigned(count);
            let class = StatusClass(u8::try_from(class).unwrap_or(0));
            let (client_errors, server_errors) = class.errors(count);
            totals.merge(&Totals {
                count,
                client_errors,
                server_errors,
                bytes_in: unsigned(bytes_in),
                bytes_out: unsigned(bytes_out),
                latency: histogram(&latency),
                ..Totals::default()
            });
        }
        slice = end;
    }
    let found = found.into_iter().take(most);
    Ok(found
        .map(|((version, variant), totals)| VariantUsage {
            version: version.into(),
            variant,
            totals,
        })
        .collect())
}

fn condition(scope: &Scope) -> Option<Condition> {
    let Scope {
        side: Side::Provider(provider),
        versions,
        applications: None,
        operation: None,
        plan: None,
        environment,
    } = scope
    else {
        return None;
    };
    let mut all = Condition::all().add(Expr::col("provider").eq(provider.uuid()));
    if let Some(versions) = versions {
        all = all.add(Expr::col("version").is_in(versions.iter().map(|id| id.uuid())));
    }
    if let Some(environment) = environment {
        all = all.add(Expr::col("environment").eq(environment_code(*environment)));
    }
    Some(all)
}
