//! Configuration from a declarative file, without any database: read at the start, and again on
//! SIGHUP and when the file or a document that it names changes. A bad file keeps the state that
//! is served, and says so.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use domain::manifest;
use domain::problem::Invalid;
use domain::snapshot::Snapshot;
use sha2::{Digest, Sha256};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::{Change, Changes};
use crate::tls;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// A file as it was read: its snapshot, and what tells whether it has changed since.
#[derive(Debug, Clone)]
pub struct Read {
    pub snapshot: Snapshot,
    print: Print,
}

/// The files that made a state: when they were written and how long they are, and the digest of
/// everything in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Print {
    files: BTreeMap<PathBuf, Option<(SystemTime, u64)>>,
    digest: [u8; 32],
}

impl Read {
    /// Certificates that are not good at `now`, with their places. A gateway that runs takes such a
    /// file all the same and complains: what is good in it must not end with one of them.
    pub fn out_of_time(&self, now: DateTime<Utc>) -> Vec<Invalid> {
        tls::out_of_time(&self.snapshot.parts, now)
    }
}

impl Print {
    fn note(&mut self, path: &Path) {
        self.files.insert(path.to_owned(), stamp(path));
    }

    fn looks_changed(&self) -> bool {
        self.files.iter().any(|(path, known)| stamp(path) != *known)
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Reads, checks and resolves a file as state `number`. `variable` is the environment's lookup.
/// Every problem has its pointer, so that all can be put right at once. Blocks on the disk.
pub fn read(
    path: &Path,
    number: u64,
    variable: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<Read, Vec<Invalid>> {
    let (outcome, print) = apart(|| read_noting(path, number, variable));
    outcome.map(|snapshot| Read { snapshot, print })
}

/// Does it in a thread of its own, and copies what comes of it. What is read lies between what it was
/// read from, in pages that would be held by the one when the other is gone: twice of what a state
/// needs. The copy lies in pages of its own, and all of the thread's can go.
fn apart<T: Clone + Send>(work: impl FnOnce() -> T + Send) -> T {
    let made = std::thread::scope(|scope| scope.spawn(work).join());
    match made {
        Ok(made) => T::clone(&made),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Like [`read`]; also what a file that is wrong looked like, so that it is complained of once.
fn read_noting(
    path: &Path,
    number: u64,
    variable: &dyn Fn(&str) -> Option<String>,
) -> (Result<Snapshot, Vec<Invalid>>, Print) {
    let seen = RefCell::new((Print::default(), Sha256::new()));
    let open = |path: &Path| -> Result<Vec<u8>, String> {
        let mut seen = seen.borrow_mut();
        seen.0.note(path);
        let bytes = std::fs::read(path)
            .map_err(|error| format!("The file {} cannot be read: {error}.", path.display()))?;
        seen.1.update((bytes.len() as u64).to_le_bytes());
        seen.1.update(&bytes);
        Ok(bytes)
    };
    let directory = path.parent().unwrap_or(Path::new("."));
    let outcome = open(path)
        .map_err(|message| vec![Invalid::new("", message)])
        .and_then(|bytes| {
            let text = String::from_utf8(bytes)
                .map_err(|_| vec![Invalid::new("", "The file is not UTF-8.")])?;
            let manifest = manifest::read(&text, variable)?;
            let snapshot =
                manifest::resolve(&manifest, number, &|name| open(&directory.join(name)))?;
            let wrong = tls::check(&snapshot.parts);
            if wrong.is_empty() {
                Ok(snapshot)
            } else {
                Err(wrong)
            }
        });
    let (mut print, digest) = seen.into_inner();
    print.digest = digest.finalize().into();
    (outcome, print)
}

/// Sends what `first` read, then follows the file until the gateway's end of the channel is gone.
pub async fn follow(path: PathBuf, first: Read, changes: Changes) {
    let Read {
        snapshot,
        mut print,
    } = first;
    let mut number = snapshot.state;
    if changes
        .send(Change::Full(Box::new(snapshot)))
        .await
        .is_err()
    {
        return;
    }
    let mut hangup = signal(SignalKind::hangup()).ok();
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told = tokio::select! {
            _ = interval.tick() => false,
            () = hung_up(&mut hangup) => true,
            () = changes.closed() => return,
        };
        if !told && !print.looks_changed() {
            continue;
        }
        let (from, next) = (path.clone(), number + 1);
        let read = move || apart(|| read_noting(&from, next, &|name| std::env::var(name).ok()));
        let Ok((outcome, seen)) = tokio::task::spawn_blocking(read).await else {
            continue;
        };
        let same = seen.digest == print.digest;
        print = seen;
        match outcome {
            // Touched, but not changed.
            Ok(_) if same && !told => {}
            Ok(snapshot) => {
                number = snapshot.state;
                tracing::info!(file = %path.display(), state = number, "The configuration file was read again.");
                if changes
                    .send(Change::Full(Box::new(snapshot)))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Err(problems) => complain(&path, &problems),
        }
    }
}

async fn hung_up(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

fn complain(path: &Path, problems: &[Invalid]) {
    tracing::error!(file = %path.display(), problems = problems.len(), "The configuration file is wrong; the last state stays.");
    for problem in problems {
        tracing::error!(pointer = problem.pointer, "{}", problem.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_file_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.yaml");
        let document = directory.path().join("x.json");
        std::fs::write(
            &document,
            r#"{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{}}"#,
        )
        .unwrap();
        let text = "portunus: 1\nupstreams: {u: {targets: [{url: 'http://127.0.0.1:1'}]}}\napis: {x: {versions: {v1: {openapi: x.json, match: {path: /x}, upstream: u}}}}\n";
        std::fs::write(&path, text).unwrap();
        let first = read(&path, 1, &|_| None).unwrap();
        assert!(!first.print.looks_changed());
        std::fs::write(&document, "{}").unwrap();
        assert!(first.print.looks_changed());
        let problems = read(&path, 2, &|_| None).unwrap_err();
        assert_eq!(problems[0].pointer, "/apis/x/versions/v1/openapi");
        let pem = directory.path().join("a.pem");
        std::fs::write(&pem, include_str!("../../tests/it/tls/a.pem")).unwrap();
        std::fs::write(
            directory.path().join("a.key"),
            include_str!("../../tests/it/tls/a.key"),
        )
        .unwrap();
        let text = "portunus: 1\ncertificates: { a: { certificate: a.pem, key: a.key, hosts: [a.test] } }\n";
        std::fs::write(&path, text).unwrap();
        let read_again = |number| read(&path, number, &|_| None);
        let first = read_again(3).unwrap();
        std::fs::write(&pem, include_str!("../../tests/it/tls/b.pem")).unwrap();
        assert!(first.print.looks_changed(), "the certificate's file counts");
        let problems = read_again(4).unwrap_err();
        assert_eq!(problems[0].pointer, "/certificates/a/key");
        let none = read(&directory.path().join("none.yaml"), 1, &|_| None).unwrap_err();
        assert!(none[0].message.contains("cannot be read"));
    }
}
