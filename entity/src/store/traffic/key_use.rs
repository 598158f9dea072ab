//! When credentials were used: told with every batch, read for lists of keys.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::id::CredentialId;
use domain::traffic::Record;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, Statement,
    Value,
};

use crate::key_use::{Column, Entity, Model};
use crate::row::{pieces, tuples};

/// Rows of one statement.
const MOST_ROWS: usize = 256;

/// When a credential was used. `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyUse {
    pub last_used: Option<DateTime<Utc>>,
    /// The last answer of 200 to 399.
    pub last_success: Option<DateTime<Utc>>,
    pub first_success: Option<DateTime<Utc>>,
}

pub(super) async fn merge(tx: &DatabaseTransaction, records: &[Record]) -> Result<(), DbErr> {
    let mut uses: BTreeMap<CredentialId, (i64, i64, i64)> = BTreeMap::new();
    for record in records.iter().filter(|record| !record.credential.is_nil()) {
        let at = record.at.timestamp_micros();
        let (last, last_success, first_success) = uses.entry(record.credential).or_default();
        *last = at.max(*last);
        if (200..400).contains(&record.status) {
            *last_success = at.max(*last_success);
            *first_success = if *first_success == 0 {
                at
            } else {
                at.min(*first_success)
            };
        }
    }
    let uses: Vec<_> = uses.into_iter().collect();
    for uses in pieces(&uses, MOST_ROWS) {
        let newer = |column: &str| {
            format!(
                "{column} = CASE WHEN excluded.{column} > key_use.{column} THEN excluded.{column} ELSE key_use.{column} END"
            )
        };
        let sql = format!(
            "INSERT INTO key_use (credential, last_used, last_success, first_success) VALUES {} \
             ON CONFLICT (credential) DO UPDATE SET {}, {}, first_success = CASE \
             WHEN key_use.first_success = 0 THEN excluded.first_success ELSE key_use.first_success END",
            tuples(tx.get_database_backend(), uses.len(), 4),
            newer("last_used"),
            newer("last_success"),
        );
        let values =
            uses.iter()
                .flat_map(|(credential, (last, last_success, first))| -> [Value; 4] {
                    [
                        credential.uuid().into(),
                        (*last).into(),
                        (*last_success).into(),
                        (*first).into(),
                    ]
                });
        let values: Vec<Value> = values.collect();
        tx.execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            sql,
            values,
        ))
        .await?;
    }
    Ok(())
}

/// The use of these credentials; those that were never used are absent.
pub async fn key_uses<C: ConnectionTrait>(
    db: &C,
    credentials: &[CredentialId],
) -> Result<BTreeMap<CredentialId, KeyUse>, DbErr> {
    let mut found = BTreeMap::new();
    for credentials in credentials.chunks(MOST_ROWS) {
        let ids = credentials.iter().map(|credential| credential.uuid());
        let rows = Entity::find()
            .filter(Column::Credential.is_in(ids))
            .all(db)
            .await?;
        found.extend(rows.into_iter().map(|row| {
            let Model {
                credential,
                last_used,
                last_success,
                first_success,
            } = row;
            let at = |micros: i64| {
                (micros > 0)
                    .then(|| DateTime::from_timestamp_micros(micros))
                    .flatten()
            };
            let uses = KeyUse {
                last_used: at(last_used),
                last_success: at(last_success),
                first_success: at(first_success),
            };
            (CredentialId::from(credential), uses)
        }));
    }
    Ok(found)
}
