//! `compress`: what goes out is what the upstream said, only smaller.

use std::io::Read;

use crate::rig::upstream::scripted;
use crate::rig::{Answer, Rig};

const COMPRESS: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] }, script: { targets: [{ url: "http://@SCRIPT@" }] } }
apis:
  shop:
    versions:
      all: { match: { path: /all }, upstream: echo, policies: [{ compress: { types: ["*/*+json", "application/json", "text/*"], min_bytes: 0 } }] }
      large: { match: { path: /large }, upstream: echo, policies: [{ compress: {} }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ compress: { mode: observe, min_bytes: 0 } }] }
      script: { match: { path: /script }, upstream: script, policies: [{ compress: { min_bytes: 0 } }] }
"#;

fn plain(answer: &Answer) -> String {
    let mut text = String::new();
    match answer.field("content-encoding") {
        Some("gzip") => {
            let mut decoder = flate2::read::GzDecoder::new(&answer.raw[..]);
            decoder.read_to_string(&mut text).unwrap();
        }
        Some("br") => {
            let mut decoder = brotli::Decompressor::new(&answer.raw[..], 4096);
            decoder.read_to_string(&mut text).unwrap();
        }
        Some("zstd") => {
            let mut decoder = zstd::stream::read::Decoder::new(&answer.raw[..]).unwrap();
            decoder.read_to_string(&mut text).unwrap();
        }
        Some(other) => panic!("{other}"),
        None => text.clone_from(&answer.body),
    }
    text
}

async fn rig(scripts: Vec<Vec<&'static str>>) -> Rig {
    let address = scripted(scripts).await;
    Rig::new(&COMPRESS.replace("@SCRIPT@", &address.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_encoded_as_the_client_likes() {
    let rig = rig(Vec::new()).await;
    for (path, accepts, coding) in [
        ("/all", "gzip, br", Some("br")),
        ("/all", "gzip", Some("gzip")),
        ("/all", "gzip, zstd", Some("zstd")),
        ("/all", "zstd;q=0.5, gzip;q=0.6", Some("gzip")),
        ("/all", "br;q=0.5, zstd, gzip;q=0.6", Some("zstd")),
        ("/all", "zstd, identity", Some("zstd")),
        ("/all", "br;q=0.1, gzip", Some("gzip")),
        ("/all", "identity", None),
        ("/all/teapot", "gzip", Some("gzip")),
        ("/all/teapot", "zstd", Some("zstd")),
        ("/large", "gzip", None),
        ("/large", "zstd", None),
        ("/seen", "gzip", None),
        ("/seen", "zstd", None),
    ] {
        let answer = rig
            .get(path, &[&format!("Accept-Encoding: {accepts}")])
            .await;
        let what = format!("{path} {accepts}: {answer:?}");
        assert_eq!(answer.field("content-encoding"), coding, "{what}");
        let text = plain(&answer);
        assert!(text.contains("\"method\":\"GET\""), "{what} {text}");
        let varies = answer.field("vary") == Some("Accept-Encoding");
        assert_eq!(varies, path != "/seen", "{what}");
        if coding.is_some() {
            assert_eq!(answer.field("content-length"), None, "{what}");
        }
    }
    let mut client = rig.client().await;
    let bare = client
        .send("HEAD /all/empty HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        .await;
    assert_eq!((bare.status, bare.field("content-encoding")), (204, None));
    // Just after the last byte.
    while !rig
        .admin("/metrics")
        .await
        .body
        .contains("portunus_compressing 0")
    {}
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_all_kinds_come_whole() {
    let chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n";
    let sized = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nwhole";
    let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: a\n\n";
    let packed = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: x\r\nContent-Length: 5\r\n\r\nwhole";
    let script = vec![chunked, sized, events, packed, chunked, sized];
    let rig = rig(vec![script; 4]).await;
    for accepts in ["gzip", "br", "zstd"] {
        let mut client = rig.client().await;
        let field = format!("Accept-Encoding: {accepts}");
        for (text, coding) in [
            ("one two three", Some(accepts)),
            ("whole", Some(accepts)),
            ("data: a\n\n", None),
            ("whole", Some("x")),
            ("one two three", Some(accepts)),
            ("whole", Some(accepts)),
        ] {
            let answer = client.get("/script", &[&field]).await;
            assert_eq!(answer.field("content-encoding"), coding, "{answer:?}");
            if coding == Some("x") {
                assert_eq!(answer.body, text);
            } else {
                assert_eq!(plain(&answer), text);
            }
            if text.starts_with("one") {
                assert_eq!(answer.field("etag"), Some("W/\"a\""));
            }
        }
        // The next script is of another connection.
        rig.advance(60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_shrinks() {
    let rig = rig(Vec::new()).await;
    for accepts in ["gzip", "br", "zstd"] {
        let field = format!("Accept-Encoding: {accepts}");
        let answer = rig.get("/large/chunks", &[&field]).await;
        assert_eq!(answer.field("content-encoding"), None, "it says no type");
        let answer = rig.get("/all/big", &[&field]).await;
        assert_eq!(answer.body.len(), 1_000_000, "nor does this one");
        let long = "x".repeat(7000);
        let answer = rig.get(&format!("/large/{long}"), &[&field]).await;
        assert_eq!(answer.field("content-encoding"), Some(accepts));
        assert!(answer.raw.len() < 1000, "{}", answer.raw.len());
        assert!(plain(&answer).contains(&long));
    }
}

/// A 304 and a part say the same of the whole as the whole does (RFC 9110 §15.3.7, §15.4.5).
#[tokio::test(flavor = "multi_thread")]
async fn what_speaks_of_an_encoded_answer_has_its_entity_tag() {
    const GZIP: &str = "Accept-Encoding: gzip";
    let whole = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\nwhole";
    let same = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n";
    let image = "HTTP/1.1 304 Not Modified\r\nContent-Type: image/png\r\nETag: \"a\"\r\n\r\n";
    let part = "HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nContent-Range: bytes 0-0/5\r\nContent-Length: 1\r\n\r\nw";
    let (strong, weak) = ("\"a\"", "W/\"a\"");
    let steps = [
        (whole, &[GZIP][..], 200, weak, true),
        (same, &[GZIP, "If-None-Match: W/\"a\""], 304, weak, true),
        (
            same,
            &[GZIP, "If-None-Match: \"b\", \"a\""],
            304,
            strong,
            true,
        ),
        (
            same,
            &[GZIP, "If-None-Match: \"a\", W/\"a\""],
            304,
            weak,
            true,
        ),
        (same, &[GZIP, "If-None-Match: *"], 304, weak, true),
        (same, &["If-None-Match: W/\"a\""], 304, strong, true),
        (image, &[GZIP, "If-None-Match: W/\"a\""], 304, strong, false),
        (part, &[GZIP, "Range: bytes=0-0"], 206, weak, true),
        (
            part,
            &[GZIP, "Range: bytes=0-0", "If-Range: \"a\""],
            206,
            strong,
            true,
        ),
        (part, &["Range: bytes=0-0"], 206, strong, true),
    ];
    let rig = rig(vec![steps.iter().map(|step| step.0).collect()]).await;
    let mut client = rig.client().await;
    for (_, fields, status, etag, varies) in steps {
        let answer = client.get("/script", fields).await;
        let what = format!("{fields:?}: {answer:?}");
        assert_eq!(
            (answer.status, answer.field("etag")),
            (status, Some(etag)),
            "{what}"
        );
        assert_eq!(
            answer.field("vary"),
            varies.then_some("Accept-Encoding"),
            "{what}"
        );
    }
}

/// RFC 9110 §9.3.2.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_head_says_what_one_to_get_would() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\nContent-Length: 5\r\n\r\nwhole";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\nContent-Length: 5\r\n\r\n";
    let bare = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\n\r\n";
    let empty =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"a\"\r\nContent-Length: 0\r\n\r\n";
    let image =
        "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n";
    let (strong, weak) = ("etag: \"a\"\r\n", "etag: w/\"a\"\r\n");
    let (encoded, varies) = ("content-encoding: gzip\r\n", "vary: accept-encoding\r\n");
    let (five, ranges) = ("content-length: 5\r\n", "accept-ranges: bytes\r\n");
    let steps = [
        (
            head,
            "gzip",
            &[encoded, weak, varies][..],
            &[five, ranges][..],
        ),
        (bare, "gzip", &[encoded, weak, varies], &[]),
        (
            head,
            "identity",
            &[strong, varies, five, ranges],
            &[encoded],
        ),
        (
            empty,
            "gzip",
            &[strong, varies, "content-length: 0\r\n"],
            &[encoded],
        ),
        (image, "gzip", &[strong, five], &[encoded, varies]),
    ];
    let script = steps.iter().map(|step| step.0).chain([whole]);
    let rig = rig(vec![script.collect()]).await;
    let mut client = rig.client().await;
    for (answer, accepts, has, lacks) in steps {
        let request =
            format!("HEAD /script HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {accepts}\r\n\r\n");
        client.write(request.as_bytes()).await;
        let got = client.read_bare().await.to_lowercase();
        let what = format!("{answer} {accepts}: {got}");
        assert!(has.iter().all(|line| got.contains(line)), "{what}");
        assert!(!lacks.iter().any(|line| got.contains(line)), "{what}");
    }
    let answer = client.get("/script", &["Accept-Encoding: gzip"]).await;
    let said = ["content-encoding", "etag", "vary"].map(|name| answer.field(name));
    let wanted = [Some("gzip"), Some("W/\"a\""), Some("Accept-Encoding")];
    assert_eq!(said, wanted, "{answer:?}");
    assert_eq!(plain(&answer), "whole");
}
