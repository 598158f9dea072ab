//! Freshness, validation, conditions, ranges and invalidation.

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};

use super::{get, rig, status, tell};
use crate::rig::Rig;
use crate::rig::origin::Origin;

const MINUTE: &str = "200 | Cache-Control: max-age=60";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fresh_is_given_and_what_is_not_is_asked_for() {
    tell(&[
        (
            0,
            "/plain",
            MINUTE,
            &[],
            200,
            "answer 1",
            "fwd=uri-miss; stored",
        ),
        (0, "/plain", MINUTE, &[], 200, "answer 1", "hit; ttl=60"),
        (59, "/plain", MINUTE, &[], 200, "answer 1", "hit; ttl=1"),
        (1, "/plain", MINUTE, &[], 200, "answer 2", "fwd=stale"),
        (0, "/plain?a", MINUTE, &[], 200, "answer 3", "uri-miss"),
        (
            0,
            "/plain?a",
            MINUTE,
            &["Cache-Control: no-cache"],
            200,
            "answer 4",
            "fwd=request",
        ),
        (
            0,
            "/plain?a",
            MINUTE,
            &["Pragma: no-cache"],
            200,
            "answer 5",
            "fwd=request",
        ),
        (
            0,
            "/plain?a",
            MINUTE,
            &["Cache-Control: no-store"],
            200,
            "answer 6",
            "fwd=bypass",
        ),
        (0, "/plain?a", MINUTE, &[], 200, "answer 5", "hit"),
        (
            9,
            "/plain?a",
            MINUTE,
            &["Cache-Control: max-age=5"],
            200,
            "answer 7",
            "fwd=request",
        ),
        (
            0,
            "/plain?a",
            MINUTE,
            &["Cache-Control: min-fresh=61"],
            200,
            "answer 8",
            "fwd=request",
        ),
        (
            65,
            "/plain?a",
            MINUTE,
            &["Cache-Control: max-stale=10"],
            200,
            "answer 8",
            "hit; ttl=-5",
        ),
        (0, "/deaf", "200", &[], 200, "answer 9", "uri-miss"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_kept_is_not() {
    for (answer, fields) in [
        ("200", &[][..]),
        ("200 | Cache-Control: max-age=60, no-store", &[]),
        ("200 | Cache-Control: private=\"x\", max-age=60", &[]),
        (
            "200 | Cache-Control: max-age=60 | Cache-Control: no-store",
            &[],
        ),
        ("200 | Cache-Control: x=\"a, max-age=60", &[]),
        ("200 | Cache-Control: max-age=60 | Set-Cookie: a=1", &[]),
        ("200 | Cache-Control: max-age=60 | Vary: *", &[]),
        ("200 | Cache-Control: max-age=60 | Age: x", &[]),
        (
            "206 | Cache-Control: max-age=60 | Content-Range: bytes 0-1/9",
            &["Range: bytes=0-1"],
        ),
        ("416 | Cache-Control: max-age=60", &["Range: bytes=99-"]),
        ("404 | Cache-Control: max-age=60", &["Range: bytes=99-"]),
        ("400 | Cache-Control: max-age=60", &[]),
        ("431 | Cache-Control: max-age=60", &[]),
        ("429 | Cache-Control: public, max-age=60", &[]),
        ("599 | Cache-Control: max-age=60, must-understand", &[]),
        (MINUTE, &["Cookie: a=1"]),
        (MINUTE, &["Authorization: Basic eA=="]),
        (MINUTE, &["X-Api-Key: theirs"]),
        (MINUTE, &["X-HTTP-Method-Override: PUT"]),
        (MINUTE, &["X-Rewrite-Url: /admin"]),
        (MINUTE, &["If-Match: \"a\""]),
    ] {
        let (rig, origin) = rig().await;
        for count in 1..=2 {
            get(&rig, "/plain", answer, fields).await;
            assert_eq!(origin.count(), count, "{answer} {fields:?}");
        }
    }
    let (rig, origin) = rig().await;
    for path in ["/ttl", "/ttl", "/deaf/x"] {
        get(&rig, path, "200", &[]).await;
    }
    assert_eq!(
        origin.count(),
        2,
        "a time to live is given where none is said"
    );
    for _ in 0..2 {
        get(&rig, "/deaf/123456789", MINUTE, &[]).await;
    }
    assert_eq!(
        origin.count(),
        3,
        "eight bytes may be kept, and these are eight"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_says_in_short_that_nothing_changed() {
    let tagged = "200 | Cache-Control: max-age=5 | ETag: \"a\" | X-New: 1";
    let renewed = "200 | Cache-Control: max-age=9 | ETag: \"a\" | X-New: 2";
    let dated = "200 | Cache-Control: no-cache | Last-Modified: Fri, 20 Nov 2026 11:00:00 GMT";
    let (rig, origin) = rig().await;
    get(&rig, "/plain", tagged, &[]).await;
    rig.advance(6);
    let given = get(&rig, "/plain", renewed, &[]).await;
    assert_eq!((given.status, given.body.as_str()), (200, "answer 1"));
    assert!(
        status(&given).contains("fwd=stale; fwd-status=304"),
        "{given:?}"
    );
    assert_eq!(given.field("x-new"), Some("2"));
    assert_eq!(given.field("age"), Some("0"));
    assert_eq!(origin.count(), 2);
    rig.advance(8);
    assert!(status(&get(&rig, "/plain", tagged, &[]).await).contains("hit; ttl=1"));
    get(&rig, "/plain/b", dated, &[]).await;
    let given = get(&rig, "/plain/b", dated, &[]).await;
    assert_eq!((given.status, given.body.as_str()), (200, "answer 3"));
    let since = (
        "if-modified-since".to_owned(),
        "Fri, 20 Nov 2026 11:00:00 GMT".to_owned(),
    );
    assert!(origin.last().1.contains(&since));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_ask_for_what_they_have_not() {
    let (rig, origin) = rig().await;
    let tagged = "200 | Cache-Control: max-age=60 | ETag: \"a\" | Last-Modified: Fri, 20 Nov 2026 11:00:00 GMT | Content-Digest: sha-256=:x=: | Repr-Digest: sha-256=:x=:";
    get(&rig, "/plain", tagged, &[]).await;
    for (fields, status, body) in [
        (&["If-None-Match: \"b\", W/\"a\""][..], 304, ""),
        (&["If-None-Match: \"b\""], 200, "answer 1"),
        (&["If-None-Match: *"], 304, ""),
        (
            &["If-Modified-Since: Fri, 20 Nov 2026 11:00:00 GMT"],
            304,
            "",
        ),
        (
            &["If-Modified-Since: Fri, 20 Nov 2026 10:59:59 GMT"],
            200,
            "answer 1",
        ),
        (
            &[
                "If-None-Match: \"b\"",
                "If-Modified-Since: Fri, 20 Nov 2026 11:00:00 GMT",
            ],
            200,
            "answer 1",
        ),
        (&["Range: bytes=0-2"], 206, "ans"),
        (&["Range: bytes=-1"], 206, "1"),
        (&["Range: bytes=0-1,4-5"], 200, "answer 1"),
        (&["Range: bytes=0-2", "If-Range: \"a\""], 206, "ans"),
        (&["Range: bytes=0-2", "If-Range: \"b\""], 200, "answer 1"),
        (&["Range: bytes=0-2", "If-Range: W/\"a\""], 200, "answer 1"),
        (&["Range: bytes=8-"], 416, ""),
    ] {
        let given = get(&rig, "/plain", tagged, fields).await;
        let what = format!("{fields:?}: {given:?}");
        assert_eq!(
            (given.status, given.body.as_str()),
            (status, body),
            "{what}"
        );
        let expected = match status {
            206 if body.len() == 3 => Some("bytes 0-2/8"),
            206 => Some("bytes 7-7/8"),
            416 => Some("bytes */8"),
            _ => None,
        };
        assert_eq!(given.field("content-range"), expected, "{what}");
        // A part is not what the whole's digest is of, whose own says so wherever it stands.
        let digest = given.field("content-digest").is_some();
        assert_eq!(digest, status == 200, "{what}");
        let whole = given.field("repr-digest").is_some();
        assert_eq!(whole, matches!(status, 200 | 206), "{what}");
        if status == 304 {
            assert_eq!(given.field("etag"), Some("\"a\""));
            assert_eq!(given.field("content-type"), None);
        }
    }
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_tells_what_get_would() {
    let (rig, origin) = rig().await;
    get(&rig, "/plain", MINUTE, &[]).await;
    let mut client = rig.client().await;
    client
        .write(
            b"HEAD /plain HTTP/1.1\r\nHost: test\r\n\r\nGET /plain HTTP/1.1\r\nHost: test\r\n\r\n",
        )
        .await;
    let head = client.read_bare().await;
    assert!(
        head.contains("content-length: 8\r\n") && head.contains("age: 0\r\n"),
        "{head}"
    );
    assert_eq!(client.read().await.body, "answer 1");
    assert_eq!(origin.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_takes_out_what_it_changed() {
    for (method, path, answer, goes) in [
        ("POST", "/plain/a", "200", true),
        ("DELETE", "/plain/a", "204", true),
        ("M-SEARCH", "/plain/a", "200", true),
        ("POST", "/plain/a", "500", false),
        ("POST", "/plain/b", "200", false),
        ("OPTIONS", "/plain/a", "200", false),
        ("POST", "/plain/b", "201 | Location: /plain/a", true),
        ("POST", "/plain/b", "201 | Location: /a", true),
        (
            "POST",
            "/plain/b",
            "201 | Content-Location: http://test/plain/a",
            true,
        ),
        (
            "POST",
            "/plain/b",
            "201 | Location: http://other/plain/a",
            false,
        ),
        (
            "POST",
            "/plain/b",
            "200 | Cache-Group-Invalidation: \"g\"",
            true,
        ),
        (
            "POST",
            "/plain/b",
            "200 | Cache-Group-Invalidation: \"h\"",
            false,
        ),
    ] {
        let (rig, origin) = rig().await;
        let grouped = format!("{MINUTE} | Cache-Groups: \"f\", \"g\"");
        get(&rig, "/plain/a", &grouped, &[]).await;
        rig.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nX-Answer: {answer}\r\nContent-Length: 0\r\n\r\n"
        ))
        .await;
        get(&rig, "/plain/a", &grouped, &[]).await;
        let asked = if goes { 3 } else { 2 };
        assert_eq!(origin.count(), asked, "{method} {path} {answer}");
    }
    let (rig, origin) = rig().await;
    let path = "/plain/a?next=http://other/";
    get(&rig, path, MINUTE, &[]).await;
    rig.send(&format!(
        "POST /plain HTTP/1.1\r\nHost: test\r\nX-Answer: 201 | Location: {path}\r\nContent-Length: 0\r\n\r\n"
    ))
    .await;
    get(&rig, path, MINUTE, &[]).await;
    assert_eq!(origin.count(), 3, "another host in a query is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_answers_stand_in_for_failures() {
    let strict = "200 | Cache-Control: max-age=5, must-revalidate";
    tell(&[
        (0, "/late", MINUTE, &[], 200, "answer 1", "uri-miss"),
        (
            100,
            "/late",
            "503",
            &[],
            200,
            "answer 1",
            "fwd=stale; fwd-status=503",
        ),
        (0, "/late", "404", &[], 404, "answer 3", "fwd=stale"),
        (0, "/late/b", strict, &[], 200, "answer 4", "uri-miss"),
        (6, "/late/b", "503", &[], 503, "answer 5", "fwd=stale"),
        (0, "/late/c", MINUTE, &[], 200, "answer 6", "uri-miss"),
        (200, "/late/c", "503", &[], 503, "answer 7", "fwd=stale"),
        (
            0,
            "/plain",
            "200 | Cache-Control: max-age=5, stale-if-error=9",
            &[],
            200,
            "answer 8",
            "uri-miss",
        ),
        (10, "/plain", "500", &[], 200, "answer 8", "fwd-status=500"),
        (9, "/plain", "500", &[], 500, "answer 10", "fwd=stale"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_is_asked_what_the_client_asks() {
    let (rig, origin) = rig().await;
    let of = |tag: &str| format!("200 | Cache-Control: max-age=5 | ETag: \"{tag}\"");
    get(&rig, "/spared", &of("a"), &[]).await;
    rig.advance(10);
    // The circuit opens.
    assert_eq!(get(&rig, "/spared", "503", &[]).await.status, 503);
    let got = get(&rig, "/spared", &of("b"), &["If-None-Match: \"b\""]).await;
    assert_eq!((got.status, got.field("etag")), (304, Some("\"b\"")));
    assert_eq!(origin.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_answer_is_the_fallback_of_an_open_circuit() {
    let (rig, origin) = rig().await;
    for (seconds, path, answer, status, told) in [
        (0, "/fused", MINUTE, 200, ["", "", "stored"]),
        // It answers, and the circuit opens.
        (70, "/fused", "503", 200, ["cache/cache", "", "stale"]),
        (
            0,
            "/fused",
            MINUTE,
            200,
            ["fallback/cached", "circuit_open", "stale"],
        ),
        (0, "/fused/b", MINUTE, 503, ["", "circuit_open", "miss"]),
        // Too old by now.
        (300, "/fused", MINUTE, 503, ["", "circuit_open", "miss"]),
    ] {
        rig.advance(seconds);
        let got = get(&rig, path, answer, &[]).await;
        assert_eq!(got.status, status, "{path}: {got:?}");
        let record = rig.wait_records(1).await.remove(0);
        let of_record = [&*record.decided_by, &*record.code, record.cached.as_str()];
        assert_eq!(of_record, told, "{path}");
    }
    assert_eq!(
        origin.count(),
        2,
        "nothing was sent behind the open circuit"
    );
}

const BOTH: &str = r#"
portunus: 1
upstreams:
  one: { targets: [{ url: "http://@ONE@" }] }
  two: { protocol: http2, targets: [{ url: "http://@TWO@" }] }
apis:
  shop:
    versions:
      one: { match: { path: /one }, upstream: one, policies: [{ cache: {} }] }
      two: { match: { path: /two }, upstream: two, policies: [{ cache: {} }] }
"#;

/// Answers over HTTP/2, and says with the last bytes that they are.
async fn over_http2(stream: TcpStream) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let answer = http::Response::builder()
            .header("cache-control", "max-age=60")
            .header("content-length", "4");
        let answer = answer.body(()).unwrap();
        let mut body = respond.send_response(answer, false).unwrap();
        body.send_data(Bytes::from_static(b"kept"), true).unwrap();
    }
}

/// A client that asks again as soon as it has the last byte, of whichever worker.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_whole_is_kept_already() {
    let one = Origin::start().await;
    let two = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = BOTH
        .replace("@ONE@", &one.address.to_string())
        .replace("@TWO@", &two.local_addr().unwrap().to_string());
    tokio::spawn(async move {
        loop {
            let (stream, _) = two.accept().await.unwrap();
            tokio::spawn(over_http2(stream));
        }
    });
    let rig = Rig::new(&text).await;
    for number in 0..300 {
        for version in ["one", "two"] {
            let path = format!("/{version}/{number}");
            for said in ["fwd=uri-miss; stored", "hit"] {
                let got = get(&rig, &path, MINUTE, &[]).await;
                assert!(status(&got).contains(said), "{path}: {got:?}");
            }
        }
    }
}
