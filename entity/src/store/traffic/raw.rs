//! Rows of the request log: written many at once, because a statement each would be the bottleneck.

use domain::key::Environment;
use domain::traffic::Record;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement, Value};

use crate::row::{pieces, signed, tuples};

/// In the order of [`values`].
const COLUMNS: [&str; 35] = [
    "at",
    "request_id",
    "trace_id",
    "node",
    "state",
    "provider",
    "consumer",
    "api",
    "version",
    "revision",
    "operation",
    "application",
    "credential",
    "environment",
    "subscription",
    "plan",
    "client",
    "method",
    "path",
    "path_cut",
    "status",
    "code",
    "decided_by",
    "observed",
    "target",
    "variant",
    "tries",
    "bytes_in",
    "bytes_out",
    "total_us",
    "policies_us",
    "connect_us",
    "first_byte_us",
    "units",
    "cached",
];

/// Rows of one statement: 35 × 256 parameters are a quarter of what SQLite takes.
const MOST_ROWS: usize = 256;

pub(super) async fn insert(tx: &DatabaseTransaction, records: &[Record]) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    for records in pieces(records, MOST_ROWS) {
        let mut all = Vec::with_capacity(records.len() * COLUMNS.len());
        for record in records {
            values(record, &mut all);
        }
        let sql = sql(backend, records.len());
        tx.execute_raw(Statement::from_sql_and_values(backend, sql, all))
            .await?;
    }
    Ok(())
}

/// On SQLite `OR FAIL`: what fails undoes the transaction anyway, so the statement need not keep a
/// journal of its own to undo only itself, which costs as much as the rows.
fn sql(backend: DbBackend, rows: usize) -> String {
    let insert = match backend {
        DbBackend::Sqlite => "INSERT OR FAIL",
        _ => "INSERT",
    };
    format!(
        "{insert} INTO request ({}) VALUES {}",
        COLUMNS.join(", "),
        tuples(backend, rows, COLUMNS.len())
    )
}

fn values(record: &Record, out: &mut Vec<Value>) {
    let Record {
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
        environment,
        subscription,
        plan,
        client,
        method,
        path,
        path_cut,
        status,
        code,
        decided_by,
        observed,
        // Only counted: `observed` says in the log that there were some.
        observed_by: _,
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
    } = record;
    let text = |text: &String| Value::from(text.clone());
    let big = |number: u32| Value::from(i64::from(number));
    out.extend([
        at.timestamp_micros().into(),
        text(request_id),
        (!trace_id.is_empty()).then(|| trace_id.clone()).into(),
        text(node),
        signed(*state).into(),
        provider.uuid().into(),
        consumer.uuid().into(),
        api.uuid().into(),
        version.uuid().into(),
        i32::try_from(*revision).unwrap_or(i32::MAX).into(),
        operation.uuid().into(),
        application.uuid().into(),
        credential.uuid().into(),
        environment_code(*environment).into(),
        subscription.uuid().into(),
        plan.uuid().into(),
        text(client),
        text(method),
        text(path),
        (*path_cut).into(),
        i16::try_from(*status).unwrap_or(0).into(),
        text(code),
        text(decided_by),
        big(*observed),
        text(target),
        text(variant),
        i16::from(*tries).into(),
        signed(*bytes_in).into(),
        signed(*bytes_out).into(),
        big(*total_us),
        big(*policies_us),
        big(*connect_us),
        big(*first_byte_us),
        big(*units),
        i16::from(cached.number()).into(),
    ]);
}

/// How traffic tables write an environment.
pub(super) const fn environment_code(environment: Environment) -> i16 {
    match environment {
        Environment::Live => 0,
        Environment::Test => 1,
    }
}

pub(super) fn environment(code: i16) -> Environment {
    if code == 1 {
        Environment::Test
    } else {
        Environment::Live
    }
}
