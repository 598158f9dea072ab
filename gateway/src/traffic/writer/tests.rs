//! What is lost is counted, once.

use super::*;

fn work(workers: usize, path: &str) -> Work {
    Work {
        rings: Arc::new(Rings::new(workers, Arc::default())),
        node: "n".into(),
        out: Out::Lines(Box::new(Lines::new(path.into(), u64::MAX))),
        figures: Arc::default(),
        stop: Arc::default(),
        drained: Vec::new(),
    }
}

#[test]
fn lines_that_cannot_be_written_are_counted_once() {
    let directory = tempfile::tempdir().unwrap();
    let away = directory.path().join("away/traffic.jsonl");
    // Nothing can be opened; what is opened takes nothing, as on a disk that is full.
    for path in [away.to_str().unwrap(), "/dev/full"] {
        // The last are more than is held back before it is written.
        for records in [1, 40, 1_000, 4_096] {
            let mut work = work(2, path);
            for number in 0..records {
                work.rings.sink(number % 2).push(Box::default());
            }
            assert_eq!(work.drain(), records);
            let dropped = work.figures.spool_dropped.load(Ordering::Relaxed);
            assert_eq!(dropped, records as u64, "{path}");
            assert_eq!(work.drain(), 0);
            let dropped = work.figures.spool_dropped.load(Ordering::Relaxed);
            assert_eq!(dropped, records as u64, "nothing comes twice");
        }
    }
    let path = directory.path().join("traffic.jsonl");
    let mut work = work(1, path.to_str().unwrap());
    for _ in 0..40 {
        work.rings.sink(0).push(Box::default());
    }
    assert_eq!(work.drain(), 40);
    assert_eq!(work.figures.spool_dropped.load(Ordering::Relaxed), 0);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 40);
}
