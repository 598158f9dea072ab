//! Records as JSON lines: the traffic of a gateway that has no database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use domain::traffic::Record;

/// A file of records, one JSON object per line, 0600. When it has grown past its bound it becomes
/// `<name>.1`, in place of the one before, so that the two together never fill the disk.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    max_bytes: u64,
    open: Option<(BufWriter<File>, u64)>,
    line: Vec<u8>,
}

impl Lines {
    /// Nothing is opened before the first record.
    pub fn new(path: PathBuf, max_bytes: u64) -> Self {
        Self {
            path,
            max_bytes,
            open: None,
            line: Vec::new(),
        }
    }

    /// Appends the records and hands them to the kernel. On error some of them may be written; the
    /// file is opened anew next time.
    pub fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let result = self.try_append(records);
        if result.is_err() {
            self.open = None;
        }
        result
    }

    fn try_append(&mut self, records: &[Record]) -> io::Result<()> {
        for record in records {
            if self
                .open
                .as_ref()
                .is_some_and(|(_, bytes)| *bytes >= self.max_bytes)
            {
                self.turn()?;
            }
            self.line.clear();
            serde_json::to_writer(&mut self.line, record)?;
            self.line.push(b'\n');
            if self.open.is_none() {
                self.open = Some(self.reopen()?);
            }
            if let Some((file, bytes)) = self.open.as_mut() {
                file.write_all(&self.line)?;
                *bytes += self.line.len() as u64;
            }
        }
        match self.open.as_mut() {
            Some((file, _)) => file.flush(),
            None => Ok(()),
        }
    }

    fn reopen(&self) -> io::Result<(BufWriter<File>, u64)> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.open(&self.path)?;
        let bytes = file.metadata()?.len();
        Ok((BufWriter::with_capacity(256 * 1024, file), bytes))
    }

    fn turn(&mut self) -> io::Result<()> {
        if let Some((mut file, _)) = self.open.take() {
            file.flush()?;
        }
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    #[test]
    fn lines_are_records_and_two_files_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("traffic.jsonl");
        let names = record::Names::default();
        let record = record::Record::default().resolve(&names, "n");
        let mut lines = Lines::new(path.clone(), 2_000);
        for _ in 0..20 {
            lines.append(&[record.clone(), record.clone()]).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() < 3_500);
        for line in text.lines() {
            assert_eq!(serde_json::from_str::<Record>(line).unwrap(), record);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
