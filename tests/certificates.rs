//! From the management plane to a handshake: what is saved there is what a running gateway shows,
//! on both databases, without a restart, and after one with the database down.

// A test fails by panicking.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use api::service::certificates::{self, Owner};
use api::service::hosts;
use api::{Clock, Ctx, Plane, Rings};
use domain::certificate::{HostSettings, PrivatePem};
use domain::id::OrganizationId;
use domain::seal::KeyRing;
use domain::wire::certificates::{CreateCertificate, EditCertificate};
use entity::database::{DatabaseSettings, connect, connect_later};
use gateway::duty::Pen;
use gateway::source::channel;
use gateway::source::database::DatabaseSource;
use gateway::source::disk::Disk;
use migration::testing::{TestDatabase, each_backend};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

const SERVERS: &str = include_str!("../gateway/tests/it/tls/servers.pem");
const CLIENTS: &str = include_str!("../gateway/tests/it/tls/clients.pem");
/// For a.test.
const A: [&str; 2] = [
    include_str!("../gateway/tests/it/tls/a.pem"),
    include_str!("../gateway/tests/it/tls/a.key"),
];
/// Also for a.test.
const RENEWED: [&str; 2] = [
    include_str!("../gateway/tests/it/tls/renewed.pem"),
    include_str!("../gateway/tests/it/tls/renewed.key"),
];
/// Of a client, issued by CLIENTS.
const FRIEND: [&str; 2] = [
    include_str!("../gateway/tests/it/tls/friend.pem"),
    include_str!("../gateway/tests/it/tls/friend.key"),
];

fn ring() -> KeyRing {
    KeyRing::new(vec![[2; 32]])
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

async fn plane(database: &TestDatabase) -> Arc<Plane> {
    let options = DatabaseSettings {
        traffic_url: Some(database.traffic_url.clone()),
        ..DatabaseSettings::new(&database.url)
    };
    let databases = connect(&options).await.unwrap();
    let portal = "http://localhost:3000".parse().unwrap();
    let settings = api::Settings::new(portal, "http://localhost:8080".parse().unwrap());
    let rings = Rings {
        portal: KeyRing::new(vec![[1; 32]]),
        gateway: ring(),
    };
    Plane::new(databases, settings, rings, Clock::System).unwrap()
}

/// With a.test as its own.
async fn organization(plane: &Plane) -> OrganizationId {
    let id = OrganizationId::from_name("organization", "acme");
    let row = entity::organization::ActiveModel {
        id: Set(id.uuid()),
        slug: Set("acme".into()),
        name: Set("Acme".into()),
        state: Set("active".into()),
        grants: Set(r#"[{"path":"/acme","hosts":["a.test"]}]"#.into()),
        client_addresses: Set("whole".into()),
        policies: Set("[]".into()),
        created_at: Set(plane.clock.now()),
        created_by: Set(None),
        etag: Set(1),
    };
    row.insert(&plane.databases.main).await.unwrap();
    id
}

async fn gateway(url: &str, disk: Disk, told: Option<watch::Receiver<u64>>) -> gateway::Handle {
    let settings = gateway::Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        listen_tls: Some("127.0.0.1:0".parse().unwrap()),
        admin: Some("127.0.0.1:0".parse().unwrap()),
        workers: Some(1),
        gateway_key: Some(ring()),
        ..gateway::Settings::default()
    };
    let (changes, received) = channel();
    let handle = gateway::start(settings, received).unwrap();
    let source = DatabaseSource {
        main: connect_later(&DatabaseSettings::new(url))
            .await
            .unwrap()
            .main,
        listen: None,
        told,
        changes,
        disk: Some(disk),
        pen: Pen::default(),
        needs_full: handle.needs_full.clone(),
    };
    tokio::spawn(source.run());
    handle
}

/// A client that trusts SERVERS and means a.test; the certificate that it is shown.
async fn sees(
    gateway: &gateway::Handle,
    own: Option<[&str; 2]>,
) -> std::io::Result<CertificateDer<'static>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(der(SERVERS)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some([certificate, key]) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            let chain = vec![der(certificate)];
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(gateway.gateway_tls.unwrap()).await?;
    let name = ServerName::try_from("a.test").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await?;
    // Under TLS 1.3 a client hears that it is not wanted only when it reads.
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    // No route is there. A connection from before a change may be told to come again (421).
    if answer != *b"HTTP/1.1 404" {
        let answer = String::from_utf8_lossy(&answer);
        return Err(std::io::Error::other(answer.into_owned()));
    }
    let shown = stream.get_ref().1.peer_certificates().unwrap();
    Ok(shown[0].clone().into_owned())
}

/// Waits until a client sees what it should; `None`: nothing.
async fn until(gateway: &gateway::Handle, own: Option<[&str; 2]>, expected: Option<&str>) {
    let expected = expected.map(der);
    let mut last = None;
    for _ in 0..200 {
        let seen = sees(gateway, own).await;
        if seen.as_ref().ok() == expected.as_ref() {
            return;
        }
        last = Some(seen.map(|_| "another certificate"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was never seen; at last: {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_is_shown() {
    each_backend(async |database: TestDatabase| {
        let plane = plane(&database).await;
        let owner = Owner::Organization(organization(&plane).await);
        let ctx = Ctx::job(&plane, "test");
        let data = tempfile::tempdir().unwrap();
        let disk = Disk::new(data.path(), &ring());
        let told = Some(plane.changes.subscribe());
        let near = gateway(&database.url, disk.clone(), told).await;
        until(&near, None, None).await;

        let input = CreateCertificate {
            name: "main".into(),
            certificate: A[0].into(),
            key: PrivatePem(A[1].into()),
            hosts: Vec::new(),
            default: false,
        };
        let made = certificates::create(&ctx, owner, input).await.unwrap();
        until(&near, None, Some(A[0])).await;

        let renewal = EditCertificate {
            certificate: Some(RENEWED[0].into()),
            key: Some(PrivatePem(RENEWED[1].into())),
            ..EditCertificate::default()
        };
        let edited = certificates::edit(&ctx, owner, made.id, None, renewal).await;
        assert_eq!(edited.unwrap().id, made.id);
        until(&near, None, Some(RENEWED[0])).await;

        let asks = HostSettings {
            tls: None,
            client_ca: Some(CLIENTS.into()),
            ..HostSettings::default()
        };
        hosts::put(&ctx, owner, "a.test", None, asks).await.unwrap();
        until(&near, None, None).await;
        until(&near, Some(FRIEND), Some(RENEWED[0])).await;

        // A node that starts while the database is away: from the disk, keys still sealed there.
        let newest = *plane.changes.borrow();
        for _ in 0..200 {
            if matches!(disk.load(), Ok(Some(kept)) if kept.state == newest) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let kept = std::fs::read_dir(data.path()).unwrap();
        let kept: Vec<_> = kept.map(|file| file.unwrap().path()).collect();
        assert!(!kept.is_empty());
        for file in kept {
            let bytes = std::fs::read(file).unwrap();
            let key = RENEWED[1].lines().nth(1).unwrap().as_bytes();
            assert!(!bytes.windows(key.len()).any(|part| part == key));
        }
        let away = format!("sqlite://{}/empty/portunus.sqlite", data.path().display());
        let far = gateway(&away, disk, None).await;
        until(&far, Some(FRIEND), Some(RENEWED[0])).await;

        hosts::delete(&ctx, owner, "a.test", None).await.unwrap();
        until(&near, None, Some(RENEWED[0])).await;
        certificates::delete(&ctx, owner, made.id, None)
            .await
            .unwrap();
        until(&near, None, None).await;
    })
    .await;
}
