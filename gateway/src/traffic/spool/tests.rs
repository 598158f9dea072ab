//! What the spool promises across crashes, full disks and damaged files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::DateTime;
use domain::id::{ApiId, OrganizationId};
use domain::key::Environment;
use proptest::prelude::*;

use super::*;

mod aside;
mod details;

fn record(number: u32) -> Record {
    Record {
        at: DateTime::from_timestamp_micros(1_700_000_000_000_000 + i64::from(number)).unwrap(),
        request_id: format!("r{number}"),
        trace_id: String::new(),
        node: "node".into(),
        state: 7,
        provider: OrganizationId::from_name("organization", "p"),
        consumer: OrganizationId::NIL,
        api: ApiId::from_name("api", "a"),
        version: Default::default(),
        revision: 1,
        operation: Default::default(),
        application: Default::default(),
        credential: Default::default(),
        environment: Environment::Live,
        subscription: Default::default(),
        plan: Default::default(),
        client: "127.0.0.1".into(),
        method: "GET".into(),
        path: "/pets/1".into(),
        path_cut: false,
        status: 200,
        code: String::new(),
        decided_by: String::new(),
        observed: 0,
        observed_by: String::new(),
        target: "127.0.0.1:9000".into(),
        variant: String::new(),
        tries: 1,
        bytes_in: 0,
        bytes_out: 100,
        total_us: 900,
        policies_us: 10,
        connect_us: 0,
        first_byte_us: 800,
        units: 1,
        cached: Default::default(),
    }
}

fn records(numbers: std::ops::Range<u32>) -> Vec<Record> {
    numbers.map(record).collect()
}

fn open(directory: &Path) -> Spool {
    Spool::open(SpoolSettings::new(directory.to_owned())).unwrap()
}

fn drain(spool: &mut Spool) -> Vec<Batch> {
    std::iter::from_fn(|| spool.next_batch().unwrap()).collect()
}

fn all(batches: &[Batch]) -> Vec<Record> {
    batches
        .iter()
        .flat_map(|batch| batch.records.clone())
        .collect()
}

#[test]
fn what_goes_in_comes_out_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    assert_eq!(spool.next_batch().unwrap(), None);
    assert_eq!(
        spool.append(&records(0..10)),
        Appended {
            written: 10,
            dropped: 0
        }
    );
    let first = spool.next_batch().unwrap().unwrap();
    assert_eq!(first.records, records(0..10));
    assert_eq!(spool.next_batch().unwrap(), None);
    spool.append(&records(10..12));
    let second = spool.next_batch().unwrap().unwrap();
    assert_eq!(second.records, records(10..12));
    assert_ne!(first.id, second.id);
    spool.stored(&first).unwrap();
    spool.stored(&second).unwrap();
    assert_eq!(spool.figures().waiting_bytes, 0);
    drop(spool);
    assert_eq!(drain(&mut open(directory.path())), []);
}

#[test]
fn a_replay_cuts_the_same_batches_under_the_same_ids() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&records(0..5));
    let first = spool.next_batch().unwrap().unwrap();
    spool.append(&records(5..8));
    let second = spool.next_batch().unwrap().unwrap();
    spool.append(&records(8..9));
    spool.stored(&first).unwrap();
    // The process dies here: `second` may be stored or not, the last record was never given out.
    drop(spool);
    let mut spool = open(directory.path());
    spool.append(&records(9..10));
    let again = drain(&mut spool);
    assert_eq!(again[0].id, second.id);
    assert_eq!(again[0].records, second.records);
    assert_eq!(all(&again), records(5..10));
}

#[test]
fn a_batch_that_grows_is_left_until_it_ends() {
    fn ended(spool: &mut Spool) -> Vec<Batch> {
        std::iter::from_fn(|| spool.next_ended().unwrap()).collect()
    }
    let directory = tempfile::tempdir().unwrap();
    let settings = SpoolSettings {
        batch_records: 4,
        ..SpoolSettings::new(directory.path().to_owned())
    };
    let mut spool = Spool::open(settings).unwrap();
    assert!(!spool.end_batch());
    spool.append(&records(0..3));
    assert_eq!(ended(&mut spool), []);
    spool.append(&records(3..9));
    let mut given = ended(&mut spool);
    assert_eq!(all(&given), records(0..8));
    assert!(spool.end_batch());
    assert!(!spool.end_batch());
    given.extend(ended(&mut spool));
    assert_eq!(all(&given), records(0..9));
    spool.append(&records(9..11));
    assert_eq!(ended(&mut spool), []);
    // The process dies here: what was given out comes again as it was, and what grew behind it.
    drop(spool);
    let mut again = drain(&mut open(directory.path()));
    assert_eq!(all(&again.split_off(3)), records(9..11));
    assert_eq!(again, given);
}

#[test]
fn a_torn_tail_is_cut_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&records(0..3));
    drop(spool);
    let whole = fs::read(path(directory.path(), 1)).unwrap();
    let frame = (whole.len() - HEAD as usize) / 3;
    for length in 0..=whole.len() {
        let torn = tempfile::tempdir().unwrap();
        fs::write(path(torn.path(), 1), &whole[..length]).unwrap();
        let mut spool = open(torn.path());
        spool.append(&records(3..5));
        let kept = length.saturating_sub(HEAD as usize) / frame;
        let expected = records(0..kept as u32).into_iter().chain(records(3..5));
        assert_eq!(
            all(&drain(&mut spool)),
            expected.collect::<Vec<_>>(),
            "{length}"
        );
    }
}

#[test]
fn a_full_spool_drops_the_newest_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let settings = SpoolSettings {
        max_bytes: 20_000,
        segment_bytes: 4_000,
        batch_records: 7,
        ..SpoolSettings::new(directory.path().to_owned())
    };
    let mut spool = Spool::open(settings).unwrap();
    let mut kept = 0;
    let mut dropped = 0;
    for number in 0..400 {
        let done = spool.append([&record(number)]);
        assert_eq!(done.written + done.dropped, 1);
        assert!(
            done.written == 0 || dropped == 0,
            "a record was kept after a dropped one"
        );
        kept += done.written as u32;
        dropped += done.dropped;
    }
    assert!(kept > 50 && dropped > 50, "{kept} {dropped}");
    assert!(spool.figures().bytes <= 20_000 + 200);
    let batches = drain(&mut spool);
    assert!(batches.iter().all(|batch| batch.records.len() <= 7));
    assert_eq!(all(&batches), records(0..kept));
    for batch in &batches {
        spool.stored(batch).unwrap();
    }
    assert_eq!(spool.append(&records(0..20)).written, 20);
    assert!(segments(directory.path()).unwrap().len() <= 2);
}

#[test]
fn what_a_full_disk_left_is_not_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    for left in [&b""[..], b"PTNSPOOL"] {
        let mut spool = open(directory.path());
        // The disk took a name and a few bytes at most, and later has room again.
        let next = path(directory.path(), spool.active_number + 1);
        fs::write(next, left).unwrap();
        assert_eq!(spool.append(&records(0..2)).written, 2);
        let batches = drain(&mut spool);
        assert_eq!(all(&batches), records(0..2));
        for batch in &batches {
            spool.stored(batch).unwrap();
        }
    }
}

#[test]
fn what_a_disk_refuses_is_dropped_and_the_next_is_tried() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("spool");
    let mut spool = open(&inner);
    fs::remove_dir_all(&inner).unwrap();
    for _ in 0..2 {
        assert_eq!(spool.append(&records(0..3)).dropped, 3);
        assert!(spool.is_refused, "told once until it is well");
    }
    fs::create_dir(&inner).unwrap();
    assert_eq!(spool.append(&records(0..3)).written, 3);
    assert!(!spool.is_refused);
    assert_eq!(all(&drain(&mut spool)), records(0..3));
}

#[test]
fn a_segment_that_somebody_took_away_holds_nothing_up() {
    let directory = tempfile::tempdir().unwrap();
    let settings = SpoolSettings {
        segment_bytes: 1_000,
        ..SpoolSettings::new(directory.path().to_owned())
    };
    let mut spool = Spool::open(settings).unwrap();
    for number in 0..20 {
        spool.append([&record(number)]);
    }
    let (first, length) = segments(directory.path()).unwrap()[0];
    fs::remove_file(path(directory.path(), first)).unwrap();
    let batches = drain(&mut spool);
    let read = all(&batches);
    assert!(read.len() < 20);
    assert_eq!(read.last(), Some(&record(19)));
    assert_eq!(spool.figures().lost_bytes, length);
    for batch in &batches {
        spool.stored(batch).unwrap();
    }
    assert_eq!(spool.figures().waiting_bytes, 0);
}

#[test]
fn a_damaged_frame_costs_its_segment_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&records(0..10));
    drop(spool);
    let mut spool = open(directory.path());
    spool.append(&records(10..20));
    drop(spool);
    let first = path(directory.path(), 1);
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&first, bytes).unwrap();
    let mut spool = open(directory.path());
    let read = all(&drain(&mut spool));
    let lost = 20 - read.len() as u32;
    assert!((4..=6).contains(&lost), "{lost}");
    assert_eq!(read[(10 - lost) as usize..], records(10..20));
    assert!(spool.figures().lost_bytes > 0);
}

#[test]
fn a_damaged_cursor_replays_everything_under_the_old_ids() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&records(0..4));
    let batch = spool.next_batch().unwrap().unwrap();
    spool.stored(&batch).unwrap();
    drop(spool);
    fs::write(directory.path().join("cursor"), b"not a cursor").unwrap();
    let again = drain(&mut open(directory.path()));
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].id, &again[0].records), (batch.id, &batch.records));
}

#[test]
fn one_process_at_a_time_and_nobody_else_reads() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("spool");
    let mut spool = open(&inner);
    spool.append(&records(0..1));
    let second = Spool::open(SpoolSettings::new(inner.clone()));
    assert!(matches!(second, Err(SpoolError::Busy(_))));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&path(&inner, 1)), 0o600);
}

#[test]
fn two_processes_that_still_end_leave_a_place_for_a_third() {
    let directory = tempfile::tempdir().unwrap();
    let settings = SpoolSettings::new(directory.path().join("spool"));
    let name = |settings: &SpoolSettings| {
        let name = settings.directory.file_name().unwrap();
        name.to_str().unwrap().to_owned()
    };
    let mut held = Vec::new();
    for (own, others) in [
        ("spool", ["spool-2", "spool-3"]),
        ("spool-2", ["spool", "spool-3"]),
        ("spool-3", ["spool", "spool-2"]),
    ] {
        let (spool, beside) = settings.open_free().unwrap();
        assert_eq!(name(&spool.settings), own);
        assert_eq!(beside.iter().map(name).collect::<Vec<_>>(), others);
        held.push(spool);
    }
    let busy = settings.open_free().map(|(spool, _)| spool);
    assert!(matches!(busy, Err(SpoolError::Busy(_))));
    drop(held.remove(1));
    let (spool, _) = settings.open_free().unwrap();
    assert_eq!(name(&spool.settings), "spool-2");
}

#[test]
fn the_fuzzers_corpus_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/spool");
    let mut seen = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let entry = entry.unwrap();
        let read = read_segment(&fs::read(entry.path()).unwrap()).len();
        if let Some(expected) = entry.file_name().to_str().unwrap().split('-').next_back()
            && let Ok(expected) = expected.parse::<usize>()
        {
            assert_eq!(read, expected, "{:?}", entry.path());
        }
        seen += 1;
    }
    assert!(seen >= 22, "{seen}");
}

proptest! {
    #[test]
    fn any_file_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), headed in any::<bool>()) {
        let directory = tempfile::tempdir().unwrap();
        let mut content = Vec::new();
        if headed {
            let head = directory.path().join("head");
            Active::create(&head, [3; 16]).unwrap();
            content = fs::read(head).unwrap();
        }
        content.extend(bytes);
        read_segment(&content);
        fs::write(path(directory.path(), 9), &content).unwrap();
        let mut spool = open(directory.path());
        spool.append(&records(0..1));
        let read = all(&drain(&mut spool));
        prop_assert_eq!(read.last(), Some(&record(0)));
    }
}
