//! Segments that the disk does not give back.

use std::time::Duration;

use super::*;
use crate::traffic::spool::aside::is_ours;

#[test]
fn a_process_that_can_open_nothing_sets_nothing_aside() {
    for (code, ours) in [
        (libc::EMFILE, true),
        (libc::ENFILE, true),
        (libc::EACCES, true),
        (libc::EIO, false),
        (libc::EISDIR, false),
    ] {
        assert_eq!(is_ours(&io::Error::from_raw_os_error(code)), ours, "{code}");
    }
}

#[test]
fn a_segment_that_cannot_be_read_is_set_aside_after_a_while() {
    let directory = tempfile::tempdir().unwrap();
    for patience in [Duration::MAX, Duration::ZERO] {
        let settings = SpoolSettings {
            segment_bytes: 1_000,
            read_patience: patience,
            ..SpoolSettings::new(directory.path().join(format!("{patience:?}")))
        };
        let mut spool = Spool::open(settings.clone()).unwrap();
        for number in 0..20 {
            spool.append([&record(number)]);
        }
        let found = segments(&settings.directory).unwrap();
        assert!(found.len() > 2);
        // What is opened and then cannot be read: a directory stands in for a bad sector.
        let (bad, _) = found[1];
        let bad = path(&settings.directory, bad);
        fs::remove_file(&bad).unwrap();
        fs::create_dir(&bad).unwrap();
        let first = spool.next_batch().unwrap().unwrap();
        spool.stored(&first).unwrap();
        if patience == Duration::MAX {
            for _ in 0..3 {
                assert!(spool.next_batch().is_err());
            }
            assert_eq!(spool.figures().set_aside, 0);
            assert!(bad.exists());
            continue;
        }
        let batches = drain(&mut spool);
        assert_eq!(all(&batches).last(), Some(&record(19)));
        let figures = spool.figures();
        assert_eq!(figures.set_aside, 1);
        assert!(figures.lost_bytes > 0);
        for batch in &batches {
            spool.stored(batch).unwrap();
        }
        assert_eq!(spool.figures().waiting_bytes, 0);
        drop(spool);
        // It is there under its other name, and in nobody's way.
        let mut again = open(&settings.directory);
        assert_eq!(drain(&mut again), []);
        let aside = bad.with_extension("seg.unreadable");
        assert!(!bad.exists() && aside.exists());
    }
}
