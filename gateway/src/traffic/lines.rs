//! Records as JSON lines: the traffic of a gateway that has no database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use domain::traffic::{Detail, Record};

use crate::text::Text;

/// A file of records, one JSON object per line, and one of details of requests beside it.
#[derive(Debug)]
pub struct Lines {
    records: Log,
    details: Log,
    line: Vec<u8>,
}

/// A file of lines, 0600. When it has grown past its bound it becomes `<name>.1`, in place of the one
/// before, so that the two together never fill the disk.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    max_bytes: u64,
    open: Option<(BufWriter<File>, u64)>,
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
        };
        Self {
            details: log(path.with_file_name(beside), max_bytes / 4),
            records: log(path, max_bytes),
            line: Vec::new(),
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
                line.clear();
                write_line(line, record)?;
                log.push(line)?;
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
        let Self {
            details: log, line, ..
        } = self;
        line.clear();
        serde_json::to_writer(&mut *line, detail)?;
        log.heal(|log| {
            log.push(line)?;
            log.flush()
        })
    }
}

impl Log {
    /// After an error the file is opened anew next time.
    fn heal(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let result = write(self);
        if result.is_err() {
            self.open = None;
        }
        result
    }

    /// Adds the line's end.
    fn push(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        if self
            .open
            .as_ref()
            .is_some_and(|(_, bytes)| *bytes >= self.max_bytes)
        {
            self.turn()?;
        }
        line.push(b'\n');
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

/// One object, as serde would write it: the names need no escaping, and most texts none either,
/// which at tens of thousands of lines a second is most of the work.
fn write_line(line: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    let Record {
        at,
        request_id,
        node,
        state,
        provider,
        consumer,
        api,
        version,
        revision,
        operation,
        application,
        credential,
        environment,
        subscription,
        plan,
        client,
        method,
        path,
        path_cut,
        status,
        code,
        decided_by,
        observed,
        observed_by,
        target,
        variant,
        tries,
        bytes_in,
        bytes_out,
        total_us,
        policies_us,
        connect_us,
        first_byte_us,
        units,
        cached,
    } = record;
    line.extend_from_slice(b"{\"at\":");
    serde_json::to_writer(&mut *line, at)?;
    let ids = [
        ("provider", provider.uuid()),
        ("consumer", consumer.uuid()),
        ("api", api.uuid()),
        ("version", version.uuid()),
        ("operation", operation.uuid()),
        ("application", application.uuid()),
        ("credential", credential.uuid()),
        ("subscription", subscription.uuid()),
        ("plan", plan.uuid()),
    ];
    for (name, id) in ids {
        member(line, name);
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        line.push(b'"');
        line.extend_from_slice(id.as_hyphenated().encode_lower(&mut buffer).as_bytes());
        line.push(b'"');
    }
    let texts = [
        ("request_id", request_id.as_str()),
        ("node", node),
        ("environment", environment.as_str()),
        ("client", client),
        ("method", method),
        ("path", path),
        ("code", code),
        ("decided_by", decided_by),
        ("target", target),
        ("variant", variant),
        ("observed_by", observed_by),
        ("cached", cached.as_str()),
    ];
    for (name, text) in texts {
        member(line, name);
        let plain = |byte: &u8| (b' '..0x7f).contains(byte) && !b"\"\\".contains(byte);
        if text.as_bytes().iter().all(plain) {
            line.push(b'"');
            line.extend_from_slice(text.as_bytes());
            line.push(b'"');
        } else {
            serde_json::to_writer(&mut *line, text)?;
        }
    }
    let numbers = [
        ("state", *state),
        ("revision", u64::from(*revision)),
        ("status", u64::from(*status)),
        ("observed", u64::from(*observed)),
        ("tries", u64::from(*tries)),
        ("bytes_in", *bytes_in),
        ("bytes_out", *bytes_out),
        ("total_us", u64::from(*total_us)),
        ("policies_us", u64::from(*policies_us)),
        ("connect_us", u64::from(*connect_us)),
        ("first_byte_us", u64::from(*first_byte_us)),
        ("units", u64::from(*units)),
    ];
    for (name, value) in numbers {
        member(line, name);
        let mut digits = Text::<20>::new();
        line.extend_from_slice(digits.number(value).as_bytes());
    }
    member(line, "path_cut");
    line.extend_from_slice(if *path_cut { b"true" } else { b"false" });
    line.push(b'}');
    Ok(())
}

fn member(line: &mut Vec<u8>, name: &str) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
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
    fn a_line_is_what_serde_would_write() {
        let names = record::Names::default();
        for path in ["/plain", "/\"quoted\\", "/é", "/\u{7f}\u{1}\n", ""] {
            let mut record = record::Record::default().resolve(&names, "node 1");
            record.path = path.to_owned();
            record.path_cut = path.is_empty();
            record.bytes_in = u64::MAX;
            record.at = "2026-11-21T06:07:08.123456Z".parse().unwrap();
            let mut line = Vec::new();
            write_line(&mut line, &record).unwrap();
            let ours: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(ours, serde_json::to_value(&record).unwrap());
        }
    }
}
