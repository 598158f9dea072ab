//! What policies in observe mode would have refused: counts by version, policy and application,
//! merged with every batch into rows of their own. Requests that all such policies would have let
//! through have none.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::id::{ApplicationId, OrganizationId};
use domain::traffic::{ObservedKey, Record};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::raw::environment_code;
use super::scope::{Resolution, Scope, Side, Stretch, Whose};
use super::usage::{bounded, by_application};
use crate::row::{pieces, signed, tuples, unsigned};

const KEY: &str = "provider, at, version, environment, policy, consumer, application";
/// Parameters of a row: its key and the count.
const PLACES: usize = 8;
/// Rows of one statement.
const MOST_ROWS: usize = 256;

/// Requests of one application that a policy would have refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    pub policy: String,
    pub consumer: OrganizationId,
    /// The zero id is nobody: calls without a known application.
    pub application: ApplicationId,
    pub count: u64,
}

/// How much one policy would have refused, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    pub count: u64,
    /// Nobody is none of them.
    pub applications: u64,
    /// Of `count`, calls without a known application.
    pub nobody: u64,
}

/// What a version was asked, and what of it policies would have refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// All requests to it.
    pub requests: u64,
    pub policies: BTreeMap<String, Refused>,
    /// Those with most requests first.
    pub rows: Vec<Observed>,
    /// All requests of the applications in `rows`.
    pub of_application: HashMap<ApplicationId, u64>,
}

/// The caller holds what keeps others from merging at once.
pub(super) async fn merge(tx: &DatabaseTransaction, records: &[Record]) -> Result<(), DbErr> {
    let mut minutes: BTreeMap<(i64, ObservedKey), u64> = BTreeMap::new();
    let mut hours = minutes.clone();
    for record in records {
        let at = record.at.timestamp_micros();
        for key in ObservedKey::of(record) {
            let hour = (Resolution::Hour.floor(at), key.clone());
            *hours.entry(hour).or_default() += 1;
            *minutes
                .entry((Resolution::Minute.floor(at), key))
                .or_default() += 1;
        }
    }
    for (resolution, counts) in [(Resolution::Minute, minutes), (Resolution::Hour, hours)] {
        add(tx, resolution.observed(), counts).await?;
    }
    Ok(())
}

async fn add(
    tx: &DatabaseTransaction,
    table: &str,
    counts: BTreeMap<(i64, ObservedKey), u64>,
) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let counts: Vec<_> = counts.into_iter().collect();
    for counts in pieces(&counts, MOST_ROWS) {
        let mut values = Vec::with_capacity(counts.len() * PLACES);
        for ((at, key), count) in counts {
            let ObservedKey {
                provider,
                version,
                environment,
                policy,
                consumer,
                application,
            } = key;
            let row: [Value; PLACES] = [
                provider.uuid().into(),
                (*at).into(),
                version.uuid().into(),
                environment_code(*environment).into(),
                policy.clone().into(),
                consumer.uuid().into(),
                application.uuid().into(),
                signed(*count).into(),
            ];
            values.extend(row);
        }
        let sql = format!(
            "INSERT INTO {table} ({KEY}, count) VALUES {} \
             ON CONFLICT ({KEY}) DO UPDATE SET count = {table}.count + excluded.count",
            tuples(backend, counts.len(), PLACES),
        );
        tx.execute_raw(Statement::from_sql_and_values(backend, sql, values))
            .await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Policy {
    policy: String,
    count: i64,
    applications: i64,
}

#[derive(FromQueryResult)]
struct Nobody {
    policy: String,
    count: i64,
}

#[derive(FromQueryResult)]
struct Row {
    policy: String,
    consumer: Uuid,
    application: Uuid,
    count: i64,
}

/// Most rows of all policies together: many operations can have policies of their own.
const MOST_IN_ALL: u64 = 2_000;

/// The place of a row among those of its policy, the one with most requests first.
const PLACE: &str =
    "ROW_NUMBER() OVER (PARTITION BY \"policy\" ORDER BY SUM(\"count\") DESC, \"application\")";

/// Since when it is counted at all: when the tables came, with a release that knows them. Nothing
/// where that is not known.
pub async fn observed_since<C: ConnectionTrait>(db: &C) -> Result<Option<DateTime<Utc>>, DbErr> {
    let mut query = Query::select();
    query
        .column("applied_at")
        .from("migration_traffic")
        .and_where(Expr::col("version").eq("m0004_observed"));
    let Some(row) = db.query_one(&query).await? else {
        return Ok(None);
    };
    let seconds: i64 = row.try_get("", "applied_at")?;
    Ok(DateTime::from_timestamp(seconds, 0))
}

/// What the policies of a version would have refused of what its provider was asked; of each
/// policy at most `most` rows, so that a busy one takes none of another's. `None` for a scope that these rows do not tell: a consumer's side, a plan, an
/// application, an operation.
pub async fn observed<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    stretch: &Stretch,
    most: u64,
) -> Result<Option<Observation>, DbErr> {
    let Scope {
        side: Side::Provider(provider),
        versions,
        applications: None,
        operation: None,
        plan: None,
        environment,
    } = scope
    else {
        return Ok(None);
    };
    let whose = match versions {
        Some(versions) => Whose::Versions(*provider, versions.clone()),
        None => Whose::Provider(*provider),
    };
    let within = |table: &'static str| {
        let (from, to, _) = bounded(stretch);
        let mut query = Query::select();
        query
            .from(table)
            .cond_where(scope.condition())
            .and_where(Expr::col("at").gte(from))
            .and_where(Expr::col("at").lt(to));
        query
    };
    let mut found = Observation::default();
    let mut policies = within(stretch.resolution.observed());
    let applications = Expr::col("application").count_distinct();
    counted(&mut policies)
        .column("policy")
        .expr_as(applications, "applications")
        .group_by_col("policy");
    for row in db.query_all(&policies).await? {
        let row = Policy::from_query_result(&row, "")?;
        let refused = Refused {
            count: unsigned(row.count),
            applications: unsigned(row.applications),
            nobody: 0,
        };
        found.policies.insert(row.policy, refused);
    }
    let mut nobody = within(stretch.resolution.observed());
    counted(&mut nobody)
        .column("policy")
        .and_where(Expr::col("application").eq(ApplicationId::NIL.uuid()))
        .group_by_col("policy");
    for row in db.query_all(&nobody).await? {
        let row = Nobody::from_query_result(&row, "")?;
        if let Some(refused) = found.policies.get_mut(&row.policy) {
            refused.nobody = unsigned(row.count);
            refused.applications = refused.applications.saturating_sub(1);
        }
    }
    let mut ranked = within(stretch.resolution.observed());
    counted(&mut ranked)
        .columns(["policy", "consumer", "application"])
        .expr_as(Expr::cust(PLACE), "place")
        .group_by_columns(["policy", "consumer", "application"]);
    let mut rows = Query::select();
    rows.columns(["policy", "consumer", "application", "count"])
        .from_subquery(ranked, "ranked")
        .and_where(Expr::col("place").lte(signed(most)))
        .order_by("place", Order::Asc)
        .order_by("count", Order::Desc)
        .limit(MOST_IN_ALL);
    for row in db.query_all(&rows).await? {
        let row = Row::from_query_result(&row, "")?;
        found.rows.push(Observed {
            policy: row.policy,
            consumer: row.consumer.into(),
            application: row.application.into(),
            count: unsigned(row.count),
        });
    }
    found.rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    let told: HashSet<ApplicationId> = found.rows.iter().map(|row| row.application).collect();
    for (application, count) in by_application(db, &whose, *environment, stretch).await? {
        found.requests += count;
        if told.contains(&application) {
            found.of_application.insert(application, count);
        }
    }
    Ok(Some(found))
}

/// Adds the sum of the counts, which PostgreSQL would otherwise give as a decimal number.
fn counted(query: &mut SelectStatement) -> &mut SelectStatement {
    let sum = Expr::col("count").sum().cast_as(Alias::new("bigint"));
    query.expr_as(sum, "count")
}
