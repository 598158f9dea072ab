//! The bodies of `transform`: what the upstream gets, what comes back of it, and what is kept back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::rig::{Answer, Rig};

const FILE: &str = r##"
portunus: 1
upstreams: { mirror: { targets: [{ url: "http://@MIRROR@" }], credential: { header: { name: X-Upstream-Token, value: t0p } } } }
apis:
  shop:
    versions:
      in:
        match: { path: /in }
        upstream: mirror
        policies:
          - transform:
              request:
                body:
                  remove: [/secret]
                  becomes: '{"order": {"id": body.id, "lines": body.items.map(i, {"sku": i.sku, "n": i.count}), "via": request.headers["x-via"], "path": request.path}}'
                  to: xml
                set: { X-Kind: order }
      out:
        match: { path: /out }
        upstream: mirror
        policies: [{ transform: { response: { body: { remove: [/cost, /items/*/cost], max_bytes: 1000 }, set: { X-Seen: "1" } } } }]
      soap:
        match: { path: /soap }
        upstream: mirror
        policies:
          - transform:
              request: { body: { to: xml, root: order } }
              response: { body: { to: json, arrays: [line], becomes: 'status == 200 ? {"lines": body.order.line} : body' } }
          - compress: { min_bytes: 1 }
      seen: { match: { path: /seen }, upstream: mirror, policies: [{ transform: { mode: observe, response: { body: { becomes: "body.none" } } } }] }
      peek:
        match: { path: /peek }
        upstream: mirror
        policies:
          - transform:
              request: { body: { becomes: '{"seen": ["cookie", "x-api-key", "authorization"].filter(n, n in request.headers).map(n, request.headers[n])}' } }
              response: { body: { becomes: '{"sent": body.seen, "seen": ["x-upstream-token", "authorization", "x-api-key", "host"].filter(n, n in request.headers), "host": request.host}' } }
      told:
        match: { path: /told }
        upstream: mirror
        policies:
          - transform:
              request: { body: { becomes: '{"takes": request.headers["accept-encoding"], "part": request.headers.range}' } }
              response: { body: { remove: [/none] } }
      strict: { match: { path: /strict }, openapi: notes.yaml, upstream: mirror, policies: [{ validate: {} }, { transform: { request: { body: { becomes: "{'wrapped': body}" } } } }] }
"##;

/// The fields of a request, and its body.
type Seen = (Vec<(String, String)>, String);

/// Answers with what it got: its body, with the type, status and fields that the request names.
pub struct Mirror {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Mirror {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let kept = seen.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = kept.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let kept = kept.clone();
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let fields: Vec<_> = parts
                            .headers
                            .iter()
                            .map(|(name, value)| {
                                (name.to_string(), value.to_str().unwrap().to_owned())
                            })
                            .collect();
                        let mut answer = Response::builder();
                        for (name, value) in &fields {
                            answer = match name.strip_prefix("x-answer-") {
                                Some("status") => answer.status(value.as_str()),
                                Some(name) => answer.header(name, value),
                                None => answer,
                            };
                        }
                        kept.lock()
                            .unwrap()
                            .push((fields, String::from_utf8_lossy(&body).into_owned()));
                        let answer = answer.body(Full::new(body));
                        Ok::<_, Infallible>(answer.unwrap())
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, seen }
    }

    /// The field of the newest request.
    pub fn field(&self, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        let (fields, _) = seen.last()?;
        let found = fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    pub fn body(&self) -> String {
        self.seen.lock().unwrap().last().unwrap().1.clone()
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn start() -> (Rig, Mirror) {
    let mirror = Mirror::start().await;
    let file = FILE.replace("@MIRROR@", &mirror.address.to_string());
    (Rig::new(&file).await, mirror)
}

pub async fn post(rig: &Rig, path: &str, fields: &[&str], body: &str) -> Answer {
    let fields: String = fields.iter().map(|line| format!("{line}\r\n")).collect();
    rig.send(&format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await
}

const JSON: &str = "Content-Type: application/json";
const TO_JSON: &str = "X-Answer-Content-Type: application/json";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_made_anew_before_it_goes_on() {
    let (rig, mirror) = start().await;
    let order = r#"{"id": 7, "secret": "s", "items": [{"sku": "a<b", "count": 2}, {"sku": "c", "count": 1}]}"#;
    let fields = [JSON, "X-Via: kiosk", "Content-Digest: sha-256=:AA==:"];
    let answer = post(&rig, "/in/orders", &fields, order).await;
    assert_eq!(answer.status, 200);
    let wanted = r#"<?xml version="1.0" encoding="UTF-8"?><order><id>7</id><lines><sku>a&lt;b</sku><n>2</n></lines><lines><sku>c</sku><n>1</n></lines><via>kiosk</via><path>/in/orders</path></order>"#;
    assert_eq!(mirror.body(), wanted);
    assert_eq!(
        mirror.field("content-type").as_deref(),
        Some("application/xml")
    );
    assert_eq!(
        mirror.field("content-length"),
        Some(wanted.len().to_string())
    );
    assert_eq!(mirror.field("content-digest"), None);
    assert_eq!(mirror.field("x-kind").as_deref(), Some("order"));

    // In chunks, and larger than what is worked on at once.
    let items = vec![r#"{"sku":"abcdefgh","count":1}"#; 4000].join(",");
    let body = format!(r#"{{"id":1,"items":[{items}]}}"#);
    let chunked = format!(
        "POST /in/x HTTP/1.1\r\nHost: a\r\n{JSON}\r\nX-Via: k\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    assert_eq!(rig.send(&chunked).await.status, 200);
    assert_eq!(mirror.body().matches("<sku>").count(), 4000);

    // What a reader further on might see and this does not is not let through.
    for field in ["Content-Encoding: gzip", "Content-Type: text/plain"] {
        let before = mirror.count();
        let answer = post(&rig, "/in/x", &[JSON, "X-Via: k", field], r#"{"secret":1}"#).await;
        assert_eq!((answer.status, mirror.count()), (422, before), "{field}");
    }

    // Others pass as they are.
    let answer = post(&rig, "/in/x", &["Content-Type: text/plain"], "{").await;
    assert_eq!((answer.status, mirror.body().as_str()), (200, "{"));
    assert_eq!(rig.get("/in/x", &[]).await.status, 200);

    // What cannot be made goes nowhere.
    let before = mirror.count();
    for (fields, body, status) in [
        (&[JSON, "X-Via: k"][..], "{", 422),
        (&[JSON, "X-Via: k"], r#"{"id":1,"id":2,"items":[]}"#, 422),
        (&[JSON, "X-Via: k"], r#"{"id":1}"#, 422),
        (&[JSON], r#"{"id":1,"items":[]}"#, 422),
        (&[JSON, "X-Via: k"], &" ".repeat(262_145), 413),
    ] {
        let answer = post(&rig, "/in/x", fields, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    assert_eq!(mirror.count(), before);
    let told = post(&rig, "/in/x", &[JSON], r#"{"id":1,"items":[]}"#)
        .await
        .json();
    assert_eq!(
        told["errors"][0]["message"],
        "The body cannot be made: there is no x-via."
    );
    for record in rig.wait_records(1).await {
        assert!(record.status != 500, "{record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_made_anew_or_kept_back() {
    let (rig, mirror) = start().await;
    let body = r#"{"cost":1,"items":[{"cost":2,"n":1}]}"#;
    let fields = [
        JSON,
        TO_JSON,
        "X-Answer-ETag: \"a\"",
        "Accept-Encoding: gzip",
        "Range: bytes=0-3",
    ];
    let answer = post(&rig, "/out/x", &fields, body).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"items": [{"n": 1}]}))
    );
    assert_eq!(answer.field("etag"), Some("W/\"a\""));
    assert_eq!(answer.field("content-length"), Some("19"));
    assert_eq!(answer.field("x-seen"), Some("1"));
    assert_eq!(mirror.field("accept-encoding"), None);
    assert_eq!(mirror.field("range"), None);

    // What holds no JSON holds no member of it; a HEAD and an empty answer have nothing.
    let html = post(&rig, "/out/x", &["X-Answer-Content-Type: text/html"], "<p>").await;
    assert_eq!((html.status, html.body.as_str()), (200, "<p>"));
    let none = post(&rig, "/out/x", &[TO_JSON, "X-Answer-Status: 204"], "").await;
    assert_eq!(none.status, 204);

    for (fields, body) in [
        (&[TO_JSON][..], "{"),
        (&[TO_JSON, "X-Answer-Content-Encoding: gzip"], "{}"),
        (&[TO_JSON, "X-Answer-Status: 206"], "{}"),
        (&[TO_JSON], &" ".repeat(1001)),
        (&[TO_JSON], r#"{"cost":1,"cost":2}"#),
    ] {
        let answer = post(&rig, "/out/x", fields, body).await;
        assert_eq!(answer.status, 502, "{fields:?}");
        assert_eq!(answer.json()["code"], "transform_failed");
        assert!(!answer.body.contains("cost"));
        assert_eq!(
            answer.field("x-seen"),
            Some("1"),
            "header fields are still set"
        );
    }
    // In observe mode it changes nothing.
    let seen = post(&rig, "/seen/x", &[TO_JSON], "{").await;
    assert_eq!((seen.status, seen.body.as_str()), (200, "{"));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_outside_and_xml_inside() {
    let (rig, mirror) = start().await;
    let body = r#"{"line":["a"],"@id":"7"}"#;
    let fields = [
        JSON,
        "X-Answer-Content-Type: text/xml; charset=utf-8",
        "Accept-Encoding: gzip",
    ];
    let answer = post(&rig, "/soap/x", &fields, body).await;
    assert_eq!(answer.status, 200);
    assert!(
        mirror
            .body()
            .ends_with(r#"<order id="7"><line>a</line></order>"#),
        "{}",
        mirror.body()
    );
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(
        answer.field("content-encoding"),
        Some("gzip"),
        "encoded once it is made"
    );

    let fields = [
        JSON,
        "X-Answer-Content-Type: application/soap+xml",
        "X-Answer-Status: 500",
    ];
    let failed = post(&rig, "/soap/x", &fields, r#"{"fault":"no"}"#).await;
    assert_eq!(
        (failed.status, failed.json()),
        (500, json!({"fault": "no"}))
    );

    let bomb = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>";
    let fields = [
        "Content-Type: text/plain",
        "X-Answer-Content-Type: text/xml",
    ];
    let kept = post(&rig, "/soap/x", &fields, bomb).await;
    assert_eq!(
        (kept.status, kept.json()["code"].clone()),
        (502, Value::from("transform_failed"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_checked_as_it_came() {
    let (rig, mirror) = start().await;
    let answer = post(&rig, "/strict/notes", &[JSON], r#"{"title":"t"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(mirror.body(), r#"{"wrapped":{"title":"t"}}"#);
    let refused = post(&rig, "/strict/notes", &[JSON], r#"{"title":5}"#).await;
    assert_eq!(refused.status, 422);
    let metrics = rig.admin("/metrics").await.body;
    assert!(
        metrics.contains("portunus_held_bytes 0\n"),
        "nothing is held any more"
    );
}

/// Also where the answer is changed, for which these two do not go on.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_changed_by_the_fields_that_came() {
    let (rig, mirror) = start().await;
    let fields = [JSON, TO_JSON, "Accept-Encoding: gzip", "Range: bytes=0-3"];
    let answer = post(&rig, "/told/x", &fields, "{}").await;
    let wanted = json!({ "takes": "gzip", "part": "bytes=0-3" });
    assert_eq!((answer.status, answer.json()), (200, wanted));
    assert_eq!(mirror.field("accept-encoding"), None);
    assert_eq!(mirror.field("range"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_expression_reads_a_secret() {
    let (rig, _) = start().await;
    let token = format!("X-Api-Key: {}", crate::rig::key(1).as_str());
    let fields = [
        JSON,
        TO_JSON,
        &token,
        "Authorization: Bearer ptn_at_eyJ.eyJ.sig",
        "Cookie: other=1; portunus_session=stolen",
        "X-Answer-Cache-Control: public, max-age=60",
    ];
    let answer = post(&rig, "/peek/x", &fields, "{}").await;
    let wanted = json!({ "sent": ["other=1"], "seen": ["host"], "host": "a" });
    assert_eq!((answer.status, answer.json()), (200, wanted));
    assert_eq!(answer.field("cache-control"), Some("private"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_body_does_not_become_a_large_one() {
    let (rig, mirror) = start().await;
    let name = "x".repeat(180);
    let items = vec!["0"; 60_000].join(",");
    let before = mirror.count();
    let body = format!(r#"{{"{name}":[{items}],"b":1}}"#);
    let refused = post(&rig, "/soap/x", &[JSON], &body).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("longer than 4 MiB"));
    assert_eq!(mirror.count(), before);
}
