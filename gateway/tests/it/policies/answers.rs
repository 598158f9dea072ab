//! `validate` on answers: what does not fit the document is counted, taken out or kept back.

use std::io::Read;
use std::net::SocketAddr;

use bytes::Bytes;
use domain::explain::Decision;
use domain::traffic::Cached;
use http::{HeaderMap, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::reshaping::{Mirror, post};
use crate::explain::shop::{asked, explain, explainer};
use crate::rig::Rig;
use crate::rig::upstream::scripted;
use crate::switch::until;

const FILE: &str = r#"
portunus: 1
upstreams:
  mirror: { targets: [{ url: "http://@MIRROR@" }] }
  echo: { targets: [{ url: "http://@UPSTREAM@" }] }
  raw: { targets: [{ url: "http://@RAW@" }] }
  after: { protocol: http2, targets: [{ url: "http://@AFTER@" }] }
apis:
  things:
    versions:
      block: { match: { path: /block }, openapi: answers.yaml, upstream: mirror, policies: [{ validate: { body: false, responses: block, max_bytes: 200000 } }] }
      strip: { match: { path: /strip }, openapi: answers.yaml, upstream: mirror, policies: [{ validate: { body: false, responses: strip_undeclared, max_bytes: 200000 } }] }
      seen: { match: { path: /seen }, openapi: answers.yaml, upstream: mirror, policies: [{ validate: { body: false, responses: observe, max_bytes: 1000 } }] }
      watch: { match: { path: /watch }, openapi: answers.yaml, upstream: mirror, policies: [{ validate: { mode: observe, body: false, responses: strip_undeclared } }] }
      kept: { match: { path: /kept }, openapi: answers.yaml, upstream: echo, policies: [{ validate: { responses: strip_undeclared } }, { cache: { ttl: 60s } }] }
      last: { match: { path: /last }, openapi: answers.yaml, upstream: mirror, policies: [{ validate: { body: false, responses: strip_undeclared } }, { transform: { response: { body: { becomes: '{"seen": body}' } } } }] }
      mocked: { match: { path: /mocked }, openapi: answers.yaml, upstream: mirror, policies: [{ validate: { body: false, responses: block } }, { mock: { status: 299, body: "[]" } }] }
      open: { match: { path: /open }, openapi: answers.yaml, operations_mode: open, upstream: mirror, policies: [{ validate: { body: false, responses: block } }] }
      firm: { match: { path: /firm }, openapi: answers.yaml, upstream: raw, policies: [{ validate: { responses: block } }, { cache: {} }] }
      both: { match: { path: /both }, openapi: answers.yaml, upstream: raw, policies: [{ validate: { responses: block } }, { cache: {} }, { transform: { response: { body: { becomes: '{"seen": body.method.name}' } } } }] }
      beside: { match: { path: /beside }, openapi: answers.yaml, upstream: raw, policies: [{ validate: { responses: observe } }, { cache: {} }, { transform: { response: { body: { becomes: '{"seen": body.method.name}' } } } }] }
      after-block: { match: { path: /after/block }, openapi: answers.yaml, upstream: after, policies: [{ validate: { body: false, responses: block } }] }
      after-strip: { match: { path: /after/strip }, openapi: answers.yaml, upstream: after, policies: [{ validate: { body: false, responses: strip_undeclared } }] }
      after-seen: { match: { path: /after/seen }, openapi: answers.yaml, upstream: after, policies: [{ validate: { body: false, responses: observe } }] }
      after-new: { match: { path: /after/new }, openapi: answers.yaml, upstream: after, policies: [{ transform: { response: { body: { remove: [/cost] } } } }] }
      after-packed: { match: { path: /after/packed }, openapi: answers.yaml, upstream: after, policies: [{ compress: { min_bytes: 1 } }] }
      raw: { match: { path: /raw }, openapi: answers.yaml, upstream: raw, policies: [{ validate: { responses: observe, max_bytes: 20 } }] }
"#;

async fn start() -> (Rig, Mirror) {
    start_with(vec![]).await
}

async fn start_with(scripts: Vec<Vec<&'static str>>) -> (Rig, Mirror) {
    let (mirror, raw) = (Mirror::start().await, scripted(scripts).await);
    let file = FILE
        .replace("@MIRROR@", &mirror.address.to_string())
        .replace("@RAW@", &raw.to_string())
        .replace("@AFTER@", &trailing().await.to_string());
    (Rig::new(&file).await, mirror)
}

/// An upstream of HTTP/2 with trailers behind its answers.
async fn trailing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let head = Response::builder().header("content-type", "application/json");
                    let mut body = respond
                        .send_response(head.body(()).unwrap(), false)
                        .unwrap();
                    body.send_data(Bytes::from_static(UNDECLARED), false)
                        .unwrap();
                    let mut trailers = HeaderMap::new();
                    trailers.insert("x-after", "late".parse().unwrap());
                    trailers.insert("content-digest", "sha-256=:AA==:".parse().unwrap());
                    body.send_trailers(trailers).unwrap();
                }
            });
        }
    });
    address
}

const UNDECLARED: &[u8] = br#"{"id":1,"cost":2}"#;

const JSON: &str = "X-Answer-Content-Type: application/json";
const TEXT: &str = "X-Answer-Content-Type: text/plain";
const PROBLEM: &str = "X-Answer-Content-Type: application/problem+json";

fn long(bytes: usize) -> String {
    format!(r#"{{"id":1,"tags":["{}"]}}"#, "x".repeat(bytes))
}

async fn metric(rig: &Rig, name: &str) -> u64 {
    let page = rig.admin("/metrics").await.body;
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

/// What an answer took goes with it, right behind its last byte.
async fn nothing_is_held(rig: &Rig) {
    until("nothing is held", async || {
        metric(rig, "portunus_held_bytes").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_fit_is_kept_back() {
    let (rig, mirror) = start().await;
    let fits = long(150_000);
    for (fields, body) in [
        (&[JSON][..], r#"{"id":1,"other":[{"free":1}],"in":{"n":2}}"#),
        (
            &["X-Answer-Content-Type: application/JSON; charset=utf-8"],
            &fits,
        ),
        (&[TEXT], "four"),
        (&["X-Answer-Status: 404", PROBLEM], "anything"),
        (
            &["X-Answer-Status: 201", "X-Answer-Content-Type: text/html"],
            "<p>",
        ),
        (&["X-Answer-Status: 204"], ""),
        (&["X-Answer-Status: 304"], ""),
    ] {
        let fields: Vec<&str> = fields
            .iter()
            .copied()
            .chain(["Accept-Encoding: gzip", "Range: bytes=0-3"])
            .collect();
        let answer = post(&rig, "/block/things", &fields, body).await;
        assert!(answer.status < 500, "{fields:?}: {answer:?}");
        assert_eq!(answer.body, body, "unchanged: {fields:?}");
        assert_eq!(
            (mirror.field("accept-encoding"), mirror.field("range")),
            (None, None)
        );
    }
    rig.wait_records(7).await;
    let too_long = long(200_000);
    for (fields, body) in [
        (&[JSON][..], r#"{"id":"secret-1"}"#),
        (&[JSON], r#"{"in":{}}"#),
        (&[JSON], r#"{"id":1,"password":"secret-2"}"#),
        (&[JSON], r#"{"id":1,"in":{"n":"secret-3"}}"#),
        (&[JSON], r#"{"id":1,"id":2}"#),
        (&[JSON], "{"),
        (&[JSON], ""),
        (&[JSON], &too_long),
        (&[JSON, JSON], r#"{"id":1}"#),
        (&[JSON, "X-Answer-Content-Encoding: gzip"], r#"{"id":1}"#),
        (&[JSON, "X-Answer-Status: 206"], r#"{"id":1}"#),
        (&[JSON, "X-Answer-Status: 500"], r#"{"id":1}"#),
        (&[JSON, "X-Answer-Status: 202"], r#"{"id":1}"#),
        (&[PROBLEM], r#"{"id":1}"#),
        (&[TEXT], "fiver"),
        (&[TEXT], "\u{1}\u{1}\u{1}\u{1}\u{1}"),
        (
            &["X-Answer-Content-Type: application/grpc+json"],
            r#"{"id":1}"#,
        ),
        (&[], "untyped"),
    ] {
        let answer = post(&rig, "/block/things", fields, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (502, "response_invalid"),
            "{fields:?} {body:.60}"
        );
        assert!(
            !answer.body.contains("secret") && !answer.body.contains("password"),
            "{}",
            answer.body
        );
        assert_eq!(answer.json().get("errors"), None);
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(
            (record.decided_by.as_str(), record.code.as_str()),
            ("validate/validate", "response_invalid")
        );
    }
    // Streams pass as they come; their bodies are not looked at.
    let stream = post(
        &rig,
        "/block/things",
        &["X-Answer-Content-Type: text/event-stream"],
        "data: 1\n\n",
    )
    .await;
    assert_eq!((stream.status, stream.body.as_str()), (200, "data: 1\n\n"));
    assert_eq!(metric(&rig, "portunus_answers_unchecked_total").await, 1);
    // What the document does not have is nobody's to check, and what we answer ourselves is ours.
    let other = post(&rig, "/open/others", &[JSON, "X-Answer-Status: 500"], "{").await;
    assert_eq!(other.status, 500);
    let mocked = post(&rig, "/mocked/things", &[], "").await;
    assert_eq!((mocked.status, mocked.body.as_str()), (299, "[]"));
    nothing_is_held(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undeclared_members_are_taken_out() {
    let (rig, _) = start().await;
    let etag = "X-Answer-ETag: \"a\"";
    let digest = "X-Answer-Content-Digest: sha-256=:AA==:";
    for (fields, body, left, observed) in [
        (
            &[JSON, etag][..],
            r#"{"id":1,"cost":2,"in":{"n":3,"m":4},"password":"p"}"#,
            r#"{"id":1,"in":{"n":3}}"#,
            0,
        ),
        (&[JSON], r#"{"id":"a","cost":2}"#, r#"{"id":"a"}"#, 1),
        (&[JSON], r#"{ "id": 1.0 }"#, r#"{ "id": 1.0 }"#, 0),
        (&[JSON], r#"[{"id":1}]"#, r#"[{"id":1}]"#, 1),
        (&[JSON], "", "", 1),
        (&[TEXT], "fiver", "fiver", 1),
        (&[JSON, "X-Answer-Status: 500"], "", "", 1),
        (
            &["X-Answer-Status: 500", "X-Answer-Content-Type: text/html"],
            "<p>",
            "<p>",
            1,
        ),
        (&["X-Answer-Content-Type: text/html"], "<p>", "<p>", 1),
        (&["X-Answer-Status: 404", PROBLEM], "{", "{", 0),
    ] {
        let answer = post(&rig, "/strip/things", fields, body).await;
        assert_eq!(answer.body, left, "{fields:?} {body}");
        assert_eq!(
            answer.field("content-length"),
            Some(&*left.len().to_string())
        );
        let record = rig.wait_records(1).await.remove(0);
        let told = (record.observed.count_ones(), record.code.as_str());
        assert_eq!(told, (observed, ""), "{fields:?} {body}");
    }
    // The bytes are others: what told of them is weak, or gone.
    let answer = post(
        &rig,
        "/strip/things",
        &[JSON, etag, digest],
        r#"{"id":1,"cost":2}"#,
    )
    .await;
    assert_eq!(
        (answer.field("etag"), answer.field("content-digest")),
        (Some("W/\"a\""), None)
    );
    let same = post(&rig, "/strip/things", &[JSON, etag, digest], r#"{"id":1}"#).await;
    assert_eq!(same.field("etag"), Some("\"a\""));
    assert!(same.field("content-digest").is_some());
    for (held, is) in [("W/\"a\"", "W/\"a\""), ("\"a\"", "\"a\""), ("*", "W/\"a\"")] {
        let held = format!("If-None-Match: {held}");
        let fields = [etag, &*held, "X-Answer-Status: 304"];
        let same = post(&rig, "/strip/things", &fields, "").await;
        assert_eq!((same.status, same.field("etag")), (304, Some(is)), "{held}");
    }
    assert_eq!(metric(&rig, "portunus_answers_stripped_total").await, 3);
    rig.wait_records(5).await;

    // What nobody can look into may hold what was to be taken out.
    for (fields, body) in [
        (&[JSON][..], r#"{"id":1,"cost":2"#),
        (&[JSON], r#"{"cost":2,"cost":3}"#),
        (&[JSON], &long(200_000)),
        (&[JSON, TEXT], r#"{"cost":2}"#),
        // Nor what may be the same under another status or media type.
        (&[JSON, "X-Answer-Status: 500"], r#"{"cost":2}"#),
        (&[PROBLEM], r#"{"cost":2}"#),
        (&[], r#"{"cost":2}"#),
        (&[JSON, "X-Answer-Content-Encoding: gzip"], r#"{"cost":2}"#),
        (
            &[
                JSON,
                "X-Answer-Status: 200",
                "X-Answer-Content-Encoding: br",
            ],
            r#"{"cost":2}"#,
        ),
    ] {
        let answer = post(&rig, "/strip/things", fields, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (502, "response_invalid"),
            "{fields:?} {body:.60}"
        );
        assert!(!answer.body.contains("cost"));
    }
    // In a long one as well, beside the worker.
    let items = format!(r#"{{"id":1,"tags":["{}"],"cost":2}}"#, "x".repeat(100_000));
    let answer = post(&rig, "/strip/things", &[JSON], &items).await;
    assert_eq!(answer.body, long(100_000));
    // It is the upstream's answer that is looked at, and what is left of it that is changed.
    let answer = post(&rig, "/last/things", &[JSON], r#"{"id":1,"cost":2}"#).await;
    assert_eq!(answer.body, r#"{"seen":{"id":1}}"#);
    nothing_is_held(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_watches_changes_nothing() {
    let (rig, mirror) = start().await;
    for (path, fields, body, observed) in [
        ("/seen", &[JSON][..], r#"{"id":1,"cost":2}"#, 0),
        ("/seen", &[JSON], r#"{"id":"a"}"#, 1),
        ("/seen", &[JSON, "X-Answer-Status: 500"], "{", 1),
        ("/seen", &[JSON, "X-Answer-Content-Encoding: gzip"], "{", 0),
        ("/seen", &[JSON], &long(1000), 0),
        ("/watch", &[JSON], r#"{"id":1}"#, 0),
        ("/watch", &[JSON], r#"{"id":1,"cost":2}"#, 1),
        ("/watch", &[JSON], "{", 1),
    ] {
        let answer = post(&rig, &format!("{path}/things"), fields, body).await;
        assert_eq!(answer.body, body, "{path} {fields:?}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(
            (record.observed.count_ones(), record.code.as_str()),
            (observed, ""),
            "{path} {body:.60}"
        );
        assert_eq!(mirror.field("accept-encoding"), None);
    }
    assert_eq!(metric(&rig, "portunus_answers_unchecked_total").await, 2);
    assert_eq!(
        metric(&rig, "portunus_policy_observed_total{kind=\"validate\"}").await,
        4
    );
    assert_eq!(
        metric(&rig, "portunus_policy_decided_total{kind=\"validate\"}").await,
        0
    );
    // Parts may be asked for.
    let part = ["Range: bytes=0-3", "X-Answer-Status: 206", JSON];
    assert_eq!(post(&rig, "/seen/things", &part, "{\"id").await.status, 206);
    assert_eq!(mirror.field("range").as_deref(), Some("bytes=0-3"));
}

/// It is found to be too long when some of it was taken: nothing of it is lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_goes_on() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
        b\r\n{\"method\":\"\r\nf\r\nlong enough and\r\n10\r\n more than that\"\r\n1\r\n}\r\n0\r\n\r\n";
    const SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
        c\r\n{\"method\":1}\r\n0\r\n\r\n";
    let (rig, _) = start_with(vec![vec![CHUNKED, SHORT]]).await;
    let mut client = rig.client().await;
    let answer = client.get("/raw/things", &[]).await;
    assert_eq!(
        answer.body,
        r#"{"method":"long enough and more than that"}"#
    );
    let answer = client.get("/raw/things", &[]).await;
    // It was not held until its end was known.
    assert_eq!(
        (answer.body.as_str(), answer.field("content-length")),
        (r#"{"method":1}"#, None)
    );
    nothing_is_held(&rig).await;
    assert_eq!(metric(&rig, "portunus_answers_unchecked_total").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_come_behind_what_was_looked_at() {
    let (rig, _) = start().await;
    let stream = TcpStream::connect(rig.handle.gateway).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for (path, body, has_digest, accepts) in [
        ("block", UNDECLARED, true, "gzip"),
        ("seen", UNDECLARED, true, "gzip"),
        ("strip", br#"{"id":1}"#, false, "gzip"),
        ("new", br#"{"id":1}"#, false, "gzip"),
        ("packed", UNDECLARED, true, "identity"),
        // The bytes are others.
        ("packed", UNDECLARED, false, "gzip"),
    ] {
        let mut sender = sender.clone().ready().await.unwrap();
        let request = http::Request::post(format!("http://a.test/after/{path}/things"));
        let request = request.header("accept-encoding", accepts);
        let sent = sender.send_request(request.body(()).unwrap(), true);
        let (head, mut answer) = sent.unwrap().0.await.unwrap().into_parts();
        let mut got = Vec::new();
        while let Some(data) = answer.data().await {
            got.extend_from_slice(&data.unwrap());
        }
        if head.headers.contains_key("content-encoding") {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&got[..])
                .read_to_end(&mut plain)
                .unwrap();
            got = plain;
        }
        assert_eq!(got, body, "{path}");
        let is_packed = (path, accepts) == ("packed", "gzip");
        assert_eq!(head.headers.contains_key("content-encoding"), is_packed);
        let trailers = answer.trailers().await.unwrap().expect(path);
        assert_eq!(trailers.get("x-after").unwrap(), "late", "{path}");
        assert_eq!(
            trailers.contains_key("content-digest"),
            has_digest,
            "{path}"
        );
    }
    nothing_is_held(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_not_kept_and_takes_nothing_away() {
    const BAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\nContent-Length: 1\r\n\r\n{";
    const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=5\r\nETag: \"a\"\r\nContent-Length: 12\r\n\r\n{\"method\":1}";
    const PRIVATE: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: 1\r\n\r\n{";
    const SAME: &str =
        "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nCache-Control: max-age=5\r\n\r\n";
    const GONE: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: 12\r\n\r\n{\"method\":2}";
    // Connections that wait for six seconds are not used again.
    let scripts = vec![vec![BAD, GOOD], vec![BAD, PRIVATE, SAME], vec![GONE]];
    let (rig, _) = start_with(scripts).await;
    let mut client = rig.client().await;
    for (number, (seconds, status, body, cached)) in [
        (0, 502, None, Cached::Miss),
        (0, 200, Some(r#"{"method":1}"#), Cached::Stored),
        (0, 200, Some(r#"{"method":1}"#), Cached::Hit),
        (6, 502, None, Cached::Miss),
        (0, 502, None, Cached::Miss),
        (0, 200, Some(r#"{"method":1}"#), Cached::Validated),
        (6, 200, Some(r#"{"method":2}"#), Cached::Miss),
    ]
    .into_iter()
    .enumerate()
    {
        rig.advance(seconds);
        let answer = client.get("/firm/things", &[]).await;
        assert_eq!(answer.status, status, "{number}: {answer:?}");
        if let Some(body) = body {
            assert_eq!(answer.body, body, "{number}");
        }
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.cached, cached, "{number}");
    }
    let page = rig.admin("/metrics").await.body;
    assert!(
        page.contains("portunus_cache_entries 0\n"),
        "a good one replaces it"
    );
}

/// What one step lets through a later one keeps back, also when its body has passed already.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_step_refuses_is_not_kept() {
    const BAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\nContent-Length: 12\r\n\r\n{\"method\":1}";
    const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: max-age=60\r\nContent-Length: 23\r\n\r\n{\"method\":{\"name\":\"a\"}}";
    for path in ["/both/things", "/beside/things"] {
        let (rig, _) = start_with(vec![vec![BAD, GOOD]]).await;
        let mut client = rig.client().await;
        for (status, body, cached) in [
            (502, None, Cached::Miss),
            (200, Some(r#"{"seen":"a"}"#), Cached::Stored),
            (200, Some(r#"{"seen":"a"}"#), Cached::Hit),
        ] {
            let answer = client.get(path, &[]).await;
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            if let Some(body) = body {
                assert_eq!(answer.body, body, "{path}");
            }
            let record = rig.wait_records(1).await.remove(0);
            assert_eq!(record.cached, cached, "{path}");
        }
        assert_eq!(metric(&rig, "portunus_cache_entries").await, 1, "{path}");
        nothing_is_held(&rig).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_keeps_what_it_says_of_its_type() {
    let (rig, _) = start().await;
    for (media_type, has_length) in [
        ("text/plain; charset=iso-8859-1", true),
        ("application/json; charset=utf-8", false),
    ] {
        let mut client = rig.client().await;
        let head = format!(
            "HEAD /strip/things HTTP/1.1\r\nHost: a\r\nX-Answer-Content-Type: {media_type}\r\nX-Answer-Content-Length: 7\r\n\r\n"
        );
        client.write(head.as_bytes()).await;
        let got = client.read_bare().await.to_lowercase();
        let line = format!("content-type: {media_type}\r\n");
        assert!(got.contains(&line), "{got}");
        assert_eq!(got.contains("content-length: 7\r\n"), has_length, "{got}");
    }
}

/// They are kept as the upstream gave them, so what is checked follows the document of the day.
#[tokio::test(flavor = "multi_thread")]
async fn kept_answers_are_looked_at_as_well() {
    let (rig, _) = start().await;
    for _ in 0..2 {
        let answer = rig.get("/kept/things", &["X-Mine: 1"]).await;
        let members: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["method", "path"], "{answer:?}");
        assert_eq!(answer.json()["method"], Value::from("GET"));
    }
    assert_eq!(rig.upstream.requests(), 1);
    // Of a HEAD nobody knows how long its body would be.
    let mut stream = tokio::net::TcpStream::connect(rig.handle.gateway)
        .await
        .unwrap();
    let head = b"HEAD /kept/things HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).await.unwrap();
    assert!(
        got.starts_with("HTTP/1.1 200") && got.ends_with("\r\n\r\n"),
        "{got}"
    );
    assert!(!got.to_lowercase().contains("content-length"), "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_answers_is_explained() {
    let (rig, mirror) = start().await;
    let file = FILE
        .replace("@MIRROR@", &mirror.address.to_string())
        .replace("@RAW@", "127.0.0.1:1")
        .replace("@AFTER@", "127.0.0.1:1");
    let explainer = explainer(&rig, &file);
    for (path, why) in [
        (
            "/block/things",
            "Keeps the answer back, if it does not fit the document.",
        ),
        (
            "/seen/things",
            "Compares the answer with the document. It only observes.",
        ),
    ] {
        let told = explain(&explainer, &asked("POST", path, &[]));
        let step = told.steps.last().unwrap();
        assert_eq!((step.why.as_str(), step.decision), (why, Decision::Passes));
    }
}
