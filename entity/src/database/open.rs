//! Opening: options of SQLite and PostgreSQL, and the place of the traffic file.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::{DatabaseError, Databases};

/// How long a caller waits for a connection, and a start for the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared: more than a batch of traffic has, of any length.
const PREPARED: usize = 200;

#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    /// SQLite only; default: `portunus-traffic.sqlite` beside `portunus.sqlite`.
    pub traffic_url: Option<String>,
    /// Most connections to the main database.
    pub main_connections: u32,
    /// Most connections for traffic.
    pub traffic_connections: u32,
}

impl DatabaseSettings {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            traffic_url: None,
            main_connections: 8,
            traffic_connections: 4,
        }
    }
}

impl DatabaseSettings {
    /// The file of an embedded database.
    pub fn file(&self) -> Option<PathBuf> {
        sqlite_path(&self.url).ok()
    }
}

/// Opens both databases; on SQLite the files and their directory are made. Runs no migration.
pub async fn connect(settings: &DatabaseSettings) -> Result<Databases, DatabaseError> {
    if settings.url.starts_with("postgres://") || settings.url.starts_with("postgresql://") {
        return Ok(Databases {
            main: postgres(&settings.url, settings.main_connections).await?,
            traffic: postgres(&settings.url, settings.traffic_connections).await?,
        });
    }
    let main = sqlite_path(&settings.url)?;
    let traffic = match &settings.traffic_url {
        Some(url) => sqlite_path(url)?,
        None => traffic_beside(&main),
    };
    Ok(Databases {
        main: sqlite(&main, settings.main_connections, for_configuration).await?,
        traffic: sqlite(&traffic, settings.traffic_connections, for_traffic).await?,
    })
}

/// Like [`connect`], for a process that must start although the database is away, as a gateway
/// must: a PostgreSQL server is asked only when something is read or written, and each such call
/// fails until it answers.
pub async fn connect_later(settings: &DatabaseSettings) -> Result<Databases, DatabaseError> {
    if !settings.url.starts_with("postgres") {
        return connect(settings).await;
    }
    let pool = |connections| {
        let options = postgres_options(&settings.url)?;
        let pool = postgres_pool(connections).connect_lazy_with(options);
        Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
    };
    Ok(Databases {
        main: pool(settings.main_connections)?,
        traffic: pool(settings.traffic_connections)?,
    })
}

fn postgres_pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
}

fn sqlite_path(url: &str) -> Result<PathBuf, DatabaseError> {
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .map(|rest| rest.split('?').next().unwrap_or(rest))
        .filter(|path| !path.is_empty() && !path.starts_with(":memory:"))
        .ok_or(DatabaseError::Url)?;
    Ok(PathBuf::from(path))
}

fn traffic_beside(main: &Path) -> PathBuf {
    let stem = main.file_stem().unwrap_or_default().to_string_lossy();
    let extension = main.extension().unwrap_or_default().to_string_lossy();
    let dot = if extension.is_empty() { "" } else { "." };
    main.with_file_name(format!("{stem}-traffic{dot}{extension}"))
}

/// What was answered is on the disk, also after a power cut.
fn for_configuration(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.synchronous(SqliteSynchronous::Full)
}

/// A power cut may take the last moments of traffic, the end of a process takes nothing. The cache
/// (16 MiB, of which an idle connection uses little) holds the pages of indexes that a batch
/// touches: with SQLite's 2 MB they are written and read again within one transaction.
fn for_traffic(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-16384")
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
}

async fn sqlite(
    path: &Path,
    connections: u32,
    purpose: impl Fn(SqliteConnectOptions) -> SqliteConnectOptions,
) -> Result<DatabaseConnection, DatabaseError> {
    let place = path.display().to_string();
    if let Some(directory) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        std::fs::create_dir_all(directory)
            .map_err(|error| DatabaseError::open(place.clone(), &sqlx::Error::Io(error)))?;
    }
    // Made here and not by SQLite, which would let others read it. Its further files follow.
    let mut file = std::fs::OpenOptions::new();
    let file = file.create(true).truncate(false).write(true).mode(0o600);
    file.open(path)
        .map_err(|error| DatabaseError::open(place.clone(), &sqlx::Error::Io(error)))?;
    let options = purpose(SqliteConnectOptions::new())
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(PREPARED)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE * 2)
        .connect_with(options)
        .await
        .map_err(|error| DatabaseError::open(place, &error))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

async fn postgres(url: &str, connections: u32) -> Result<DatabaseConnection, DatabaseError> {
    let options = postgres_options(url)?;
    let place = postgres_place(&options);
    // Once without the pool, which would go on trying and then only say that time is over.
    let first = tokio::time::timeout(PATIENCE, PgConnection::connect_with(&options));
    let first = first.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    match first {
        Ok(connection) => connection.close().await.unwrap_or_default(),
        Err(error) => return Err(DatabaseError::open(place, &error)),
    }
    let pool = postgres_pool(connections)
        .connect_with(options)
        .await
        .map_err(|error| DatabaseError::open(place, &error))?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

pub(super) fn postgres_options(url: &str) -> Result<PgConnectOptions, DatabaseError> {
    let options: PgConnectOptions = url.parse().map_err(|_| DatabaseError::Url)?;
    Ok(options
        .application_name("portunus")
        .statement_cache_capacity(PREPARED)
        .disable_statement_logging())
}

/// Host, port and name: all of a URL that may be shown.
pub(super) fn postgres_place(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or_default();
    format!(
        "postgres://{}:{}/{name}",
        options.get_host(),
        options.get_port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_lies_beside() {
        let beside = |path: &str| traffic_beside(Path::new(path)).display().to_string();
        assert_eq!(
            beside("data/portunus.sqlite"),
            "data/portunus-traffic.sqlite"
        );
        assert_eq!(beside("x"), "x-traffic");
    }

    #[tokio::test]
    async fn what_cannot_be_opened_is_one_sentence_without_a_password() {
        for url in [
            "mysql://h/x",
            "sqlite::memory:",
            "sqlite:///proc/no/such/file",
            "postgres://someone:hunter22@127.0.0.1:1/x",
        ] {
            let error = connect(&DatabaseSettings::new(url))
                .await
                .unwrap_err()
                .to_string();
            assert!(error.ends_with('.') && !error.contains('\n'), "{error}");
            assert!(!error.contains("hunter22"), "{error}");
        }
    }
}
