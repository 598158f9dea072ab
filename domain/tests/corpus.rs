//! Replays the corpus of the fuzz target `path` (gateway/fuzz): the same invariants, and of each
//! seed whether it is taken (`…-good`) or refused (`…-bad`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use domain::path::canonical;

/// Calls `taken` with each seed; it says whether the seed was taken.
fn replay(target: &str, least: usize, taken: impl Fn(&str) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../gateway/fuzz/corpus")
        .join(target);
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = taken(&text);
        if name.ends_with("-good") || name.ends_with("-bad") {
            assert_eq!(found, name.ends_with("-good"), "{target}/{name}");
        }
        seen += 1;
    }
    assert!(seen >= least, "{seen} seeds of {target}");
}

#[test]
fn paths_are_refused_or_stable() {
    replay("path", 40, |text| {
        let Ok(form) = canonical(text) else {
            return false;
        };
        assert!(form.starts_with('/') && !form.contains("//"), "{text}");
        assert!(
            form.split('/').all(|part| part != "." && part != ".."),
            "{text}"
        );
        assert_eq!(canonical(&form).as_deref(), Ok(&*form));
        true
    });
}
