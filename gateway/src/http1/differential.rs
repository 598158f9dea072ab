//! The same bytes through this reader and through hyper's: whatever is taken here, the other takes
//! as the same request. (The other way round does not hold, and must not.)

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::chunk::Chunked;
use super::head::{Framing, end, parse};
use crate::settings::Limits;

/// What both are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    method: String,
    path: String,
    query: Option<String>,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

fn by_us(bytes: &[u8]) -> Option<Read> {
    let at = end(bytes, 0).ok()??;
    let parsed = parse(&bytes[..at], &Limits::default()).ok()?;
    let rest = &bytes[at..];
    let body = match parsed.framing {
        Framing::Length(length) => rest.get(..length as usize)?.to_vec(),
        Framing::Chunked => {
            let (mut state, mut body) = (Chunked::START, Vec::new());
            state.decode(rest, &mut body).ok()?;
            (state == Chunked::Done).then_some(body)?
        }
    };
    let head = parsed.head;
    let fields = head.fields.iter();
    let fields = fields.map(|(name, value)| {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        (name, value.to_owned())
    });
    let mut fields: Vec<_> = fields.collect();
    fields.sort();
    Some(Read {
        method: head.method.to_string(),
        path: head.path().to_owned(),
        query: head.query().map(str::to_owned),
        fields,
        body,
    })
}

/// The first request that hyper reads.
fn by_hyper(bytes: &[u8]) -> Option<Read> {
    let first: Arc<Mutex<Option<Read>>> = Arc::default();
    let seen = first.clone();
    let service = service_fn(move |request: http::Request<Incoming>| {
        let seen = seen.clone();
        async move {
            let (parts, body) = request.into_parts();
            if let Ok(body) = body.collect().await {
                let fields = parts.headers.iter();
                let fields = fields
                    .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_owned()));
                let mut fields: Vec<_> = fields.collect();
                fields.sort();
                seen.lock().unwrap().get_or_insert(Read {
                    method: parts.method.to_string(),
                    path: parts.uri.path().to_owned(),
                    query: parts.uri.query().map(str::to_owned),
                    fields,
                    body: body.to_bytes().to_vec(),
                });
            }
            Ok::<_, Infallible>(http::Response::new(String::new()))
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let (mut near, far) = tokio::io::duplex(1 << 20);
        let serving = hyper::server::conn::http1::Builder::new()
            .max_headers(100)
            .half_close(true)
            .serve_connection(TokioIo::new(far), service);
        let asking = async {
            near.write_all(bytes).await.unwrap();
            near.shutdown().await.unwrap();
            let _ = near.read_to_end(&mut Vec::new()).await;
        };
        let _ = tokio::join!(serving, asking);
    });
    first.lock().unwrap().take()
}

fn line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "Host: a",
        "Content-Length: 3",
        "content-length: 0",
        "Content-Length: +3",
        "Content-Length: 3, 3",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Connection: close",
        "Expect: 100-continue",
        "X-A:b",
        "X-A:  b\t ",
        "X-Empty:",
        "x_under: 1",
        "Cookie: a=1; b=\"2\"",
        " folded",
        "A : b",
        ": b",
        "no colon",
    ]);
    let any = "[!-~]{1,8}: [ -~\u{e9}\t]{0,12}";
    prop_oneof![8 => known.prop_map(str::to_owned), 2 => any]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        6 => prop::sample::select(vec!["GET", "POST", "PUT", "OPTIONS", "HEAD"]).prop_map(str::to_owned),
        1 => "[!-~]{0,18}",
    ];
    let target = prop_oneof![
        4 => "/[!-~]{0,12}",
        1 => prop::sample::select(vec!["*", "http://a/b?c", "http://a", "a:80", "HTTP://A?b"])
            .prop_map(str::to_owned),
        1 => "[!-~]{0,12}",
    ];
    let version = prop_oneof![
        9 => Just("HTTP/1.1".to_owned()),
        1 => prop::sample::select(vec!["HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", ""])
            .prop_map(str::to_owned),
    ];
    let end = prop_oneof![20 => Just("\r\n"), 1 => Just("\n")];
    let body = prop_oneof![
        Just(&b""[..]),
        Just(&b"abc"[..]),
        Just(&b"3\r\nabc\r\n0\r\n\r\n"[..]),
        Just(&b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nT: v\r\n\r\n"[..]),
        Just(&b"3\nabc\r\n0\r\n\r\n"[..]),
        Just(&b"0x3\r\nabc\r\n0\r\n\r\n"[..]),
    ];
    let noise = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    let lines = prop::collection::vec((line(), end), 0..6);
    (method, target, version, lines, body, noise).prop_map(
        |(method, target, version, lines, body, noise)| {
            let mut bytes = format!("{method} {target} {version}\r\n").into_bytes();
            for (line, end) in lines {
                bytes.extend_from_slice(line.as_bytes());
                bytes.extend_from_slice(end.as_bytes());
            }
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(body);
            if let Some((place, byte)) = noise {
                let at = place.index(bytes.len());
                bytes.insert(at, byte);
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn what_is_taken_here_is_read_alike_elsewhere(bytes in request()) {
        if let Some(ours) = by_us(&bytes) {
            // Absolute-form without a path: the same root, of which hyper says nothing.
            prop_assert_eq!(Some(ours), by_hyper(&bytes), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn both_read_the_usual() {
    for request in [
        "GET /a?b=c HTTP/1.1\r\nHost: a\r\nX:  y \r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "PUT http://a/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HEAD / HTTP/1.0\r\n\r\n",
    ] {
        let read = by_us(request.as_bytes());
        assert!(
            read.is_some() && read == by_hyper(request.as_bytes()),
            "{request:?}"
        );
    }
}
