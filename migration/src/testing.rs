//! Databases for tests: each test gets its own, cloned from one that was migrated once.
//!
//! SQLite always; PostgreSQL when `PORTUNUS_TEST_POSTGRES` holds the URL of a superuser's database
//! on a server that the test runner started.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use sea_orm::DbBackend;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Names the server that PostgreSQL tests use.
pub const POSTGRES_VARIABLE: &str = "PORTUNUS_TEST_POSTGRES";

/// A migrated database of one test. It is gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabase {
    /// Of the main database, in the form that the setting `--database` takes.
    pub url: String,
    /// Of the traffic database; equal to `url` on PostgreSQL.
    pub traffic_url: String,
    pub backend: DbBackend,
    /// A directory of this test's own, also for other files; removed with the database.
    pub directory: tempfile::TempDir,
    /// Held for its `Drop`.
    _dropped: Option<PostgresDatabase>,
}

/// [`each_backend`] before any migration: for tests of migrations themselves.
pub async fn each_empty_backend<F: AsyncFn(TestDatabase)>(test: F) {
    test(TestDatabase::empty_sqlite()).await;
    if let Some(database) = TestDatabase::empty_postgres().await {
        test(database).await;
    }
}

/// Runs a test on SQLite and, where a server is named, on PostgreSQL. Says once when it is not.
pub async fn each_backend<F: AsyncFn(TestDatabase)>(test: F) {
    test(TestDatabase::sqlite().await).await;
    if let Some(database) = TestDatabase::postgres().await {
        test(database).await;
    }
}

impl TestDatabase {
    /// Two fresh files.
    pub async fn sqlite() -> Self {
        static TEMPLATE: OnceCell<tempfile::TempDir> = OnceCell::const_new();
        let template = TEMPLATE.get_or_init(sqlite_template).await;
        Self::files(|path, name| {
            std::fs::copy(template.path().join(name), path).expect("copy of the template");
        })
    }

    fn empty_sqlite() -> Self {
        Self::files(|path, _| {
            std::fs::File::create(path).expect("an empty file");
        })
    }

    fn files(make: impl Fn(&Path, &str)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = |name: &str| {
            let path = directory.path().join(name);
            make(&path, name);
            format!("sqlite://{}", path.display())
        };
        Self {
            url: url("portunus.sqlite"),
            traffic_url: url("portunus-traffic.sqlite"),
            backend: DbBackend::Sqlite,
            directory,
            _dropped: None,
        }
    }

    /// A fresh database on the server that [`POSTGRES_VARIABLE`] names; `None` without one.
    pub async fn postgres() -> Option<Self> {
        let (server, options) = postgres_server()?;
        let template = postgres_template(&options).await;
        Some(Self::database(&server, options, &template).await)
    }

    async fn empty_postgres() -> Option<Self> {
        let (server, options) = postgres_server()?;
        Some(Self::database(&server, options, "template0").await)
    }

    async fn database(server: &str, options: PgConnectOptions, template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portunus_test_{}_{number}", std::process::id());
        let mut admin = PgConnection::connect_with(&options)
            .await
            .expect("PostgreSQL answers");
        run(
            &mut admin,
            &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        )
        .await;
        run(
            &mut admin,
            &format!("CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'"),
        )
        .await;
        admin.close().await.ok();
        let url = with_database(server, &name);
        Self {
            traffic_url: url.clone(),
            url,
            backend: DbBackend::Postgres,
            directory: tempfile::tempdir().expect("a temporary directory"),
            _dropped: Some(PostgresDatabase { options, name }),
        }
    }
}

/// The server that [`POSTGRES_VARIABLE`] names; `None`, said once, without one.
fn postgres_server() -> Option<(String, PgConnectOptions)> {
    static SAID: AtomicBool = AtomicBool::new(false);
    let Ok(server) = std::env::var(POSTGRES_VARIABLE) else {
        if !SAID.swap(true, Ordering::Relaxed) {
            eprintln!("{POSTGRES_VARIABLE} is not set: this test ran on SQLite only.");
        }
        return None;
    };
    let options = server.parse().expect("a PostgreSQL URL");
    Some((server, options))
}

#[derive(Debug)]
struct PostgresDatabase {
    options: PgConnectOptions,
    name: String,
}

impl Drop for PostgresDatabase {
    /// On a thread with a runtime of its own: a test's runtime cannot be blocked on from inside.
    fn drop(&mut self) {
        let options = self.options.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let worker = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                if let Ok(mut admin) = PgConnection::connect_with(&options).await {
                    sqlx::raw_sql(AssertSqlSafe(statement))
                        .execute(&mut admin)
                        .await
                        .ok();
                }
            });
        });
        worker.join().ok();
    }
}

async fn sqlite_template() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let main = open_sqlite(directory.path().join("portunus.sqlite")).await;
    let traffic = open_sqlite(directory.path().join("portunus-traffic.sqlite")).await;
    crate::up(&main, &traffic).await.expect("migrations run");
    main.close().await.expect("the template closes");
    traffic.close().await.expect("the template closes");
    directory
}

async fn open_sqlite(path: PathBuf) -> DatabaseConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .synchronous(SqliteSynchronous::Off);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .expect("SQLite opens");
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
}

/// The name of a migrated database. The server keeps it for all tests of one build: with nextest
/// each test is a process, and migrating costs more than cloning.
async fn postgres_template(options: &PgConnectOptions) -> String {
    let name = format!("portunus_template_{}", build_mark());
    let mut admin = PgConnection::connect_with(options)
        .await
        .expect("PostgreSQL answers");
    // Held until the connection closes: one process makes the template, the others wait for it.
    run(&mut admin, "SELECT pg_advisory_lock(20261121)").await;
    let exists = sqlx::query("SELECT 1 AS one FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut admin)
        .await
        .expect("PostgreSQL lists its databases")
        .is_some_and(|row| row.get::<i32, _>("one") == 1);
    if !exists {
        let making = format!("{name}_making");
        run(
            &mut admin,
            &format!("DROP DATABASE IF EXISTS {making} WITH (FORCE)"),
        )
        .await;
        run(
            &mut admin,
            &format!("CREATE DATABASE {making} TEMPLATE template0 ENCODING 'UTF8'"),
        )
        .await;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone().database(&making))
            .await
            .expect("the new database opens");
        let db = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
        crate::up(&db, &db).await.expect("migrations run");
        db.close().await.expect("the template closes");
        run(
            &mut admin,
            &format!("ALTER DATABASE {making} RENAME TO {name}"),
        )
        .await;
    }
    admin.close().await.ok();
    name
}

async fn run(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// Tells builds apart by the running executable, so that a changed migration is never missed.
fn build_mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let executable = std::env::current_exe().expect("the test's own path");
        let changed = std::fs::metadata(&executable)
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_nanos());
        let text = format!("{}{changed}", executable.display());
        let folded = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Uuid::from_u64_pair(folded, text.len() as u64)
            .simple()
            .to_string()
    })
}

/// The same server, another database: replaces the path of the URL.
fn with_database(server: &str, name: &str) -> String {
    let (address, query) = match server.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (server, String::new()),
    };
    let authority = address.find("://").map_or(0, |at| at + 3);
    let end = address[authority..]
        .find('/')
        .map_or(address.len(), |at| authority + at);
    format!("{}/{name}{query}", &address[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_changes() {
        for (server, expected) in [
            (
                "postgres://u:p@127.0.0.1:5433/postgres",
                "postgres://u:p@127.0.0.1:5433/x",
            ),
            ("postgres://127.0.0.1", "postgres://127.0.0.1/x"),
            (
                "postgres://h/a?sslmode=disable",
                "postgres://h/x?sslmode=disable",
            ),
        ] {
            assert_eq!(with_database(server, "x"), expected);
        }
    }

    #[tokio::test]
    async fn migrations_run_once_and_leave_nothing_pending() {
        each_backend(async |database| {
            let (main, traffic) = match database.backend {
                DbBackend::Postgres => {
                    let db = sea_orm::Database::connect(&database.url).await.unwrap();
                    (db.clone(), db)
                }
                _ => (
                    sea_orm::Database::connect(&database.url).await.unwrap(),
                    sea_orm::Database::connect(&database.traffic_url)
                        .await
                        .unwrap(),
                ),
            };
            assert_eq!(
                crate::pending(&main, &traffic).await.unwrap(),
                Vec::<String>::new()
            );
            crate::up(&main, &traffic).await.unwrap();
        })
        .await;
    }
}
