//! `--takeover`: a new process in the place of one that serves, under load. Nothing is refused,
//! reset or cut short, and no count is lost.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::process::{self, Portunus};
use e2e::upstream::Upstream;
use e2e::wait;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::outage;
use crate::product::Product;
use crate::scene;
use crate::steady::{Caller, Load, has};

pub(crate) const KEY: &str = "ptn_test_takeoverTakeoverTakeover01234516kgcv";
pub(crate) const FREE: &str = "127.0.0.1:0";

/// An upstream that takes three seconds for `/slow`, in thirty pieces.
pub(crate) async fn upstream() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(FREE).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    Ok(address)
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        if !head.starts_with(b"GET /slow") {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).await?;
            continue;
        }
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head).await?;
        for _ in 0..30 {
            stream.write_all(b"4\r\nslow\r\n").await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stream.write_all(b"0\r\n\r\n").await?;
    }
}

pub(crate) fn configuration(folder: &Path, upstream: SocketAddr) -> anyhow::Result<PathBuf> {
    let file = folder.join("gateway.yaml");
    let text = format!(
        "portunus: 1
upstreams: {{ u: {{ targets: [{{ url: 'http://{upstream}' }}] }} }}
apis:
  x:
    versions:
      v1:
        match: {{ path: /x }}
        upstream: u
        policies: [ {{ key_auth: {{}} }} ]
products:
  x: {{ versions: [x/v1], plans: {{ p: {{ policies: [ {{ quota: {{ limit: 1000000, period: month }} }} ] }} }} }}
applications:
  a: {{ keys: [ {{ name: k, env: test, value: {KEY} }} ], subscriptions: [ {{ product: x, plan: p }} ] }}
"
    );
    std::fs::write(&file, text)?;
    Ok(file)
}

pub(crate) async fn gateway(data: &Path, file: &Path, more: &[&str]) -> anyhow::Result<Portunus> {
    let file = file.display().to_string();
    let mut args = vec!["--config", &*file, "--gateway", FREE, "--admin", FREE];
    args.extend_from_slice(more);
    Portunus::start("gateway", data, &args, &[("PORTUNUS_DRAIN", "20s")]).await
}

pub(crate) fn address(url: &str) -> anyhow::Result<SocketAddr> {
    Ok(url.trim_start_matches("http://").parse()?)
}

/// Lines of the log of traffic, also of the part that was turned.
fn logged(data: &Path) -> u64 {
    let text = std::fs::read_to_string(data.join("traffic.jsonl")).unwrap_or_default();
    text.lines().count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_nothing_is_refused_reset_or_forgotten() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let file = configuration(folder.path(), upstream().await?)?;
    let mut process = gateway(&data, &file, &["--takeover"]).await?;
    let ready = process.ready.clone();
    let front = address(&ready.gateway)?;

    let load = Load::begin(front, KEY, "/x/fast");
    // Connections on which nobody asks anything before the first process is relieved.
    let mut idle: Vec<_> = (0..8).map(|_| Caller::new(front, KEY)).collect();
    for caller in &mut idle {
        caller.get("/x/fast", true).await?;
    }
    let mut asked = 8;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let slow: Vec<_> = (0..20)
            .map(|_| {
                tokio::spawn(async move { Caller::new(front, KEY).get("/x/slow", true).await })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let next = gateway(&data, &file, &["--takeover"]).await?;
        ensure!(
            (&next.ready.gateway, &next.ready.admin) == (&ready.gateway, &ready.admin),
            "on the same addresses"
        );
        for caller in &mut idle {
            let answer = caller.get("/x/fast", true).await?;
            ensure!(
                has(&answer, b"connection: close"),
                "by the process that is relieved"
            );
        }
        // It ends by itself, once the slow ones have what they asked for.
        let before = std::mem::replace(&mut process, next);
        ensure!(before.ended().await? == 0);
        for slow in slow {
            let answer = slow.await??;
            let pieces = answer.windows(4).filter(|piece| *piece == b"slow").count();
            ensure!(pieces == 30, "{pieces} pieces");
        }
        for caller in &mut idle {
            caller.get("/x/fast", true).await?;
        }
        asked += 20 + 16;
    }
    let (answered, slowest) = load.end().await?;
    let all = answered + asked;
    println!("{all} requests over three take-overs, the slowest took {slowest:?}");

    // The quota has every one of them, and so has the log.
    let answer = Caller::new(front, KEY).get("/x/fast", false).await?;
    let left = 1_000_000 - (all + 1);
    ensure!(
        has(&answer, format!("\"month\";r={left};").as_bytes())
            || has(&answer, format!("r={left};").as_bytes()),
        "{left} should be left: {}",
        String::from_utf8_lossy(&answer)
    );
    wait::until("the log is whole", Duration::from_secs(10), || async {
        (logged(&data) == all + 1).then_some(())
    })
    .await
    .with_context(|| format!("{} lines of {}", logged(&data), all + 1))?;
    ensure!(process.terminate().await? == 0);
    Ok(())
}

/// All in one, and a gateway apart on PostgreSQL: calls and pages go on, each call is counted once,
/// and the new process hears of changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_platform_is_taken_over() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let next = [process::binary()?, process::binary()?];
    journey(Product::all_in_one(folder.path()).await?, &next).await?;
    let Some(database) = migration::testing::TestDatabase::postgres().await else {
        eprintln!("PORTUNUS_TEST_POSTGRES is not set: half of this journey was left out");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    journey(Product::apart(folder.path(), &database.url).await?, &next).await
}

/// Each of the executables takes over from the one before.
pub(crate) async fn journey(mut product: Product, next: &[PathBuf]) -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 1_000_000).await?;
    let (stop, answered) = (
        Arc::new(AtomicBool::new(false)),
        Arc::<AtomicU64>::default(),
    );
    let callers: Vec<JoinHandle<anyhow::Result<()>>> = (0..4)
        .map(|_| {
            let (caller, url) = (open.caller.clone(), open.url.clone());
            let (stop, answered) = (stop.clone(), answered.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    caller.get(&url).await?.expect(200)?;
                    answered.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Ok(())
            })
        })
        .collect();
    for executable in next {
        tokio::time::sleep(Duration::from_secs(1)).await;
        product.executable.clone_from(executable);
        product.take_over().await?;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await??;
    }
    // The call of the scene is the first.
    outage::counts(&open, answered.load(Ordering::Relaxed) + 1).await?;
    let path = format!("/credentials/{}/revoke", open.credential);
    open.consumer.done("POST", &path, json!({})).await?;
    scene::until_status(&open.caller, &open.url, 401).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_serve_does_not_take_over() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let file = configuration(folder.path(), upstream().await?)?;
    let first = gateway(&data, &file, &[]).await?;
    let front = address(&first.ready.gateway)?;
    let mut caller = Caller::new(front, KEY);
    caller.get("/x/fast", true).await?;

    let wrong = folder.path().join("wrong.yaml");
    std::fs::write(
        &wrong,
        "portunus: 1\napis: { x: { versions: { v1: {} } } }\n",
    )?;
    let (data_text, wrong) = (data.display().to_string(), wrong.display().to_string());
    let common = [
        "gateway",
        "--data",
        &data_text,
        "--gateway",
        FREE,
        "--admin",
        FREE,
    ];
    for (more, said) in [
        (&["--takeover", "--config", &wrong][..], "Missing field"),
        (&["--config", &wrong][..], "in use by another process"),
    ] {
        let args: Vec<_> = common.iter().chain(more).collect();
        let (code, _, told) = process::run(&args, &[]).await?;
        ensure!(code != 0 && told.contains(said), "{code}: {told}");
        caller.get("/x/fast", true).await?;
    }
    // Somebody who asks, gets everything and says nothing more.
    let socket = data.join("takeover.sock");
    let mut silent = tokio::net::UnixStream::connect(&socket).await?;
    silent.write_all(b"nonsense\n").await?;
    let mut silent = tokio::net::UnixStream::connect(&socket).await?;
    silent.write_all(b"{\"ask\":{\"version\":\"0\"}}\n").await?;
    caller.get("/x/fast", true).await?;
    drop(silent);
    caller.get("/x/fast", true).await?;
    // Somebody who is ready, is told that it is its turn, and is gone.
    let mut gone = tokio::net::UnixStream::connect(&socket).await?;
    gone.write_all(b"{\"ask\":{\"version\":\"0\"}}\n\"ready\"\n")
        .await?;
    let mut said = Vec::new();
    while !has(&said, b"\"turn\"") {
        ensure!(gone.read_buf(&mut said).await? > 0, "it was not its turn");
    }
    drop(gone);
    let answer = caller.get("/x/fast", true).await?;
    ensure!(!has(&answer, b"connection: close"), "it serves on");
    Caller::new(front, KEY).get("/x/fast", false).await?;
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&socket)?.permissions());
    ensure!(mode & 0o777 == 0o600, "{mode:o}");

    // A process that was killed leaves its socket; the next one starts as if there were none.
    first.kill().await?;
    let second = gateway(&data, &file, &["--takeover"]).await?;
    let mut caller = Caller::new(address(&second.ready.gateway)?, KEY);
    caller.get("/x/fast", true).await?;
    ensure!(second.terminate().await? == 0);
    Ok(())
}
