//! The public tests of HTTP caches, npm's http-cache-tests, as they are: how many a gateway passes,
//! and that the documents explain each that it does not. And that an operator can take out what is
//! kept.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use e2e::client::Client;
use e2e::process::{Portunus, run};
use e2e::upstream::Upstream;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(300);

/// Where `.ci/test` installs it.
fn peers() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("PORTUNUS_PEERS").context(
        "set PORTUNUS_PEERS to a folder in which `npm install http-cache-tests@0.4.5` was run",
    )?;
    Ok(folder.into())
}

#[derive(Debug, Deserialize)]
struct Kind {
    passed: usize,
    all: usize,
    failed: Vec<String>,
    /// What the suite says of each of them.
    why: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Score {
    required: Kind,
    optimal: Kind,
    check: Kind,
}

/// The origin of the tests, and its address.
async fn origin(suite: &Path, pid_file: &Path) -> anyhow::Result<(Child, String)> {
    let mut child = Command::new("node")
        .arg("server/server.mjs")
        .current_dir(suite)
        .env("npm_config_protocol", "http")
        .env("npm_config_port", "0")
        .env("npm_config_pidfile", pid_file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("node")?;
    let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await??;
    let line = line.context("the origin has ended")?;
    let port = line.trim_end_matches('/').rsplit(':').next();
    let address = format!("http://127.0.0.1:{}", port.context("its port")?);
    // It warns of what it does not expect: read, or it would wait.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, address))
}

async fn gateway(folder: &Path, upstream: &str, policy: &str) -> anyhow::Result<Portunus> {
    let file = folder.join("gateway.yaml");
    std::fs::write(
        &file,
        format!(
            "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: '{upstream}' }}], retries: {{ tries: 1 }} }} }}\n\
             apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: / }}, upstream: u, policies: [{{ cache: {policy} }}] }} }} }} }}\n"
        ),
    )?;
    let free = "127.0.0.1:0";
    let file = file.display().to_string();
    let args = ["--config", &*file, "--gateway", free, "--admin", free];
    Portunus::start("gateway", &folder.join("data"), &args, &[]).await
}

async fn score(policy: &str) -> anyhow::Result<Score> {
    let folder = tempfile::tempdir()?;
    let peers = peers()?;
    let suite = peers.join("node_modules/http-cache-tests");
    let (_origin, address) = origin(&suite, &folder.path().join("pid")).await?;
    let running = gateway(folder.path(), &address, policy).await?;
    let client = Command::new("node")
        .args(["--no-warnings", "cli.mjs"])
        .current_dir(&suite)
        .env("npm_config_base", &running.ready.gateway)
        .env("npm_config_id", "")
        .env("npm_package_config_id", "")
        .kill_on_drop(true)
        .output();
    let out = tokio::time::timeout(PATIENCE, client).await??;
    let results = folder.path().join("results.json");
    std::fs::write(&results, &out.stdout)?;
    // Modules are looked for beside the script.
    let script = peers.join("cache.mjs");
    std::fs::write(&script, include_str!("../peers/cache.mjs"))?;
    let counted = Command::new("node").arg(&script).arg(&results).output();
    let counted = tokio::time::timeout(PATIENCE, counted).await??;
    let error = String::from_utf8_lossy(&counted.stderr).into_owned();
    running.kill().await?;
    serde_json::from_slice(&counted.stdout).with_context(|| error)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_tests_of_caches() -> anyhow::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cache.md");
    let page = std::fs::read_to_string(page)?;
    let full = "{ heuristic: true, set_cookie: true, stale_if_error: 60s }";
    // What is not kept by default is a choice: the second may do less.
    for (policy, required, optimal) in [(full, 150, 75), ("{}", 140, 65)] {
        let score = score(policy).await?;
        let Score {
            required: must,
            optimal: may,
            check,
        } = &score;
        println!(
            "cache: {policy}: required {} of {}, optimal {} of {}, behaviours {} of {}",
            must.passed, must.all, may.passed, may.all, check.passed, check.all
        );
        assert_eq!(
            (must.all, may.all),
            (157, 86),
            "it is the suite that is meant"
        );
        assert!(must.passed >= required, "required: {:?}", must.failed);
        assert!(may.passed >= optimal, "optimal: {:?}", may.failed);
        for kind in [must, may] {
            for id in &kind.failed {
                assert!(
                    page.contains(&format!("`{id}`")),
                    "docs/cache.md does not explain {id}: {:?}",
                    kind.why.get(id)
                );
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_answers_are_taken_out_by_command() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let upstream = Upstream::start().await?;
    let running = gateway(folder.path(), &upstream.url(), "{ ttl: 1h }").await?;
    let client = Client::default();
    let host = running
        .ready
        .gateway
        .trim_start_matches("http://")
        .to_owned();
    let admin = running.ready.admin.trim_start_matches("http://").to_owned();
    let get = async |path: &str| -> anyhow::Result<String> {
        let answer = client
            .get(&format!("{}{path}", running.ready.gateway))
            .await?;
        Ok(answer.header("cache-status").to_owned())
    };
    for (flag, value, path, is_gone) in [
        ("--url", format!("{host}/a/b"), "/a/b", true),
        ("--url", format!("http://{host}/a"), "/a/b", false),
        ("--prefix", format!("{host}/a"), "/a/b", true),
        ("--prefix", format!("{host}/a"), "/ab", false),
        ("--tag", "x".to_owned(), "/a/b", false),
    ] {
        get(path).await?;
        assert!(get(path).await?.contains("hit"), "{path}");
        let args = ["cache", "purge", "--admin", &admin, flag, &value];
        let (code, out, error) = run(&args, &[]).await?;
        assert!(
            out.contains("kept answers were taken out."),
            "{code} {out} {error}"
        );
        assert_eq!(!get(path).await?.contains("hit"), is_gone, "{flag} {value}");
    }
    running.kill().await
}
