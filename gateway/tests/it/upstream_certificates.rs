//! Upstreams that ask for a certificate: shown over HTTP/1.1, over HTTP/2 and by health probes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::rig::Rig;

// Made for these tests alone, good for upstream.test and a hundred years.
const CA: &str = include_str!("tls/ca.pem");
const CERTIFICATE: &str = include_str!("tls/server.pem");
const KEY: &str = include_str!("tls/server.key");
/// Whose clients are let in.
const CLIENTS: &str = include_str!("tls/clients.pem");
const FRIEND: [&str; 2] = [
    include_str!("tls/friend.pem"),
    include_str!("tls/friend.key"),
];
const STRANGER: [&str; 2] = [
    include_str!("tls/stranger.pem"),
    include_str!("tls/stranger.key"),
];

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// A server that lets nobody in without a certificate of CLIENTS.
struct Strict {
    address: SocketAddr,
    probes: Arc<AtomicUsize>,
}

impl Strict {
    async fn start() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(der(CLIENTS)).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![der(CERTIFICATE)], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let probes = Arc::<AtomicUsize>::default();
        let counted = probes.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, probes) = (acceptor.clone(), counted.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &probes).await;
                    }
                });
            }
        });
        Self { address, probes }
    }

    fn upstream(&self, own: Option<[&str; 2]>, more: Value) -> Value {
        let mut upstream = json!({
            "targets": [{ "url": format!("https://{}", self.address) }],
            "tls": { "ca": CA, "server_name": "upstream.test" },
        });
        if let Some([certificate, key]) = own {
            let pair = json!({ "certificate": certificate, "key": key });
            upstream["tls"]["client_certificate"] = pair;
        }
        for (name, value) in more.as_object().unwrap() {
            upstream[name] = value.clone();
        }
        upstream
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, probes: &AtomicUsize) {
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let answer = http::Response::new(());
            let mut body = respond.send_response(answer, false).unwrap();
            body.send_data(Bytes::from_static(b"h2"), true).unwrap();
        }
        return;
    }
    let mut got = Vec::new();
    while matches!(stream.read_buf(&mut got).await, Ok(1..)) {
        if got.ends_with(b"\r\n\r\n") {
            if got.starts_with(b"GET /healthz ") {
                probes.fetch_add(1, Ordering::Relaxed);
            }
            got.clear();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
    }
}

/// Each upstream under a path of its name.
fn file(upstreams: &[(&str, Value)]) -> String {
    let versions = upstreams.iter().map(|(name, _)| {
        let version = json!({ "match": { "path": format!("/{name}") }, "upstream": name });
        ((*name).to_owned(), version)
    });
    let versions: serde_json::Map<String, Value> = versions.collect();
    let upstreams = upstreams
        .iter()
        .map(|(name, one)| ((*name).to_owned(), one.clone()));
    let upstreams: serde_json::Map<String, Value> = upstreams.collect();
    json!({
        "portunus": 1,
        "upstreams": upstreams,
        "apis": { "x": { "versions": versions } },
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_to_who_asks() {
    let strict = Strict::start().await;
    let http2 = json!({ "protocol": "http2" });
    let text = file(&[
        ("friend", strict.upstream(Some(FRIEND), json!({}))),
        ("friend2", strict.upstream(Some(FRIEND), http2.clone())),
        ("none", strict.upstream(None, json!({}))),
        ("none2", strict.upstream(None, http2)),
        ("stranger", strict.upstream(Some(STRANGER), json!({}))),
    ]);
    let rig = Rig::with(&text, |settings| settings.workers = Some(1)).await;
    let mut client = rig.client().await;
    for (path, body) in [("/friend", "ok"), ("/friend2", "h2")] {
        for _ in 0..2 {
            let answer = client.get(path, &[]).await;
            let seen = (answer.status, answer.body.as_str());
            assert_eq!(seen, (200, body), "{path}: {answer:?}");
        }
    }
    for path in ["/none", "/none2", "/stranger"] {
        let answer = client.get(path, &[]).await;
        assert_eq!(answer.status, 502, "{path}: {answer:?}");
        assert!(!answer.body.contains("certificate"), "{}", answer.body);
    }

    // Another certificate is another connection: that of the friend is not used on.
    let text = file(&[
        ("friend", strict.upstream(Some(STRANGER), json!({}))),
        ("stranger", strict.upstream(Some(FRIEND), json!({}))),
    ]);
    rig.load(&text, 2).await;
    assert_eq!(client.get("/friend", &[]).await.status, 502);
    assert_eq!(client.get("/stranger", &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_show_it_too() {
    let strict = Strict::start().await;
    let health = json!({ "health": {
        "active": { "path": "/healthz", "interval": "100ms", "failures": 1 },
        "panic": 0,
    }});
    let text = file(&[
        ("friend", strict.upstream(Some(FRIEND), health.clone())),
        ("none", strict.upstream(None, health)),
    ]);
    let rig = Rig::with(&text, |settings| settings.workers = Some(1)).await;
    let mut client = rig.client().await;
    let probed = || strict.probes.load(Ordering::Relaxed) > 0;
    let mut code = String::new();
    for _ in 0..200 {
        let answer = client.get("/none", &[]).await;
        assert!(answer.status >= 500, "{answer:?}");
        code = answer.code();
        if code == "no_healthy_target" && probed() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(code, "no_healthy_target");
    assert!(probed(), "the friend was asked, over its certificate");
    // A probe that is late on a busy machine may take it out for a moment.
    let mut status = 0;
    for _ in 0..200 {
        status = client.get("/friend", &[]).await.status;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_pair_is_refused_by_check_and_breaks_its_own_route() {
    let strict = Strict::start().await;
    let mixed = [FRIEND[0], STRANGER[1]];
    let text = file(&[
        ("mixed", strict.upstream(Some(mixed), json!({}))),
        ("friend", strict.upstream(Some(FRIEND), json!({}))),
    ]);
    let rig = Rig::new(&text).await;
    assert_eq!(rig.get("/mixed", &[]).await.status, 500);
    assert_eq!(rig.get("/friend", &[]).await.status, 200);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, text).unwrap();
    let found = gateway::source::file::read(&path, 1, &|_| None).map(|_| ());
    let found = found.unwrap_err();
    let pointers: Vec<&str> = found.iter().map(|one| &*one.pointer).collect();
    assert_eq!(pointers, ["/upstreams/mixed/tls/client_certificate/key"]);
    assert!(!format!("{found:?}").contains("PRIVATE"));

    // By path, as certificates of hosts are written.
    std::fs::write(folder.path().join("own.pem"), FRIEND[0]).unwrap();
    std::fs::write(folder.path().join("own.key"), FRIEND[1]).unwrap();
    let named = strict.upstream(Some(["own.pem", "own.key"]), json!({}));
    std::fs::write(&path, file(&[("friend", named)])).unwrap();
    assert!(gateway::source::file::read(&path, 1, &|_| None).is_ok());
}
