//! The two key rings. `up` makes them once, 0600 in the data directory; separate processes are
//! given theirs, because two machines that each made their own could not read the same database.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::seal::KeyRing;
use gateway::disk_file;

use crate::settings::Problems;

/// The ring from the settings, else from `file` in the data directory, which is made if missing.
pub(super) fn given_or_kept(
    given: Option<&KeyRing>,
    data: &Path,
    file: &str,
) -> Result<KeyRing, Problems> {
    if let Some(ring) = given {
        return Ok(ring.clone());
    }
    let path = data.join(file);
    let cannot = |error: &dyn std::fmt::Display| {
        Problems(vec![format!(
            "The key file {} cannot be used: {error}.",
            path.display()
        )])
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => KeyRing::parse(&text).map_err(|error| cannot(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|error| cannot(&error))?;
            write_once(&path, &STANDARD.encode(key)).map_err(|error| cannot(&error))?;
            Ok(KeyRing::new(vec![key]))
        }
        Err(error) => Err(cannot(&error)),
    }
}

/// Both rings for a command on a database that is there: kept in the data directory beside an
/// embedded database, given for one that several processes share. None is made: a new one would
/// call everything that the right one wrote broken.
pub(super) fn rings(settings: &crate::settings::Settings) -> Result<api::Rings, Problems> {
    let ring = |given: &Option<KeyRing>, variable, file: &str| {
        let kept = settings.data.join(file);
        if given.is_some() || !super::store::is_embedded(settings) || !kept.exists() {
            required(given.as_ref(), variable)
        } else {
            given_or_kept(None, &settings.data, file)
        }
    };
    Ok(api::Rings {
        portal: ring(&settings.portal_key, "PORTUNUS_PORTAL_KEY", "portal.key")?,
        gateway: ring(&settings.gateway_key, "PORTUNUS_GATEWAY_KEY", "gateway.key")?,
    })
}

/// A ring that must be given; `variable` is named when it is not.
pub(super) fn required(given: Option<&KeyRing>, variable: &str) -> Result<KeyRing, Problems> {
    given.cloned().ok_or_else(|| {
        Problems(vec![format!("{variable} (or {variable}_FILE) is needed: 32 bytes in base64, the same for all processes (openssl rand -base64 32).")])
    })
}

/// Whole or not at all, as nobody could tell a part of a key from one that was damaged. The data
/// directory is this process's own, so that nobody else makes one at the same time.
fn write_once(path: &Path, text: &str) -> std::io::Result<()> {
    disk_file::replace(path, |file| writeln!(file, "{text}"))?;
    // What it seals must not outlive the name.
    match path.parent() {
        Some(directory) => std::fs::File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_also_behind_a_start_that_was_cut_short() {
        let data = tempfile::tempdir().unwrap();
        // As a full disk, or a loss of power, left it.
        std::fs::write(data.path().join("portal.key.new"), "AAAA").unwrap();
        let made = || given_or_kept(None, data.path(), "portal.key").unwrap();
        made();
        let path = data.path().join("portal.key");
        let text = std::fs::read_to_string(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(STANDARD.decode(text.trim()).unwrap().len(), 32);
        made();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1);
    }
}
