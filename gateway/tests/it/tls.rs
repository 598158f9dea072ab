//! Upstreams over TLS: verified always, by the name that is meant.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::rig::Rig;

// Made for these tests alone, good for upstream.test and a hundred years.
const CA: &str = include_str!("tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");

/// Answers every request on every connection with `ok`.
async fn secure_upstream() -> std::net::SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut got = Vec::new();
                while matches!(stream.read_buf(&mut got).await, Ok(1..)) {
                    if got.ends_with(b"\r\n\r\n") {
                        got.clear();
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                        stream.write_all(answer).await.unwrap();
                    }
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_name_under_the_right_roots() {
    let address = secure_upstream().await;
    let ca: String = CA.lines().map(|line| format!("        {line}\n")).collect();
    let upstream = |name: &str, tls: &str| {
        format!("  {name}:\n    targets: [{{ url: \"https://{address}\" }}]\n    tls:\n{tls}")
    };
    let text = format!(
        "portunus: 1\nupstreams:\n{}{}{}apis:\n  x:\n    versions:\n\
         \x20     v1: {{ match: {{ path: /good }}, upstream: good }}\n\
         \x20     v2: {{ match: {{ path: /name }}, upstream: name }}\n\
         \x20     v3: {{ match: {{ path: /roots }}, upstream: roots }}\n",
        upstream(
            "good",
            &format!("      server_name: upstream.test\n      ca: |\n{ca}")
        ),
        upstream(
            "name",
            &format!("      server_name: other.test\n      ca: |\n{ca}")
        ),
        upstream("roots", "      server_name: upstream.test\n"),
    );
    let rig = Rig::with(&text, |settings| settings.workers = Some(1)).await;
    let mut client = rig.client().await;
    for _ in 0..2 {
        let answer = client.get("/good", &[]).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "ok"),
            "{answer:?}"
        );
    }
    for path in ["/name", "/roots"] {
        let answer = client.get(path, &[]).await;
        assert_eq!(answer.code(), "upstream_unreachable", "{path}");
        assert!(
            !answer.body.contains("certificate"),
            "nothing of the inside is told"
        );
    }
}

#[test]
fn what_no_target_could_be_verified_by_is_refused_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    let forged = CA.replacen("MII", "MIJ", 1);
    for (tls, pointer) in [
        (
            serde_json::json!({ "ca": CA, "server_name": "upstream.test" }),
            None,
        ),
        (serde_json::json!({ "server_name": "127.0.0.1" }), None),
        (
            serde_json::json!({ "ca": "nonsense" }),
            Some("/upstreams/u/tls/ca"),
        ),
        (serde_json::json!({ "ca": "" }), Some("/upstreams/u/tls/ca")),
        (
            serde_json::json!({ "ca": forged }),
            Some("/upstreams/u/tls/ca"),
        ),
        (
            serde_json::json!({ "server_name": "a b" }),
            Some("/upstreams/u/tls/server_name"),
        ),
        (
            serde_json::json!({ "server_name": "upstream.test:443" }),
            Some("/upstreams/u/tls/server_name"),
        ),
    ] {
        let upstream = serde_json::json!({ "targets": [{ "url": "https://u.test" }], "tls": tls });
        let text = serde_json::json!({ "portunus": 1, "upstreams": { "u": upstream } });
        std::fs::write(&path, text.to_string()).unwrap();
        let found = gateway::source::file::read(&path, 1, &|_| None).map(|_| ());
        let found = found.err().unwrap_or_default();
        let pointers: Vec<&str> = found.iter().map(|one| &*one.pointer).collect();
        assert_eq!(pointers, Vec::from_iter(pointer), "{upstream}");
    }
}
