//! TLS towards clients: certificates by name, renewed under open connections; client certificates;
//! hosts that are not served without TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::rig::{Client, Rig};
use crate::upstreams::metric;

// Made for these tests alone, good for a hundred years.
const SERVERS: &[u8] = include_bytes!("tls/servers.pem");
const CLIENTS: &str = include_str!("tls/clients.pem");
/// For a.test.
const A: [&str; 2] = [include_str!("tls/a.pem"), include_str!("tls/a.key")];
/// Also for a.test.
const RENEWED: [&str; 2] = [
    include_str!("tls/renewed.pem"),
    include_str!("tls/renewed.key"),
];
/// For b.test and *.b.test.
const B: [&str; 2] = [include_str!("tls/b.pem"), include_str!("tls/b.key")];
/// Of a client, issued by the authority in CLIENTS.
const FRIEND: [&str; 2] = [
    include_str!("tls/friend.pem"),
    include_str!("tls/friend.key"),
];
const STRANGER: [&str; 2] = [
    include_str!("tls/stranger.pem"),
    include_str!("tls/stranger.key"),
];
/// With nine names, of an authority of its own.
const MANY: [&str; 2] = [include_str!("tls/many.pem"), include_str!("tls/many.key")];
const MANY_CA: &str = include_str!("tls/many-ca.pem");

fn shown([certificate, key]: [&str; 2]) -> Value {
    json!({ "certificate": certificate, "key": key })
}

fn file(certificates: Value, hosts: Value) -> String {
    let version = json!({ "match": { "path": "/x" }, "upstream": "u" });
    json!({
        "portunus": 1,
        "upstreams": { "u": { "targets": [{ "url": "http://@UPSTREAM@" }] } },
        "apis": { "x": { "versions": { "v1": version } } },
        "certificates": certificates,
        "hosts": hosts,
    })
    .to_string()
}

async fn rig(text: &str) -> Rig {
    Rig::with(text, |settings| {
        settings.listen_tls = Some("127.0.0.1:0".parse().unwrap());
    })
    .await
}

fn der([pem, _]: [&str; 2]) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// A client that trusts our authority, verifies `name`, and may have a certificate of its own.
struct Caller<'a> {
    name: &'a str,
    says_name: bool,
    certificate: Option<[&'a str; 2]>,
    versions: &'a [&'static rustls::SupportedProtocolVersion],
    protocols: &'a [&'a [u8]],
}

fn caller(name: &str) -> Caller<'_> {
    Caller {
        name,
        says_name: true,
        certificate: None,
        versions: rustls::ALL_VERSIONS,
        protocols: &[],
    }
}

impl Caller<'_> {
    async fn connect(&self, rig: &Rig) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(SERVERS).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.certificate {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_slice(pair[1].as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![der(pair)], key).unwrap()
            }
        };
        config.enable_sni = self.says_name;
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(self.name.to_owned()).unwrap();
        let stream = TcpStream::connect(rig.handle.gateway_tls.unwrap()).await?;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    async fn client(&self, rig: &Rig) -> Client {
        Client::over(self.connect(rig).await.unwrap())
    }

    /// The certificate that is shown, once it is verified.
    async fn sees(&self, rig: &Rig) -> CertificateDer<'static> {
        let stream = self.connect(rig).await.unwrap();
        let certificates = stream.get_ref().1.peer_certificates().unwrap();
        certificates[0].clone().into_owned()
    }

    /// Under TLS 1.3 a client hears that it is not wanted only when it reads.
    async fn is_refused(&self, rig: &Rig) -> bool {
        let Ok(mut stream) = self.connect(rig).await else {
            return true;
        };
        let request = get("m.test", "/x");
        let written = stream.write_all(request.as_bytes()).await;
        written.is_err() || !matches!(stream.read(&mut [0; 16]).await, Ok(1..))
    }
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_chosen_by_name() {
    let mut b = shown(B);
    b["default"] = true.into();
    let rig = rig(&file(json!({ "a": shown(A), "b": b }), json!({}))).await;
    for (name, expected) in [("a.test", A), ("b.test", B), ("x.b.test", B)] {
        assert_eq!(caller(name).sees(&rig).await, der(expected), "{name}");
    }
    let silent = Caller {
        says_name: false,
        ..caller("b.test")
    };
    assert_eq!(silent.sees(&rig).await, der(B), "the default");
    // The default is shown for other names too; that it is for none of them is the client's to see.
    let unknown = caller("c.test").connect(&rig).await.unwrap_err();
    assert!(
        unknown.to_string().contains("not valid for name"),
        "{unknown}"
    );

    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let caller = Caller {
            versions,
            ..caller("a.test")
        };
        let answer = caller.client(&rig).await.send(&get("a.test", "/x")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.seen("x-forwarded-proto").as_deref(), Some("https"));
    }
    let metrics = rig.admin("/metrics").await.body;
    assert!(
        metrics.contains("portunus_tls_handshakes_total "),
        "{metrics}"
    );

    // Without a default nothing is shown for a name that nobody has.
    rig.load(&file(json!({ "a": shown(A) }), json!({})), 2)
        .await;
    let unknown = caller("c.test").connect(&rig).await.unwrap_err();
    assert!(unknown.to_string().contains("alert"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_is_agreed_on() {
    let rig = rig(&file(json!({ "a": shown(A) }), json!({}))).await;
    let with = |protocols| Caller {
        protocols,
        ..caller("a.test")
    };
    let stream = with(&[b"http/1.1", b"h2"]).connect(&rig).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://a.test/x").body(()).unwrap();
    let (answer, _) = sender.send_request(request, true).unwrap();
    let (head, mut body) = answer.await.unwrap().into_parts();
    assert_eq!(head.status, 200);
    let seen = body.data().await.unwrap().unwrap();
    let seen: Value = serde_json::from_slice(&seen).unwrap();
    let proto = json!(["x-forwarded-proto", "https"]);
    assert!(
        seen["headers"].as_array().unwrap().contains(&proto),
        "{seen}"
    );

    let mut old = with(&[b"http/1.1"]).client(&rig).await;
    assert_eq!(old.send(&get("a.test", "/x")).await.status, 200);
    assert!(with(&[b"spdy/3"]).connect(&rig).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_under_open_connections() {
    let rig = rig(&file(json!({ "a": shown(A), "b": shown(B) }), json!({}))).await;
    let mut old = caller("a.test").client(&rig).await;
    assert_eq!(old.send(&get("a.test", "/x")).await.status, 200);
    rig.load(
        &file(json!({ "a": shown(RENEWED), "b": shown(B) }), json!({})),
        2,
    )
    .await;
    assert_eq!(old.send(&get("a.test", "/x")).await.status, 200, "goes on");
    assert_eq!(caller("a.test").sees(&rig).await, der(RENEWED));

    // One that cannot be used is its own host's affair, which still asks for TLS.
    let broken = json!({ "certificate": A[0], "key": B[1], "hosts": ["a.test"] });
    rig.load(&file(json!({ "a": broken, "b": shown(B) }), json!({})), 3)
        .await;
    assert!(caller("a.test").connect(&rig).await.is_err());
    assert_eq!(rig.send(&get("a.test", "/x")).await.status, 308);
    assert_eq!(caller("b.test").sees(&rig).await, der(B));
    assert_eq!(old.send(&get("a.test", "/x")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_with_a_certificate_ask_for_tls() {
    let hosts = json!({ "b.test": { "tls": "optional" }, "*.c.test": { "tls": "required" } });
    let certificates = json!({ "a": shown(A), "b": shown(B) });
    let rig = Rig::with(&file(certificates, hosts), |settings| {
        settings.listen_tls = Some("127.0.0.1:0".parse().unwrap());
        settings.trusted_proxies = vec!["127.0.0.2/32".parse().unwrap()];
    })
    .await;
    let port = rig.handle.gateway_tls.unwrap().port();
    for (host, location) in [
        ("a.test", "https://a.test/x/y?q=1".to_owned()),
        ("A.test:80", format!("https://a.test:{port}/x/y?q=1")),
        ("d.c.test", "https://d.c.test/x/y?q=1".into()),
    ] {
        let answer = rig.send(&get(host, "/x//y?q=1")).await;
        assert_eq!(answer.status, 308, "{host}");
        assert_eq!(answer.field("location"), Some(&*location));
        let post = format!("POST /x HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(rig.send(&post).await.code(), "https_required");
    }
    for host in ["b.test", "c.test", "else.test"] {
        assert_eq!(rig.send(&get(host, "/x")).await.status, 200, "{host}");
    }
    // Only a trusted proxy's word counts, and this client is none.
    let lie = "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https\r\n\r\n";
    assert_eq!(rig.send(lie).await.status, 308);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut proxy = Client::over(socket.connect(rig.handle.gateway).await.unwrap());
    assert_eq!(proxy.send(lie).await.status, 200);
    assert_eq!(proxy.send(&get("a.test", "/x")).await.status, 308);
    let codes = rig.wait_records(12).await;
    let sent_on = codes.iter().filter(|record| record.status == 308);
    assert!(sent_on.clone().count() >= 5);
    for record in sent_on {
        assert_eq!(record.code, "https_required");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_may_ask_for_a_clients_certificate() {
    let mut a = shown(A);
    a["default"] = true.into();
    let served = json!({ "certificate": B[0], "key": B[1], "hosts": ["m.b.test", "b.test"] });
    let text = file(
        json!({ "a": a, "b": served }),
        json!({ "m.b.test": { "client_ca": CLIENTS } }),
    );
    let rig = rig(&text).await;
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let with = |certificate| Caller {
            certificate,
            versions,
            ..caller("m.b.test")
        };
        let mut friend = with(Some(FRIEND)).client(&rig).await;
        assert_eq!(friend.send(&get("m.b.test", "/x")).await.status, 200);
        assert!(with(Some(STRANGER)).is_refused(&rig).await);
        assert!(with(None).is_refused(&rig).await);
        // A connection that was made for this host alone.
        let other = friend.send(&get("b.test", "/x")).await;
        assert_eq!(
            (other.status, other.code()),
            (421, "misdirected_request".into())
        );
        assert!(friend.is_closed().await);
    }
    // Whoever showed no certificate does not get there by another name.
    for name in ["b.test", "a.test"] {
        let mut client = caller(name).client(&rig).await;
        let answer = client.send(&get("m.b.test", "/x")).await;
        assert_eq!(answer.code(), "misdirected_request", "{name}");
    }
    let plain = rig.send(&get("m.b.test", "/x")).await;
    assert_eq!(plain.status, 308);

    // Renewing a server's certificate, or an unrelated host, leaves open connections alone; other
    // authorities end what was verified under the old ones.
    let with = Caller {
        certificate: Some(FRIEND),
        ..caller("m.b.test")
    };
    let mut open = with.client(&rig).await;
    assert_eq!(open.send(&get("m.b.test", "/x")).await.status, 200);
    let certificates = json!({ "a": shown(RENEWED), "b": shown(B) });
    let hosts = json!({ "m.b.test": { "client_ca": CLIENTS }, "z.test": { "tls": "optional" } });
    rig.load(&file(certificates.clone(), hosts), 2).await;
    assert_eq!(open.send(&get("m.b.test", "/x")).await.status, 200);
    let servers = std::str::from_utf8(SERVERS).unwrap();
    let hosts = json!({ "m.b.test": { "client_ca": servers } });
    rig.load(&file(certificates, hosts), 3).await;
    let answer = open.send(&get("m.b.test", "/x")).await;
    assert_eq!(answer.code(), "misdirected_request");
    assert!(with.is_refused(&rig).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_are_refused() {
    let rig = rig(&file(json!({ "a": shown(A) }), json!({}))).await;
    for minor in [1_u8, 2] {
        // A hello of TLS 1.0 or 1.1: that version, 32 bytes of chance, no session, one suite, no
        // compression, one signature algorithm.
        let mut hello = vec![3, minor];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
        hello.extend([0, 10, 0, 13, 0, 6, 0, 4, 4, 3, 4, 1]);
        let mut message = vec![1, 0, 0, hello.len() as u8];
        message.extend(hello);
        let mut record = vec![22, 3, 1, 0, message.len() as u8];
        record.extend(message);
        let mut stream = TcpStream::connect(rig.handle.gateway_tls.unwrap())
            .await
            .unwrap();
        stream.write_all(&record).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        // One alert: fatal, protocol_version (RFC 8446 §6.2).
        assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_stalled_handshakes_end_on_their_deadline() {
    const STALLED: usize = 1000;
    let text = file(json!({ "a": shown(A) }), json!({}));
    let rig = Rig::with(&text, |settings| {
        settings.listen_tls = Some("127.0.0.1:0".parse().unwrap());
        settings.limits.connections_per_address = 2 * STALLED;
    })
    .await;
    let mut stalled = Vec::new();
    for number in 0..STALLED {
        let address = rig.handle.gateway_tls.unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Some say nothing, some stop in the middle of their hello.
        if number % 2 == 0 {
            stream.write_all(&[22, 3, 1, 0, 200, 1]).await.unwrap();
        }
        stalled.push(stream);
    }
    while rig.handle.connections() < STALLED as u64 {
        tokio::task::yield_now().await;
    }
    let mut client = caller("a.test").client(&rig).await;
    assert_eq!(client.send(&get("a.test", "/x")).await.status, 200);
    rig.advance(9);
    let mut late = caller("a.test").client(&rig).await;
    assert_eq!(late.send(&get("a.test", "/x")).await.status, 200);
    assert!(
        rig.handle.connections() > STALLED as u64,
        "none is closed yet"
    );
    rig.advance(2);
    for mut stream in stalled {
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        tokio::time::timeout(std::time::Duration::from_secs(20), ended)
            .await
            .expect("closed on its deadline")
            .ok();
        assert!(rest.is_empty());
    }
    assert_eq!(late.send(&get("a.test", "/x")).await.status, 200);
    let metrics = rig.admin("/metrics").await.body;
    let counted = format!("portunus_timed_out_total{{phase=\"tls_handshake\"}} {STALLED}\n");
    assert!(metrics.contains(&counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_as_good_as_a_key() {
    use sha2::Digest;
    let print = sha2::Sha256::digest(der(FRIEND));
    let print: Vec<String> = print.iter().map(|byte| format!("{byte:02X}")).collect();
    let text = file(
        json!({ "a": shown(A), "b": shown(B) }),
        json!({ "m.b.test": { "client_ca": CLIENTS } }),
    );
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let api = |path: &str, policy: Value| json!({ "match": { "path": path }, "upstream": "u", "policies": [policy], "operations_mode": "open" });
    file["apis"]["certified"] = json!({ "versions": {
        "v1": api("/known", json!({ "mtls": { "forward": true } })),
        "v2": api("/any", json!({ "mtls": { "application": "optional" } })),
        "v3": api("/other", json!({ "mtls": { "optional": true } })),
        "v4": api("/watched", json!({ "mtls": { "mode": "observe", "forward": true } })),
    } });
    file["products"] =
        json!({ "p": { "versions": ["certified/v1", "certified/v2"], "plans": { "free": {} } } });
    file["applications"] = json!({ "friend": {
        "certificates": [{ "name": "c", "sha256": print.join(":") }],
        "subscriptions": [{ "product": "p", "plan": "free" }],
    } });
    let rig = rig(&file.to_string()).await;
    let friend = Caller {
        certificate: Some(FRIEND),
        ..caller("m.b.test")
    };
    let send = async |path: &str, fields: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: m.b.test\r\n{fields}\r\n");
        friend.client(&rig).await.send(&request).await
    };
    let answer = send(
        "/known/x",
        "Client-Cert: :AAAA:\r\nClient-Cert-Chain: :AAAA:\r\n",
    )
    .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(der(FRIEND));
    assert_eq!(answer.seen("client-cert"), Some(format!(":{encoded}:")));
    assert_eq!(answer.seen("client-cert-chain"), None);
    assert_eq!(answer.seen("x-portunus-plan").as_deref(), Some("free"));
    for path in ["/any/x", "/watched/x"] {
        let answer = send(path, "Client-Cert: :AAAA:\r\n").await;
        let seen = answer.seen("client-cert");
        assert_eq!((answer.status, seen), (200, None), "{path}");
    }
    // Known, but its application is not subscribed to this one.
    assert_eq!(send("/other/x", "").await.code(), "not_subscribed");
    for (path, status) in [("/known/x", 403), ("/any/x", 403), ("/other/x", 200)] {
        let request = get("b.test", path);
        let answer = caller("b.test").client(&rig).await.send(&request).await;
        assert_eq!(answer.status, status, "{path} without a certificate");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_not_looked_at_are_counted() {
    let text = file(
        json!({ "a": shown(A), "b": shown(B) }),
        json!({ "m.b.test": { "client_ca": format!("{CLIENTS}{MANY_CA}") } }),
    );
    let rig = rig(&text).await;
    for (certificate, counted) in [(FRIEND, 0), (MANY, 1), (FRIEND, 1), (MANY, 2)] {
        let who = Caller {
            certificate: Some(certificate),
            ..caller("m.b.test")
        };
        let answer = who.client(&rig).await.send(&get("m.b.test", "/x")).await;
        assert_eq!(answer.status, 200);
        let name = "portunus_client_names_passed_over_total ";
        assert_eq!(metric(&rig, name).await, counted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_a_certificate_is_as_good_as_the_certificate() {
    use sha2::Digest;
    let print = sha2::Sha256::digest(der(FRIEND));
    let print: String = print.iter().map(|byte| format!("{byte:02x}")).collect();
    let friend = Caller {
        certificate: Some(FRIEND),
        ..caller("m.b.test")
    };
    // By plan it is told which of the claims counted.
    for (claims, plan) in [
        (vec![("free", "subject:CN=friend")], Some("free")),
        (vec![("free", "san:dns:Friend.test")], Some("free")),
        (
            vec![
                ("free", "san:dns:friend.test"),
                ("gold", "subject:CN=friend"),
            ],
            Some("gold"),
        ),
        (
            vec![("free", "subject:CN=friend"), ("gold", "")],
            Some("gold"),
        ),
        (vec![("free", "subject:CN=Friend")], None),
        (vec![("free", "san:dns:test")], None),
        (vec![("free", "san:uri:x:friend.test")], None),
    ] {
        let text = file(
            json!({ "a": shown(A), "b": shown(B) }),
            json!({ "m.b.test": { "client_ca": CLIENTS } }),
        );
        let mut file: Value = serde_json::from_str(&text).unwrap();
        file["apis"]["certified"] = json!({ "versions": { "v1": {
            "match": { "path": "/known" }, "upstream": "u", "policies": [{ "mtls": {} }], "operations_mode": "open",
        } } });
        file["products"] =
            json!({ "p": { "versions": ["certified/v1"], "plans": { "free": {}, "gold": {} } } });
        file["applications"] = json!({});
        for (plan, name) in &claims {
            let certificate = match name.is_empty() {
                true => json!({ "name": "c", "sha256": print }),
                false => json!({ "name": "c", "certificate_name": name }),
            };
            file["applications"][*plan] = json!({
                "certificates": [certificate],
                "subscriptions": [{ "product": "p", "plan": plan }],
            });
        }
        let rig = rig(&file.to_string()).await;
        let answer = friend
            .client(&rig)
            .await
            .send(&get("m.b.test", "/known/x"))
            .await;
        match plan {
            Some(plan) => {
                assert_eq!(answer.status, 200, "{claims:?}");
                assert_eq!(
                    answer.seen("x-portunus-plan").as_deref(),
                    Some(plan),
                    "{claims:?}"
                );
            }
            None => assert_eq!(answer.code(), "not_subscribed", "{claims:?}"),
        }
    }
}

/// An authority of clients, two that it has issued, and its lists.
mod revoked {
    pub const AUTHORITY: &str = include_str!("tls/revoked/ca.pem");
    pub const GOOD: [&str; 2] = [
        include_str!("tls/revoked/good.pem"),
        include_str!("tls/revoked/good.key"),
    ];
    pub const BAD: [&str; 2] = [
        include_str!("tls/revoked/bad.pem"),
        include_str!("tls/revoked/bad.key"),
    ];
    /// Names nobody.
    pub const NONE: &str = include_str!("tls/revoked/none.pem");
    /// Names BAD.
    pub const LIST: &str = include_str!("tls/revoked/list.pem");
    /// The same; it was over in 2021.
    pub const ENDED: &str = include_str!("tls/revoked/ended.pem");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_refused_at_once() {
    use revoked::{AUTHORITY, BAD, ENDED, GOOD, LIST, NONE};
    let text = |lists: Value| {
        let mut host = json!({ "client_ca": AUTHORITY });
        for (name, value) in lists.as_object().unwrap() {
            host[name] = value.clone();
        }
        file(
            json!({ "a": shown(A), "b": shown(B) }),
            json!({ "m.b.test": host }),
        )
    };
    let rig = rig(&text(json!({ "client_crl": NONE }))).await;
    let with = |certificate| Caller {
        certificate: Some(certificate),
        ..caller("m.b.test")
    };
    let mut good = with(GOOD).client(&rig).await;
    let mut bad = with(BAD).client(&rig).await;
    let call = get("m.b.test", "/x");
    assert_eq!(good.send(&call).await.status, 200);
    assert_eq!(bad.send(&call).await.status, 200);

    let by_http2 = Caller {
        protocols: &[b"h2"],
        ..with(BAD)
    };
    let stream = by_http2.connect(&rig).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut ask = async || {
        let request = http::Request::get("https://m.b.test/x").body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        answer.await.unwrap().status().as_u16()
    };
    assert_eq!(ask().await, 200);

    // Its next request on the open connection is the last, the others' go on.
    rig.load(&text(json!({ "client_crl": LIST })), 2).await;
    let refused = bad.send(&call).await;
    assert_eq!(refused.code(), "misdirected_request");
    assert!(bad.is_closed().await);
    assert_eq!(ask().await, 421);
    let ended = tokio::time::timeout(Duration::from_secs(10), connection).await;
    assert!(ended.is_ok(), "the connection goes on");
    assert!(with(BAD).is_refused(&rig).await);
    assert_eq!(good.send(&call).await.status, 200);
    let metrics = rig.admin("/metrics").await.body;
    let name = "portunus_client_crl_next_update_seconds{issuer=\"CN=Portunus test clients\"";
    assert!(metrics.contains(name), "{metrics}");

    // A list that is over goes on to count, unless it must be of now.
    rig.load(&text(json!({ "client_crl": ENDED })), 3).await;
    assert!(with(BAD).is_refused(&rig).await);
    let mut again = with(GOOD).client(&rig).await;
    assert_eq!(again.send(&call).await.status, 200);
    let strict = json!({ "client_crl": ENDED, "client_crl_current": true });
    rig.load(&text(strict), 4).await;
    assert!(with(BAD).is_refused(&rig).await);
    assert!(with(GOOD).is_refused(&rig).await);
    let strict = json!({ "client_crl": LIST, "client_crl_current": true });
    rig.load(&text(strict), 5).await;
    let mut again = with(GOOD).client(&rig).await;
    assert_eq!(again.send(&call).await.status, 200);

    // A list that cannot be used lets nobody in, on open connections neither.
    rig.load(
        &text(json!({ "client_crl": LIST.replacen("MI", "MJ", 1) })),
        6,
    )
    .await;
    assert!(with(GOOD).is_refused(&rig).await);
    assert_eq!(again.send(&call).await.code(), "misdirected_request");
    // Without one nobody is.
    rig.load(&text(json!({})), 7).await;
    let mut bad = with(BAD).client(&rig).await;
    assert_eq!(bad.send(&call).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_be_bound_to_a_certificate() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::jwk::Jwk;
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use sha2::{Digest, Sha256};

    let key = EncodingKey::from_ec_pem(A[1].as_bytes()).unwrap();
    let jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
    let issuer = json!({
        "issuer": "https://idp.test", "audience": ["x"], "algorithms": ["ES256"], "jwks": { "keys": [jwk] },
    });
    let text = file(
        json!({ "a": shown(A), "b": shown(B) }),
        json!({ "m.b.test": { "client_ca": format!("{CLIENTS}{}", revoked::AUTHORITY) } }),
    );
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let policy = json!({ "jwt": { "issuers": [issuer], "application": "optional" } });
    file["apis"]["x"]["versions"]["v1"]["policies"] = json!([policy]);
    let rig = rig(&file.to_string()).await;
    let print = URL_SAFE_NO_PAD.encode(Sha256::digest(der(FRIEND)));
    let claims = json!({
        "iss": "https://idp.test", "aud": "x", "exp": rig.now().timestamp() + 60,
        "cnf": { "x5t#S256": print },
    });
    let token = encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap();
    let call = |host: &str| {
        format!("GET /x HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    let with = |certificate| Caller {
        certificate: Some(certificate),
        ..caller("m.b.test")
    };
    let mut friend = with(FRIEND).client(&rig).await;
    assert_eq!(friend.send(&call("m.b.test")).await.status, 200);
    let mut thief = with(revoked::GOOD).client(&rig).await;
    let refused = thief.send(&call("m.b.test")).await;
    assert_eq!(
        (refused.status, refused.code()),
        (401, "token_invalid".into())
    );
    let mut naked = caller("b.test").client(&rig).await;
    assert_eq!(naked.send(&call("b.test")).await.code(), "token_invalid");
}
