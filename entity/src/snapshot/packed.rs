//! What there may be a million of, read as bytes that the database puts together: a statement then
//! gives thousands of objects in one value, where fetching them as rows costs twenty times as much.

mod form;
mod row;

use domain::application::{Claimed, CredentialKind, Lifetime};
use domain::key::{Environment, KeyDigest};
use domain::lifecycle::ApplicationState;
use domain::snapshot::{Application, Credential, Kind, Subscription, Unreadable};
use domain::subscription::SubscriptionState;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use super::Watcher;
use crate::row::{RowError, read_json};
use crate::subscription::UNKNOWN_TO_GATEWAYS;
use form::{Columns, Form};
use row::Row;

/// Rows per statement: some hundred kilobytes, which stay in the processor's caches.
const AT_ONCE: usize = 4000;

pub(super) async fn applications<C: ConnectionTrait>(
    tx: &C,
    unread: &mut Vec<Unreadable>,
    watcher: &dyn Watcher,
) -> Result<Vec<Application>, DbErr> {
    let column = Columns(tx.get_database_backend());
    let active = ApplicationState::Active;
    let labels = "COALESCE(labels, '[]')";
    let form = Form {
        kind: Kind::Application,
        only: String::new(),
        fixed: vec![column.uuid("organization_id")],
        usual: format!("state = '{}' AND {labels} = '[]'", active.as_str()),
        usual_words: Vec::new(),
        words: vec!["state".to_owned(), labels.to_owned()],
    };
    let convert = |mut row: Row<'_>| {
        let mut one = Application {
            id: row.own(),
            organization: row.id()?,
            state: active,
            labels: Vec::new(),
        };
        if row.is_usual {
            return Some(one);
        }
        one.state = ApplicationState::parse(row.word()?)?;
        if row.words != "[]" {
            one.labels = read_json("application.labels", row.words).ok()?;
        }
        Some(one)
    };
    let show = |all: &[Application]| watcher.applications(all);
    read(tx, &form, unread, convert, show).await
}

pub(super) async fn credentials<C: ConnectionTrait>(
    tx: &C,
    unread: &mut Vec<Unreadable>,
    watcher: &dyn Watcher,
) -> Result<Vec<Credential>, DbErr> {
    let column = Columns(tx.get_database_backend());
    let environment = Environment::Live;
    let plain = kinds(|kind| !proves(kind));
    let form = Form {
        kind: Kind::Credential,
        // What others issued is not told of once it is revoked: others may say that it is theirs.
        only: "(claim IS NULL OR revoked_at IS NULL) AND ".to_owned(),
        fixed: vec![
            column.uuid("application_id"),
            column.digest("COALESCE(claim, digest)"),
        ],
        usual: format!(
            "environment = '{}' AND cidrs = '[]' AND kind IN ({plain}) AND COALESCE(expires_at, retires_at, revoked_at) IS NULL",
            environment.as_str()
        ),
        usual_words: Vec::new(),
        words: vec![
            "environment".to_owned(),
            column.time("expires_at"),
            column.time("retires_at"),
            column.time("revoked_at"),
            proof(),
            "cidrs".to_owned(),
        ],
    };
    let convert = |mut row: Row<'_>| {
        let mut one = Credential {
            id: row.own(),
            application: row.id()?,
            environment,
            digest: KeyDigest(row.bytes()?),
            lifetime: Lifetime::default(),
            signs: None,
            argon2id: None,
            cidrs: Vec::new(),
        };
        if row.is_usual {
            return Some(one);
        }
        one.environment = Environment::parse(row.word()?)?;
        one.lifetime = Lifetime {
            expires_at: row.time()?,
            retires_at: row.time()?,
            revoked_at: row.time()?,
        };
        match row.word()? {
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
        if row.words != "[]" {
            one.cidrs = read_json("credential.cidrs", row.words).ok()?;
        }
        Some(one)
    };
    let show = |all: &[Credential]| watcher.credentials(all);
    read(tx, &form, unread, convert, show).await
}

/// Whether what is claimed says by what a credential signs, or what its password is compared with.
const fn proves(kind: CredentialKind) -> bool {
    match kind {
        CredentialKind::Signature | CredentialKind::Password => true,
        CredentialKind::Key | CredentialKind::Client | CredentialKind::Certificate => false,
    }
}

fn kinds(are: impl Fn(CredentialKind) -> bool) -> String {
    let all = CredentialKind::ALL.into_iter().filter(|kind| are(*kind));
    let all: Vec<String> = all.map(|kind| format!("'{}'", kind.as_str())).collect();
    all.join(", ")
}

/// By what a credential signs, or what its password is compared with, as JSON without a space; `-`:
/// neither. Of a kind that is not known it is no word at all, and nothing reads the row.
fn proof() -> String {
    let signature = CredentialKind::Signature.as_str();
    let password = CredentialKind::Password.as_str();
    let known = kinds(|_| true);
    format!(
        "CASE WHEN kind = '{signature}' THEN COALESCE(claimed, '') WHEN kind = '{password}' THEN COALESCE(claimed, '-') WHEN kind IN ({known}) THEN '-' ELSE '' END"
    )
}

pub(super) async fn subscriptions<C: ConnectionTrait>(
    tx: &C,
    unread: &mut Vec<Unreadable>,
    watcher: &dyn Watcher,
) -> Result<Vec<Subscription>, DbErr> {
    let column = Columns(tx.get_database_backend());
    let unknown = UNKNOWN_TO_GATEWAYS.map(|state| format!("'{}'", state.as_str()));
    let state = SubscriptionState::Approved;
    let form = Form {
        kind: Kind::Subscription,
        only: format!("state NOT IN ({}) AND ", unknown.join(", ")),
        fixed: vec![
            column.uuid("application_id"),
            column.uuid("product_id"),
            column.uuid("plan_id"),
        ],
        usual: format!(
            "state = '{}' AND NOT paused AND COALESCE(starts_at, ends_at) IS NULL",
            state.as_str()
        ),
        usual_words: vec![column.time("approved_at")],
        words: vec![
            column.time("approved_at"),
            "state".to_owned(),
            "CASE WHEN paused THEN '1' ELSE '0' END".to_owned(),
            column.time("starts_at"),
            column.time("ends_at"),
        ],
    };
    let convert = |mut row: Row<'_>| {
        let mut one = Subscription {
            id: row.own(),
            application: row.id()?,
            product: row.id()?,
            plan: row.id()?,
            state,
            paused: false,
            approved_at: row.time()?,
            starts_at: None,
            ends_at: None,
        };
        if row.is_usual {
            return Some(one);
        }
        one.state = SubscriptionState::parse(row.word()?)?;
        one.paused = row.word()? == "1";
        one.starts_at = row.time()?;
        one.ends_at = row.time()?;
        Some(one)
    };
    let show = |all: &[Subscription]| watcher.subscriptions(all);
    read(tx, &form, unread, convert, show).await
}

/// What one statement gives.
struct Page {
    count: usize,
    rows: Vec<u8>,
}

/// Rows of a table, also of those that are not in a state.
async fn count<C: ConnectionTrait>(tx: &C, kind: Kind) -> Result<usize, DbErr> {
    let sql = format!("SELECT count(*) FROM {}", kind.as_str());
    let statement = Statement::from_string(tx.get_database_backend(), sql);
    let count: i64 = match tx.query_one_raw(statement).await? {
        Some(row) => row.try_get_by_index(0)?,
        None => 0,
    };
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Reads a table in the order of ids, so that the same rows are always the same state, and shows
/// each page of it. Rows that cannot be read are noted and left out.
async fn read<C: ConnectionTrait, T>(
    tx: &C,
    form: &Form,
    unread: &mut Vec<Unreadable>,
    convert: impl Fn(Row<'_>) -> Option<T>,
    show: impl Fn(&[T]),
) -> Result<Vec<T>, DbErr> {
    let backend = tx.get_database_backend();
    let (kind, size, sql) = (form.kind, form.size(), form.page(backend));
    let fetch = async |last: Uuid| -> Result<Option<Page>, DbErr> {
        let values = [last.into(), (AT_ONCE as i64).into()];
        let statement = Statement::from_sql_and_values(backend, &sql, values);
        let Some(row) = tx.query_one_raw(statement).await? else {
            return Ok(None);
        };
        let count: i64 = row.try_get_by_index(0)?;
        let rows: Option<Vec<u8>> = row.try_get_by_index(1)?;
        Ok((count > 0).then(|| Page {
            count: count as usize,
            rows: rows.unwrap_or_default(),
        }))
    };
    let broken = || RowError {
        column: kind.as_str(),
        reason: "a row has no id, or not the form of its kind".to_owned(),
    };
    let mut next = fetch(Uuid::nil()).await?;
    // Room for all at once: what grows to hundreds of megabytes is copied again and again.
    let mut all = Vec::with_capacity(match &next {
        Some(page) if page.count == AT_ONCE => count(tx, kind).await?,
        Some(page) => page.count,
        None => 0,
    });
    let mut take = |page: &Page| -> Result<(), RowError> {
        let before = all.len();
        let mut rest = &page.rows[..];
        for _ in 0..page.count {
            let row = Row::take(&mut rest, size).ok_or_else(broken)?;
            let id = row.id;
            match convert(row) {
                Some(one) => all.push(one),
                None => unread.push(Unreadable {
                    kind,
                    id,
                    reason: "the row has a value that is not known".to_owned(),
                }),
            }
        }
        if !rest.is_empty() {
            return Err(broken());
        }
        show(&all[before..]);
        Ok(())
    };
    while let Some(page) = next {
        let last = row::last(&page.rows).ok_or_else(broken)?;
        // The database looks for the next ones while these are taken in.
        let (found, taken) = tokio::join!(
            biased;
            async {
                match page.count < AT_ONCE {
                    true => Ok(None),
                    false => fetch(last).await,
                }
            },
            async { take(&page) },
        );
        taken?;
        next = found?;
    }
    Ok(all)
}
