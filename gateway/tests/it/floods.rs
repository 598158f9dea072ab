//! Floods by tools of others, against the gateway in this process: slowhttptest's slow clients, while
//! another client asks on, and h2load, also with more at a time than may be.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gateway::Limits;
use gateway::clock::Clock;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::rig::{Client, Rig};
use crate::upstreams::metric;

/// For a.test.
const CERTIFICATE: [&str; 2] = [include_str!("tls/a.pem"), include_str!("tls/a.key")];
/// On a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);
/// Of the median and the worst hundredth of another client's requests. A worker that is held up
/// shows as seconds.
const MEDIAN: Duration = Duration::from_millis(100);
const WORST: Duration = Duration::from_millis(500);

const LATE_HEADS: &str = "portunus_timed_out_total{phase=\"head\"}";
const LATE_BODIES: &str = "portunus_timed_out_total{phase=\"body\"}";
const LATE_READERS: &str = "portunus_timed_out_total{phase=\"write\"}";
const TURNED_AWAY: &str = "portunus_connections_refused_total ";
const MALFORMED: &str = "portunus_framing_refused_total ";

async fn rig(change: impl FnOnce(&mut Limits)) -> Rig {
    let [certificate, key] = CERTIFICATE;
    let text = json!({
        "portunus": 1,
        "upstreams": { "u": { "targets": [{ "url": "http://@UPSTREAM@" }] } },
        "apis": { "x": { "versions": { "v1": { "match": { "path": "/" }, "upstream": "u" } } } },
        "certificates": { "a": { "certificate": certificate, "key": key } },
    });
    Rig::with(&text.to_string(), |settings| {
        settings.clock = Clock::default();
        settings.listen_tls = Some("127.0.0.1:0".parse().unwrap());
        change(&mut settings.limits);
    })
    .await
}

/// What a tool printed, once it has come to its own end.
async fn run(program: &str, args: &[&str]) -> String {
    let mut command = tokio::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{program} {args:?} goes on"));
    let output = output
        .unwrap_or_else(|error| panic!("{program}: {error}: are the packages of .ci/test there?"));
    let said = [output.stdout, output.stderr].concat();
    // Its colours, and what clears a terminal.
    let said = String::from_utf8_lossy(&said).replace('\x1b', "");
    assert!(output.status.success(), "{program} {args:?}: {said}");
    said
}

async fn until(rig: &Rig, name: &str, value: u64) {
    let reached = async {
        while metric(rig, name).await != value {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, reached).await.is_err() {
        panic!("{name} is {}, not {value}", metric(rig, name).await);
    }
}

/// Nothing of it lasts.
async fn until_quiet(rig: &Rig) {
    for gauge in [
        "portunus_connections ",
        "portunus_requests_in_flight ",
        "portunus_held_bytes ",
        "portunus_upstream_kept_bytes ",
    ] {
        until(rig, gauge, 0).await;
    }
}

/// A client with an address of its own.
pub async fn elsewhere(gateway: SocketAddr) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    Client::over(socket.connect(gateway).await.unwrap())
}

/// Asks every ten milliseconds, each tenth time on a new connection, until it is told to stop: how
/// long each took, the shortest first.
async fn bystander(gateway: SocketAddr, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut took = Vec::new();
    let mut client = elsewhere(gateway).await;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        if took.len() % 10 == 9 {
            client = elsewhere(gateway).await;
        }
        let answer = client.get("/x", &[]).await;
        took.push(began.elapsed());
        assert_eq!(answer.status, 200, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    took.sort_unstable();
    took
}

struct Slow {
    name: &'static str,
    /// What slowhttptest is told, beside the address.
    args: &'static [&'static str],
    path: &'static str,
    /// How many connections an address may have.
    per_address: usize,
    /// What it says of its end.
    end: &'static str,
    /// How many requests get to the upstream, a few with which it looks how the gateway is included.
    reach: RangeInclusive<usize>,
    counts: &'static [(&'static str, RangeInclusive<u64>)],
}

/// For who lets it have as many connections as it likes.
const ANY: usize = 10_000;
/// As it is unless set.
const SHARE: usize = 100;
const ENDED: &str = "No open connections left";

const SLOW: &[Slow] = &[
    Slow {
        name: "slow heads",
        args: &["-H", "-c", "300", "-i", "1", "-l", "20"],
        path: "/x",
        per_address: ANY,
        end: ENDED,
        reach: 0..=30,
        counts: &[(LATE_HEADS, 300..=300), (TURNED_AWAY, 0..=0)],
    },
    Slow {
        name: "slow heads of an address with its share",
        args: &["-H", "-c", "300", "-i", "1", "-l", "20"],
        path: "/x",
        per_address: SHARE,
        end: ENDED,
        reach: 0..=30,
        counts: &[(LATE_HEADS, 90..=100), (TURNED_AWAY, 200..=240)],
    },
    Slow {
        name: "slow bodies",
        args: &[
            "-B", "-c", "300", "-i", "1", "-l", "20", "-s", "8192", "-x", "10",
        ],
        path: "/x",
        per_address: ANY,
        end: ENDED,
        reach: 300..=330,
        counts: &[(LATE_BODIES, 300..=300), (LATE_HEADS, 0..=0)],
    },
    // Fewer, as the system takes megabytes for each on loopback. The tool has still to read what has
    // arrived, and does not see that it was cut off.
    Slow {
        name: "slow readers",
        args: &[
            "-X", "-c", "40", "-k", "8", "-l", "8", "-n", "1", "-w", "512", "-y", "1024", "-z",
            "32",
        ],
        path: "/big",
        per_address: ANY,
        end: "Test ended",
        reach: 40..=350,
        counts: &[(LATE_READERS, 40..=40)],
    },
    // Just below the bound of a field.
    Slow {
        name: "many ranges",
        args: &["-R", "-c", "300", "-l", "20"],
        path: "/x",
        per_address: ANY,
        end: ENDED,
        reach: 300..=330,
        counts: &[(MALFORMED, 0..=0), (LATE_HEADS, 0..=0)],
    },
    Slow {
        name: "too many ranges",
        args: &["-R", "-c", "300", "-l", "20", "-a", "1", "-b", "3000"],
        path: "/x",
        per_address: ANY,
        end: ENDED,
        reach: 0..=30,
        counts: &[(MALFORMED, 300..=300), (LATE_HEADS, 0..=0)],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_ended_while_others_are_served() {
    for slow in SLOW {
        let name = slow.name;
        let rig = rig(|limits| {
            limits.connections_per_address = slow.per_address;
            limits.head_read = Duration::from_secs(3);
            limits.body_window = Duration::from_secs(3);
            limits.body_rate = 3 * 240;
            limits.write_stall = Duration::from_secs(2);
        })
        .await;
        let gateway = rig.handle.gateway;
        let stop = Arc::new(AtomicBool::new(false));
        let other = tokio::spawn(bystander(gateway, stop.clone()));
        let url = format!("http://{gateway}{}", slow.path);
        let mut args = vec!["-u", &*url, "-r", "300", "-p", "5"];
        args.extend_from_slice(slow.args);
        let said = run("slowhttptest", &args).await;
        stop.store(true, Ordering::Relaxed);
        let took = other.await.expect("all of its requests are answered");

        let (median, worst) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        println!("{name}: {median:?}, p99 {worst:?} of {}", took.len());
        assert!(
            took.len() > 20 && median <= MEDIAN && worst <= WORST,
            "{name}: {median:?}, p99 {worst:?} of {}: {said}",
            took.len()
        );
        assert!(said.contains(slow.end), "{name}: {said}");
        for (count, expected) in slow.counts {
            let found = metric(&rig, count).await;
            assert!(
                expected.contains(&found),
                "{name}: {count} is {found}, not {expected:?}: {said}"
            );
        }
        let reached = rig.upstream.requests() - took.len();
        assert!(
            slow.reach.contains(&reached),
            "{name}: {reached} got through, not {:?}: {said}",
            slow.reach
        );
        until_quiet(&rig).await;
    }
}

/// The number before `word` in the line of h2load's summary that begins with `line`.
fn told(said: &str, line: &str, word: &str) -> usize {
    let rest = said.lines().find_map(|one| one.strip_prefix(line));
    let mut parts = rest.unwrap_or_default().split(',');
    let found = parts.find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("nothing of {word} in {line:?}: {said}"))
}

struct Load {
    name: &'static str,
    over_tls: bool,
    requests: usize,
    args: &'static [&'static str],
    /// How many a connection may have at a time.
    streams: u32,
    /// How many are refused.
    failed: RangeInclusive<usize>,
}

const LOADS: &[Load] = &[
    Load {
        name: "h2c",
        over_tls: false,
        requests: 10_000,
        args: &["-c", "50", "-m", "20"],
        streams: 100,
        failed: 0..=0,
    },
    Load {
        name: "TLS",
        over_tls: true,
        requests: 10_000,
        args: &["-c", "50", "-m", "20"],
        streams: 100,
        failed: 0..=0,
    },
    // It begins with as many as may be, and sends the others once it may.
    Load {
        name: "more at a time than may be",
        over_tls: false,
        requests: 2_000,
        args: &["-c", "4", "-m", "300"],
        streams: 100,
        failed: 0..=0,
    },
    // It hears of the bound when it has sent its first 20 on each of 10 connections.
    Load {
        name: "more than may be before that was said",
        over_tls: false,
        requests: 2_000,
        args: &["-c", "10", "-m", "20"],
        streams: 10,
        failed: 1..=100,
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn all_that_h2load_asks_is_answered() {
    for load in LOADS {
        let name = load.name;
        let rig = rig(|limits| limits.http2_streams = load.streams).await;
        let requests = load.requests.to_string();
        let (plain, secure) = (rig.handle.gateway, rig.handle.gateway_tls.unwrap());
        let mut args = vec!["-n", &*requests];
        args.extend_from_slice(load.args);
        let to = if load.over_tls {
            [
                format!("--connect-to={secure}"),
                "https://a.test/x".to_owned(),
            ]
        } else {
            [
                format!("--connect-to={plain}"),
                "http://b.test/x".to_owned(),
            ]
        };
        args.extend(to.iter().map(String::as_str));
        let said = run("h2load", &args).await;

        let count = |word| told(&said, "requests: ", word);
        let with = |class| told(&said, "status codes: ", class);
        let (succeeded, failed) = (count("succeeded"), count("failed"));
        assert_eq!(count("done"), load.requests, "{name}: {said}");
        assert_eq!(succeeded + failed, load.requests, "{name}: {said}");
        assert!(load.failed.contains(&failed), "{name}: {said}");
        assert_eq!(count("errored"), failed, "{name}: {said}");
        assert_eq!(count("timeout"), 0, "{name}: {said}");
        let classes = ["2xx", "3xx", "4xx", "5xx"].map(with);
        assert_eq!(classes, [succeeded, 0, 0, 0], "{name}: {said}");
        let reached = rig.upstream.requests();
        assert_eq!(reached, succeeded, "{name}: what is refused goes nowhere");
        let floods = metric(&rig, "portunus_http2_flooded_total ").await;
        assert_eq!(floods, 0, "{name}: nobody is sent away for it");
        until_quiet(&rig).await;
    }
}

/// The system would keep it, and ask on whether it is wanted, for as long as the client likes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_does_not_take_is_thrown_away() {
    let rig = rig(|limits| limits.write_stall = Duration::from_secs(2)).await;
    let mut client = TcpStream::connect(rig.handle.gateway).await.unwrap();
    // More than the buffers on the way hold.
    let requests = "GET /big HTTP/1.1\r\nHost: b.test\r\n\r\n".repeat(20);
    client.write_all(requests.as_bytes()).await.unwrap();
    until(&rig, LATE_READERS, 1).await;
    let mut taken = Vec::new();
    let end = tokio::time::timeout(PATIENCE, client.read_to_end(&mut taken)).await;
    let end = end.expect("it has ended").map_err(|error| error.kind());
    assert_eq!(
        end,
        Err(std::io::ErrorKind::ConnectionReset),
        "after {} bytes",
        taken.len()
    );
    until_quiet(&rig).await;

    // Over HTTP/2 it has a window for each stream, and opens none.
    let url = format!("http://{}/big", rig.handle.gateway);
    let args = ["-n", "50", "-c", "5", "-m", "10", "-w", "0", &*url];
    let said = run("h2load", &args).await;
    assert_eq!(told(&said, "requests: ", "succeeded"), 0, "{said}");
    assert_eq!(told(&said, "requests: ", "errored"), 50, "{said}");
    until(&rig, LATE_READERS, 1 + 5).await;
    until_quiet(&rig).await;
}
