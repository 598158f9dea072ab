//! gRPC and WebSocket through the gateway, with other people's libraries at both ends.

use crate::rig::peer::{Peer, passes, python};
use crate::rig::{Rig, key};
use crate::upstreams::metric;

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_call_goes_through() {
    let peer = Peer::start("grpc_peer.py");
    let text = format!(
        r#"
portunus: 1
upstreams: {{ g: {{ protocol: http2, targets: [{{ url: "http://127.0.0.1:{}" }}] }} }}
apis:
  open: {{ versions: {{ v1: {{ match: {{ path: /open.Service }}, strip_path: false, upstream: g }} }} }}
  closed:
    versions:
      v1: {{ match: {{ path: /closed.Service }}, strip_path: false, upstream: g, policies: [{{ key_auth: {{}} }}] }}
products: {{ p: {{ versions: [closed/v1], plans: {{ free: {{ approval: auto }} }} }} }}
applications:
  a:
    keys: [{{ name: k, value: "@KEY1@", env: live }}]
    subscriptions: [{{ product: p, plan: free }}]
"#,
        peer.port
    );
    let rig = Rig::with(&text, |settings| {
        settings.clock = gateway::clock::Clock::default();
    })
    .await;
    let mut call = python("grpc_peer.py");
    call.args(["call", &rig.handle.gateway.to_string(), key(1).as_str()]);
    passes(call).await;
    let records = rig.records();
    let with = |status: u16, code: &str| {
        let same = records.iter().filter(|record| record.status == status);
        same.filter(|record| record.code == code).count()
    };
    assert_eq!((with(401, "key_missing"), with(404, "no_route")), (1, 1));
    // One is given up by its client alone; at a deadline both ends give up, and whoever is first
    // decides what is seen of it here.
    let (gone, reset) = (with(499, ""), with(502, "upstream_reset"));
    assert!(matches!(gone, 1 | 2) && reset <= 1, "{gone} {reset}");
    assert_eq!(records.len(), with(200, "") + gone + reset + 2);
    let per_worker = 2 * 8;
    assert!(rig.handle.connections() <= 1 && with(200, "") > 300);
    let dialled = rig.admin("/metrics").await.body;
    let dialled = dialled
        .lines()
        .find_map(|line| line.strip_prefix("portunus_upstream_dialled_total "));
    assert!(dialled.unwrap().parse::<u32>().unwrap() <= per_worker);
}

/// gRPC's own server says how it does.
#[tokio::test(flavor = "multi_thread")]
async fn grpc_servers_are_asked_for_their_health() {
    use crate::upstreams::metric;

    let peer = Peer::start("grpc_peer.py");
    let file = |more: &str, target: &str| {
        let active = format!("kind: grpc, interval: 100ms, failures: 2, timeout: 5s{more}");
        format!(
            "portunus: 1\nupstreams: {{ g: {{ protocol: http2, targets: [{{ url: \"http://{target}\" }}], health: {{ active: {{ {active} }}, panic: 0 }} }} }}\n\
             apis: {{ open: {{ versions: {{ v1: {{ match: {{ path: /open.Service }}, strip_path: false, upstream: g }} }} }} }}\n"
        )
    };
    let target = format!("127.0.0.1:{}", peer.port);
    let rig = Rig::new(&file("", &target)).await;
    let until = async |name: &str, holds: &dyn Fn(u64) -> bool| {
        let reached = async {
            while !holds(metric(&rig, name).await) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(std::time::Duration::from_secs(30), reached).await;
        assert!(reached.is_ok(), "{name} is {}", metric(&rig, name).await);
    };
    const DOWN: &str = "portunus_upstream_targets_down ";
    const PROBED: &str = "portunus_upstream_probed_total ";
    until(PROBED, &|count| count >= 3).await;
    assert_eq!(metric(&rig, DOWN).await, 0);
    assert_eq!(
        metric(&rig, "portunus_upstream_probes_failed_total ").await,
        0
    );
    // A single service that serves not, and one that is not known.
    for (number, more, down) in [
        (2, ", service: pets.Pets", 1),
        (3, "", 0),
        (4, ", service: no.Such", 1),
        (5, "", 0),
    ] {
        rig.load(&file(more, &target), number).await;
        until(DOWN, &|count| count == down).await;
    }
    // The whole server, by a call of our own.
    let call = |status: &str| {
        format!(
            "POST /open.Service/SetHealth HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 6\r\n\r\n\0\0\0\0\x01{status}"
        )
    };
    assert_eq!(rig.send(&call("2")).await.status, 200);
    until(DOWN, &|count| count == 1).await;
    let refused = rig.send(&call("1")).await;
    assert_eq!(refused.field("grpc-status"), Some("14"), "{refused:?}");
    let heedless = file("", &target).replace("panic: 0", "panic: 100");
    rig.load(&heedless, 6).await;
    assert_eq!(rig.send(&call("1")).await.status, 200);
    until(DOWN, &|count| count == 0).await;
    let nobody = crate::upstreams::nobody().await.to_string();
    rig.load(&file("", &nobody), 7).await;
    until(DOWN, &|count| count == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_go_through() {
    let peer = Peer::start("ws_peer.py");
    let text = format!(
        r#"
portunus: 1
upstreams: {{ w: {{ targets: [{{ url: "http://127.0.0.1:{}" }}] }} }}
apis: {{ chat: {{ versions: {{ v1: {{ match: {{ path: /chat }}, upstream: w }} }} }} }}
"#,
        peer.port
    );
    let rig = Rig::new(&text).await;
    let mut call = python("ws_peer.py");
    call.args(["call", &rig.handle.gateway.to_string()]);
    passes(call).await;
    let records = rig.wait_records(42).await;
    let switched = records.iter().filter(|record| record.status == 101);
    assert_eq!((switched.count(), records.len()), (41, 42));
    assert!(
        records
            .iter()
            .any(|record| record.bytes_in > 1_000_000 && record.bytes_out > 1_000_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_ends_with_its_key() {
    let peer = Peer::start("ws_peer.py");
    let text = |key: &str| {
        format!(
            r#"
portunus: 1
upstreams: {{ w: {{ targets: [{{ url: "http://127.0.0.1:{}" }}] }} }}
apis: {{ chat: {{ versions: {{ v1: {{ match: {{ path: /chat }}, upstream: w, policies: [{{ key_auth: {{}} }}] }} }} }} }}
products: {{ chat: {{ versions: [chat/v1], plans: {{ free: {{}} }} }} }}
applications: {{ a: {{ keys: [{{ name: k, value: "{key}" }}], subscriptions: [{{ product: chat, plan: free }}] }} }}
"#,
            peer.port
        )
    };
    let rig = Rig::new(&text("@KEY1@")).await;
    let mut stay = python("ws_peer.py");
    stay.args(["stay", &rig.handle.gateway.to_string(), key(1).as_str()]);
    let stays = tokio::spawn(passes(stay));
    while metric(&rig, "portunus_requests_in_flight ").await == 0 {
        tokio::task::yield_now().await;
    }
    rig.load(&text("@KEY2@"), 2).await;
    stays.await.unwrap();
    assert_eq!(metric(&rig, "portunus_streams_revoked_total ").await, 1);
}

/// As a browser's library asks: frames of gRPC, in binary and in base64.
#[tokio::test(flavor = "multi_thread")]
async fn browsers_speak_grpc_web() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    let peer = Peer::start("grpc_peer.py");
    let text = format!(
        r#"
portunus: 1
upstreams: {{ g: {{ protocol: http2, targets: [{{ url: "http://127.0.0.1:{}" }}] }} }}
apis: {{ open: {{ versions: {{ v1: {{ match: {{ path: /open.Service }}, strip_path: false, upstream: g }} }} }} }}
"#,
        peer.port
    );
    let rig = Rig::new(&text).await;
    let request = |method: &str, media_type: &str, body: &str| {
        let length = body.len();
        format!(
            "POST /open.Service/{method} HTTP/1.1\r\nHost: a\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let message = "\0\0\0\0\x03abc";
    let answer = rig
        .send(&request("Unary", "application/grpc-web+proto", message))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.field("content-type"),
        Some("application/grpc-web+proto")
    );
    // The trailers come as text, but for the one that is not.
    let (data, trailers) = answer.body.split_at(8);
    assert_eq!(data, "\0\0\0\0\x03cba");
    assert!(
        trailers.contains("grpc-status: 0\r\n") && trailers.contains("x-after: late\r\n"),
        "{trailers:?}"
    );
    let text = STANDARD.encode(message);
    let answer = rig
        .send(&request("Unary", "application/grpc-web-text", &text))
        .await;
    assert_eq!(
        answer.field("content-type"),
        Some("application/grpc-web-text")
    );
    let mut decoded = Vec::new();
    // Each part has its own padding.
    for part in answer.body.split_inclusive('=').filter(|part| *part != "=") {
        let padding = "=".repeat(part.len().wrapping_neg() % 4);
        decoded.extend(STANDARD.decode(format!("{part}{padding}")).unwrap());
    }
    assert!(decoded.starts_with(b"\0\0\0\0\x03cba\x80"), "{decoded:?}");
    // Refused by the upstream, and by us.
    let answer = rig
        .send(&request("Fail", "application/grpc-web", "\0\0\0\0\0"))
        .await;
    assert_eq!(answer.status, 200);
    let told = format!("{:?} {}", answer.fields, answer.body);
    assert!(told.contains("no such pet"), "{told}");
    let elsewhere = request("Unary", "application/grpc-web", "").replace("open.Service", "nowhere");
    let answer = rig.send(&elsewhere).await;
    assert_eq!(
        (answer.status, answer.field("grpc-status")),
        (200, Some("12"))
    );
}
