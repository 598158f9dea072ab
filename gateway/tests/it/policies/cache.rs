//! `cache`: what is kept, to whom it is given, and when the upstream is asked again.

mod flights;
mod second;
mod stored;
mod whose;

use std::time::Duration;

use domain::traffic::Cached;

use crate::rig::origin::Origin;
use crate::rig::{Answer, Rig, key};

const CACHE: &str = r#"
portunus: 1
upstreams:
  origin: { targets: [{ url: "http://@ORIGIN@" }], retries: { tries: 1 } }
  echo: { targets: [{ url: "http://@UPSTREAM@" }] }
  named: { targets: [{ url: "http://@ORIGIN@" }], credential: { basic: { user: us, password: ours } } }
  fused: { targets: [{ url: "http://@ORIGIN@" }], retries: { tries: 1 }, breaker: { errors: { least: 1, pause: 1h } } }
  spared: { targets: [{ url: "http://@ORIGIN@" }], retries: { tries: 1 }, breaker: { errors: { least: 1, pause: 1h } }, fallback: { upstream: origin } }
apis:
  shop:
    versions:
      spared: { match: { path: /spared }, upstream: spared, policies: [{ cache: {} }] }
      fused: { match: { path: /fused }, upstream: fused, policies: [{ cache: { stale_if_error: 5m } }] }
      plain: { match: { path: /plain }, upstream: origin, policies: [{ cache: {} }] }
      ttl: { match: { path: /ttl }, upstream: origin, policies: [{ cache: { ttl: 30s, heuristic: true, key_headers: [X-Tenant] } }] }
      late: { match: { path: /late }, upstream: origin, policies: [{ cache: { stale_if_error: 60s, stale_while_revalidate: 10s } }] }
      deaf: { match: { path: /deaf }, upstream: origin, policies: [{ cache: { ignore_clients: true, set_cookie: true, max_body: 8 } }] }
      seen: { match: { path: /seen }, upstream: origin, policies: [{ cache: { mode: observe } }] }
      packed: { match: { path: /packed }, upstream: origin, policies: [{ cache: {} }, { compress: { min_bytes: 0 } }, { cors: { origins: ["https://a.test"] } }, { rate_limit: { limit: 9, window: 1m } }] }
      own: { match: { path: /own }, upstream: named, policies: [{ cache: {} }] }
      keyed: { match: { path: /keyed }, upstream: origin, policies: [{ cache: {} }, { key_auth: { optional: true } }] }
      formed: { match: { path: /formed }, upstream: origin, policies: [{ cache: {} }, { threat_patterns: { mode: enforce } }] }
      asked: { match: { path: /asked }, upstream: origin, policies: [{ cache: {} }, { ext_auth: { upstream: echo, headers: [x-session] } }] }
products:
  shop: { versions: [shop/keyed], plans: { free: {} } }
applications:
  one: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
  two: { keys: [{ name: b, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

async fn rig() -> (Rig, Origin) {
    let origin = Origin::start().await;
    let text = CACHE.replace("@ORIGIN@", &origin.address.to_string());
    let rig = Rig::with(&text, |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    (rig, origin)
}

fn by(number: u8) -> String {
    format!("X-Api-Key: {}", key(number).as_str())
}

/// Sends `GET path`, and asks the origin to answer so.
async fn get(rig: &Rig, path: &str, answer: &str, fields: &[&str]) -> Answer {
    let wanted = format!("X-Answer: {answer}");
    let fields: Vec<&str> = fields.iter().copied().chain([&*wanted]).collect();
    rig.get(path, &fields).await
}

fn status(answer: &Answer) -> &str {
    answer.field("cache-status").unwrap_or_default()
}

/// A step of a story: seconds to wait, target, what the origin would say, the request's fields; the
/// status, the body and what of `Cache-Status` comes.
type Step<'s> = (u64, &'s str, &'s str, &'s [&'s str], u16, &'s str, &'s str);

async fn tell(steps: &[Step<'_>]) {
    let (rig, _origin) = rig().await;
    for (number, (seconds, path, answer, fields, code, body, said)) in steps.iter().enumerate() {
        rig.advance(*seconds);
        let got = get(&rig, path, answer, fields).await;
        let what = format!("step {number}, {path}: {got:?}");
        assert_eq!((got.status, got.body.as_str()), (*code, *body), "{what}");
        assert!(status(&got).contains(said), "{what}");
    }
}

async fn until(what: impl AsyncFn() -> bool) {
    let patience = tokio::time::timeout(Duration::from_secs(60), async {
        while !what().await {
            tokio::task::yield_now().await;
        }
    });
    patience.await.expect("it comes");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_records_say_what_the_cache_did() {
    let (rig, _origin) = rig().await;
    for _ in 0..3 {
        get(&rig, "/plain", "200 | Cache-Control: max-age=60", &[]).await;
    }
    get(&rig, "/plain", "200", &["X-Http-Method-Override: DELETE"]).await;
    let told = rig.wait_records(4).await.into_iter();
    let mut told: Vec<_> = told
        .map(|record| (record.cached, record.decided_by))
        .collect();
    // Of two workers.
    told.sort_unstable();
    let told: Vec<_> = told.iter().map(|(cached, by)| (*cached, &**by)).collect();
    let hit = (Cached::Hit, "cache/cache");
    assert_eq!(told, [hit, hit, (Cached::Stored, ""), (Cached::Pass, "")]);
    let page = rig.admin("/metrics").await.body;
    for line in [
        "portunus_cache_hits_total 2\n",
        "portunus_cache_misses_total 1\n",
        "portunus_cache_bypassed_total 1\n",
        "portunus_cache_stored_total 1\n",
        "portunus_cache_entries 1\n",
        "portunus_cache_bound_bytes 67108864\n",
        "portunus_policy_decided_total{kind=\"cache\"} 2\n",
    ] {
        assert!(page.contains(line), "{line} is not in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_say_how_a_cache_answered() {
    let (rig, _origin) = rig().await;
    let five = "200 | Cache-Control: max-age=5 | ETag: \"a\"";
    for (seconds, method, path, answer, fields, cached) in [
        (0, "GET", "/late", five, &[][..], Cached::Stored),
        (0, "GET", "/late", five, &[], Cached::Hit),
        (0, "HEAD", "/late", five, &[], Cached::Hit),
        (8, "GET", "/late", "503", &[], Cached::Stale),
        (20, "GET", "/late", "503", &[], Cached::Stale),
        (0, "GET", "/late", five, &[], Cached::Validated),
        (0, "GET", "/plain/b", "200", &[], Cached::Miss),
        (0, "GET", "/late/c", "503", &[], Cached::Miss),
        (
            0,
            "GET",
            "/late/d",
            five,
            &["Cache-Control: only-if-cached"],
            Cached::Miss,
        ),
        (
            0,
            "GET",
            "/late",
            five,
            &["Cache-Control: no-store"],
            Cached::Pass,
        ),
        (0, "DELETE", "/late", "200", &[], Cached::Pass),
        (0, "GET", "/seen", five, &[], Cached::Pass),
        (0, "GET", "/seen", five, &[], Cached::Pass),
        (0, "GET", "/nowhere", five, &[], Cached::None),
    ] {
        rig.advance(seconds);
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: test\r\nX-Answer: {answer}\r\n");
        for line in fields {
            request.push_str(line);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        if method == "HEAD" {
            let mut client = rig.client().await;
            client.write(request.as_bytes()).await;
            client.read_bare().await;
        } else {
            rig.send(&request).await;
        }
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.cached, cached, "{method} {path} {answer} {fields:?}");
        if cached == Cached::Stale && seconds == 8 {
            // What it began in the background fails, and is over before it is asked again.
            until(async || {
                let page = rig.admin("/metrics").await.body;
                page.contains("portunus_cache_refreshing 0\n")
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_when_a_body_has_come_is_asked_for() {
    let (rig, _origin) = rig().await;
    let short = "200 | Cache-Control: max-age=2";
    assert_eq!(get(&rig, "/formed", short, &[]).await.body, "answer 1");
    let mut client = rig.client().await;
    let head = format!(
        "GET /formed HTTP/1.1\r\nHost: test\r\nX-Answer: {short}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    );
    // It is told to go on once its body is waited for.
    assert_eq!(client.send(&head).await.status, 100);
    rig.advance(3);
    let answer = client.send("0\r\n\r\n").await;
    assert_eq!(answer.body, "answer 2", "{answer:?}");
    assert!(status(&answer).contains("fwd=stale"), "{answer:?}");
}
