//! `log_detail`: what passes is kept beside its record, and nothing of it that is a secret.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use domain::policy::Stage;
use domain::traffic::detail::{Detail, LeftOut, Message};
use entity::database::{DatabaseSettings, connect_later};
use entity::request_detail;
use entity::store::traffic::{Scope, detail, latest_of};
use gateway::store::TrafficStore;
use gateway::traffic::spool::SpoolSettings;
use gateway::traffic::{Destination, Lines, Writer};
use migration::testing::{TestDatabase, each_backend};
use sea_orm::EntityTrait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::upstream::scripted;
use crate::rig::{Rig, key};
use crate::switch::until;

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] }, script: { targets: [{ url: "http://@SCRIPT@" }] } }
apis:
  shop:
    versions:
      keyed: { match: { path: /keyed }, upstream: echo, policies: [{ key_auth: {} }, { log_detail: { mask: ["$..password", "$.body", "$.headers", "$.path"], mask_headers: [X-Own] } }] }
      errors: { match: { path: /errors }, upstream: echo, policies: [{ log_detail: { only: [4xx, 5xx], answer: [headers] } }] }
      packed: { match: { path: /packed }, upstream: echo, policies: [{ log_detail: { request: [], mask: [] } }, { compress: { min_bytes: 0 } }] }
      script: { match: { path: /script }, upstream: script, policies: [{ log_detail: {} }] }
      plain: { match: { path: /plain }, upstream: echo }
products: { shop: { versions: [shop/keyed], plans: { free: {} } } }
applications: { mobile: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] } }
"#;

async fn rig(scripts: Vec<Vec<&'static str>>) -> Rig {
    let script = scripted(scripts).await;
    Rig::new(&FILE.replace("@SCRIPT@", &script.to_string())).await
}

fn post(path: &str, fields: &[&str], body: &str) -> String {
    let fields: String = fields.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

fn header<'d>(message: &'d Message, name: &str) -> Option<&'d str> {
    let fields = message.fields.as_ref().unwrap().iter();
    let mut found = fields.filter(|field| field.name.eq_ignore_ascii_case(name));
    found.next().map(|field| field.value.as_str())
}

fn text(message: &Message) -> &str {
    message.body.as_ref().unwrap().text.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_kept_without_secrets() {
    let rig = rig(Vec::new()).await;
    let key = key(1);
    let shown = format!("X-Api-Key: {}", key.as_str());
    let fields = [
        shown.as_str(),
        "Cookie: session=planted-cookie",
        "X-Own: planted-own",
        "X-Plain: kept",
        "Content-Type: application/json",
    ];
    let body = r#"{"user":"u","pass\u0077ord":"planted-password"}"#;
    let answer = rig
        .send(&post("/keyed/x?token=planted-query", &fields, body))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let detail = rig.wait_details(1).await.remove(0);
    let record = rig.wait_records(1).await.remove(0);
    assert_eq!(
        detail,
        Detail::of(&record, detail.seen.clone()),
        "found by its record"
    );
    let (request, answered) = (&detail.seen.request, &detail.seen.answer);
    for (name, value) in [
        ("x-api-key", "***"),
        ("cookie", "***"),
        ("x-own", "***"),
        ("x-plain", "kept"),
        ("host", "a"),
    ] {
        assert_eq!(header(request, name), Some(value), "{name}");
    }
    assert_eq!(text(request), r#"{"user":"u","pass\u0077ord":"***"}"#);
    let sent = request.body.as_ref().unwrap();
    assert_eq!(
        (sent.bytes, sent.masked, sent.cut),
        (body.len() as u64, 1, false)
    );
    let id = record.request_id.as_str();
    assert_eq!(header(answered, "x-request-id"), Some(id));
    assert!(
        text(answered).contains(r#""headers":"***","body":"***""#),
        "{detail:?}"
    );
    let all = serde_json::to_string(&detail).unwrap();
    assert!(
        !all.contains("planted") && !all.contains(key.as_str()),
        "{all}"
    );

    // The gateway's own answers as well.
    let refused = rig.send(&post("/keyed/x", &[], "")).await;
    assert_eq!(refused.status, 401);
    let detail = rig.wait_details(1).await.remove(0);
    assert!(text(&detail.seen.answer).contains("key_missing"));
    assert_eq!(detail.seen.request.body, None);
    assert_eq!(
        header(&detail.seen.answer, "content-type"),
        Some("application/problem+json")
    );
    assert_eq!(rig.handle.rings.details(), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_asked_for_is_kept() {
    let rig = rig(Vec::new()).await;
    for path in ["/errors/x", "/plain/teapot", "/errors/teapot"] {
        rig.get(path, &["Accept: text/plain"]).await;
    }
    let detail = rig.wait_details(1).await.remove(0);
    assert_eq!(header(&detail.seen.request, "accept"), Some("text/plain"));
    assert_eq!(detail.seen.answer.body, None);
    assert!(detail.seen.answer.fields.is_some());
    let records = rig.wait_records(3).await;
    let teapot = records
        .iter()
        .find(|record| record.path == "/errors/teapot");
    assert_eq!(teapot.unwrap().request_id, detail.request_id);
    assert_eq!(rig.handle.rings.next_detail("n"), None);

    // What goes out encoded is kept as it was before.
    let answer = rig.get("/packed/x", &["Accept-Encoding: zstd"]).await;
    assert_eq!(answer.field("content-encoding"), Some("zstd"));
    let detail = rig.wait_details(1).await.remove(0);
    assert_eq!(detail.seen.request, Message::default());
    let answer = &detail.seen.answer;
    assert_eq!(header(answer, "content-encoding"), Some("zstd"));
    assert!(
        text(answer).starts_with(r#"{"method":"GET","#),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_cut_and_left_out() {
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"token\":\r\n5\r\n\"x\"}\n\r\n0\r\n\r\n";
    let encoded = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}";
    let picture = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\u{89}PN";
    let broken = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"a\":1,\"token\":\"x";
    let rig = rig(vec![vec![chunked, encoded, picture, broken]]).await;
    let mut client = rig.client().await;
    for (kept, left_out) in [
        (Some("{\"token\":\"***\"}"), None),
        (None, Some(LeftOut::Encoded)),
        (None, Some(LeftOut::Type)),
    ] {
        client.get("/script", &[]).await;
        let detail = rig.wait_details(1).await.remove(0);
        let body = detail.seen.answer.body.unwrap();
        assert_eq!((body.text.as_deref(), body.left_out), (kept, left_out));
    }
    client
        .write(b"GET /script HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let detail = rig.wait_details(1).await.remove(0);
    let body = detail.seen.answer.body.unwrap();
    assert!(body.cut, "it broke off");
    assert_eq!(body.text.as_deref(), Some("{\"a\":1,\"token\":\"***\""));

    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(200_000));
    let answer = rig
        .send(&post(
            "/packed/x",
            &["Content-Type: application/json"],
            &long,
        ))
        .await;
    assert_eq!(answer.status, 200);
    let detail = rig.wait_details(1).await.remove(0);
    let body = detail.seen.answer.body.unwrap();
    assert!(body.cut && body.bytes > 200_000, "{}", body.bytes);
    assert!(body.text.unwrap().len() <= 8192);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_not_waited_for() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: planted\r\n\r\n";
    let rig = rig(vec![vec![switched, "still there"]]).await;
    let mut stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let handshake = "GET /script HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Protocol: planted\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let detail = rig.wait_details(1).await.remove(0);
    assert_eq!(rig.handle.rings.details(), (0, 0));
    assert_eq!(rig.records().len(), 0, "it is still open");
    for side in [&detail.seen.request, &detail.seen.answer] {
        assert_eq!(header(side, "sec-websocket-protocol"), Some("***"));
    }
    assert!(!serde_json::to_string(&detail).unwrap().contains("planted"));
    stream.write_all(b"anybody?\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    while !got.ends_with(b"still there") {
        assert!(stream.read_buf(&mut got).await.unwrap() > 0);
    }
    drop(stream);
    let record = rig.wait_records(1).await.remove(0);
    assert_eq!(detail, Detail::of(&record, detail.seen.clone()));
    assert_eq!(rig.handle.rings.next_detail("n"), None, "it comes once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_lasts_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let rig = Rig::new(&FILE.replace("@SCRIPT@", &address)).await;
    let mut client = TcpStream::connect(rig.handle.gateway).await.unwrap();
    client
        .write_all(b"GET /script HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    upstream.write_all(head.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    for number in 1..4 {
        assert_eq!(rig.handle.rings.next_detail("n"), None);
        if number == 3 {
            rig.advance(11);
        }
        let event = format!("data: {number}\n\n");
        upstream.write_all(event.as_bytes()).await.unwrap();
        let event = event.as_bytes();
        while !got.windows(event.len()).any(|part| part == event) {
            assert!(client.read_buf(&mut got).await.unwrap() > 0);
        }
    }
    let detail = rig.wait_details(1).await.remove(0);
    assert_eq!(rig.handle.rings.details(), (0, 0));
    assert_eq!(rig.records().len(), 0, "it is still open");
    let body = detail.seen.answer.body.unwrap();
    // What had passed by then: the clock may have moved while the worker still looked for more.
    assert!(matches!(body.bytes, 18 | 27), "{}", body.bytes);
    assert_eq!(body.left_out, Some(LeftOut::Type));
    upstream.write_all(b"data: 4\n\n").await.unwrap();
    drop(upstream);
    assert_eq!(rig.wait_records(1).await[0].bytes_out, 36);
    assert_eq!(rig.handle.rings.next_detail("n"), None, "it comes once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_midway_leaves_what_it_sent() {
    let rig = rig(Vec::new()).await;
    let mut client = rig.client().await;
    let half = "POST /keyed/x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let key = key(1);
    let half = format!(
        "{half}X-Api-Key: {}\r\nContent-Length: 100\r\n\r\n{{\"password\":\"pla",
        key.as_str()
    );
    client.write(half.as_bytes()).await;
    while rig.upstream.connections() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(client);
    let detail = rig.wait_details(1).await.remove(0);
    assert_eq!(text(&detail.seen.request), "{\"password\":\"***\"");
    assert_eq!(detail.seen.answer, Message::default());
    assert_eq!(rig.wait_records(1).await[0].status, 499);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_http2_are_kept_apart() {
    let rig = rig(Vec::new()).await;
    let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for number in 0..10 {
        sender = sender.ready().await.unwrap();
        let request = http::Request::post(format!("http://a/keyed/{number}"))
            .header("x-api-key", key(1).as_str())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(())
            .unwrap();
        let (answer, mut body) = sender.send_request(request, false).unwrap();
        let form = format!("number={number}&password=planted");
        body.send_data(Bytes::from(form), true).unwrap();
        answers.push(answer);
    }
    for answer in answers {
        assert_eq!(answer.await.unwrap().status(), 200);
    }
    let details = rig.wait_details(10).await;
    let records = rig.wait_records(10).await;
    for record in records {
        let of_it = details
            .iter()
            .find(|detail| detail.request_id == record.request_id);
        let number = record.path.rsplit('/').next().unwrap();
        let form = format!("number={number}&password=***");
        assert_eq!(text(&of_it.unwrap().seen.request), form);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn details_are_stored_beside_their_records() {
    each_backend(async |database: TestDatabase| {
        let databases = connect_later(&DatabaseSettings::new(&database.url)).await;
        let db = databases.unwrap().traffic;
        let rig = rig(Vec::new()).await;
        let spool = SpoolSettings::new(database.directory.path().join("spool"));
        let store = Destination::Store(spool, TrafficStore(db.clone()));
        let writer = Writer::start(rig.handle.rings.clone(), "node".into(), store).unwrap();
        let answer = rig.get("/errors/teapot", &["Cookie: planted"]).await;
        let id = answer.field("x-request-id").unwrap();
        let found = async || {
            let row = request_detail::Entity::find().one(&db).await.unwrap()?;
            let scope = Scope::provider(row.provider.into());
            let logged = latest_of(&db, &scope, id).await.unwrap()?;
            detail(&db, &logged.record).await.unwrap()
        };
        until("it is stored", async || found().await.is_some()).await;
        let seen = found().await.unwrap();
        assert_eq!(header(&seen.request, "cookie"), Some("***"));
        let figures = writer.figures();
        writer.stop(Duration::from_secs(5)).await;
        let load = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        assert_eq!(
            (
                load(&figures.details_stored),
                load(&figures.details_dropped),
                load(&figures.details_refused)
            ),
            (1, 0, 0)
        );
    })
    .await;
}

/// What of a file of lines is there, once its writer has ended.
fn lines(path: &Path) -> Vec<Detail> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_details_are_lines() {
    let rig = rig(Vec::new()).await;
    let directory = tempfile::tempdir().unwrap();
    let file = Lines::new(directory.path().join("traffic.jsonl"), 1 << 20);
    let rings = rig.handle.rings.clone();
    let writer = Writer::start(rings, "node".into(), Destination::Lines(file)).unwrap();
    rig.get("/errors/teapot", &["Authorization: Bearer planted"])
        .await;
    // The record is written just after its answer.
    while rig.handle.rings.details().0 > 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    writer.stop(Duration::from_secs(5)).await;
    let details = lines(&directory.path().join("traffic-details.jsonl"));
    assert_eq!(details.len(), 1);
    assert_eq!(
        header(&details[0].seen.request, "authorization"),
        Some("***")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn explaining_tells_of_it() {
    let rig = rig(Vec::new()).await;
    let explainer = explainer(&rig, &FILE.replace("@SCRIPT@", "127.0.0.1:9"));
    let told = explain(&explainer, &asked("GET", "/errors/x", &[]));
    let step = told.steps.last().unwrap();
    assert_eq!(
        (step.policy.as_str(), step.stage),
        ("log_detail/log_detail", Stage::Edge)
    );
}
