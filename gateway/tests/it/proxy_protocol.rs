//! The PROXY protocol: believed of trusted proxies, which must send it, and of nobody else.

use crate::rig::{Client, Rig};

const FILE: &str = "portunus: 1\nupstreams: { u: { targets: [{ url: 'http://@UPSTREAM@' }] } }\n\
    apis: { x: { versions: { v1: { match: { path: /x }, upstream: u } } } }\n";

async fn rig(trusted: &str) -> Rig {
    Rig::with(FILE, |settings| {
        settings.proxy_protocol = true;
        settings.trusted_proxies = vec![trusted.parse().unwrap()];
    })
    .await
}

const REQUEST: &str = "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_says_whose_connection_it_is() {
    let rig = rig("127.0.0.0/8").await;
    let v2 = |command: u8, family: u8, block: &[u8]| {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
        header.extend([command, family, 0, block.len() as u8]);
        header.extend(block);
        header
    };
    let four = [192, 0, 2, 8, 10, 0, 0, 1, 0, 80, 1, 187];
    for (header, seen) in [
        (
            b"PROXY TCP4 192.0.2.7 10.0.0.1 4000 80\r\n".to_vec(),
            "192.0.2.7",
        ),
        (
            b"PROXY TCP6 2001:db8::7 ::1 4000 80\r\n".to_vec(),
            "2001:db8::7",
        ),
        (v2(0x21, 0x11, &four), "192.0.2.8"),
    ] {
        let mut client = rig.client().await;
        client.write(&header).await;
        for _ in 0..2 {
            // The client itself is no trusted proxy: what it says of others is replaced.
            let answer = client.send(REQUEST).await;
            assert_eq!(answer.seen("x-forwarded-for").as_deref(), Some(seen));
        }
        assert_eq!(rig.wait_records(2).await[0].client, seen);
    }
    // A proxy that speaks for itself is the trusted proxy that it is.
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), v2(0x20, 0, &[])] {
        let mut client = rig.client().await;
        client.write(&header).await;
        let answer = client.send(REQUEST).await;
        let seen = answer.seen("x-forwarded-for");
        assert_eq!(seen.as_deref(), Some("198.51.100.1, 127.0.0.1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_header_a_trusted_proxy_gets_nothing() {
    let rig = rig("127.0.0.0/8").await;
    for start in [
        REQUEST,
        "PROXY TCP4 here there 1 2\r\n",
        "PROXY TCP9 \r\n\r\n",
    ] {
        let mut client = rig.client().await;
        client.write(start.as_bytes()).await;
        assert!(client.try_read().await.is_none(), "{start}");
    }
    let metrics = rig.admin("/metrics").await.body;
    assert!(
        metrics.contains("portunus_framing_refused_total 3\n"),
        "{metrics}"
    );

    // A header that does not come has the time of a head.
    let mut silent: Vec<Client> = vec![rig.client().await, rig.client().await];
    silent[1].write(b"PROXY TCP4 192.0.2.7 10.").await;
    while rig.handle.connections() < 2 {
        tokio::task::yield_now().await;
    }
    rig.advance(11);
    for client in &mut silent {
        assert!(client.is_closed().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_believed() {
    let rig = rig("10.0.0.0/8").await;
    let answer = rig.send(REQUEST).await;
    assert_eq!(answer.seen("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    let header = "PROXY TCP4 192.0.2.7 10.0.0.1 4000 80\r\n";
    let answer = rig.send(&format!("{header}{REQUEST}")).await;
    assert_eq!(answer.status, 400);
    assert!(
        rig.wait_records(1)
            .await
            .iter()
            .all(|record| record.client == "127.0.0.1")
    );
}
