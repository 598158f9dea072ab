//! Files in the data directory: replaced as a whole by rename, readable by their owner alone.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes a new file beside `path` (mode 0600) and renames it over, so that whoever reads sees
/// the old or the new one whole, also after a crash.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    prepare(path, write)?;
    put(path)
}

/// The first half of [`replace`], which takes as long as the disk does: whole, and on the disk. The
/// file is given back for what is to be added to it.
pub fn prepare(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<File> {
    let beside = beside(path);
    // A left-over of a crash may have other rights; a new file has those asked for.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let written = write(&mut file).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // A disk that is full is not kept full by what is of no use.
        let _ = std::fs::remove_file(&beside);
        return Err(error);
    }
    Ok(file)
}

/// The second half: what was prepared is in its place, and stays there though the power fails. Where
/// this fails, it may be there nevertheless.
pub fn put(path: &Path) -> io::Result<()> {
    std::fs::rename(beside(path), path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let synced = File::open(folder.unwrap_or(Path::new(".")))?.sync_all();
    synced.or_else(|error| match error.kind() {
        // Some file systems know of no such thing.
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_the_former_one_or_the_new_one_and_nothing_is_left_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (text, is_full) in [("one", false), ("two", true), ("three", false)] {
            let before = std::fs::read_to_string(&path).ok();
            let replaced = replace(&path, |file| {
                file.write_all(text.as_bytes())?;
                match is_full {
                    true => Err(io::ErrorKind::StorageFull.into()),
                    false => Ok(()),
                }
            });
            assert_eq!(replaced.is_err(), is_full);
            let expected = match is_full {
                true => before,
                false => Some(text.to_owned()),
            };
            assert_eq!(std::fs::read_to_string(&path).ok(), expected);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        // What a crash has left is no hindrance.
        std::fs::write(beside(&path), "half").unwrap();
        replace(&path, |file| file.write_all(b"four")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "four");
    }
}
