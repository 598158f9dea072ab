//! Where the databases are, and who this node is.

use std::io::Write;
use std::path::Path;

use domain::id::NodeId;
use domain::snapshot::SCHEMA;
use entity::database::{DatabaseSettings, Databases, connect};
use gateway::disk_file;

use crate::settings::{Problems, Settings};

/// The database setting, else SQLite in the data directory.
pub(super) fn address(settings: &Settings) -> DatabaseSettings {
    let kept = || {
        format!(
            "sqlite://{}",
            settings.data.join("portunus.sqlite").display()
        )
    };
    DatabaseSettings::new(settings.database_url.clone().unwrap_or_else(kept))
}

/// Whether the database is a file rather than a server.
pub(super) fn is_embedded(settings: &Settings) -> bool {
    address(settings).url.starts_with("sqlite")
}

/// Opens both databases for a command that makes none.
pub(super) async fn open_existing(settings: &Settings) -> Result<Databases, Problems> {
    let address = address(settings);
    if let Some(file) = address.file().filter(|file| !file.exists()) {
        let sentence = format!("There is no database at {}.", file.display());
        return Err(Problems(vec![sentence]));
    }
    open(settings).await
}

/// Opens both databases; one sentence when they are not there.
pub(super) async fn open(settings: &Settings) -> Result<Databases, Problems> {
    connect(&address(settings))
        .await
        .map_err(|error| Problems(vec![error.to_string()]))
}

/// Refuses a schema that `migrate` has not brought up to this release, and rows of a newer one that
/// this one would misread. What else a newer release has added is no hindrance.
pub(super) async fn check_schema(databases: &Databases) -> anyhow::Result<()> {
    let missing = migration::pending(&databases.main, &databases.traffic).await?;
    let sentence = if !missing.is_empty() {
        format!(
            "The database lacks {} migrations of this release; run `portunus migrate` first.",
            missing.len()
        )
    } else if entity::snapshot::schema(&databases.main).await? > SCHEMA {
        "A newer release writes to the database what this one would misread; use the newer one."
            .to_owned()
    } else {
        return Ok(());
    };
    Err(Problems(vec![sentence]).into())
}

/// This node's id and name, made once and kept in the data directory. A name that is given wins.
pub(super) fn node(given: Option<&str>, data: &Path) -> Result<(NodeId, String), Problems> {
    let path = data.join("node");
    let cannot = |error: &dyn std::fmt::Display| {
        Problems(vec![format!(
            "The file {} cannot be used: {error}.",
            path.display()
        )])
    };
    let kept = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot(&error)),
    };
    let (id, name) = match kept.as_deref().and_then(|text| text.trim().split_once(' ')) {
        Some((id, name)) => (id.parse().map_err(|error| cannot(&error))?, name.to_owned()),
        None => {
            let mut random = [0; 10];
            getrandom::fill(&mut random).map_err(|error| cannot(&error))?;
            let id = NodeId::from_parts(chrono::Utc::now(), random);
            (
                id,
                format!("node-{}", &id.uuid().simple().to_string()[26..]),
            )
        }
    };
    let name = given.map_or(name, str::to_owned);
    let text = format!("{id} {name}\n");
    if kept.is_none_or(|kept| kept != text) {
        // Whole, or as it was: a node without its id is another one, and sends again what that had
        // counted.
        disk_file::replace(&path, |file| file.write_all(text.as_bytes()))
            .map_err(|error| cannot(&error))?;
    }
    Ok((id, name))
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;

    use super::*;

    #[tokio::test]
    async fn a_newer_database_will_do_until_its_rows_would_be_misread() {
        migration::testing::each_backend(async |database| {
            let address = DatabaseSettings::new(database.url.clone());
            let databases = connect(&address).await.unwrap();
            let said = async |statement: &str| {
                databases.main.execute_unprepared(statement).await.unwrap();
                let checked = check_schema(&databases).await;
                checked.map_err(|error| error.to_string()).err()
            };
            let row = "INSERT INTO migration_configuration VALUES ('m9999_later', 1)";
            assert_eq!(said(row).await, None);
            let newer = format!("UPDATE setting SET value = '{}'", SCHEMA + 1);
            let newer = said(&format!("{newer} WHERE name = 'schema'")).await;
            assert!(newer.unwrap().contains("newer release"));
            let lacking = "DELETE FROM migration_configuration WHERE version = 'm0018_schema'";
            let lacking = said(lacking).await;
            assert!(lacking.unwrap().contains("lacks 1 migrations"));
            databases.close().await.unwrap();
        })
        .await;
    }

    #[test]
    fn a_node_keeps_its_id_and_takes_a_new_name() {
        let data = tempfile::tempdir().unwrap();
        let (id, name) = node(None, data.path()).unwrap();
        assert_eq!(node(None, data.path()).unwrap(), (id, name));
        assert_eq!(
            node(Some("edge-1"), data.path()).unwrap(),
            (id, "edge-1".to_owned())
        );
        assert_eq!(node(None, data.path()).unwrap(), (id, "edge-1".to_owned()));
        // A disk that fills up meanwhile takes nothing of what was there.
        let former = data.path().join("former");
        std::fs::hard_link(data.path().join("node"), &former).unwrap();
        assert_eq!(
            node(Some("edge-2"), data.path()).unwrap(),
            (id, "edge-2".to_owned())
        );
        let kept = std::fs::read_to_string(former).unwrap();
        assert_eq!(kept, format!("{id} edge-1\n"));
        std::fs::write(data.path().join("node"), "not-an-id x").unwrap();
        assert!(node(None, data.path()).is_err());
    }
}
