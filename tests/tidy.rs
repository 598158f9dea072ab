//! House rules as code: who may import whom, file sizes, file heads, banned names.

// A test fails by panicking, and its support is shared by name.
#![allow(clippy::unwrap_used, unreachable_pub)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Crate → ours that it may depend on (design.md §2): in the product, and only in its tests.
const IMPORTS: &[(&str, &[&str], &[&str])] = &[
    ("domain", &[], &[]),
    ("entity", &["domain"], &["migration"]),
    ("migration", &[], &[]),
    ("api", &["domain", "entity"], &["migration"]),
    ("gateway", &["domain", "entity"], &["migration"]),
    ("frontend", &["domain", "api"], &[]),
    (
        "portal",
        &["frontend", "api", "domain"],
        &["migration", "entity"],
    ),
    ("e2e", &["domain"], &["migration", "portunus"]),
    ("xtask", &[], &[]),
    (
        "portunus",
        &["api", "domain", "entity", "gateway", "migration", "portal"],
        &[],
    ),
];

/// Third-party crates that a crate must never see.
const NEVER: &[(&str, &[&str])] = &[
    ("domain", &["tokio", "axum", "hyper", "sea-orm", "leptos"]),
    ("entity", &["axum"]),
    ("api", &["leptos"]),
    ("gateway", &["axum", "leptos"]),
    ("frontend", &["sea-orm"]),
];

/// Files that may be longer than 400 lines, each with its reason.
const LONG: &[(&str, &str)] = &[];

const MOST_LINES: usize = 400;

/// Names that say nothing about what a file is for.
const BANNED: &[&str] = &[
    "mod.rs",
    "utils.rs",
    "util.rs",
    "helpers.rs",
    "helper.rs",
    "common.rs",
    "types.rs",
    "misc.rs",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(folder: &Path) -> toml::Table {
    std::fs::read_to_string(folder.join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap()
}

fn names(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table
        .into_iter()
        .flat_map(|table| table.keys().cloned())
        .collect()
}

fn folder_of(name: &str) -> PathBuf {
    if name == "portunus" {
        root()
    } else {
        root().join(name)
    }
}

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                out.push(path);
            }
        }
    }
    let mut out = Vec::new();
    for (name, _, _) in IMPORTS {
        for part in ["src", "tests"] {
            let folder = folder_of(name).join(part);
            if folder.is_dir() {
                walk(&folder, &mut out);
            }
        }
    }
    assert!(out.len() > 50, "the walk found the sources");
    out
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

#[test]
fn every_crate_is_in_the_import_table() {
    let workspace = manifest(&root());
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let listed: BTreeSet<&str> = IMPORTS
        .iter()
        .map(|(name, _, _)| *name)
        .filter(|name| *name != "portunus")
        .collect();
    let members: BTreeSet<&str> = members
        .iter()
        .map(|member| member.as_str().unwrap())
        .collect();
    assert_eq!(listed, members);
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let ours: BTreeSet<&str> = IMPORTS.iter().map(|(name, _, _)| *name).collect();
    let mut wrong = Vec::new();
    for (name, product, tests) in IMPORTS {
        let manifest = manifest(&folder_of(name));
        let allowed_in_tests: Vec<&str> = product.iter().chain(*tests).copied().collect();
        for (section, allowed) in [
            ("dependencies", product.to_vec()),
            ("dev-dependencies", allowed_in_tests),
        ] {
            for found in names(&manifest, section) {
                if ours.contains(found.as_str()) && !allowed.contains(&found.as_str()) {
                    wrong.push(format!("{name} must not import {found} ({section})"));
                }
            }
        }
    }
    for (name, never) in NEVER {
        for found in names(&manifest(&folder_of(name)), "dependencies") {
            if never
                .iter()
                .any(|banned| found == *banned || found.starts_with(&format!("{banned}-")))
            {
                wrong.push(format!("{name} must never see {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_gateway_meets_the_database_in_two_rooms_only() {
    let mut wrong = Vec::new();
    for path in sources() {
        let name = shown(&path);
        let inside = name == "gateway/src/source/database.rs"
            || name.starts_with("gateway/src/source/database/")
            || name.starts_with("gateway/src/store")
            || !name.starts_with("gateway/src/");
        let text = std::fs::read_to_string(&path).unwrap();
        // Not the end of another name.
        let is_crate = |(at, _)| !text[..at].ends_with(char::is_alphanumeric);
        let names_entity = text.match_indices("entity::").any(is_crate);
        if !inside && (names_entity || text.contains("sea_orm")) {
            wrong.push(name);
        }
    }
    assert!(
        wrong.is_empty(),
        "entity is imported by {}",
        wrong.join(", ")
    );
}

#[test]
fn the_service_knows_no_http_and_the_doors_know_no_sql() {
    let mut wrong = Vec::new();
    for path in sources() {
        let name = shown(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        if name.starts_with("api/src/service") && text.contains("axum::") {
            wrong.push(format!("{name} knows axum"));
        }
        if name.starts_with("api/src/http") && text.contains("sea_orm") {
            wrong.push(format!("{name} knows sea-orm"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|path| {
            !std::fs::read_to_string(path)
                .unwrap()
                .trim_start()
                .starts_with("//!")
        })
        .map(|path| shown(path))
        .collect();
    assert!(
        silent.is_empty(),
        "no //! at the head of {}",
        silent.join(", ")
    );
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for path in sources() {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let excused = LONG.iter().any(|(name, _)| *name == shown(&path));
        if lines > MOST_LINES && !excused && !shown(&path).contains("/tests/") {
            wrong.push(format!("{} has {lines} lines", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_have_names_of_the_domain() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|path| BANNED.contains(&path.file_name().unwrap().to_str().unwrap()))
        .map(|path| shown(path))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join(", "));
}
