//! Requests to servers that people name: over TLS, bounded, and to nowhere that an upstream may not
//! lie.

use std::net::SocketAddr;
use std::time::Duration;

use api::outgoing::{Client, Fetched, Reach};
use domain::snapshot::Settings;
use http::HeaderMap;
use url::Url;

use crate::support::peer::{OTHER, Peer, SERVER, STRANGER, answer, authorities};

const MOST: usize = 1000;

fn open() -> Settings {
    Settings {
        upstream_allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    }
}

fn reach<'a>(allowed: &'a Settings, own: &'a [SocketAddr]) -> Reach<'a> {
    Reach {
        allowed,
        own,
        patience: Duration::from_secs(20),
    }
}

fn at(peer: &Peer, path: &str) -> Url {
    format!("{}{path}", peer.origin).parse().unwrap()
}

#[tokio::test]
async fn texts_are_fetched_with_their_tags_and_bounded() {
    let (client, open) = (Client::new(authorities()), open());
    let peer = Peer::secure(SERVER).await;
    let list = at(&peer, "/list?a=b");
    let get = async |tag: Option<&str>| {
        let fetched = client.fetch(&reach(&open, &[]), &list, tag, MOST).await;
        fetched.map_err(|failed| failed.to_string())
    };
    peer.says(answer(200, "etag: \"one\"\r\n", b"10.0.0.0/8\n"));
    let new = Fetched::New {
        body: b"10.0.0.0/8\n".to_vec(),
        tag: Some("\"one\"".to_owned()),
    };
    assert_eq!(get(None).await, Ok(new));
    peer.says(b"HTTP/1.1 304 x\r\n\r\n".to_vec());
    assert_eq!(get(Some("\"one\"")).await, Ok(Fetched::Same));
    let asked = peer.take();
    assert!(asked[0].head.starts_with("GET /list?a=b HTTP/1.1\r\n"));
    assert_eq!(asked[0].find("if-none-match"), None);
    assert_eq!(asked[1].field("if-none-match"), "\"one\"");
    let too_large = "Its answer is too large or breaks off.";
    for (said, why) in [
        (answer(200, "", &[b'x'; MOST + 1]), too_large),
        (
            b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\nx".to_vec(),
            too_large,
        ),
        (answer(302, "location: /\r\n", b""), "It answered 302."),
        (b"HTTP/1.1 304 x\r\n\r\n".to_vec(), "It answered 304."),
        (answer(404, "", b"x"), "It answered 404."),
        (b"nonsense\r\n\r\n".to_vec(), "The exchange broke off."),
    ] {
        peer.says(said);
        assert_eq!(get(None).await, Err(why.to_owned()));
    }
    assert_eq!(peer.take().len(), 6, "nothing is followed");
}

#[tokio::test]
async fn only_who_is_known_is_told_anything() {
    let open = open();
    let not_known = "Its certificate is of an authority that is not trusted here.";
    for (pair, authorities, expected) in [
        (SERVER, authorities(), Ok(204)),
        (
            OTHER,
            authorities(),
            Err("Its certificate is for another name."),
        ),
        (STRANGER, authorities(), Err(not_known)),
        (SERVER, Vec::new(), Err(not_known)),
    ] {
        let peer = Peer::secure(pair).await;
        let client = Client::new(authorities);
        let (reach, url) = (reach(&open, &[]), at(&peer, "/"));
        let posted = client.post(&reach, &url, HeaderMap::new(), "{}".to_owned());
        let posted = posted.await.map_err(|failed| failed.to_string());
        assert_eq!(posted, expected.map_err(str::to_owned));
        assert_eq!(peer.take().len(), usize::from(expected.is_ok()));
    }
}

#[tokio::test]
async fn nothing_is_asked_where_an_upstream_may_not_lie() {
    let client = Client::new(authorities());
    let peer = Peer::secure(SERVER).await;
    let here: SocketAddr = peer.origin["https://".len()..].parse().unwrap();
    let (open, none) = (open(), Settings::default());
    let url = |text: &str| text.parse::<Url>().unwrap();
    for (url, allowed, own) in [
        (at(&peer, "/"), &none, &[][..]),
        (at(&peer, "/"), &open, &[here][..]),
        (url("https://metadata.google.internal/"), &open, &[]),
        (url("https://169.254.169.254/"), &open, &[]),
        (url("https://[::ffff:169.254.169.254]/"), &open, &[]),
    ] {
        let fetched = client.fetch(&reach(allowed, own), &url, None, MOST).await;
        assert!(
            matches!(fetched, Err(api::outgoing::Failed::Refused(_))),
            "{url}: {fetched:?}"
        );
    }
    assert!(peer.take().is_empty());
}

#[tokio::test]
async fn who_does_not_answer_is_left() {
    let (client, open) = (Client::new(authorities()), open());
    let peer = Peer::secure(SERVER).await;
    peer.hold(true);
    let reach = Reach {
        patience: Duration::from_millis(100),
        ..reach(&open, &[])
    };
    let fetched = client.fetch(&reach, &at(&peer, "/"), None, MOST).await;
    assert_eq!(
        fetched.unwrap_err().to_string(),
        "It did not answer in 0 s."
    );
}
