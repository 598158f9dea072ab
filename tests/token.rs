//! `portunus token`: what it refuses, as a person at the console reads it.

// A test fails by panicking.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

/// Both rings: a command on a database that is there makes none.
const KEY: &str = "dGVzdC10ZXN0LXRlc3QtdGVzdC10ZXN0LXRlc3QtdGU=";

fn portunus(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portunus"))
        .args(arguments)
        .arg("--data")
        .arg(data)
        .env_clear()
        .env("PORTUNUS_PORTAL_KEY", KEY)
        .env("PORTUNUS_GATEWAY_KEY", KEY)
        .current_dir(data)
        .output()
        .unwrap()
}

#[test]
fn what_is_wrong_is_a_sentence_about_its_flag_and_ends_with_64() {
    let data = tempfile::tempdir().unwrap();
    let migrated = portunus(data.path(), &["migrate"]);
    assert!(migrated.status.success(), "{migrated:?}");
    let refused = portunus(
        data.path(),
        &[
            "token",
            "--user",
            "nobody@x.example",
            "--scope",
            "apis:read",
            "--scope",
            "apis:red",
            "--expires",
            "367d",
        ],
    );
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    assert!(refused.stdout.is_empty());
    let said = String::from_utf8(refused.stderr).unwrap();
    let sentences: Vec<&str> = said.lines().collect();
    assert_eq!(
        sentences,
        [
            "--user nobody@x.example: No account has this address.",
            "--scope apis:red: Write <resource>:read or <resource>:write.",
            "--expires 367d: A token is good for at most 366 days.",
        ]
    );
}
