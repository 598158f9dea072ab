//! Records as JSON lines: the traffic of a gateway that has no database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use domain::traffic::{Detail, Record};

use super::line::Line;

/// Bytes that are handed to the kernel at once: few enough to stay in a core's own cache beside what its
/// worker needs there, and dozens of lines.
const BUFFER: usize = 64 * 1024;

/// A file of records, one JSON object per line, and one of details of requests beside it.
#[derive(Debug)]
pub struct Lines {
    records: Log,
    details: Log,
    line: Line,
}

/// A file of lines, 0600. When it has grown past its bound it becomes `<name>.1`, in place of the one
/// before, so that the two together never fill the disk.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    max_bytes: u64,
    open: Option<(BufWriter<File>, u64)>,
    /// It was told that nothing can be written.
    is_told: bool,
}

impl Lines {
    /// Nothing is opened before the first record. Details go into a file with `-details` behind its
    /// stem, which is a quarter as long.
    pub fn new(path: PathBuf, max_bytes: u64) -> Self {
        let mut beside = path.file_stem().unwrap_or_default().to_owned();
        beside.push("-details");
        if let Some(extension) = path.extension() {
            beside.push(".");
            beside.push(extension);
        }
        let log = |path, max_bytes| Log {
            path,
            max_bytes,
            open: None,
            is_told: false,
        };
        Self {
            details: log(path.with_file_name(beside), max_bytes / 4),
            records: log(path, max_bytes),
            line: Line::default(),
        }
    }

    /// Appends the records; [`Lines::flush`] hands them to the kernel. On error some of them may be
    /// written; the file is opened anew next time.
    pub fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let Self {
            records: log, line, ..
        } = self;
        log.heal(|log| {
            for record in records {
                log.push(line.of(record)?)?;
            }
            Ok(())
        })
    }

    /// Hands everything that was appended to the kernel.
    pub fn flush(&mut self) -> io::Result<()> {
        self.records.heal(Log::flush)
    }

    /// The same for the details of one request.
    pub fn append_detail(&mut self, detail: &Detail) -> io::Result<()> {
        let mut line = serde_json::to_vec(detail)?;
        line.push(b'\n');
        self.details.heal(|log| {
            log.push(&line)?;
            log.flush()
        })
    }
}

impl Log {
    /// After an error the file is opened anew next time. It is told once until something is written:
    /// the next records come in a moment, and the disk is full for longer.
    fn heal(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let result = write(self);
        if let Err(error) = &result {
            self.open = None;
            if !std::mem::replace(&mut self.is_told, true) {
                let path = self.path.display();
                tracing::error!(%error, %path, "Lines of traffic cannot be written; what comes is dropped.");
            }
        }
        result
    }

    /// A line with its end.
    fn push(&mut self, line: &[u8]) -> io::Result<()> {
        if self
            .open
            .as_ref()
            .is_some_and(|(_, bytes)| *bytes >= self.max_bytes)
        {
            self.turn()?;
        }
        if self.open.is_none() {
            self.open = Some(self.reopen()?);
        }
        if let Some((file, bytes)) = self.open.as_mut() {
            file.write_all(line)?;
            *bytes += line.len() as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some((file, _)) = self.open.as_mut() {
            file.flush()?;
            self.is_told = false;
        }
        Ok(())
    }

    /// Half a line at the end, as a kill or a full disk leaves it, does not take the next one along.
    fn reopen(&self) -> io::Result<(BufWriter<File>, u64)> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.open(&self.path)?;
        let metadata = file.metadata()?;
        let mut bytes = metadata.len();
        let mut out = BufWriter::with_capacity(BUFFER, file);
        if metadata.is_file() && bytes > 0 {
            let mut last = [0];
            File::open(&self.path)?.read_exact_at(&mut last, bytes - 1)?;
            if last != *b"\n" {
                out.write_all(b"\n")?;
                bytes += 1;
            }
        }
        Ok((out, bytes))
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
        lines.flush().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.is_empty() && text.len() < 3_500);
        for line in text.lines() {
            assert_eq!(serde_json::from_str::<Record>(line).unwrap(), record);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told_of_once() {
        let directory = tempfile::tempdir().unwrap();
        let away = directory.path().join("away");
        let names = record::Names::default();
        let record = record::Record::default().resolve(&names, "n");
        let mut lines = Lines::new(away.join("traffic.jsonl"), 1_000_000);
        for _ in 0..2 {
            assert!(lines.append(std::slice::from_ref(&record)).is_err());
            // Nothing is open that could have been written.
            lines.flush().unwrap();
            assert!(lines.records.is_told);
        }
        fs::create_dir(&away).unwrap();
        lines.append(std::slice::from_ref(&record)).unwrap();
        lines.flush().unwrap();
        assert!(!lines.records.is_told);
    }

    #[test]
    fn half_a_line_takes_no_other_along() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("traffic.jsonl");
        let names = record::Names::default();
        let record = record::Record::default().resolve(&names, "n");
        let append = || {
            let mut lines = Lines::new(path.clone(), 1_000_000);
            lines.append(std::slice::from_ref(&record)).unwrap();
            lines.flush().unwrap();
        };
        append();
        let mut torn = fs::read(&path).unwrap();
        torn.truncate(torn.len() - 5);
        fs::write(&path, torn).unwrap();
        append();
        append();
        let text = fs::read_to_string(&path).unwrap();
        let read = |line| serde_json::from_str::<Record>(line).ok();
        let read: Vec<Option<Record>> = text.lines().map(read).collect();
        assert_eq!(read, [None, Some(record.clone()), Some(record.clone())]);
    }
}
