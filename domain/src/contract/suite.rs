//! The official tests of JSON Schema 2020-12, where they are at hand: see `.ci/test`.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Contract;
use super::fits::Fitting;

/// What is not looked at, by file of the suite: vocabularies, and the schema of schemas, which stands
/// at an address of its own.
const LEFT_OUT: [&str; 2] = ["defs", "vocabulary"];
const SCHEMA_OF_SCHEMAS: &str = "https://json-schema.org/draft/2020-12/schema";

/// Where the suite has its other documents.
const REMOTE: &str = "http://localhost:1234/";

#[test]
fn the_official_tests_of_json_schema_pass() {
    let Some(suite) = std::env::var_os("PORTUNUS_SCHEMA_SUITE") else {
        eprintln!("PORTUNUS_SCHEMA_SUITE is not set: the official tests were not run");
        return;
    };
    let folder = Path::new(&suite).join("tests/draft2020-12");
    let others = others(&Path::new(&suite).join("remotes"));
    let (mut passed, mut failed) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() || LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let groups: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for group in groups.as_array().unwrap() {
            let about = group["description"].as_str().unwrap();
            let mut schema = group["schema"].clone();
            if let Some(members) = schema.as_object_mut() {
                members.remove("$schema");
            }
            let written = schema.to_string();
            if written.contains(SCHEMA_OF_SCHEMAS) {
                continue;
            }
            // Nothing is fetched: other documents are parts of this one, each with its `$id`
            // (JSON Schema 2020-12 §9.3.1).
            if written.contains(REMOTE) {
                let own = schema["$defs"].take();
                let mut all = others.clone();
                all.extend(own.as_object().cloned().unwrap_or_default());
                schema["$defs"] = Value::Object(all);
            }
            for case in group["tests"].as_array().unwrap() {
                let valid = case["valid"].as_bool().unwrap();
                let found = fits(&schema, &case["data"]);
                if found == Ok(valid) {
                    passed += 1;
                } else {
                    let about = format!("{name}: {about}: {}: {found:?}", case["description"]);
                    failed.push(about);
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} failed: {failed:#?}", failed.len());
    eprintln!("official tests of JSON Schema: {passed} passed");
    assert!(passed > 1200, "{passed}");
}

/// The other documents of the suite.
fn others(remotes: &Path) -> Map<String, Value> {
    let mut all = Map::new();
    let mut folders = vec![
        (REMOTE.to_owned(), remotes.to_owned()),
        (
            format!("{REMOTE}draft2020-12/"),
            remotes.join("draft2020-12"),
        ),
    ];
    while let Some((address, folder)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                // Beside this draft lie the others.
                if folder != remotes {
                    folders.push((format!("{address}{name}/"), path));
                }
                continue;
            }
            let uri = format!("{address}{name}");
            let mut document: Value =
                serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            match document["$id"].as_str().map(str::to_owned) {
                None => document["$id"] = json!(uri),
                Some(own) if own == uri => {}
                Some(own) => {
                    all.insert(format!("{uri} as such"), json!({"$id": uri, "$ref": own}));
                }
            }
            all.insert(uri, document);
        }
    }
    all
}

pub(super) fn fits(schema: &Value, value: &Value) -> Result<bool, String> {
    let mut build = super::build::Build::new(schema, false);
    let index = build.schema(crate::openapi::At::base(""), schema);
    let found = build.settle();
    if !found.is_empty() {
        return Err(format!("{found:?}"));
    }
    let schemas = build.finish();
    let value = super::value::Value::from(value.clone());
    let mut fitting = Fitting::new(&schemas, 1_000_000, false);
    fitting.check(index, &value);
    Ok(fitting.found.is_empty())
}

/// Our own documents are read as they are.
#[test]
fn the_bookshop_can_be_checked() {
    let contract = Contract::read(crate::openapi::BOOKSHOP.as_bytes()).unwrap();
    assert!(contract.operations().len() > 3);
}
