//! What the management plane fetches with the gateway's code: over TLS, bounded, and from nowhere
//! that an upstream may not lie.

use std::net::SocketAddr;
use std::sync::Arc;

use domain::snapshot::Settings;
use gateway::Resolver;
use gateway::outgoing::{Fetched, Fetcher};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use url::Url;

// Made for these tests alone, good for upstream.test and a hundred years.
const CA: &str = include_str!("tls/ca.pem");
const CERTIFICATE: &str = include_str!("tls/server.pem");
const KEY: &str = include_str!("tls/server.key");

/// A server that answers by the path.
async fn server() -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
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
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => asked.push(byte),
                        Err(_) => return,
                    }
                }
                let answer = answer(&String::from_utf8(asked).unwrap().to_lowercase());
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

fn answer(asked: &str) -> String {
    let (status, fields, body) = match asked.split(' ').nth(1).unwrap() {
        "/list?a=b" if asked.contains("if-none-match: \"one\"") => ("304 Same", "", String::new()),
        "/list?a=b" => ("200 OK", "ETag: \"one\"\r\n", "10.0.0.0/8\n".to_owned()),
        "/large" => ("200 OK", "", "x".repeat(2000)),
        "/moved" => ("302 Found", "Location: /list?a=b\r\n", String::new()),
        _ => ("404 Not Found", "", String::new()),
    };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_fetched_from_where_upstreams_may_lie() {
    let address = server().await;
    let resolver =
        Resolver::new(move |_, port| async move { Ok(vec![SocketAddr::new(address.ip(), port)]) });
    let fetcher = Fetcher::new(resolver.clone(), Some(CA.to_owned()));
    let open = Settings {
        upstream_allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    };
    let url = |host: &str, path: &str| -> Url {
        let text = format!("https://{host}:{}{path}", address.port());
        text.parse().unwrap()
    };
    let get = async |url: Url, tag: Option<&str>, allowed: &Settings, own: &[SocketAddr]| {
        let fetched = fetcher.fetch(&url, tag, 1000, allowed, own).await;
        fetched.map_err(|error| error.to_string())
    };
    let list = || url("upstream.test", "/list?a=b");
    let new = Fetched::New {
        body: b"10.0.0.0/8\n".to_vec(),
        tag: Some("\"one\"".to_owned()),
    };
    assert_eq!(get(list(), None, &open, &[]).await, Ok(new.clone()));
    assert_eq!(
        get(list(), Some("\"one\""), &open, &[]).await,
        Ok(Fetched::Same)
    );
    assert_eq!(get(list(), Some("\"two\""), &open, &[]).await, Ok(new));
    for (path, why) in [
        ("/large", "too large"),
        ("/moved", "it answered 302"),
        ("/none", "it answered 404"),
    ] {
        let told = get(url("upstream.test", path), None, &open, &[]).await;
        let told = told.unwrap_err();
        assert!(told.contains(why), "{path}: {told}");
    }
    let told = get(url("other.test", "/list?a=b"), None, &open, &[]).await;
    assert!(
        told.unwrap_err().contains("TLS failed"),
        "it is for another host"
    );
    let none = Settings::default();
    for (url, allowed, own) in [
        (list(), &none, &[][..]),
        (list(), &open, &[address][..]),
        (url("127.0.0.1", "/"), &none, &[]),
        (url("metadata.google.internal", "/"), &open, &[]),
        ("https://169.254.169.254/".parse().unwrap(), &open, &[]),
        (
            "https://[::ffff:169.254.169.254]/".parse().unwrap(),
            &open,
            &[],
        ),
    ] {
        let told = get(url.clone(), None, allowed, own).await;
        assert!(told.unwrap_err().contains("may not ask"), "{url}");
    }
    let strict = Fetcher::new(resolver, None);
    let told = strict.fetch(&list(), None, 1000, &open, &[]).await;
    assert!(told.is_err(), "nobody that is trusted has signed it");
}
