//! A panic on a request's way: the request is answered and recorded, and everybody else goes on.

use std::io;
use std::time::Duration;

use gateway::Resolver;
use http::Request;

use crate::http2::{ask, connect, get};
use crate::rig::Rig;
use crate::upstreams::metric;

const FILE: &str = r#"
portunus: 1
upstreams:
  echo: { targets: [{ url: "http://@UPSTREAM@" }] }
  broken: { targets: [{ url: "http://books.test" }] }
apis:
  x:
    versions:
      v1: { match: { path: /x }, upstream: echo }
      v2: { match: { path: /broken }, upstream: broken, policies: [{ concurrency: { limit: 1, by: [route] } }] }
      v3: { match: { path: /read }, upstream: broken, policies: [{ cors: { origins: ["https://a.test"] } }] }
"#;

const FAULTS: &str = "portunus_refused_total{code=\"internal\"}";
const IN_FLIGHT: &str = "portunus_requests_in_flight ";

/// Whoever asks for the name of a target on a request's way panics; who asks in the background is told
/// that there is no answer.
async fn rig() -> Rig {
    let resolver = Resolver::new(|_, _| {
        let thread = std::thread::current();
        let is_worker = thread
            .name()
            .is_some_and(|name| name.starts_with("gateway-"));
        assert!(!is_worker, "a panic of this test's own");
        async { Err(io::Error::other("no answer")) }
    });
    let rig = Rig::with(FILE, |settings| {
        settings.workers = Some(1);
        settings.resolver = resolver;
    })
    .await;
    // No question is under way then that a request would only wait for.
    while metric(&rig, "portunus_upstream_resolves_failed_total ").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn it_costs_its_request_and_nothing_else() {
    let rig = rig().await;
    let mut held = rig.client().await;
    held.write(b"GET /x/hold HTTP/1.1\r\nHost: a\r\n\r\n").await;
    while rig.upstream.requests() == 0 {
        tokio::task::yield_now().await;
    }
    // More of them than there are places.
    let requests = [
        "GET /broken HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /broken HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /broken HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ];
    for request in requests {
        let mut client = rig.client().await;
        let answer = client.send(request).await;
        let found = (answer.status, answer.code());
        assert_eq!(found, (500, "internal".into()), "{request}");
        assert_eq!(answer.field("connection"), Some("close"), "{request}");
        assert!(client.is_closed().await, "{request}");
        let records = rig.wait_records(1).await;
        let record = &records[0];
        assert_eq!((record.status, record.code.as_str()), (500, "internal"));
        assert_eq!(answer.json()["request_id"], record.request_id);
        assert_eq!(answer.field("x-request-id"), Some(&*record.request_id));
    }
    assert_eq!(metric(&rig, FAULTS).await, requests.len() as u64);
    rig.upstream.release.notify_one();
    assert_eq!(held.read().await.status, 200);
    assert_eq!(held.get("/x", &[]).await.status, 200);
    while metric(&rig, IN_FLIGHT).await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_may_read_answers_may_read_this_one() {
    let rig = rig().await;
    for (origin, allowed) in [
        ("https://a.test", Some("https://a.test")),
        ("https://b.test", None),
    ] {
        let request = format!("GET /read HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n\r\n");
        let mut client = rig.client().await;
        let answer = client.send(&request).await;
        let found = (answer.status, answer.code());
        assert_eq!(found, (500, "internal".into()), "{origin}");
        assert_eq!(answer.field("access-control-allow-origin"), allowed);
        assert_eq!(answer.field("vary"), Some("Origin"));
        assert!(client.is_closed().await, "{origin}");
        let records = rig.wait_records(1).await;
        let told = (records[0].status, records[0].code.as_str());
        assert_eq!(told, (500, "internal"), "{origin}");
    }
    assert_eq!(metric(&rig, FAULTS).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_2_its_connection_goes_on() {
    let rig = rig().await;
    let mut sender = connect(&rig).await;
    let mut other = sender.clone();
    let held = tokio::spawn(async move {
        let request = get("/x/hold").body(()).unwrap();
        ask(&mut other, request, "").await
    });
    while rig.upstream.requests() == 0 {
        tokio::task::yield_now().await;
    }
    for body in ["", "hello"] {
        let request = Request::put("http://a.test/broken").body(()).unwrap();
        let (status, answer) = ask(&mut sender, request, body).await;
        assert_eq!(status, 500, "{answer}");
        assert!(answer.contains("\"code\":\"internal\""), "{answer}");
    }
    rig.upstream.release.notify_one();
    assert_eq!(held.await.unwrap().0, 200);
    assert_eq!(metric(&rig, FAULTS).await, 2);
    assert_eq!(rig.handle.connections(), 1);
}
