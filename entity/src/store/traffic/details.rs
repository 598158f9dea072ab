//! What `log_detail` kept of requests. Each provider has a share: with more than that, the oldest go.

use std::collections::BTreeMap;

use domain::id::OrganizationId;
use domain::traffic::detail::Seen;
use domain::traffic::{Detail, Record};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, QueryFilter,
    QueryOrder, Statement, Value,
};

use crate::request_detail::{Column, Entity};
use crate::row::{pieces, read_json, signed, tuples, write_json};

/// Most requests of one provider, and most bytes of them.
pub const SHARE: (i64, i64) = (10_000, 256 * 1024 * 1024);

/// In the order of [`values`].
const COLUMNS: [&str; 9] = [
    "provider",
    "at",
    "node",
    "request_id",
    "consumer",
    "version",
    "application",
    "bytes",
    "seen",
];
/// Rows of one statement.
const MOST_ROWS: usize = 128;

/// Requests of each provider that were added, and bytes of them.
pub(super) type Added = BTreeMap<OrganizationId, (i64, i64)>;

/// Adds them within the batch's transaction; [`settle`] is to follow.
pub(super) async fn insert(tx: &DatabaseTransaction, details: &[Detail]) -> Result<Added, DbErr> {
    let backend = tx.get_database_backend();
    let mut added = Added::new();
    for details in pieces(details, MOST_ROWS) {
        let mut all = Vec::with_capacity(details.len() * COLUMNS.len());
        for detail in details {
            let bytes = values(detail, &mut all)?;
            let (count, sum) = added.entry(detail.provider).or_default();
            *count += 1;
            *sum += bytes;
        }
        run(tx, &sql(backend, details.len()), all).await?;
    }
    Ok(added)
}

/// Counts what was added, and takes out what is too much: how many that are. Two nodes would change
/// the same rows: it is for whoever holds the lock of the rollups.
pub(super) async fn settle(tx: &DatabaseTransaction, added: Added) -> Result<u64, DbErr> {
    let mut gone = 0;
    for (provider, more) in added {
        let (count, bytes) = grown(tx, provider, more).await?;
        if count > SHARE.0 || bytes > SHARE.1 {
            gone += shrink(tx, provider).await?;
        }
    }
    Ok(gone)
}

fn sql(backend: DbBackend, rows: usize) -> String {
    format!(
        "INSERT INTO request_detail ({}) VALUES {}",
        COLUMNS.join(", "),
        tuples(backend, rows, COLUMNS.len())
    )
}

/// Says how long it is.
fn values(detail: &Detail, out: &mut Vec<Value>) -> Result<i64, DbErr> {
    let Detail {
        at,
        request_id,
        node,
        provider,
        consumer,
        version,
        application,
        seen,
    } = detail;
    let seen = write_json("request_detail.seen", seen)?;
    let bytes = signed(seen.len() as u64);
    let row: [Value; 9] = [
        provider.uuid().into(),
        at.timestamp_micros().into(),
        node.clone().into(),
        request_id.clone().into(),
        consumer.uuid().into(),
        version.uuid().into(),
        application.uuid().into(),
        bytes.into(),
        seen.into(),
    ];
    out.extend(row);
    Ok(bytes)
}

/// What the provider has with these.
async fn grown(
    tx: &DatabaseTransaction,
    provider: OrganizationId,
    (count, bytes): (i64, i64),
) -> Result<(i64, i64), DbErr> {
    let sql = "INSERT INTO detail_share (provider, count, bytes) VALUES ($1, $2, $3) \
        ON CONFLICT (provider) DO UPDATE SET count = detail_share.count + excluded.count, \
        bytes = detail_share.bytes + excluded.bytes RETURNING count, bytes";
    let values: [Value; 3] = [provider.uuid().into(), count.into(), bytes.into()];
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    match tx.query_one_raw(statement).await? {
        Some(row) => Ok((row.try_get("", "count")?, row.try_get("", "bytes")?)),
        None => Ok((count, bytes)),
    }
}

/// Takes out the oldest, down to nine tenths of a share so that it is not for each batch anew, and
/// counts what is left: what went by its age was not counted.
async fn shrink(tx: &DatabaseTransaction, provider: OrganizationId) -> Result<u64, DbErr> {
    let id = || Value::from(provider.uuid());
    let (count, bytes) = SHARE;
    let oldest = "DELETE FROM request_detail WHERE provider = $1 AND at <= (SELECT max(at) FROM \
        (SELECT at, CAST(sum(bytes) OVER newest AS BIGINT) AS total, row_number() OVER newest AS place \
        FROM request_detail WHERE provider = $1 WINDOW newest AS (ORDER BY at DESC, id DESC)) AS ranked \
        WHERE place > $2 OR total > $3)";
    let kept: [Value; 3] = [id(), (count / 10 * 9).into(), (bytes / 10 * 9).into()];
    let gone = run(tx, oldest, kept).await?;
    let recount = "UPDATE detail_share SET \
        count = (SELECT count(*) FROM request_detail WHERE request_detail.provider = $1), \
        bytes = (SELECT CAST(COALESCE(sum(request_detail.bytes), 0) AS BIGINT) FROM request_detail \
        WHERE request_detail.provider = $1) WHERE provider = $1";
    run(tx, recount, [id()]).await?;
    Ok(gone)
}

/// Says how many rows that was about.
async fn run(
    tx: &DatabaseTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    Ok(tx.execute_raw(statement).await?.rows_affected())
}

/// What was kept of the request that `record` is of, if it is there. The caller has found the record
/// on its provider's side.
pub async fn detail<C: ConnectionTrait>(db: &C, record: &Record) -> Result<Option<Seen>, DbErr> {
    // All that is known of both: a client may have chosen the id of somebody else's request.
    let row = Entity::find()
        .filter(Column::Provider.eq(record.provider.uuid()))
        .filter(Column::At.eq(record.at.timestamp_micros()))
        .filter(Column::Node.eq(record.node.as_str()))
        .filter(Column::RequestId.eq(record.request_id.as_str()))
        .filter(Column::Consumer.eq(record.consumer.uuid()))
        .filter(Column::Version.eq(record.version.uuid()))
        .filter(Column::Application.eq(record.application.uuid()))
        .order_by_desc(Column::Id)
        .one(db)
        .await?;
    let seen = row.map(|row| read_json("request_detail.seen", &row.seen));
    Ok(seen.transpose()?)
}
