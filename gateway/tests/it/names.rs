//! Names of targets, as name servers tell them: followed when the time of their addresses is over,
//! and whatever a server says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gateway::Resolver;

use crate::rig::{Entry, NameServer, Rig, Upstream};
use crate::upstreams::metric;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A gateway whose `/0/`, `/1/` and so on lead to these names.
async fn rig(server: &NameServer, others: Resolver, names: &[&str], port: u16) -> Rig {
    let mut text = String::from("portunus: 1\nupstreams:\n");
    for (index, name) in names.iter().enumerate() {
        text += &format!("  u{index}: {{ targets: [{{ url: \"http://{name}:{port}\" }}] }}\n");
    }
    text += "apis:\n";
    for index in 0..names.len() {
        text += &format!(
            "  a{index}: {{ versions: {{ v1: {{ match: {{ path: /{index} }}, upstream: u{index} }} }} }}\n"
        );
    }
    let resolver = server.resolver(others);
    Rig::with(&text, |settings| settings.resolver = resolver).await
}

fn nobody_else() -> Resolver {
    Resolver::new(|_, _| async { Err(io::Error::other("no such name")) })
}

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_followed_when_the_time_of_its_addresses_is_over() {
    let server = NameServer::start().await;
    let one = Upstream::start().await;
    let port = one.address.port();
    let two = Upstream::at(SocketAddr::new(TWO, port)).await;
    server.tell("moves.test", Entry::new(&[ONE], 1));
    server.tell("stays.test", Entry::new(&[ONE], 60));
    let names = ["moves.test", "stays.test"];
    let rig = rig(&server, nobody_else(), &names, port).await;
    for path in ["/0", "/1"] {
        assert_eq!(rig.get(path, &[]).await.status, 200, "{path}");
    }
    assert_eq!((one.requests(), two.requests()), (2, 0));
    // There is no such name for a while: what is known stays.
    server.forget("moves.test");
    while metric(&rig, "portunus_upstream_resolves_failed_total ").await == 0 {
        a_moment().await;
    }
    assert_eq!(rig.get("/0", &[]).await.status, 200);
    assert_eq!((one.requests(), two.requests()), (3, 0));
    server.tell("moves.test", Entry::new(&[TWO], 1));
    while two.requests() == 0 {
        // Idle connections are kept for four seconds after their last use.
        rig.advance(5);
        assert_eq!(rig.get("/0", &[]).await.status, 200);
        a_moment().await;
    }
    assert!(metric(&rig, "portunus_upstream_resolved_total ").await >= 1);
    assert_eq!(server.asked("stays.test"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_says_costs_its_own_name_at_most() {
    let server = NameServer::start().await;
    let upstream = Upstream::start().await;
    let mut many = vec![ONE];
    many.extend((1..=100).map(|last| IpAddr::from([127, 1, 0, last])));
    let of = |ttl| Entry::new(&[ONE], ttl);
    let told = [
        // One that is to be asked for over TCP, as it does not fit into a datagram.
        ("many.test", Entry::new(&many, 60), 200),
        ("never.test", of(0), 200),
        ("ever.test", of(u32::MAX), 200),
        ("age.test", of(1 << 31), 200),
        (
            "both.test",
            Entry::new(&[Ipv6Addr::LOCALHOST.into(), ONE], 60),
            200,
        ),
        (
            "alias.test",
            Entry {
                alias: Some(("ever.test", 1)),
                ..Entry::default()
            },
            200,
        ),
        (
            "slow.test",
            Entry {
                delay: Duration::from_millis(300),
                ..of(60)
            },
            200,
        ),
        (
            "other.test",
            Entry {
                said_of: Some("ever.test"),
                ..of(60)
            },
            502,
        ),
        ("empty.test", Entry::default(), 502),
        (
            "silent.test",
            Entry {
                silent: true,
                ..Entry::default()
            },
            0,
        ),
    ];
    for (name, entry, _) in &told {
        server.tell(name, entry.clone());
    }
    let names: Vec<&str> = told.iter().map(|(name, ..)| *name).collect();
    let began = Instant::now();
    let rig = rig(&server, nobody_else(), &names, upstream.address.port()).await;
    for (index, (name, _, status)) in told.iter().enumerate() {
        // What becomes of requests that wait is not asked here.
        if *status != 0 {
            let answer = rig.get(&format!("/{index}"), &[]).await;
            assert_eq!(answer.status, *status, "{name}: {}", answer.body);
        }
    }
    // The shorter of the alias's time and of that of its addresses counts.
    while server.asked("alias.test") < 3 {
        a_moment().await;
    }
    let most = began.elapsed().as_secs() as usize + 2;
    assert!((2..=most).contains(&server.asked("never.test")));
    for name in [
        "many.test",
        "ever.test",
        "age.test",
        "both.test",
        "slow.test",
    ] {
        assert!(server.asked(name) <= 2, "{name}");
    }
}

/// All whom nobody but the system knows, and all who asked for it.
fn system(known: &'static [&'static str]) -> (Resolver, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = asked.clone();
    let resolver = Resolver::new(move |name, port| {
        let found = known.contains(&name.as_str());
        seen.lock().unwrap().push(name);
        std::future::ready(if found {
            Ok(vec![SocketAddr::new(ONE, port)])
        } else {
            Err(io::Error::other("no such name"))
        })
    });
    (resolver, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_before_servers_and_servers_before_the_system() {
    let server = NameServer::start().await;
    let upstream = Upstream::start().await;
    server.write("hosts", "127.0.0.1 listed.test\n");
    server.tell("short.example.test", Entry::new(&[ONE], 60));
    server.tell("whole.test", Entry::new(&[ONE], 60));
    let names = [
        "listed.test",
        "localhost",
        "short",
        "whole.test",
        "system.test",
    ];
    let (others, asked) = system(&["system.test"]);
    let rig = rig(&server, others, &names, upstream.address.port()).await;
    for (index, name) in names.iter().enumerate() {
        let answer = rig.get(&format!("/{index}"), &[]).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    }
    assert_eq!(*asked.lock().unwrap(), ["system.test"]);
    for name in ["listed.test", "localhost", "localhost.example.test"] {
        assert_eq!(server.asked(name), 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_server_the_system_is_asked() {
    let server = NameServer::start().await;
    let upstream = Upstream::start().await;
    server.write("resolv.conf", "search example.test\n");
    server.tell("whole.test", Entry::new(&[TWO], 60));
    let (others, asked) = system(&["whole.test"]);
    let rig = rig(&server, others, &["whole.test"], upstream.address.port()).await;
    assert_eq!(rig.get("/0", &[]).await.status, 200);
    assert_eq!(*asked.lock().unwrap(), ["whole.test"]);
    assert_eq!(server.asked("whole.test"), 0);
}
