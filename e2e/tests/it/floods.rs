//! Floods of HTTP/2 with Python's h2, and slow clients by slowhttptest, against the real gateway: what
//! its memory does, and what another client feels.

use std::path::Path;
use std::time::{Duration, Instant};

use e2e::process::Portunus;
use e2e::upstream::Upstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Debian's, as its packages are where `.ci/test` puts them.
const PYTHON: &str = "/usr/bin/python3";

async fn gateway(
    folder: &Path,
    upstream: &Upstream,
    environment: &[(&str, &str)],
) -> anyhow::Result<Portunus> {
    let file = folder.join("gateway.yaml");
    std::fs::write(
        &file,
        format!(
            "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: '{}' }}] }} }}\n\
             apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u }} }} }} }}\n",
            upstream.url()
        ),
    )?;
    let free = "127.0.0.1:0";
    let file = file.display().to_string();
    let args = ["--config", &*file, "--gateway", free, "--admin", free];
    Portunus::start("gateway", &folder.join("data"), &args, environment).await
}

fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// Asks over one connection until told to stop: how long each answer took.
async fn bystander(address: String, mut stop: tokio::sync::watch::Receiver<bool>) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut took = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while !*stop.borrow_and_update() {
        let began = Instant::now();
        stream
            .write_all(b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
            .await
            .unwrap();
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(
            buffer[..read].starts_with(b"HTTP/1.1 200"),
            "served meanwhile"
        );
        took.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    took.sort();
    took
}

/// Of times, the shortest first.
fn p99(took: &[Duration]) -> Duration {
    took[took.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_cost_neither_memory_nor_others_their_answers() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let upstream = Upstream::start().await?;
    let running = gateway(folder.path(), &upstream, &[]).await?;
    let address = running
        .ready
        .gateway
        .trim_start_matches("http://")
        .to_owned();
    let pid = running.pid().unwrap();
    // Nobody attacks this one, on the same machine at the same time.
    let folder = tempfile::tempdir()?;
    let calm = gateway(folder.path(), &upstream, &[]).await?;
    let calm_address = calm.ready.gateway.trim_start_matches("http://").to_owned();
    for name in [
        "rapid_reset",
        "continuation",
        "empty_frames",
        "empty_settings",
        "pings",
        "hpack_bomb",
    ] {
        let before = resident_mib(pid);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let other = tokio::spawn(bystander(address.clone(), stopped.clone()));
        let calm_other = tokio::spawn(bystander(calm_address.clone(), stopped));
        let script = format!("{}/tests/peers/h2_attacks.py", env!("CARGO_MANIFEST_DIR"));
        let attack = tokio::process::Command::new(PYTHON)
            .args(["-B", &script, &address, name, "2"])
            .output();
        let output = tokio::time::timeout(Duration::from_secs(60), attack).await??;
        stop.send_replace(true);
        let (took, quiet) = (other.await?, p99(&calm_other.await?));
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        // `<times it was sent away> <rounds>`.
        let (ended, rounds) = said.split_once(' ').unwrap();
        assert_eq!(
            ended, rounds,
            "{name}: each round ends with GOAWAY or a closed connection"
        );
        let after = resident_mib(pid);
        let attacked = p99(&took);
        println!(
            "{name}: ended {said}, {before} → {after} MiB, p99 {attacked:?} of {}, of the calm one {quiet:?}",
            took.len()
        );
        assert!(after < before + 64, "{name}: {before} → {after} MiB");
        // How busy the machine is with others falls upon both. A worker that is held up shows as
        // seconds.
        let bound = 2 * quiet + Duration::from_millis(500);
        assert!(attacked < bound, "{name}: {attacked:?}, {quiet:?} without");
    }
    assert_eq!(running.terminate().await?, 0);
    assert_eq!(calm.terminate().await?, 0);
    Ok(())
}

/// What slowhttptest is told, beside the address and what all have in common: heads, bodies, answers
/// that are read slowly, and heads with many ranges.
const SLOW: [(&str, &[&str]); 4] = [
    ("/x", &["-H", "-c", "300"]),
    ("/x", &["-B", "-c", "300", "-s", "8192", "-x", "10"]),
    (
        "/x/big",
        &[
            "-X", "-c", "40", "-k", "8", "-n", "1", "-w", "512", "-y", "1024", "-z", "32",
        ],
    ),
    ("/x", &["-R", "-c", "100"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_cost_neither_memory_nor_others_their_answers() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let upstream = Upstream::start().await?;
    let settings = [
        ("PORTUNUS_CONNECTIONS_PER_ADDRESS", "10000"),
        ("PORTUNUS_WRITE_TIMEOUT", "2s"),
    ];
    let running = gateway(folder.path(), &upstream, &settings).await?;
    let url = running.ready.gateway.clone();
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    let pid = running.pid().unwrap();
    // Nobody attacks this one, on the same machine at the same time.
    let folder = tempfile::tempdir()?;
    let calm = gateway(folder.path(), &upstream, &[]).await?;
    let before = resident_mib(pid);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let other = tokio::spawn(bystander(address(&url), stopped.clone()));
    let calm_other = tokio::spawn(bystander(address(&calm.ready.gateway), stopped));
    let mut attacks = tokio::task::JoinSet::new();
    for (path, args) in SLOW {
        let mut attack = tokio::process::Command::new("slowhttptest");
        attack
            .args([
                "-u",
                &format!("{url}{path}"),
                "-i",
                "1",
                "-r",
                "300",
                "-l",
                "6",
            ])
            .args(args)
            .kill_on_drop(true);
        attacks.spawn(async move { attack.output().await });
    }
    let mut most = before;
    let all = async {
        loop {
            tokio::select! {
                ended = attacks.join_next() => match ended {
                    None => return anyhow::Ok(()),
                    Some(output) => {
                        let output = output??;
                        let said = String::from_utf8_lossy(&output.stdout).replace('\x1b', "");
                        anyhow::ensure!(said.contains("Test ended"), "{said}");
                    }
                },
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    most = most.max(resident_mib(pid));
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(90), all).await??;
    stop.send_replace(true);
    let (attacked, quiet) = (p99(&other.await?), p99(&calm_other.await?));
    println!("slow clients: {before} → {most} MiB, p99 {attacked:?}, of the calm one {quiet:?}");
    assert!(most < before + 64, "{before} → {most} MiB");
    // How busy the machine is with others falls upon both. Unoptimized, a few hundred heads of 10 kB
    // and as many connections a second are work for a second or two; a worker that is held up by a
    // slow client would be so for as long as the attack lasts, which is 6 s.
    let bound = 2 * quiet + Duration::from_secs(3);
    assert!(attacked < bound, "{attacked:?}, {quiet:?} without");
    assert_eq!(running.terminate().await?, 0);
    assert_eq!(calm.terminate().await?, 0);
    Ok(())
}
