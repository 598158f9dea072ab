//! What there may be a million of, read as lines of text that the database puts together: a
//! statement then gives thousands of objects in one value, where fetching them as rows costs
//! twenty times as much.

use chrono::{DateTime, Utc};
use domain::application::{Claimed, CredentialKind, Lifetime};
use domain::id::Id;
use domain::key::{Environment, KeyDigest};
use domain::lifecycle::ApplicationState;
use domain::snapshot::{Application, Credential, Kind, Subscription, Unreadable};
use domain::subscription::SubscriptionState;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use uuid::Uuid;

use crate::row::{RowError, read_json};
use crate::subscription::UNKNOWN_TO_GATEWAYS;

/// Lines per statement: some megabytes.
const AT_ONCE: i64 = 20_000;

pub(super) async fn applications<C: ConnectionTrait>(
    tx: &C,
    unread: &mut Vec<Unreadable>,
) -> Result<Vec<Application>, DbErr> {
    let column = Columns(tx.get_database_backend());
    let line = [
        column.uuid("id"),
        column.uuid("organization_id"),
        "state".to_owned(),
        "COALESCE(labels, '[]')".to_owned(),
    ];
    read(tx, Kind::Application, "", &line, unread, |mut line| {
        Some(Application {
            id: line.id()?,
            organization: line.id()?,
            state: ApplicationState::parse(line.word()?)?,
            labels: match line.0 {
                "[]" => Vec::new(),
                written => read_json("application.labels", written).ok()?,
            },
        })
    })
    .await
}

pub(super) async fn credentials<C: ConnectionTrait>(
    tx: &C,
    unread: &mut Vec<Unreadable>,
) -> Result<Vec<Credential>, DbErr> {
    let column = Columns(tx.get_database_backend());
    let line = [
        column.uuid("id"),
        column.uuid("application_id"),
        "environment".to_owned(),
        column.bytes("COALESCE(claim, digest)"),
        column.time("expires_at"),
        column.time("retires_at"),
        column.time("revoked_at"),
        proof(),
        "cidrs".to_owned(),
    ];
    // What others issued is not told of once it is revoked: others may say that it is theirs.
    let only = "(claim IS NULL OR revoked_at IS NULL) AND ";
    read(tx, Kind::Credential, only, &line, unread, |mut line| {
        let mut one = Credential {
            id: line.id()?,
            application: line.id()?,
            environment: Environment::parse(line.word()?)?,
            digest: KeyDigest(line.bytes()?),
            lifetime: Lifetime {
                expires_at: line.time()?,
                retires_at: line.time()?,
                revoked_at: line.time()?,
            },
            signs: None,
            argon2id: None,
            cidrs: Vec::new(),
        };
        match line.word()? {
            "-" => {}
            written => match read_json("credential.claimed", written).ok()? {
                Claimed::Signature { key, .. } => one.signs = Some(key),
                Claimed::Password(hash) => one.argon2id = Some(hash),
                Claimed::Client(_)
                | Claimed::Platform(_)
                | Claimed::Certificate(_)
                | Claimed::CertificateName(_) => return None,
            },
        }
        if line.0 != "[]" {
            one.cidrs = read_json("credential.cidrs", line.0).ok()?;
        }
        Some(one)
    })
    .await
}

/// By what a credential signs, or what its password is compared with, as JSON without a space; `-`:
/// neither. Of a kind that is not known it is no word at all, and nothing reads the line.
fn proof() -> String {
    let signature = CredentialKind::Signature.as_str();
    let password = CredentialKind::Password.as_str();
    let known = CredentialKind::ALL.map(|kind| format!("'{}'", kind.as_str()));
    let known = known.join(", ");
    format!(
        "CASE WHEN kind = '{signature}' THEN COALESCE(claimed, '') WHEN kind = '{password}' THEN COALESCE(claimed, '-') WHEN kind IN ({known}) THEN '-' ELSE '' END"
    )
}

pub(super) async fn subscriptions<C: ConnectionTrait>(
    tx: &C,
    unread: &mut Vec<Unreadable>,
) -> Result<Vec<Subscription>, DbErr> {
    let column = Columns(tx.get_database_backend());
    let line = [
        column.uuid("id"),
        column.uuid("application_id"),
        column.uuid("product_id"),
        column.uuid("plan_id"),
        "state".to_owned(),
        "CASE WHEN paused THEN '1' ELSE '0' END".to_owned(),
        column.time("approved_at"),
        column.time("starts_at"),
        column.time("ends_at"),
    ];
    let unknown = UNKNOWN_TO_GATEWAYS.map(|state| format!("'{}'", state.as_str()));
    let only = format!("state NOT IN ({}) AND ", unknown.join(", "));
    read(tx, Kind::Subscription, &only, &line, unread, |mut line| {
        Some(Subscription {
            id: line.id()?,
            application: line.id()?,
            product: line.id()?,
            plan: line.id()?,
            state: SubscriptionState::parse(line.word()?)?,
            paused: line.word()? == "1",
            approved_at: line.time()?,
            starts_at: line.time()?,
            ends_at: line.time()?,
        })
    })
    .await
}

/// Columns as text without spaces; no time is `-`.
struct Columns(DbBackend);

impl Columns {
    fn uuid(&self, name: &str) -> String {
        match self.0 {
            DbBackend::Postgres => format!("encode(uuid_send({name}), 'hex')"),
            _ => format!("hex({name})"),
        }
    }

    fn bytes(&self, name: &str) -> String {
        match self.0 {
            DbBackend::Postgres => format!("encode({name}, 'hex')"),
            _ => format!("hex({name})"),
        }
    }

    /// RFC 3339: so SQLite keeps it.
    fn time(&self, name: &str) -> String {
        match self.0 {
            DbBackend::Postgres => format!(
                "coalesce(to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '-')"
            ),
            _ => format!("coalesce({name}, '-')"),
        }
    }
}

/// Reads a table, which is named as its kind is, in the order of ids, so that the same rows are
/// always the same state. The first column of a line is the id. Lines that cannot be read are noted
/// and left out.
async fn read<C: ConnectionTrait, T>(
    tx: &C,
    kind: Kind,
    only: &str,
    line: &[String],
    unread: &mut Vec<Unreadable>,
    convert: impl Fn(Line<'_>) -> Option<T>,
) -> Result<Vec<T>, DbErr> {
    let backend = tx.get_database_backend();
    let (join, feed, id, most) = match backend {
        DbBackend::Postgres => (
            "string_agg(line, chr(10) ORDER BY id)",
            "chr(10)",
            "$1",
            "$2",
        ),
        _ => ("group_concat(line, char(10))", "char(10)", "?", "?"),
    };
    // Put together in one step: `||` makes a text of its own for each part. A line feed in a value
    // would end its line: nothing writes one but a hand, to which it is as good as a space.
    let line = line.join(", ");
    let table = kind.as_str();
    let sql = format!(
        "SELECT {join} FROM (SELECT id, replace(concat_ws(' ', {line}), {feed}, ' ') AS line FROM {table} WHERE {only}id > {id} ORDER BY id LIMIT {most}) AS lines"
    );
    let fetch = async |last: Uuid| -> Result<Option<String>, DbErr> {
        let values = [last.into(), AT_ONCE.into()];
        let statement = Statement::from_sql_and_values(backend, &sql, values);
        match tx.query_one_raw(statement).await? {
            Some(row) => row.try_get_by_index(0),
            None => Ok(None),
        }
    };
    let lost = |line: &str| RowError {
        column: table,
        reason: format!("the row {:.32} has no id", line),
    };
    let mut all = Vec::new();
    let mut take = |text: &str| -> Result<(), RowError> {
        for line in text.split('\n') {
            match convert(Line(line)) {
                Some(one) => all.push(one),
                None => unread.push(Unreadable {
                    kind,
                    id: Line(line).uuid().ok_or_else(|| lost(line))?,
                    reason: "the row has a value that is not known".to_owned(),
                }),
            }
        }
        Ok(())
    };
    let mut next = fetch(Uuid::nil()).await?;
    while let Some(text) = next {
        let end = text.rsplit('\n').next().unwrap_or_default();
        let is_last = (text.matches('\n').count() as i64) < AT_ONCE - 1;
        let last = Line(end).uuid().ok_or_else(|| lost(end))?;
        // The database looks for the next ones while these are taken in.
        let (found, taken) = tokio::join!(
            biased;
            async {
                match is_last {
                    true => Ok(None),
                    false => fetch(last).await,
                }
            },
            async { take(&text) },
        );
        taken?;
        next = found?;
    }
    Ok(all)
}

/// What is left of a line.
struct Line<'a>(&'a str);

impl<'a> Line<'a> {
    fn word(&mut self) -> Option<&'a str> {
        let (word, rest) = self.0.split_once(' ').unwrap_or((self.0, ""));
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let word = self.word()?.as_bytes();
        let mut bytes = [0; N];
        if word.len() != 2 * N {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(word.chunks_exact(2)) {
            let digit = |at: usize| (pair[at] as char).to_digit(16);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Some(bytes)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        self.bytes().map(Uuid::from_bytes)
    }

    fn id<K>(&mut self) -> Option<Id<K>> {
        self.uuid().map(Id::from_uuid)
    }

    fn time(&mut self) -> Option<Option<DateTime<Utc>>> {
        match self.word()? {
            "-" => Some(None),
            word => {
                let at = DateTime::parse_from_rfc3339(word).ok()?;
                Some(Some(at.to_utc()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut line = Line("0aFF word - 2026-01-02T03:04:05.000006+00:00 [\"a\", \"b\"]");
        assert_eq!(line.bytes(), Some([0x0a, 0xff]));
        assert_eq!(line.word(), Some("word"));
        assert_eq!(line.time(), Some(None));
        let at = line.time().unwrap().unwrap();
        assert_eq!(at.timestamp_subsec_micros(), 6);
        assert_eq!(line.0, "[\"a\", \"b\"]");
        for wrong in ["", "0", "0g", "0a0b0c", "é0"] {
            assert_eq!(Line(wrong).bytes::<2>(), None, "{wrong}");
            assert_eq!(Line(wrong).time(), None, "{wrong}");
        }
    }
}
