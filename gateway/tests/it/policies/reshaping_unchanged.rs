//! The bodies of `transform`: what is said of them where there is none.

use super::reshaping::{Mirror, post};
use crate::rig::Rig;

const FILE: &str = r#"
portunus: 1
upstreams: { mirror: { targets: [{ url: "http://@MIRROR@" }] } }
apis:
  shop:
    versions:
      out: { match: { path: /out }, upstream: mirror, policies: [{ transform: { response: { body: { remove: [/cost] } } } }] }
      made: { match: { path: /made }, upstream: mirror, policies: [{ transform: { response: { body: { becomes: '{"n": 1}' } } } }] }
      seen: { match: { path: /seen }, upstream: mirror, policies: [{ transform: { mode: observe, response: { body: { becomes: "body.none" } } } }] }
"#;

/// It is what was said of it when it came (RFC 9110 §15.4.5).
#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_has_was_changed_when_it_came() {
    let mirror = Mirror::start().await;
    let file = FILE.replace("@MIRROR@", &mirror.address.to_string());
    let rig = Rig::new(&file).await;
    let (strong, weak) = ("\"a\"", "W/\"a\"");
    for (path, field, etag, private) in [
        (
            "/out",
            "X-Answer-Content-Type: application/json",
            weak,
            false,
        ),
        ("/out", "X-Answer-Content-Type: text/html", strong, false),
        ("/out", "If-None-Match: W/\"a\"", weak, false),
        ("/out", "If-None-Match: \"a\"", strong, false),
        ("/made", "If-None-Match: W/\"a\"", weak, true),
        ("/made", "If-None-Match: \"a\"", strong, false),
        ("/seen", "If-None-Match: W/\"a\"", strong, false),
    ] {
        let digest = "X-Answer-Repr-Digest: sha-256=:AA==:";
        let own = ["X-Answer-Status: 304", "X-Answer-ETag: \"a\"", digest];
        let fields: Vec<&str> = own.into_iter().chain([field]).collect();
        let same = post(&rig, path, &fields, "").await;
        let what = format!("{path} {field}: {same:?}");
        assert_eq!(
            (same.status, same.field("etag")),
            (304, Some(etag)),
            "{what}"
        );
        assert_eq!(
            same.field("repr-digest").is_some(),
            etag == strong,
            "{what}"
        );
        let is_private = same.field("cache-control") == Some("private");
        assert_eq!(is_private, private, "{what}");
    }
}

/// It says what an answer to GET says (RFC 9110 §9.3.2).
#[tokio::test(flavor = "multi_thread")]
async fn a_head_of_what_may_say_who_called_is_private() {
    let mirror = Mirror::start().await;
    let file = FILE.replace("@MIRROR@", &mirror.address.to_string());
    let rig = Rig::new(&file).await;
    for (path, private) in [("/out", false), ("/made", true), ("/seen", false)] {
        let mut client = rig.client().await;
        let head = format!(
            "HEAD {path} HTTP/1.1\r\nHost: a\r\nX-Answer-Content-Type: application/json\r\nX-Answer-Cache-Control: max-age=5\r\n\r\n"
        );
        client.write(head.as_bytes()).await;
        let got = client.read_bare().await.to_lowercase();
        assert_eq!(got.contains("cache-control: private\r\n"), private, "{got}");
    }
}
