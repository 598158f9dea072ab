//! Replays the corpora of the fuzz targets `head`, `chunk` and `manifest` (gateway/fuzz): the same
//! invariants, and of each seed whether it is taken (`…-good`) or refused (`…-bad`).

use std::path::Path;

use domain::manifest;

/// Calls `taken` with each seed; it says whether the seed was taken.
fn replay(target: &str, least: usize, taken: impl Fn(&[u8]) -> bool) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus.join(target)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = taken(&std::fs::read(&path).unwrap());
        if name.ends_with("-good") || name.ends_with("-bad") {
            assert_eq!(found, name.ends_with("-good"), "{target}/{name}");
        }
        seen += 1;
    }
    assert!(seen >= least, "{seen} seeds of {target}");
}

#[test]
fn heads_are_refused_or_read_alike_again() {
    replay("head", 45, gateway::fuzzing::head);
}

#[test]
fn bodies_in_chunks_are_refused_or_read_alike_wherever_they_are_cut() {
    replay("chunk", 25, |bytes| {
        gateway::fuzzing::chunks(bytes).is_some()
    });
}

#[test]
fn files_are_refused_or_a_whole_configuration() {
    replay("manifest", 15, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        manifest::read(text, &|_| None)
            .is_ok_and(|read| manifest::resolve(&read, 1, &|name| Err(name.to_owned())).is_ok())
    });
}
