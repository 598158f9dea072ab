//! The request log: pages of it, newest first, and single entries.

use chrono::{DateTime, Utc};
use domain::id::{ApiId, CredentialId, RecordId};
use domain::traffic::{Cached, Record};
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::raw::environment;
use super::scope::Scope;
use crate::request::{Column, Entity, Model};
use crate::row::unsigned;

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    pub id: RecordId,
    pub record: Record,
}

/// Which answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `404`
    Exactly(u16),
    /// `4` for 400 to 499.
    Class(u8),
}

/// Filters; absent ones admit everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    pub from: Option<DateTime<Utc>>,
    /// Not inside any more.
    pub to: Option<DateTime<Utc>>,
    pub api: Option<ApiId>,
    pub credential: Option<CredentialId>,
    pub status: Option<Status>,
    pub code: Option<String>,
    pub method: Option<String>,
    /// Part of the path, case-sensitive.
    pub path: Option<String>,
    pub request_id: Option<String>,
    pub trace_id: Option<String>,
    pub variant: Option<String>,
    pub cached: Option<Cached>,
    /// Took at least this long.
    pub min_us: Option<u32>,
}

/// A page of the log, newest first, of what comes after `after`. At most `limit` rows; ask for one
/// more than is shown to know whether there is another page.
pub async fn requests<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    filter: &RequestFilter,
    after: Option<RecordId>,
    limit: u64,
) -> Result<Vec<Logged>, DbErr> {
    let mut all = condition(filter, db.get_database_backend()).add(scope.condition());
    if let Some(after) = after {
        let (at, id) = place(after);
        let earlier = Condition::any().add(Column::At.lt(at)).add(
            Condition::all()
                .add(Column::At.eq(at))
                .add(Column::Id.lt(id)),
        );
        // The first says nothing new, but lets an index begin at the right place.
        all = all.add(Column::At.lte(at)).add(earlier);
    }
    let rows = Entity::find()
        .filter(all)
        .order_by_desc(Column::At)
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(logged).collect())
}

/// One entry, if it is in the scope.
pub async fn request<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    id: RecordId,
) -> Result<Option<Logged>, DbErr> {
    let (at, id) = place(id);
    let row = Entity::find()
        .filter(Column::Id.eq(id))
        .filter(Column::At.eq(at))
        .filter(scope.condition())
        .one(db)
        .await?;
    Ok(row.map(logged))
}

/// The newest entry with this request id, if it is in the scope. Clients may choose their ids, so
/// there may be several.
pub async fn latest_of<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    request_id: &str,
) -> Result<Option<Logged>, DbErr> {
    let filter = RequestFilter {
        request_id: Some(request_id.to_owned()),
        ..RequestFilter::default()
    };
    Ok(requests(db, scope, &filter, None, 1).await?.pop())
}

fn condition(filter: &RequestFilter, backend: DbBackend) -> Condition {
    let RequestFilter {
        from,
        to,
        api,
        credential,
        status,
        code,
        method,
        path,
        request_id,
        trace_id,
        variant,
        cached,
        min_us,
    } = filter;
    let mut all = Condition::all();
    if let Some(from) = from {
        all = all.add(Column::At.gte(from.timestamp_micros()));
    }
    if let Some(to) = to {
        all = all.add(Column::At.lt(to.timestamp_micros()));
    }
    if let Some(api) = api {
        all = all.add(Column::Api.eq(api.uuid()));
    }
    if let Some(credential) = credential {
        all = all.add(Column::Credential.eq(credential.uuid()));
    }
    match status {
        Some(Status::Exactly(status)) => all = all.add(Column::Status.eq(i32::from(*status))),
        Some(Status::Class(class)) => {
            let first = i32::from(*class) * 100;
            all = all
                .add(Column::Status.gte(first))
                .add(Column::Status.lt(first + 100));
        }
        None => {}
    }
    if let Some(code) = code {
        all = all.add(Column::Code.eq(code.as_str()));
    }
    if let Some(method) = method {
        all = all.add(Column::Method.eq(method.as_str()));
    }
    if let Some(path) = path {
        // Not LIKE: a path may hold its wildcards, and SQLite's ignores the case.
        let find = if backend == DbBackend::Postgres {
            "strpos"
        } else {
            "instr"
        };
        let found = Func::cust(find).arg(Expr::col("path")).arg(path.as_str());
        all = all.add(Expr::expr(found).gt(0));
    }
    if let Some(request_id) = request_id {
        all = all.add(Column::RequestId.eq(request_id.as_str()));
    }
    if let Some(trace_id) = trace_id {
        all = all.add(Column::TraceId.eq(trace_id.as_str()));
    }
    if let Some(variant) = variant {
        all = all.add(Column::Variant.eq(variant.as_str()));
    }
    if let Some(cached) = cached {
        all = all.add(Column::Cached.eq(i16::from(cached.number())));
    }
    if let Some(min_us) = min_us {
        all = all.add(Column::TotalUs.gte(i64::from(*min_us)));
    }
    all
}

/// The id by which an entry is addressed: its time and number, so that the day is known from it.
pub fn record_id(at: i64, number: i64) -> RecordId {
    Uuid::from_u64_pair(unsigned(at), unsigned(number)).into()
}

fn place(id: RecordId) -> (i64, i64) {
    let (at, number) = id.uuid().as_u64_pair();
    let signed = |part: u64| i64::try_from(part).unwrap_or(i64::MAX);
    (signed(at), signed(number))
}

fn logged(row: Model) -> Logged {
    let Model {
        id,
        at,
        request_id,
        trace_id,
        node,
        state,
        provider,
        consumer,
        api,
        version,
        revision,
        operation,
        application,
        credential,
        subscription,
        plan,
        environment: environment_code,
        client,
        method,
        path,
        path_cut,
        status,
        code,
        decided_by,
        observed,
        target,
        variant,
        tries,
        bytes_in,
        bytes_out,
        total_us,
        policies_us,
        connect_us,
        first_byte_us,
        units,
        cached,
    } = row;
    let small = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let record = Record {
        at: DateTime::from_timestamp_micros(at).unwrap_or_default(),
        request_id,
        trace_id: trace_id.unwrap_or_default(),
        node,
        state: unsigned(state),
        provider: provider.into(),
        consumer: consumer.into(),
        api: api.into(),
        version: version.into(),
        revision: u32::try_from(revision).unwrap_or(0),
        operation: operation.into(),
        application: application.into(),
        credential: credential.into(),
        environment: environment(environment_code),
        subscription: subscription.into(),
        plan: plan.into(),
        client,
        method,
        path,
        path_cut,
        status: u16::try_from(status).unwrap_or(0),
        code,
        decided_by,
        observed: small(observed),
        observed_by: String::new(),
        target,
        variant,
        tries: u8::try_from(tries).unwrap_or(u8::MAX),
        bytes_in: unsigned(bytes_in),
        bytes_out: unsigned(bytes_out),
        total_us: small(total_us),
        policies_us: small(policies_us),
        connect_us: small(connect_us),
        first_byte_us: small(first_byte_us),
        units: small(units),
        cached: Cached::of_number(unsigned(i64::from(cached))),
    };
    Logged {
        id: record_id(at, id),
        record,
    }
}
