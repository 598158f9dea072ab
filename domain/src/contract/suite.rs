//! The official tests of JSON Schema 2020-12, where they are at hand: see `.ci/test`.

use std::path::Path;

use serde_json::Value;

use super::Contract;
use super::fits::Fitting;

/// What our documents do not have, by file of the suite: other documents by address, vocabularies,
/// and references whose meaning depends on the way that led to them.
const LEFT_OUT: [&str; 4] = ["defs", "dynamicRef", "refRemote", "vocabulary"];

#[test]
fn the_official_tests_of_json_schema_pass() {
    let Some(suite) = std::env::var_os("PORTUNUS_SCHEMA_SUITE") else {
        eprintln!("PORTUNUS_SCHEMA_SUITE is not set: the official tests were not run");
        return;
    };
    let folder = Path::new(&suite).join("tests/draft2020-12");
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
            let written = group["schema"].to_string();
            let is_foreign = written.contains("\"$id\"") || written.contains("$dynamicRef");
            if is_foreign || written.contains("https://json-schema.org/draft/2020-12/schema\"}") {
                continue;
            }
            for case in group["tests"].as_array().unwrap() {
                let valid = case["valid"].as_bool().unwrap();
                let found = fits(&group["schema"], &case["data"]);
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
    assert!(passed > 1100, "{passed}");
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
