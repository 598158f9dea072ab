//! `portunus explain --config`: a file and a request, without any server, as a person reads it.

// A test fails by panicking.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

const FILE: &str = r#"
portunus: 1
upstreams:
  echo: { targets: [{ url: "http://127.0.0.1:9000/base" }], credential: { bearer: { token: t0psecret } } }
apis:
  shop:
    versions:
      v1: { match: { path: /shop }, upstream: echo, policies: [{ key_auth: { optional: true } }, { rate_limit: { name: minute, limit: 5, window: 60s } }] }
      v2: { match: { path: /shop/v2 }, upstream: echo, policies: [{ key_auth: {} }] }
"#;

fn explain(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portunus"))
        .arg("explain")
        .args(arguments)
        .env_clear()
        .current_dir(folder)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_file_and_a_request() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.yaml"), FILE).unwrap();
    let ask = |more: &[&str]| {
        let all: Vec<&str> = ["--config", "gateway.yaml"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        explain(folder.path(), &all)
    };
    let text = said(&ask(&["GET /shop/%61?x=1", "-H", "Host: A.example:80"]));
    for line in [
        "request    GET /shop/%61",
        "path       /shop/a",
        "host       a.example",
        "route      shop/v1 at */shop (revision 1)",
        "operation  other",
        "upstream   echo",
        "           http://127.0.0.1:9000/base/a weight 1",
        "verdict    forwarded",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
    }
    assert!(text.contains("rate_limit/minute"), "{text}");
    assert!(
        text.contains("authorization") && !text.contains("t0psecret"),
        "{text}"
    );

    let text = said(&ask(&["/shop/v2", "-H", "X-Api-Key: ptn_live_nonsense"]));
    assert!(
        text.contains("401 key_invalid by key_auth/key_auth"),
        "{text}"
    );
    assert!(text.contains("not shop/v1 at */shop"), "{text}");
    assert!(!text.contains("nonsense"), "{text}");

    let json = said(&ask(&["--json", "POST /nowhere"]));
    let answer: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["now"]["verdict"]["code"], "no_route");
    assert!(!folder.path().join("data").exists(), "nothing is written");
}

#[test]
fn what_is_wrong_is_said_and_ends_with_64() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.yaml"), FILE).unwrap();
    for (arguments, sentence) in [
        (&["--config", "none.yaml", "/x"][..], "none.yaml"),
        (&["--config", "gateway.yaml", "GET /x y"], "GET /path"),
        (
            &["--config", "gateway.yaml", "/x", "-H", "secret"],
            "-H number 1",
        ),
        (&["--from", "http://127.0.0.1:9", "/x"], "PORTUNUS_TOKEN"),
        (
            &[
                "--from",
                "http://127.0.0.1:9",
                "--config",
                "gateway.yaml",
                "/x",
            ],
            "cannot be used with",
        ),
        (&["--request-id", "r"], "--from"),
    ] {
        let output = explain(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?} {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains(sentence) && !told.contains("secret"),
            "{arguments:?}: {told}"
        );
    }
}

#[test]
fn a_reader_that_went_away_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.yaml"), FILE).unwrap();
    for arguments in [
        &["explain", "--config", "gateway.yaml", "GET /shop/a"][..],
        &[
            "explain",
            "--config",
            "gateway.yaml",
            "--json",
            "GET /shop/a",
        ],
        &["check", "gateway.yaml"],
        &["config"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_portunus"))
            .args(arguments)
            .env_clear()
            .current_dir(folder.path())
            .stdout(writer)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*complaint),
            (Some(141), ""),
            "{arguments:?}"
        );
    }
}

/// A gateway that runs takes such a file all the same; who asks beforehand is told.
#[test]
fn a_check_names_certificates_that_have_ended() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("good.pem", include_str!("../gateway/tests/it/tls/b.pem")),
        ("good.key", include_str!("../gateway/tests/it/tls/b.key")),
        ("old.pem", include_str!("../gateway/tests/it/tls/ended.pem")),
        ("old.key", include_str!("../gateway/tests/it/tls/ended.key")),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let check = |pair: &str| {
        let text = format!(
            "portunus: 1\ncertificates: {{ a: {{ certificate: {pair}.pem, key: {pair}.key }} }}\n"
        );
        std::fs::write(folder.path().join("gateway.yaml"), text).unwrap();
        Command::new(env!("CARGO_BIN_EXE_portunus"))
            .args(["check", "gateway.yaml"])
            .env_clear()
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    assert_eq!(check("good").status.code(), Some(0));
    let refused = check("old");
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    let words = "/certificates/a/certificate: The certificate has expired: it ended on 2021-01-01";
    assert!(told.contains(words), "{told}");
}

#[test]
fn a_check_tells_what_several_gateways_may_exceed() {
    const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://127.0.0.1:9000" }] } }
apis:
  shop:
    policies: [{ rate_limit: { limit: 100, window: 60s, scope: cluster, algorithm: fixed_window } }]
    versions:
      v1:
        match: { path: /shop }
        upstream: echo
        policies:
          - key_auth: {}
          - rate_limit: { name: minute, limit: 100, window: 60s, scope: cluster }
        operations:
          - match: { method: POST, path: /orders }
            policies: [{ rate_limit: { name: orders, limit: 5, window: 60s, scope: cluster } }]
products:
  shop:
    versions: [shop/v1]
    plans:
      free:
        policies:
          - rate_limit: { name: own, limit: 100, window: 60s }
          - rate_limit: { name: watched, limit: 100, window: 60s, scope: cluster, mode: observe }
          - rate_limit: { name: large, limit: 1000, window: 60s, scope: cluster }
          - quota: { limit: 1000, period: month }
"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.yaml"), FILE).unwrap();
    let checked = Command::new(env!("CARGO_BIN_EXE_portunus"))
        .args(["check", "gateway.yaml"])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .unwrap();
    let bound = |place: &str, late: u32, lost: u32| {
        format!(
            "{place}: 2 nodes together admit at most {late} more; {lost} more once Redis is lost."
        )
    };
    let expected = [
        "gateway.yaml: good; 1 versions, 0 applications.".to_owned(),
        bound("API shop: rate_limit/rate_limit", 10, 60),
        bound("version shop/v1: rate_limit/minute", 12, 62),
        bound("POST /orders of version shop/v1: rate_limit/orders", 4, 7),
        bound("plan free: rate_limit/large", 117, 617),
    ];
    let told = said(&checked);
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}
