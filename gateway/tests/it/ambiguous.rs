//! Each row of gateway.md §4 on a raw socket, and what bytes an upstream got of it: exactly one
//! well-formed request for each that is logged as answered by it, or none.

use gateway::Settings;

use crate::rig::frames::{End, Frames, Message};
use crate::rig::{Client, Recorder, Rig, key};

pub const OPEN: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@RECORDER@" }] } }
apis: { x: { versions: { v1: { match: { path: / }, upstream: echo } } } }
"#;

pub async fn rig() -> (Rig, Recorder) {
    before(OPEN, |_| {}).await
}

/// A gateway in front of a recorder, which is `@RECORDER@` in the file.
pub async fn before(text: &str, change: impl FnOnce(&mut Settings)) -> (Rig, Recorder) {
    let recorder = Recorder::start().await;
    let text = text.replace("@RECORDER@", &recorder.address.to_string());
    (Rig::with(&text, change).await, recorder)
}

/// What is refused, and how.
const REFUSED: &[(&str, u16)] = &[
    // Host.
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400),
    // Length.
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        501,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        501,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    // Chunks.
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n",
        400,
    ),
    // Lines and names.
    ("GET / HTTP/1.1\nHost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: b\rc\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nX_Portunus_Plan: gold\r\n\r\n",
        400,
    ),
    // Versions.
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ("GET /\r\n\r\n", 400),
    // Targets.
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /?a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a%5Cb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a%252fb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a%255cb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /..;/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /%252e%252e/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /../b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a/%2e%2e/%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    // Methods.
    ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ambiguous_is_refused_and_reaches_nobody() {
    let (rig, recorder) = rig().await;
    for (request, status) in REFUSED {
        let mut client = rig.client().await;
        client.write(request.as_bytes()).await;
        let answer = client.try_read().await.map(|answer| answer.status);
        assert_eq!(answer, Some(*status), "{request:?}");
        // Its head may have gone on before its body was seen to be bad: never a whole request.
        assert_eq!(recorder.take(), [], "{request:?}");
    }
    let answered = rig
        .records()
        .iter()
        .filter(|record| record.status == 200)
        .count();
    assert_eq!(answered, 0);
    // Behind a refusal nothing is read any more.
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for (request, status) in REFUSED {
        // Errors of the path and of methods leave the connection as it was.
        let is_framing = *status == 501 || request.contains("Length") || request.contains("Encod");
        if !is_framing {
            continue;
        }
        let mut client = rig.client().await;
        client
            .write(format!("{request}{smuggled}").as_bytes())
            .await;
        assert_eq!(client.read().await.status, *status, "{request:?}");
        assert!(client.is_closed().await, "{request:?}");
        assert_eq!(recorder.take(), [], "{request:?}");
    }
}

/// What passes, and how: request line, fields that are there with their values (none: absent),
/// body.
type Passes = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static [&'static str])],
    &'static [u8],
);

const PASSES: &[Passes] = &[
    (
        "GET //a/./b/../c HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a/c HTTP/1.1",
        &[],
        b"",
    ),
    (
        "GET /%7ea%2a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /~a%2A HTTP/1.1",
        &[],
        b"",
    ),
    (
        "GET http://a/x?y HTTP/1.1\r\nHost: A\r\n\r\n",
        "GET /x?y HTTP/1.1",
        &[("x-forwarded-host", &["A"])],
        b"",
    ),
    (
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1",
        &[],
        b"",
    ),
    (
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1",
        &[("connection", &[])],
        b"",
    ),
    (
        "GET / HTTP/1.1\r\nHost:a\r\nA:  b \r\nC:\r\n\r\n",
        "GET / HTTP/1.1",
        &[("a", &["b"]), ("c", &[""])],
        b"",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1",
        &[("content-length", &["3"]), ("transfer-encoding", &[])],
        b"abc",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1",
        &[("content-length", &["0"])],
        b"",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n1;x=y\r\na\r\n02\r\nbc\r\n0\r\nContent-Length: 9\r\n\r\n",
        "POST / HTTP/1.1",
        &[("content-length", &[]), ("transfer-encoding", &["chunked"])],
        b"abc",
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-A, Authorization, x-request-id\r\nX-A: 1\r\nAuthorization: Basic x\r\nTE: trailers\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nTrailer: x\r\nExpect: 100-continue\r\n\r\n",
        "GET / HTTP/1.1",
        &[
            ("connection", &[]),
            ("x-a", &[]),
            ("authorization", &["Basic x"]),
            ("te", &[]),
            ("keep-alive", &[]),
            ("proxy-connection", &[]),
            ("proxy-authorization", &[]),
            ("trailer", &[]),
            ("expect", &[]),
        ],
        b"",
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Cookie, X-Forwarded-For, X-Forwarded-Host\r\nConnection: x-forwarded-PROTO, Host, X-Portunus-Plan, Content-Length, \t, close\r\nCookie: a=1\r\nX-Forwarded-For: 6.6.6.6\r\nX-Portunus-Plan: gold\r\nContent-Length: 2\r\n\r\nab",
        "GET / HTTP/1.1",
        &[
            ("connection", &[]),
            ("cookie", &["a=1"]),
            ("x-forwarded-for", &["127.0.0.1"]),
            ("x-forwarded-host", &["a"]),
            ("x-forwarded-proto", &["http"]),
            ("x-portunus-plan", &[]),
            ("content-length", &["2"]),
        ],
        b"ab",
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n",
        "GET / HTTP/1.1",
        &[
            ("connection", &[]),
            ("upgrade", &[]),
            ("http2-settings", &[]),
        ],
        b"",
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nX_Custom: 1\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Portunus-Plan: gold\r\nx-PORTUNUS-application: 1\r\nX-Request-Id: mine\r\n\r\n",
        "GET / HTTP/1.1",
        &[
            ("x_custom", &[]),
            ("x-forwarded-for", &["127.0.0.1"]),
            ("x-forwarded-port", &[]),
            ("forwarded", &[]),
            ("x-real-ip", &[]),
            ("x-portunus-plan", &[]),
            ("x-portunus-application", &[]),
        ],
        b"",
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nX-Api-Key: ptn_live_x\r\nAuthorization: Bearer ptn_x\r\nCookie: portunus_session=1; a=2\r\n\r\n",
        "GET / HTTP/1.1",
        &[
            ("x-api-key", &[]),
            ("authorization", &[]),
            ("cookie", &["a=2"]),
        ],
        b"",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_one_request_that_is_logged() {
    let (rig, recorder) = rig().await;
    for (request, line, fields, body) in PASSES {
        // Whole, and byte by byte.
        for step in [request.len(), 1] {
            let mut client = rig.client().await;
            for part in request.as_bytes().chunks(step) {
                client.write(part).await;
            }
            let answer = client.read().await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (200, "ok"),
                "{request:?}"
            );
            let seen = recorder.take();
            let [seen] = &*seen else {
                panic!("{request:?}: {seen:?}");
            };
            assert_eq!(
                (seen.line.as_str(), seen.body.as_slice()),
                (*line, *body),
                "{request:?}"
            );
            for (name, values) in *fields {
                assert_eq!(seen.all(name), *values, "{name} of {request:?}");
            }
            let logged = rig.wait_records(1).await;
            let [method, target, _] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let path = target.split('?').next().unwrap();
            assert_eq!(logged.len(), 1);
            assert_eq!(
                (logged[0].method.as_str(), logged[0].path.as_str()),
                (method, path)
            );
            assert_eq!(logged[0].request_id, seen.all("x-request-id")[0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_are_told_apart_wherever_they_are_cut() {
    let (rig, recorder) = rig().await;
    let all = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab\
        POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncde\r\n0\r\n\r\n\
        GET /3 HTTP/1.1\r\nHost: a\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\
        GET /5 HTTP/1.1\r\nHost: a\r\n\r\n";
    for cut in (0..all.len()).step_by(7) {
        let mut client = rig.client().await;
        client.write(&all.as_bytes()[..cut]).await;
        tokio::task::yield_now().await;
        client.write(&all.as_bytes()[cut..]).await;
        for _ in 0..4 {
            assert_eq!(client.read().await.status, 200, "{cut}");
        }
        assert!(client.is_closed().await, "{cut}");
        let seen = recorder.take();
        let bodies: Vec<&[u8]> = seen.iter().map(|one| one.body.as_slice()).collect();
        assert_eq!(bodies, [&b"ab"[..], b"cde", b"", b""], "{cut}");
        assert_eq!(rig.wait_records(4).await.len(), 4);
    }
}

/// Refused before its body is read: what is left of it is never taken for a request.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_leaves_no_rest_behind() {
    let (rig, recorder) = rig().await;
    let inside = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for (length, goes_on) in [(inside.len(), true), (100_000, false)] {
        let mut client = Client::connect(rig.handle.gateway).await;
        let head = format!("POST /a%2fb HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        client.write(format!("{head}{inside}").as_bytes()).await;
        let refused = client.read().await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.field("connection"), (!goes_on).then_some("close"));
        if goes_on {
            assert_eq!(client.get("/next", &[]).await.status, 200);
            assert_eq!(recorder.take()[0].line, "GET /next HTTP/1.1");
        } else {
            assert!(client.is_closed().await);
        }
        assert_eq!(recorder.take(), []);
    }
}

const CALLERS: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@RECORDER@" }] } }
apis: { x: { versions: { v1: { match: { path: / }, upstream: echo, policies: [{ key_auth: {} }] } } } }
products: { p: { versions: [x/v1], plans: { gold: { approval: auto } } } }
applications: { a: { keys: [{ name: k, value: "@KEY1@", env: live }], subscriptions: [{ product: p, plan: gold }] } }
"#;

/// What the gateway says of a caller is said, whatever a client would have stripped.
#[tokio::test(flavor = "multi_thread")]
async fn nominations_take_nothing_of_ours_away() {
    let (rig, recorder) = before(CALLERS, |_| {}).await;
    const OURS: [&str; 8] = [
        "x-portunus-application",
        "x-portunus-environment",
        "x-portunus-subscription",
        "x-portunus-plan",
        "x-request-id",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    let secret = key(1);
    let fields = [
        format!("X-Api-Key: {}", secret.as_str()),
        format!("Connection: {}", OURS.join(", ").to_uppercase()),
        format!("Connection: {}", OURS.join(",")),
        "X-Portunus-Plan: platinum".to_owned(),
    ];
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    assert_eq!(rig.get("/", &fields).await.status, 200);
    let seen = recorder.take();
    assert_eq!(seen.len(), 1);
    for name in OURS {
        let values = seen[0].all(name);
        assert!(matches!(&*values, [value] if !value.is_empty()), "{name}");
    }
    assert_eq!(seen[0].all("x-portunus-plan"), ["gold"]);
    assert_eq!(seen[0].all("connection"), [""; 0]);
    assert_eq!(seen[0].all("x-api-key"), [""; 0]);
}

/// What an upstream says of its connection ends at this one.
#[tokio::test(flavor = "multi_thread")]
async fn answers_lose_what_belongs_to_a_hop() {
    let (rig, recorder) = rig().await;
    recorder.answer_next(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\nX-A: 1\r\nX-B: 2\r\nx-a: 3\r\n\
         Connection: x-A, Content-Type, Content-Length\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: keep-alive\r\nProxy-Authenticate: Basic\r\nTE: trailers\r\nTrailer: x-t\r\nUpgrade: h2c\r\n\r\nok",
    );
    let answer = rig.get("/", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    for (name, value) in [
        ("x-b", Some("2")),
        ("content-type", Some("text/plain")),
        ("content-length", Some("2")),
        ("x-a", None),
        ("connection", None),
        ("keep-alive", None),
        ("proxy-connection", None),
        ("proxy-authenticate", None),
        ("te", None),
        ("trailer", None),
        ("upgrade", None),
    ] {
        assert_eq!(answer.field(name), value, "{name}: {answer:?}");
    }
}

const BASE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@RECORDER@/base" }] } }
apis:
  x:
    versions:
      v1: { match: { path: /api }, upstream: echo }
      v2: { match: { path: /raw }, upstream: echo, encoded_slashes: true }
"#;

/// Paths, and the one that the upstream got, or the status.
const CLIMBS: &[(&str, Result<&str, u16>)] = &[
    ("/api", Ok("/base/")),
    ("/api/", Ok("/base/")),
    ("/api/x", Ok("/base/x")),
    ("/api/./x", Ok("/base/x")),
    ("/api/a/../x", Ok("/base/x")),
    ("/api/../api/x", Ok("/base/x")),
    ("/api/..x", Ok("/base/..x")),
    ("/api/...", Ok("/base/...")),
    ("/api/x?/../../y", Ok("/base/x?/../../y")),
    // Out of the prefix: to nobody's route.
    ("/api/..", Err(404)),
    ("/api/../x", Err(404)),
    ("/api/%2e%2E/x", Err(404)),
    ("/api/.%2e/x", Err(404)),
    ("/api//../x", Err(404)),
    ("/api/a/../../x", Err(404)),
    ("/apix", Err(404)),
    // Out of everything, or nowhere for certain.
    ("/api/../../x", Err(400)),
    ("/api/a/../../../x", Err(400)),
    ("/api/..;/x", Err(400)),
    ("/api/..%3b/x", Err(400)),
    ("/api/%2e%2e;a=b/x", Err(400)),
    ("/api/..%2fx", Err(400)),
    ("/api/%2e%2e%2Fx", Err(400)),
    ("/api/..%5cx", Err(400)),
    ("/api/..\\x", Err(400)),
    ("/api/%252e%252e/x", Err(400)),
    ("/api/..%252fx", Err(400)),
    ("/api/..%255cx", Err(400)),
    ("/api/..%00/x", Err(400)),
    // Where encoded slashes are taken, they carry nobody up either.
    ("/raw/a%2fx", Ok("/base/a%2Fx")),
    ("/raw/..%2fx", Err(400)),
    ("/raw/a%2f..%2f..%2fx", Err(400)),
    ("/raw/a%5c..%5c..%5cx", Err(400)),
    ("/raw/%2f..;%2fx", Err(400)),
    ("/raw/..%252fx", Err(400)),
];

#[tokio::test(flavor = "multi_thread")]
async fn nobody_climbs_out_of_a_base_path() {
    let (rig, recorder) = before(BASE, |_| {}).await;
    for &(path, expected) in CLIMBS {
        let status = expected.err().unwrap_or(200);
        let lines: Vec<String> = expected
            .iter()
            .map(|target| format!("GET {target} HTTP/1.1"))
            .collect();
        let seen = || -> Vec<String> {
            let seen = recorder.take().into_iter();
            seen.map(|one| one.line).collect()
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(rig.send(&request).await.status, status, "{path}");
        assert_eq!(seen(), lines, "{path}");

        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", path),
        ];
        let message = Message {
            fields: &fields,
            data: &[],
            trailers: &[],
        };
        let mut client = Frames::connect(rig.handle.gateway).await;
        let end = client.send(&message).await;
        assert_eq!(end, End::Status(status), "{path} over HTTP/2");
        assert_eq!(seen(), lines, "{path} over HTTP/2");
    }
}
