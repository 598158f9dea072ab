//! Issuers as they may be: servers that answer too much, too late or for another, and how long
//! their keys are believed without them.

use std::net::SocketAddr;
use std::sync::Mutex;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;
use crate::upstream::Resolver;

/// Longer than any of these tests takes.
const LONG: Duration = Duration::from_secs(60);

/// An HTTP server. What `says` gives for a path is written as it is, then the connection ends;
/// `None` leaves it open without a word.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(says: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let paths = asked.clone();
        tokio::spawn(async move {
            let base = format!("http://{address}");
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                let answer = says(&base, &path);
                paths.lock().unwrap().push(path);
                match answer {
                    // Whoever has read enough closes first.
                    Some(answer) => {
                        let _ = stream.write_all(&answer).await;
                    }
                    None => open.push(stream),
                }
            }
        });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A set of keys of so many bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut body = br#"{"keys":[]}"#.to_vec();
    body.resize(length, b' ');
    body
}

fn allowing(networks: &[&str]) -> snapshot::Settings {
    snapshot::Settings {
        upstream_allow: networks.iter().map(|net| net.parse().unwrap()).collect(),
        ..snapshot::Settings::default()
    }
}

/// What comes of asking; an error as its words.
async fn ask(
    settings: &Settings,
    allowed: &snapshot::Settings,
    source: Source,
    patience: Duration,
) -> Result<Value, String> {
    let found = fetch(settings, allowed, &Roots::default(), &source, patience).await;
    found.map_err(|error| error.to_string())
}

const LOOPBACK: &[&str] = &["127.0.0.0/8"];
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn an_answer_has_a_status_a_form_and_a_bound() {
    let (settings, allowed) = (Settings::default(), allowing(LOOPBACK));
    let chunked = |length: usize| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let head = format!("{head}{length:x}\r\n");
        [head.as_bytes(), &padded(length)[..], b"\r\n0\r\n\r\n"].concat()
    };
    let moved = |status: u16| {
        let head = "location: /elsewhere\r\ncontent-length: 0";
        format!("HTTP/1.1 {status} Moved\r\n{head}\r\n\r\n").into_bytes()
    };
    let body = "its answer is too large or breaks off";
    for (what, answer, expected) in [
        ("1 MiB", ok(padded(MOST_BYTES)), ""),
        ("a byte more", ok(padded(MOST_BYTES + 1)), body),
        ("1 MiB in chunks", chunked(MOST_BYTES), ""),
        ("a byte more in chunks", chunked(MOST_BYTES + 1), body),
        (
            "less than it says",
            b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"keys\":[]}".to_vec(),
            body,
        ),
        ("301", moved(301), "it answered 301"),
        ("302", moved(302), "it answered 302"),
        ("307", moved(307), "it answered 307"),
        ("308", moved(308), "it answered 308"),
        (
            "500",
            b"HTTP/1.1 500 No\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}".to_vec(),
            "it answered 500",
        ),
        (
            "204",
            b"HTTP/1.1 204 No\r\n\r\n".to_vec(),
            "it answered 204",
        ),
        ("no JSON", ok("<html>"), "its answer is not JSON"),
        ("none", ok(""), "its answer is not JSON"),
        (
            "not HTTP",
            b"SSH-2.0-x\r\n\r\n".to_vec(),
            "the exchange failed",
        ),
        ("nothing", Vec::new(), "the exchange failed"),
    ] {
        let server = Server::start(move |_, _| Some(answer.clone())).await;
        let source = (server.url("/keys?a=b"), false);
        let found = ask(&settings, &allowed, source, LONG).await;
        match expected {
            "" => assert_eq!(found, Ok(json!({ "keys": [] })), "{what}"),
            expected => {
                let error = found.unwrap_err();
                assert!(error.starts_with(expected), "{what}: {error}");
            }
        }
        assert_eq!(server.asked(), ["/keys?a=b"], "{what}: no other question");
    }
}

/// Neither one that says nothing nor one that says it byte by byte; both questions have one time.
#[tokio::test]
async fn an_answer_comes_in_time() {
    let (settings, allowed) = (Settings::default(), allowing(LOOPBACK));
    let soon = Duration::from_millis(50);
    let late = Err("it did not answer in time".to_owned());
    let silent = Server::start(|_, _| None).await;
    let source = (silent.url("/keys"), false);
    assert_eq!(ask(&settings, &allowed, source, soon).await, late);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let source = (format!("http://{address}/keys"), false);
    assert_eq!(ask(&settings, &allowed, source, soon).await, late);
    // The document comes, the keys do not.
    let halting = Server::start(|base, path| {
        let document = json!({ "issuer": base, "jwks_uri": format!("{base}/keys") });
        (path == WELL_KNOWN).then(|| ok(document.to_string()))
    })
    .await;
    let source = (halting.url(WELL_KNOWN), true);
    let patience = Duration::from_secs(1);
    assert_eq!(ask(&settings, &allowed, source, patience).await, late);
}

#[tokio::test]
async fn an_address_that_is_silent_leaves_the_others_of_its_name() {
    // Its queue is full: connections to it stay in the making.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let silent = listener.local_addr().unwrap();
    let (brief, mut filled) = (Duration::from_millis(200), Vec::new());
    while let Ok(Ok(stream)) = timeout(brief, TcpStream::connect(silent)).await {
        filled.push(stream);
    }
    let server = Server::start(|_, _| Some(ok(r#"{"keys":[]}"#))).await;
    let all = vec![silent, server.address];
    let settings = Settings {
        resolver: Resolver::new(move |_, _| std::future::ready(Ok(all.clone()))),
        ..Settings::default()
    };
    let source = ("http://issuer.test/keys".to_owned(), false);
    let found = ask(&settings, &allowing(LOOPBACK), source, LONG).await;
    assert_eq!(found, Ok(json!({ "keys": [] })));
}

/// Where upstreams may lie, and nowhere else, whoever names it.
#[tokio::test]
async fn servers_are_asked_only_where_upstreams_may_lie() {
    let everywhere = allowing(&["0.0.0.0/0", "::/0"]);
    let refused = Err("it lies where this gateway may not ask".to_owned());
    let server = Server::start(|_, _| Some(ok(r#"{"keys":[]}"#))).await;
    let own = |address: SocketAddr| Settings {
        own_addresses: vec![address],
        ..Settings::default()
    };
    for (settings, allowed) in [
        (Settings::default(), allowing(&[])),
        (Settings::default(), allowing(&["10.0.0.0/8", "::1/128"])),
        (own(server.address), everywhere.clone()),
    ] {
        let source = (server.url("/keys"), false);
        assert_eq!(ask(&settings, &allowed, source, LONG).await, refused);
    }
    assert_eq!(server.asked(), [""; 0], "nobody came");
    let source = (server.url("/keys"), false);
    let other = own(SocketAddr::from(([127, 0, 0, 1], 1)));
    let found = ask(&other, &everywhere, source, LONG).await;
    assert_eq!(found, Ok(json!({ "keys": [] })));

    // What an issuer's document names is judged as well.
    for keys in [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/keys",
        "http://metadata/keys",
    ] {
        let issuer = Server::start(move |base, _| {
            let document = json!({ "issuer": base, "jwks_uri": keys });
            Some(ok(document.to_string()))
        })
        .await;
        let source = (issuer.url(WELL_KNOWN), true);
        let found = ask(&Settings::default(), &everywhere, source, LONG).await;
        assert_eq!(found, refused, "{keys}");
        assert_eq!(issuer.asked(), [WELL_KNOWN]);
    }
}

#[tokio::test]
async fn an_issuer_says_where_its_keys_are() {
    let (settings, allowed) = (Settings::default(), allowing(LOOPBACK));
    let keys = Server::start(|_, _| Some(ok(r#"{"keys":[]}"#))).await;
    let uri = keys.url("/keys");
    for (name, is_it) in [("", true), ("/", true), ("/other", false)] {
        let uri = uri.clone();
        let issuer = Server::start(move |base, _| {
            let document = json!({ "issuer": format!("{base}{name}"), "jwks_uri": uri });
            Some(ok(document.to_string()))
        })
        .await;
        let source = (issuer.url(WELL_KNOWN), true);
        let found = ask(&settings, &allowed, source, LONG).await;
        assert_eq!(found.is_ok(), is_it, "{name:?}: {found:?}");
    }
    assert_eq!(keys.asked(), ["/keys", "/keys"]);
}

/// The issuer, its document; where the keys are, if they may be there.
#[test]
fn keys_of_an_issuer_lie_where_nobody_can_put_others() {
    let (tls, plain) = ("https://a.test", "http://a.test");
    let of = |issuer: &str, keys: &str| json!({ "issuer": issuer, "jwks_uri": keys });
    for (issuer, document, expected) in [
        (tls, of(tls, "https://k.test/k"), Some("https://k.test/k")),
        (tls, of(tls, "HTTPS://k.test/k"), Some("HTTPS://k.test/k")),
        (plain, of(plain, "http://k.test/"), Some("http://k.test/")),
        (plain, of(plain, "https://k.test/"), Some("https://k.test/")),
        (tls, of(tls, "http://k.test/k"), None),
        (tls, of(tls, "HTTP://k.test/k"), None),
        (
            "HTTPS://a.test",
            of("HTTPS://a.test", "http://k.test/k"),
            None,
        ),
        (tls, of(plain, "https://k.test/k"), None),
        (tls, of("https://b.test", "https://k.test/k"), None),
        (tls, of("https://a.test.evil.test", "https://k.test/"), None),
        (tls, of(tls, "file:///etc/passwd"), None),
        (tls, of(tls, "https://u:p@k.test/"), None),
        (tls, of(tls, "//k.test/"), None),
        (tls, of(tls, ""), None),
        (tls, json!({ "issuer": tls }), None),
        (tls, json!({ "issuer": tls, "jwks_uri": 1 }), None),
        (tls, json!({ "jwks_uri": "https://k.test/" }), None),
        (
            tls,
            json!({ "issuer": [tls], "jwks_uri": "https://k.test/" }),
            None,
        ),
        (tls, json!([]), None),
    ] {
        let found = named(&format!("{issuer}{WELL_KNOWN}"), &document);
        assert_eq!(found.ok().as_deref(), expected, "{issuer} {document}");
    }
}

/// What happens to a set, by when it happens; whether there are keys afterwards.
#[test]
fn keys_stay_for_a_day_without_their_issuer() {
    let times = IssuerKeys::default();
    let source = ("http://a.test/keys".to_owned(), false);
    let set = KeySet::default();
    let began = Instant::now();
    let known = || json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "1" }] });
    let hour = |hours: u64| Duration::from_secs(hours * 3600);
    let moment = Duration::from_millis(1);
    let mut past = None;
    for (what, found, after, is_there) in [
        ("down from the beginning", Err(Failed::Json), hour(0), false),
        ("up", Ok(known()), hour(1), true),
        ("down", Err(Failed::Json), hour(2), true),
        ("no set", Ok(json!({ "error": "busy" })), hour(3), true),
        ("for a day", Err(Failed::Json), hour(25), true),
        ("longer", Err(Failed::Json), hour(25) + moment, false),
        ("up again", Ok(known()), hour(26), true),
        ("down again", Err(Failed::Json), hour(49), true),
        ("up in between", Ok(known()), hour(50), true),
        ("a new day", Err(Failed::Json), hour(74), true),
        ("another", Err(Failed::Json), hour(74) + moment, false),
    ] {
        let failed = found.is_err() || what == "no set";
        let after = settle(&times, &source, &set, found, past, began + after);
        assert_eq!(set.get().is_some(), is_there, "{what}");
        assert_eq!(after.failures > 0, failed, "{what}");
        past = Some(after);
    }
    // The same keys again are the same: what was verified with them stays verified.
    let number = |found: Value| {
        settle(&times, &source, &set, Ok(found), None, began);
        set.get().unwrap().number
    };
    let first = number(known());
    assert_eq!(number(known()), first);
    assert_ne!(number(json!({ "keys": [] })), first);
}

/// Failures in a row; seconds until it is time again, and so where a token names an unknown key.
#[test]
fn an_issuer_that_fails_is_asked_less_and_less() {
    let times = IssuerKeys::default();
    let last = Instant::now();
    for (failures, seconds, wanted) in [
        (0, 300, 30),
        (1, 1, 1),
        (2, 2, 2),
        (3, 4, 4),
        (4, 8, 8),
        (5, 16, 16),
        (6, 32, 30),
        (9, 256, 30),
        (10, 256, 30),
        (u32::MAX, 256, 30),
    ] {
        for (is_wanted, seconds) in [(false, seconds), (true, wanted)] {
            let past = Past {
                last,
                good: None,
                failures,
                wanted: is_wanted,
            };
            let next = past.next(&times) - last;
            assert_eq!(next, Duration::from_secs(seconds), "{failures} {is_wanted}");
        }
    }
}
