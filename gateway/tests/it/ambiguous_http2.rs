//! The rows of gateway.md §§3–4 that HTTP/2 has, as frames, and what bytes an upstream of HTTP/1 got
//! of them: exactly one well-formed request for each that is logged as answered by it, or none.

use crate::ambiguous::{OPEN, before, rig};
use crate::rig::frames::End::{self, Gone, Reset, Status};
use crate::rig::frames::{Field, Frames, Message};

const GET: Field<'static> = (":method", "GET");
const POST: Field<'static> = (":method", "POST");
const CONNECT: Field<'static> = (":method", "CONNECT");
const HTTP: Field<'static> = (":scheme", "http");
const A: Field<'static> = (":authority", "a");
const ROOT: Field<'static> = (":path", "/");
const LENGTH_0: Field<'static> = ("content-length", "0");
const LENGTH_2: Field<'static> = ("content-length", "2");

/// `PROTOCOL_ERROR`, of a stream: the request is malformed (RFC 9113 §8.1.1).
const MALFORMED: End = Reset(1);
/// The same of the connection: what was written is no field.
const BROKEN: End = Gone(1);

type Fields = &'static [Field<'static>];
type Data = &'static [&'static str];

/// What is refused, and how.
const REFUSED: &[(Fields, Data, End)] = &[
    // Host.
    (&[GET, HTTP, ROOT], &[], Status(400)),
    (&[GET, HTTP, A, ROOT, ("host", "b")], &[], Status(400)),
    (&[GET, HTTP, A, ROOT, ("host", "")], &[], Status(400)),
    (&[GET, HTTP, A, ROOT, ("host", "a:80")], &[], Status(400)),
    (
        &[GET, HTTP, A, ROOT, ("host", "a"), ("host", "a")],
        &[],
        Status(400),
    ),
    (&[GET, HTTP, ROOT, ("host", "a,b")], &[], Status(400)),
    (&[GET, HTTP, ROOT, ("host", "")], &[], Status(400)),
    (&[GET, HTTP, (":authority", "a@b"), ROOT], &[], Status(400)),
    (&[GET, HTTP, (":authority", "a,b"), ROOT], &[], Status(400)),
    (&[GET, HTTP, (":authority", "a/b"), ROOT], &[], MALFORMED),
    (&[GET, HTTP, (":authority", "a#b"), ROOT], &[], MALFORMED),
    (&[GET, HTTP, (":authority", "a b"), ROOT], &[], MALFORMED),
    (&[GET, HTTP, (":authority", ""), ROOT], &[], MALFORMED),
    // Length.
    (
        &[POST, HTTP, A, ROOT, LENGTH_2, LENGTH_2],
        &["ab"],
        Status(400),
    ),
    (
        &[POST, HTTP, A, ROOT, LENGTH_2, ("content-length", "02")],
        &["ab"],
        Status(400),
    ),
    (
        &[POST, HTTP, A, ROOT, LENGTH_2, ("content-length", "3")],
        &["ab"],
        MALFORMED,
    ),
    (
        &[POST, HTTP, A, ROOT, ("content-length", "")],
        &[""],
        Status(400),
    ),
    (
        &[POST, HTTP, A, ROOT, ("content-length", "")],
        &[],
        Status(400),
    ),
    (
        &[POST, HTTP, A, ROOT, ("content-length", ""), LENGTH_0],
        &[""],
        Status(400),
    ),
    (
        &[POST, HTTP, A, ROOT, ("content-length", "2, 2")],
        &["ab"],
        MALFORMED,
    ),
    (
        &[POST, HTTP, A, ROOT, ("content-length", "+2")],
        &["ab"],
        MALFORMED,
    ),
    (
        &[POST, HTTP, A, ROOT, ("content-length", " 2")],
        &["ab"],
        MALFORMED,
    ),
    (
        &[POST, HTTP, A, ROOT, ("content-length", "-1")],
        &[],
        MALFORMED,
    ),
    (
        &[
            POST,
            HTTP,
            A,
            ROOT,
            ("content-length", "0000000000000000002"),
        ],
        &["ab"],
        Status(400),
    ),
    (
        &[
            POST,
            HTTP,
            A,
            ROOT,
            ("content-length", "18446744073709551618"),
        ],
        &["ab"],
        MALFORMED,
    ),
    // A body of another length.
    (&[POST, HTTP, A, ROOT, LENGTH_2], &[], MALFORMED),
    (&[POST, HTTP, A, ROOT, LENGTH_2], &[""], MALFORMED),
    (&[POST, HTTP, A, ROOT, LENGTH_2], &["a"], MALFORMED),
    (&[POST, HTTP, A, ROOT, LENGTH_2], &["abc"], MALFORMED),
    (&[POST, HTTP, A, ROOT, LENGTH_2], &["a", "bc"], MALFORMED),
    (&[GET, HTTP, A, ROOT, LENGTH_2], &[], MALFORMED),
    // What belongs to a connection.
    (
        &[POST, HTTP, A, ROOT, ("transfer-encoding", "chunked")],
        &["0\r\n\r\n"],
        MALFORMED,
    ),
    (
        &[
            POST,
            HTTP,
            A,
            ROOT,
            LENGTH_2,
            ("transfer-encoding", "identity"),
        ],
        &["ab"],
        MALFORMED,
    ),
    (
        &[GET, HTTP, A, ROOT, ("connection", "close")],
        &[],
        MALFORMED,
    ),
    (
        &[
            GET,
            HTTP,
            A,
            ROOT,
            ("connection", "cookie, x-forwarded-for, x-portunus-plan"),
            ("cookie", "a=1"),
        ],
        &[],
        MALFORMED,
    ),
    (
        &[GET, HTTP, A, ROOT, ("upgrade", "websocket")],
        &[],
        MALFORMED,
    ),
    (&[GET, HTTP, A, ROOT, ("keep-alive", "1")], &[], MALFORMED),
    (
        &[GET, HTTP, A, ROOT, ("proxy-connection", "close")],
        &[],
        MALFORMED,
    ),
    (&[GET, HTTP, A, ROOT, ("te", "gzip")], &[], MALFORMED),
    (
        &[GET, HTTP, A, ROOT, ("te", "trailers, gzip")],
        &[],
        MALFORMED,
    ),
    // Names and values.
    (&[GET, HTTP, A, ROOT, ("X-A", "b")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("Host", "b")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("x a", "b")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("x-a:", "b")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("x-a\r\nb", "c")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("", "b")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, (":x", "b")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("x-a", "b\rc")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("x-a", "b\nc")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("x-a", "b\0c")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("x-a", "b\r\nc: d")], &[], BROKEN),
    (&[GET, HTTP, A, ROOT, ("x-a", " b")], &[], Status(400)),
    (&[GET, HTTP, A, ROOT, ("x-a", "b\t")], &[], Status(400)),
    (&[GET, HTTP, A, ROOT, ("x-a", " ")], &[], Status(400)),
    (
        &[GET, HTTP, A, ROOT, ("x_portunus_plan", "gold")],
        &[],
        Status(400),
    ),
    (
        &[GET, HTTP, A, ROOT, ("x-forwarded_for", "6.6.6.6")],
        &[],
        Status(400),
    ),
    (
        &[GET, HTTP, A, ROOT, ("x_api_key", "ptn_live_x")],
        &[],
        Status(400),
    ),
    // Pseudo fields.
    (&[GET, POST, HTTP, A, ROOT], &[], MALFORMED),
    (&[GET, HTTP, HTTP, A, ROOT], &[], MALFORMED),
    (&[GET, HTTP, A, A, ROOT], &[], MALFORMED),
    (&[GET, HTTP, A, ROOT, (":path", "/b")], &[], MALFORMED),
    (&[GET, HTTP, A, ("x-a", "b"), ROOT], &[], MALFORMED),
    (&[GET, HTTP, ROOT, ("host", "a"), A], &[], MALFORMED),
    (&[HTTP, A, ROOT], &[], MALFORMED),
    (&[GET, A, ROOT], &[], MALFORMED),
    (&[GET, HTTP, A], &[], MALFORMED),
    (&[GET, HTTP, ("host", "a")], &[], Status(400)),
    (&[GET, HTTP, A, ROOT, (":status", "200")], &[], MALFORMED),
    (
        &[GET, HTTP, A, ROOT, (":protocol", "websocket")],
        &[],
        MALFORMED,
    ),
    (&[GET, (":scheme", "ftp"), A, ROOT], &[], Status(400)),
    // Targets.
    (&[GET, HTTP, A, (":path", "")], &[], MALFORMED),
    (&[GET, HTTP, A, (":path", "*")], &[], Status(400)),
    (
        &[(":method", "OPTIONS"), HTTP, A, (":path", "*")],
        &[],
        Status(400),
    ),
    (
        &[GET, HTTP, (":path", "*"), ("host", "a")],
        &[],
        Status(400),
    ),
    (&[GET, HTTP, A, (":path", "http://a/")], &[], MALFORMED),
    (&[GET, HTTP, A, (":path", "b")], &[], MALFORMED),
    (&[GET, HTTP, A, (":path", "?b")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/a b")], &[], MALFORMED),
    (&[GET, HTTP, A, (":path", "/a\0b")], &[], MALFORMED),
    (
        &[GET, HTTP, A, (":path", "/ HTTP/1.1\r\nhost: b")],
        &[],
        MALFORMED,
    ),
    (&[GET, HTTP, A, (":path", "/a\\b")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/a?b\\c")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/\u{e9}")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/?\u{e9}")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/%00")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/%ff")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/a%2fb")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/a%5Cb")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/a%252fb")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/a%255cb")], &[], Status(400)),
    (&[GET, HTTP, A, (":path", "/..;/b")], &[], Status(400)),
    (
        &[GET, HTTP, A, (":path", "/%252e%252e/b")],
        &[],
        Status(400),
    ),
    (&[GET, HTTP, A, (":path", "/../b")], &[], Status(400)),
    (
        &[GET, HTTP, A, (":path", "/a/%2e%2e/%2e%2e/b")],
        &[],
        Status(400),
    ),
    (&[GET, HTTP, A, (":path", "/../b#c")], &[], Status(400)),
    // Methods.
    (&[(":method", "TRACE"), HTTP, A, ROOT], &[], Status(405)),
    (&[CONNECT, (":authority", "a:80")], &[], Status(405)),
    (&[CONNECT, HTTP, (":authority", "a:80")], &[], MALFORMED),
    (&[CONNECT, (":authority", "a:80"), ROOT], &[], MALFORMED),
    (
        &[CONNECT, (":protocol", "websocket"), HTTP, A, ROOT],
        &[],
        MALFORMED,
    ),
    (
        &[(":method", "GETGETGETGETGETGE"), HTTP, A, ROOT],
        &[],
        Status(400),
    ),
    (&[(":method", "GET / HTTP/1.1"), HTTP, A, ROOT], &[], BROKEN),
];

/// A request that is good.
const AFTER: Message<'static> = Message {
    fields: &[GET, HTTP, A, (":path", "/after")],
    data: &[],
    trailers: &[],
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ambiguous_is_refused_and_reaches_nobody() {
    let (rig, recorder) = rig().await;
    let mut good = 0;
    for &(fields, data, end) in REFUSED {
        let message = Message {
            fields,
            data,
            trailers: &[],
        };
        let mut client = Frames::connect(rig.handle.gateway).await;
        assert_eq!(client.send(&message).await, end, "{message:?}");
        if matches!(end, Gone(_)) {
            assert!(client.is_closed().await, "{message:?}");
        } else {
            // The others of its connection are not in doubt.
            assert_eq!(client.send(&AFTER).await, Status(200), "{message:?}");
            good += 1;
            let seen = recorder.take();
            let lines: Vec<&str> = seen.iter().map(|one| one.line.as_str()).collect();
            assert_eq!(lines, ["GET /after HTTP/1.1"], "{message:?}");
        }
        // Its head may have gone on before its body was seen to be bad: never a whole request.
        assert_eq!(recorder.take(), [], "{message:?}");
    }
    let mut answered = Vec::new();
    while answered.len() < good {
        let records = rig.records().into_iter();
        answered.extend(records.filter(|record| record.status < 400));
        tokio::task::yield_now().await;
    }
    assert!(
        answered.iter().all(|record| record.path == "/after"),
        "{answered:?}"
    );
}

/// What came before the excess was seen may have been a whole request: never more than that.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_behind_a_body_is_taken_for_a_request() {
    let (rig, recorder) = rig().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    for (length, data, body) in [
        (LENGTH_2, &["ab", smuggled][..], "ab"),
        (LENGTH_2, &["a", "b", smuggled, ""], "ab"),
        (LENGTH_0, &[smuggled], ""),
    ] {
        let message = Message {
            fields: &[POST, HTTP, A, ROOT, length],
            data,
            trailers: &[],
        };
        let mut client = Frames::connect(rig.handle.gateway).await;
        assert_eq!(client.send(&message).await, MALFORMED, "{message:?}");
        assert_eq!(client.send(&AFTER).await, Status(200), "{message:?}");
        let seen = recorder.take();
        let seen: Vec<(&str, &[u8])> = seen
            .iter()
            .map(|one| (one.line.as_str(), one.body.as_slice()))
            .collect();
        let after = ("GET /after HTTP/1.1", &b""[..]);
        let whole = ("POST / HTTP/1.1", body.as_bytes());
        assert!(seen.contains(&after), "{seen:?}");
        assert!(
            seen.len() <= 2 && seen.iter().all(|one| [after, whole].contains(one)),
            "{seen:?}"
        );
    }
}

/// A reset is no end, even one without an error: what came before it is not the whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_given_up_is_no_body() {
    const NO_ERROR: u32 = 0;
    const CANCEL: u32 = 8;
    let (rig, recorder) = rig().await;
    for (fields, error) in [
        (&[POST, HTTP, A, ROOT][..], NO_ERROR),
        (&[POST, HTTP, A, ROOT, ("content-length", "4")], NO_ERROR),
        (&[POST, HTTP, A, ROOT], CANCEL),
    ] {
        let message = Message {
            fields,
            data: &["ab", "c"],
            trailers: &[],
        };
        let mut client = Frames::connect(rig.handle.gateway).await;
        // Leaves a connection to the upstream, on which the next one is written at once.
        assert_eq!(client.send(&AFTER).await, Status(200));
        client.give_up(&message, error).await;
        assert_eq!(client.send(&AFTER).await, Status(200));
        let mut statuses: Vec<u16> = rig
            .wait_records(3)
            .await
            .iter()
            .map(|record| record.status)
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 499], "{message:?}");
        let seen = recorder.take();
        let lines: Vec<&str> = seen.iter().map(|one| one.line.as_str()).collect();
        assert_eq!(lines, ["GET /after HTTP/1.1"; 2], "{message:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_have_their_statuses() {
    let (rig, recorder) = before(OPEN, |settings| settings.limits.body_bytes = 1000).await;
    let part = "x".repeat(400);
    let whole = "x".repeat(1001);
    let path = format!("/{}", "y".repeat(9000));
    let long = "z".repeat(17_000);
    let half = "z".repeat(8_500);
    let wide = "z".repeat(12_000);
    let names: Vec<String> = (0..101).map(|number| format!("x-{number}")).collect();
    let mut many = vec![GET, HTTP, A, ROOT];
    many.extend(names.iter().map(|name| (name.as_str(), "1")));
    for (fields, data, status) in [
        (
            &[POST, HTTP, A, ROOT, ("content-length", "1001")][..],
            &[whole.as_str()][..],
            413,
        ),
        (&[POST, HTTP, A, ROOT], &[&*part, &*part, &*part], 413),
        (&[GET, HTTP, A, (":path", &*path)], &[], 414),
        (&[GET, HTTP, A, ROOT, ("x-a", &*long)], &[], 431),
        (
            &[GET, HTTP, A, ROOT, ("cookie", &*half), ("cookie", &*half)],
            &[],
            431,
        ),
        (
            &[
                GET,
                HTTP,
                A,
                ROOT,
                ("x-a", &*wide),
                ("x-b", &*wide),
                ("x-c", &*wide),
            ],
            &[],
            431,
        ),
        (&many[..], &[], 431),
    ] {
        let message = Message {
            fields,
            data,
            trailers: &[],
        };
        let mut client = Frames::connect(rig.handle.gateway).await;
        let shown: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(client.send(&message).await, Status(status), "{shown:?}");
        assert_eq!(client.send(&AFTER).await, Status(200), "{shown:?}");
        let seen = recorder.take();
        assert_eq!(seen.len(), 1, "{shown:?}: {seen:?}");
        assert_eq!(seen[0].line, "GET /after HTTP/1.1", "{shown:?}");
    }
}

/// What passes, and how: fields, body, trailers; the request line, fields that are there with their
/// values (none: absent), and the body that came of it.
type Passes = (Fields, Data, Fields, &'static str, Seen, &'static str);
type Seen = &'static [(&'static str, &'static [&'static str])];

const PASSES: &[Passes] = &[
    (
        &[GET, HTTP, A, (":path", "//a/./b/../c")],
        &[],
        &[],
        "GET /a/c HTTP/1.1",
        &[("x-forwarded-host", &["a"]), ("content-length", &[])],
        "",
    ),
    (
        &[GET, HTTP, A, (":path", "/%7ea%2a?b=%2F/../c")],
        &[],
        &[],
        "GET /~a%2A?b=%2F/../c HTTP/1.1",
        &[],
        "",
    ),
    // Host.
    (
        &[GET, HTTP, (":authority", "A"), ROOT, ("host", "a")],
        &[],
        &[],
        "GET / HTTP/1.1",
        &[("x-forwarded-host", &["a"])],
        "",
    ),
    (
        &[GET, HTTP, ROOT, ("host", "a:80")],
        &[],
        &[],
        "GET / HTTP/1.1",
        &[("x-forwarded-host", &["a:80"])],
        "",
    ),
    // What the client says of its scheme does not make it so.
    (
        &[GET, (":scheme", "https"), A, ROOT],
        &[],
        &[],
        "GET / HTTP/1.1",
        &[("x-forwarded-proto", &["http"])],
        "",
    ),
    // A fragment is cut off by the library, with whatever is in it.
    (
        &[GET, HTTP, A, (":path", "/x#y")],
        &[],
        &[],
        "GET /x HTTP/1.1",
        &[],
        "",
    ),
    (
        &[GET, HTTP, A, (":path", "/x?y#z?a")],
        &[],
        &[],
        "GET /x?y HTTP/1.1",
        &[],
        "",
    ),
    (
        &[
            GET,
            HTTP,
            A,
            (":path", "/x#/../y HTTP/1.1\r\nhost: b\r\n\r\n"),
        ],
        &[],
        &[],
        "GET /x HTTP/1.1",
        &[],
        "",
    ),
    (
        &[GET, HTTP, A, (":path", "#x")],
        &[],
        &[],
        "GET / HTTP/1.1",
        &[],
        "",
    ),
    // Length.
    (
        &[POST, HTTP, A, ROOT, LENGTH_2],
        &["a", "", "b"],
        &[],
        "POST / HTTP/1.1",
        &[("content-length", &["2"]), ("transfer-encoding", &[])],
        "ab",
    ),
    (
        &[
            POST,
            HTTP,
            A,
            ROOT,
            ("content-length", "000000000000000002"),
        ],
        &["ab"],
        &[],
        "POST / HTTP/1.1",
        &[("transfer-encoding", &[])],
        "ab",
    ),
    (
        &[POST, HTTP, A, ROOT],
        &["0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"],
        &[],
        "POST / HTTP/1.1",
        &[("content-length", &[]), ("transfer-encoding", &["chunked"])],
        "0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ),
    (
        &[POST, HTTP, A, ROOT],
        &[],
        &[],
        "POST / HTTP/1.1",
        &[("content-length", &["0"]), ("transfer-encoding", &[])],
        "",
    ),
    (
        &[POST, HTTP, A, ROOT],
        &[""],
        &[],
        "POST / HTTP/1.1",
        &[("content-length", &[]), ("transfer-encoding", &["chunked"])],
        "",
    ),
    (
        &[POST, HTTP, A, ROOT, LENGTH_0],
        &[""],
        &[],
        "POST / HTTP/1.1",
        &[("content-length", &["0"]), ("transfer-encoding", &[])],
        "",
    ),
    (
        &[POST, HTTP, A, ROOT, LENGTH_0],
        &[],
        &[],
        "POST / HTTP/1.1",
        &[("content-length", &["0"]), ("transfer-encoding", &[])],
        "",
    ),
    // Trailers end here.
    (
        &[POST, HTTP, A, ROOT, ("trailer", "x-a")],
        &["ab"],
        &[("x-a", "b"), ("content-length", "9"), ("host", "b")],
        "POST / HTTP/1.1",
        &[
            ("trailer", &[]),
            ("x-a", &[]),
            ("content-length", &[]),
            ("transfer-encoding", &["chunked"]),
        ],
        "ab",
    ),
    // Of this hop.
    (
        &[
            GET,
            HTTP,
            A,
            ROOT,
            ("te", "trailers"),
            ("expect", "100-continue"),
            ("proxy-authorization", "x"),
            ("http2-settings", "AAA"),
            ("x-a", ""),
        ],
        &[],
        &[],
        "GET / HTTP/1.1",
        &[
            ("te", &[]),
            ("expect", &[]),
            ("proxy-authorization", &[]),
            ("http2-settings", &[]),
            ("connection", &[]),
            ("x-a", &[""]),
        ],
        "",
    ),
    // What a client cannot say.
    (
        &[
            GET,
            HTTP,
            A,
            ROOT,
            ("x_custom", "1"),
            ("content_length", "5"),
            ("transfer_encoding", "chunked"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-host", "b"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "1"),
            ("forwarded", "for=6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("x-portunus-plan", "gold"),
            ("client-cert", ":AAA:"),
        ],
        &[],
        &[],
        "GET / HTTP/1.1",
        &[
            ("x-forwarded-for", &["127.0.0.1"]),
            ("x-forwarded-host", &["a"]),
            ("x-forwarded-proto", &["http"]),
            ("x-forwarded-port", &[]),
            ("forwarded", &[]),
            ("x-real-ip", &[]),
            ("x-portunus-plan", &[]),
            ("client-cert", &[]),
        ],
        "",
    ),
    (
        &[
            GET,
            HTTP,
            A,
            ROOT,
            ("x-api-key", "ptn_live_x"),
            ("authorization", "Bearer ptn_x"),
            ("cookie", "b=1"),
            ("cookie", "portunus_session=1"),
            ("cookie", "c=2; d=3"),
        ],
        &[],
        &[],
        "GET / HTTP/1.1",
        &[
            ("x-api-key", &[]),
            ("authorization", &[]),
            ("cookie", &["b=1; c=2; d=3"]),
        ],
        "",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_one_request_that_is_logged() {
    let (rig, recorder) = rig().await;
    for &(fields, data, trailers, line, there, body) in PASSES {
        let message = Message {
            fields,
            data,
            trailers,
        };
        let mut client = Frames::connect(rig.handle.gateway).await;
        assert_eq!(client.send(&message).await, Status(200), "{message:?}");
        let seen = recorder.take();
        let [seen] = &*seen else {
            panic!("{message:?}: {seen:?}");
        };
        assert_eq!(
            (seen.line.as_str(), seen.body.as_slice()),
            (line, body.as_bytes()),
            "{message:?}"
        );
        for (name, values) in there {
            assert_eq!(seen.all(name), *values, "{name} of {message:?}");
        }
        let logged = rig.wait_records(1).await;
        let [method, target, _] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let path = target.split('?').next().unwrap();
        assert_eq!(logged.len(), 1, "{message:?}");
        assert_eq!(
            (logged[0].method.as_str(), logged[0].path.as_str()),
            (method, path)
        );
        assert_eq!(logged[0].request_id, seen.all("x-request-id")[0]);
    }
}
