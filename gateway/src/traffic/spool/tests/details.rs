//! What is kept of requests, beside their records.

use super::*;

fn detail(number: u32, length: usize) -> Detail {
    let body = domain::traffic::detail::Body {
        text: Some("x".repeat(length)),
        ..Default::default()
    };
    let mut seen = domain::traffic::detail::Seen::default();
    seen.answer.body = Some(body);
    Detail::of(&record(number), seen)
}

#[test]
fn details_come_out_whole_beside_records() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    let details: Vec<Detail> = [0, 100, 59_000, 60_000, 200_000]
        .iter()
        .zip(0..)
        .map(|(length, number)| detail(number, *length))
        .collect();
    spool.append(&records(0..2));
    for one in &details {
        assert!(spool.append_detail(one));
    }
    spool.append(&records(2..3));
    let batches = drain(&mut spool);
    assert_eq!(all(&batches), records(0..3));
    let found = batches.iter().flat_map(|batch| batch.details.clone());
    assert_eq!(found.collect::<Vec<_>>(), details);
    // Nothing but details is a batch as well, and comes again under its id until it is stored.
    assert!(spool.append_detail(&details[1]));
    let batch = spool.next_batch().unwrap().unwrap();
    assert_eq!((batch.records.len(), batch.details.len()), (0, 1));
    drop(spool);
    let mut spool = open(directory.path());
    let again = drain(&mut spool);
    assert_eq!(again.last().unwrap().id, batch.id);
    for batch in &again {
        spool.stored(batch).unwrap();
    }
    drop(spool);
    assert_eq!(open(directory.path()).next_batch().unwrap(), None);
}

#[test]
fn long_details_end_a_batch_and_leave_room_for_records() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    for number in 0..10 {
        assert!(spool.append_detail(&detail(number, 1_000_000)));
    }
    let sizes: Vec<usize> = drain(&mut spool)
        .iter()
        .map(|batch| batch.details.len())
        .collect();
    assert_eq!(sizes, [5, 5]);
    // What was in the batch before counts no more, whoever ended that.
    let mut spool = open(&directory.path().join("again"));
    for _ in 0..3 {
        for number in 0..4 {
            assert!(spool.append_detail(&detail(number, 1_000_000)));
        }
        let batches = drain(&mut spool);
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].details.len(), 4);
    }
    assert!(
        !spool.append_detail(&detail(0, 3_000_000)),
        "longer than any may be"
    );
    let settings = SpoolSettings {
        max_bytes: 100_000,
        ..SpoolSettings::new(directory.path().join("small"))
    };
    let mut small = Spool::open(settings).unwrap();
    assert!(small.append_detail(&detail(0, 40_000)));
    assert!(!small.append_detail(&detail(1, 40_000)));
    assert_eq!(small.append(&records(0..100)).dropped, 0);
    assert_eq!(
        drain(&mut small)
            .iter()
            .map(|batch| batch.details.len())
            .sum::<usize>(),
        1
    );
}

#[test]
fn details_that_were_torn_are_lost_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut spool = open(directory.path());
    spool.append(&records(0..2));
    assert!(spool.append_detail(&detail(0, 150_000)));
    drop(spool);
    let path = directory.path().join(format!("{:016x}.seg", 1));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    let mut spool = open(directory.path());
    let batches = drain(&mut spool);
    assert_eq!(all(&batches), records(0..2));
    assert!(batches.iter().all(|batch| batch.details.is_empty()));
    assert_eq!(spool.figures().unreadable, 1);
}
