//! What a restart finds, wherever a crash, a failing disk or another binary came between.

use std::collections::BTreeMap;

use super::super::Journal;
use super::super::tests::used;
use super::*;

const NODE: NodeId = NodeId::from_uuid(uuid::Uuid::from_u128(1));

/// What a process that starts now has for the database, by subject.
fn found(data: &Path) -> BTreeMap<u128, u64> {
    let (_, state, since) = Disk::open(data, NODE);
    let journal = Journal::of(state, since, 10_000, 0);
    let mut found = BTreeMap::new();
    for row in journal.flushes.iter().flat_map(|flush| &flush.rows) {
        *found.entry(row.key.subject.as_u128()).or_default() += row.by;
    }
    found
}

/// A process with a journal in `data`.
struct Process {
    disk: Disk,
    journal: Journal,
}

impl Process {
    fn start(data: &Path) -> Self {
        let (disk, state, since) = Disk::open(data, NODE);
        let journal = Journal::of(state, since, 10_000, 0);
        let mut process = Self { disk, journal };
        process.save(&[]);
        process
    }

    fn begin(&mut self) -> Saving {
        let state = self.journal.changed().unwrap();
        let saving = self.disk.saving(state);
        saving.prepare().unwrap();
        saving
    }

    fn save(&mut self, added: &[Used]) {
        let saved = self.begin().put(0, &lines(added).unwrap()).unwrap();
        self.disk.saved(saved);
    }

    fn count(&mut self, subject: u128, by: u64) {
        let counted = [used(subject, by)];
        let mut log = self.disk.log.as_deref().unwrap();
        log.write_all(&lines(&counted).unwrap()).unwrap();
        self.journal.add(counted);
    }

    fn place(&self) -> &Path {
        &self.disk.since[self.disk.place]
    }
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Three were counted before the last state was written, and then one, one and two.
fn counted(data: &Path) -> Process {
    let mut process = Process::start(data);
    process.count(1, 3);
    process.save(&[]);
    process.count(1, 1);
    process.count(2, 1);
    process.count(1, 2);
    process
}

#[test]
fn each_count_is_found_once_wherever_a_crash_comes() {
    type Crash = fn(&mut Process);
    type Found = &'static [(u128, u64)];
    let cases: [(&str, Crash, Found); 13] = [
        ("at once", |_| {}, &[(1, 6), (2, 1)]),
        (
            "in the middle of a line",
            |process| edit(process.place(), |bytes| bytes.truncate(bytes.len() - 5)),
            &[(1, 4), (2, 1)],
        ),
        (
            "before the end of a line",
            |process| edit(process.place(), |bytes| bytes.truncate(bytes.len() - 1)),
            &[(1, 6), (2, 1)],
        ),
        (
            "in the middle of the head",
            |process| edit(process.place(), |bytes| bytes.truncate(9)),
            &[(1, 3)],
        ),
        (
            "before anything is written beside",
            |process| edit(process.place(), Vec::clear),
            &[(1, 3)],
        ),
        (
            "while a new state is written",
            |process| {
                process.begin();
                process.count(2, 1);
            },
            &[(1, 6), (2, 2)],
        ),
        (
            "before a new state is in its place",
            |process| {
                let saving = process.begin();
                process.count(2, 1);
                // Where nothing was prepared, nothing can be put.
                let path = saving.path.with_extension("elsewhere");
                let elsewhere = Saving { path, ..saving };
                let added = lines(&[used(2, 1)]).unwrap();
                elsewhere.put(0, &added).unwrap_err();
            },
            &[(1, 6), (2, 2)],
        ),
        (
            "when a new state is in its place",
            |process| {
                let saving = process.begin();
                process.count(2, 1);
                saving.put(0, &lines(&[used(2, 1)]).unwrap()).unwrap();
            },
            &[(1, 6), (2, 2)],
        ),
        (
            "after two more states",
            |process| {
                process.save(&[]);
                process.count(1, 1);
                process.save(&[]);
                process.count(1, 1);
            },
            &[(1, 8), (2, 1)],
        ),
        (
            // Whether the database has got further meanwhile, it says itself.
            "after a state that could not be written",
            |process| {
                drop(process.begin());
                process.disk.close();
            },
            &[(1, 6), (2, 1)],
        ),
        (
            "when a new state is begun and the place for what is added to it is not",
            |process| {
                process.begin();
                let next = &process.disk.since[1 - process.disk.place];
                edit(next, |bytes| bytes.truncate(5));
            },
            &[(1, 6), (2, 1)],
        ),
        (
            "in a page that the disk never got",
            |process| edit(process.place(), |bytes| bytes.extend([0_u8; 4096])),
            &[(1, 6), (2, 1)],
        ),
        (
            "after another start, which counted nothing",
            |process| {
                let data = process.disk.path.parent().unwrap();
                drop(Process::start(data));
            },
            &[(1, 6), (2, 1)],
        ),
    ];
    for (when, crash, expected) in cases {
        let data = tempfile::tempdir().unwrap();
        let mut process = counted(data.path());
        crash(&mut process);
        let expected: BTreeMap<u128, u64> = expected.iter().copied().collect();
        assert_eq!(found(data.path()), expected, "{when}");
        assert_eq!(found(data.path()), expected, "{when}, read again");
    }
}

/// A binary without numbers writes a state without one, and knows nothing of what lies beside.
#[test]
fn what_lies_beside_a_state_of_an_older_binary_counts_for_nothing() {
    let data = tempfile::tempdir().unwrap();
    counted(data.path());
    let state = r#"{"flushes":[],"rest":[{"attach":"00000000-0000-0000-0000-000000000009",
        "name":"quota","subject":"00000000-0000-0000-0000-000000000007",
        "period":0,"until":86400,"by":5}],"last":8}"#;
    std::fs::write(data.path().join(NAME), state).unwrap();
    let expected = BTreeMap::from([(7, 5)]);
    assert_eq!(found(data.path()), expected);

    // Nor beside the first states of the binary after that.
    let mut process = Process::start(data.path());
    for _ in 0..4 {
        assert_eq!(found(data.path()), expected);
        process.journal.failed();
        process.save(&[]);
    }
    process.count(7, 1);
    assert_eq!(found(data.path()), BTreeMap::from([(7, 6)]));
}

/// Somebody copied a data directory, without the file that says who the node is.
#[test]
fn what_another_node_left_is_not_sent() {
    let data = tempfile::tempdir().unwrap();
    counted(data.path());
    let other = NodeId::from_uuid(uuid::Uuid::from_u128(2));
    let (mut disk, state, since) = Disk::open(data.path(), other);
    assert!(since.is_empty());
    let mut journal = Journal::of(state, since, 10_000, 0);
    assert_eq!(journal.waiting(), 0);
    // It goes on from there, and what lay beside is not read as its own.
    let saving = disk.saving(journal.changed().unwrap());
    let begun = saving.prepare().unwrap();
    saving.put(begun, &[]).unwrap();
    let (_, state, since) = Disk::open(data.path(), other);
    assert_eq!((state.node, since.len()), (Some(other), 0));
}

#[test]
fn a_damaged_state_counts_as_none_and_files_are_their_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    let process = counted(data.path());
    for path in [process.disk.path.as_path(), process.place()] {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    edit(&process.disk.path, |bytes| bytes.truncate(10));
    assert_eq!(found(data.path()), BTreeMap::new());
    let mut process = Process::start(data.path());
    process.count(3, 1);
    assert_eq!(found(data.path()), BTreeMap::from([(3, 1)]));
}
