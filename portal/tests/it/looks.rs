//! Copies of real pages to look at, and the rules that hold on each.

use std::{fs, path::PathBuf};

use crate::support::Answer;

/// Checks what must hold on every page, and keeps it, light and dark, in `<target dir>/tmp/pages`.
#[track_caller]
pub(crate) fn keep(name: &str, answer: &Answer) {
    let html = &answer.body;
    assert_eq!(
        html.matches("<h1").count(),
        1,
        "{name}: one heading of the page"
    );
    assert_eq!(html.matches("<main").count(), 1, "{name}: one main part");
    for bad in [" style=\"", " onclick=", "javascript:"] {
        assert!(!html.contains(bad), "{name}: {bad}");
    }
    let ids: Vec<_> = html
        .split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    for (index, id) in ids.iter().enumerate() {
        assert!(
            !ids[..index].contains(id),
            "{name}: two elements are called {id}"
        );
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("portunus.css"), frontend::STYLE).unwrap();
    let style = answer.between("rel=\"stylesheet\" href=\"", "\"");
    for theme in ["light", "dark"] {
        let copy = html.replace(&style, "portunus.css").replacen(
            "<html lang=\"en\"",
            &format!("<html lang=\"en\" data-theme=\"{theme}\""),
            1,
        );
        fs::write(folder.join(format!("{name}-{theme}.html")), copy).unwrap();
    }
}
