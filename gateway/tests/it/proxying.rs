//! What goes through, and what is changed on its way.

use crate::rig::{Rig, upstream};

const OPEN: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { x: { versions: { v1: { match: { path: /x }, upstream: echo } } } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_through() {
    let rig = Rig::new(OPEN).await;
    let answer = rig.get("/x/a/b?q=1&r=%2f", &["Accept: */*"]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.seen_path(), "/a/b?q=1&r=%2f");
    assert_eq!(
        answer.seen("host").unwrap(),
        rig.upstream.address.to_string()
    );
    assert_eq!(answer.seen("x-forwarded-host").unwrap(), "test");
    assert_eq!(answer.seen("x-forwarded-for").unwrap(), "127.0.0.1");
    assert_eq!(answer.seen("x-forwarded-proto").unwrap(), "http");
    let id = answer.field("x-request-id").unwrap();
    assert_eq!(answer.seen("x-request-id").unwrap(), id);
    let records = rig.wait_records(1).await;
    let record = &records[0];
    assert_eq!(
        (record.status, record.path.as_str(), record.method.as_str()),
        (200, "/x/a/b", "GET")
    );
    assert_eq!((record.request_id.as_str(), record.tries), (id, 1));
    assert_eq!(record.bytes_out, answer.body.len() as u64);
    assert_eq!(record.target, rig.upstream.address.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_both_ways_and_connections_are_kept() {
    let rig = Rig::with(OPEN, |settings| settings.workers = Some(1)).await;
    let mut client = rig.client().await;
    let answer = client
        .send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello")
        .await;
    assert_eq!(
        (
            answer.json()["body"].as_str().unwrap(),
            answer.seen_path().as_str()
        ),
        ("hello", "/")
    );
    assert_eq!(answer.seen("content-length").unwrap(), "5");
    let chunked = "PUT /x/c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: v\r\n\r\n";
    let answer = client.send(chunked).await;
    assert_eq!(answer.json()["body"], "abcde");
    let answer = client.get("/x/chunks", &[]).await;
    assert_eq!(answer.body, "one two three");
    let answer = client.get("/x/big", &[]).await;
    assert_eq!(answer.body.len(), 1_000_000);
    assert_eq!(client.get("/x/empty", &[]).await.status, 204);
    assert_eq!(client.get("/x/teapot", &[]).await.status, 418);
    let head = client.send("HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n");
    // The length is that of a GET; a HEAD has no body to read.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(300), head).await;
    assert_eq!(rig.upstream.connections(), 1, "one connection was enough");
    let records = rig.wait_records(7).await;
    assert_eq!((records[0].bytes_in, records[1].bytes_in), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn hop_by_hop_fields_end_here() {
    let rig = Rig::new(OPEN).await;
    let answer = rig
        .get(
            "/x/hop",
            &[
                "Connection: keep-alive, X-Mine",
                "X-Mine: 1",
                "Keep-Alive: 5",
                "TE: trailers",
                "X-Portunus-Plan: gold",
                "X-Forwarded-For: 6.6.6.6",
                "Cookie: a=1; portunus_session=s",
            ],
        )
        .await;
    for name in [
        "x-mine",
        "keep-alive",
        "te",
        "connection",
        "x-portunus-plan",
    ] {
        assert_eq!(answer.seen(name), None, "{name}");
    }
    assert_eq!(answer.seen("x-forwarded-for").unwrap(), "127.0.0.1");
    assert_eq!(answer.seen("cookie").unwrap(), "a=1");
    assert_eq!(answer.field("x-hop"), None);
    assert_eq!(answer.field("set-cookie"), Some("a=1"));
    assert_ne!(answer.field("x-request-id"), Some("theirs"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed() {
    let rig = Rig::with(OPEN, |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]
    })
    .await;
    let answer = rig
        .get(
            "/x",
            &[
                "X-Forwarded-For: 1.2.3.4",
                "X-Forwarded-Proto: https",
                "X-Request-Id: abc-1",
            ],
        )
        .await;
    assert_eq!(
        answer.seen("x-forwarded-for").unwrap(),
        "1.2.3.4, 127.0.0.1"
    );
    assert_eq!(answer.seen("x-forwarded-proto").unwrap(), "https");
    assert_eq!(answer.field("x-request-id"), Some("abc-1"));
    assert_eq!(rig.wait_records(1).await[0].client, "1.2.3.4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_on_as_it_came_or_not_at_all() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let rig = Rig::new(OPEN).await;
    let parent = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-01");
    let odd = parent.replace("00-", "ff-");
    let state = "tracestate: a=1";
    for (fields, passes) in [
        (vec![], false),
        (vec![parent.as_str()], true),
        (
            vec![
                "Connection: traceparent, tracestate",
                parent.as_str(),
                state,
            ],
            true,
        ),
        (vec![state], false),
        (vec![odd.as_str(), state], false),
        (vec![parent.as_str(), parent.as_str(), state], false),
    ] {
        let answer = rig.get("/x", &fields).await;
        let sent = passes.then(|| parent.strip_prefix("traceparent: ").unwrap());
        assert_eq!(answer.seen("traceparent").as_deref(), sent, "{fields:?}");
        let beside = (passes && fields.contains(&state)).then_some("a=1");
        assert_eq!(answer.seen("tracestate").as_deref(), beside, "{fields:?}");
        let records = rig.wait_records(1).await;
        let named = if passes { TRACE } else { "" };
        assert_eq!(records[0].trace_id, named, "{fields:?}");
    }
    // Refusals are of it as well.
    rig.get("/none", &[parent.as_str()]).await;
    let records = rig.wait_records(1).await;
    assert_eq!(
        (records[0].status, records[0].trace_id.as_str()),
        (404, TRACE)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_kept_connection_is_tried_once_more() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let address = upstream::scripted(vec![vec![OK], vec![OK, ""], vec![OK]]).await;
    let text = OPEN.replace("@UPSTREAM@", &address.to_string());
    let rig = Rig::with(&text, |settings| settings.workers = Some(1)).await;
    let mut client = rig.client().await;
    for _ in 0..3 {
        let answer = client.get("/x", &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_that_fail_are_named_by_phase() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let resetting = upstream::scripted(vec![vec![""]]).await;
    let unasked = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    let switching = upstream::scripted(vec![vec![unasked]]).await;
    let text = format!(
        r#"
portunus: 1
upstreams:
  silent: {{ targets: [{{ url: "http://{}" }}], timeouts: {{ first_byte: 200ms }} }}
  closed: {{ targets: [{{ url: "http://127.0.0.1:1" }}] }}
  reset: {{ targets: [{{ url: "http://{resetting}" }}] }}
  switching: {{ targets: [{{ url: "http://{switching}" }}] }}
  metadata: {{ targets: [{{ url: "http://169.254.169.254" }}] }}
apis:
  x:
    versions:
      v1: {{ match: {{ path: /silent }}, upstream: silent }}
      v2: {{ match: {{ path: /closed }}, upstream: closed }}
      v3: {{ match: {{ path: /reset }}, upstream: reset }}
      v4: {{ match: {{ path: /metadata }}, upstream: metadata }}
      v5: {{ match: {{ path: /switching }}, upstream: switching }}
"#,
        silent.local_addr().unwrap()
    );
    let rig = Rig::with(&text, |settings| {
        settings.clock = gateway::clock::Clock::default()
    })
    .await;
    for (path, status, code) in [
        ("/silent", 504, "upstream_timeout"),
        ("/closed", 502, "upstream_unreachable"),
        ("/reset", 502, "upstream_reset"),
        ("/metadata", 502, "upstream_unreachable"),
        ("/switching", 502, "upstream_reset"),
    ] {
        let answer = rig.get(path, &[]).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_kept_and_a_dead_target_is_passed_over() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1";
    let other = upstream::scripted(vec![vec![OK; 50]]).await;
    let targets = format!(
        r#"{{ url: "http://@UPSTREAM@", weight: 1 }}, {{ url: "http://{other}", weight: 3 }}, {{ url: "http://127.0.0.1:1", weight: 1 }}"#
    );
    let text = OPEN.replace(r#"{ url: "http://@UPSTREAM@" }"#, &targets);
    let rig = Rig::with(&text, |settings| settings.workers = Some(1)).await;
    let mut client = rig.client().await;
    let mut from_other = 0;
    for _ in 0..10 {
        let answer = client.get("/x", &[]).await;
        assert_eq!(answer.status, 200);
        from_other += usize::from(answer.body == "1");
    }
    assert!((6..=8).contains(&from_other), "{from_other}");
}
