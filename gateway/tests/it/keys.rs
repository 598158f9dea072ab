//! Keys, whose they are, and what their subscriptions allow.

use crate::rig::{Rig, key};

const SHOP: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      v1: { match: { path: /shop }, upstream: echo, policies: [{ key_auth: { query: key } }] }
      v2: { match: { path: /maybe }, upstream: echo, policies: [{ key_auth: { optional: true } }] }
      v3: { match: { path: /open }, upstream: echo }
products:
  shop: { versions: [shop/v1, shop/v2], plans: { free: {}, gone: { state: closed } } }
  other: { versions: [], plans: { free: {} } }
applications:
  good:
    keys:
      - { name: a, value: "@KEY1@" }
      - { name: old, value: "@KEY5@", expires_at: "2026-01-01T00:00:00Z" }
      - { name: elsewhere, value: "@KEY6@", cidrs: [10.0.0.0/8] }
    subscriptions: [{ product: shop, plan: free }]
  stranger: { keys: [{ name: a, value: "@KEY2@" }], subscriptions: [{ product: other, plan: free }] }
  off: { enabled: false, keys: [{ name: a, value: "@KEY3@" }], subscriptions: [{ product: shop, plan: free }] }
  late: { keys: [{ name: a, value: "@KEY4@" }], subscriptions: [{ product: shop, plan: free, starts_at: "2027-01-01T00:00:00Z" }] }
  paused: { keys: [{ name: a, value: "@KEY7@" }], subscriptions: [{ product: shop, plan: free, paused: true }] }
  closed: { keys: [{ name: a, value: "@KEY8@" }], subscriptions: [{ product: shop, plan: gone }] }
"#;

fn field(number: u8) -> String {
    format!("X-Api-Key: {}", key(number).as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_through_and_the_upstream_is_told_who() {
    let rig = Rig::new(SHOP).await;
    let bearer = format!("Authorization: Bearer {}", key(1).as_str());
    let by_query = format!("/shop/x?a=1&key={}&b=2", key(1).as_str());
    for (path, fields) in [
        ("/shop/x?a=1&b=2", vec![field(1)]),
        ("/shop/x?a=1&b=2", vec![bearer]),
        (by_query.as_str(), vec![]),
        ("/maybe/x?a=1&b=2", vec![field(1)]),
        // Only one of them counts; none goes on.
        (by_query.as_str(), vec![field(1)]),
    ] {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let answer = rig.get(path, &fields).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.seen_path(), "/x?a=1&b=2");
        assert_eq!(answer.seen("x-portunus-plan").unwrap(), "free");
        assert_eq!(answer.seen("x-portunus-environment").unwrap(), "live");
        assert_eq!(answer.seen("x-portunus-application").unwrap().len(), 36);
        assert_eq!(answer.seen("x-portunus-subscription").unwrap().len(), 36);
        assert!(
            !answer.body.contains("ptn_"),
            "the key is stripped: {answer:?}"
        );
    }
    let records = rig.wait_records(5).await;
    assert!(
        records
            .iter()
            .all(|record| !record.application.is_nil() && !record.plan.is_nil())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_else_is_told_why_not() {
    // One worker, so that records come in the order of the requests.
    let rig = Rig::with(SHOP, |settings| settings.workers = Some(1)).await;
    for (path, fields, status, code) in [
        ("/shop", vec![], 401, "key_missing"),
        (
            "/shop",
            vec!["X-Api-Key: nonsense".to_owned()],
            401,
            "key_invalid",
        ),
        ("/shop", vec![field(9)], 401, "key_invalid"),
        ("/shop", vec![field(5)], 401, "key_expired"),
        ("/shop", vec![field(6)], 403, "ip_denied"),
        ("/shop", vec![field(2)], 403, "not_subscribed"),
        ("/shop", vec![field(3)], 403, "application_disabled"),
        ("/shop", vec![field(4)], 403, "subscription_pending"),
        ("/shop", vec![field(7)], 403, "subscription_paused"),
        ("/shop", vec![field(8)], 403, "subscription_expired"),
        ("/maybe", vec![field(9)], 401, "key_invalid"),
    ] {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let answer = rig.get(path, &fields).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{path} {fields:?}"
        );
        assert_eq!(answer.field("www-authenticate").is_some(), status == 401);
        assert!(!answer.body.contains("ptn_"));
    }
    assert_eq!(rig.upstream.requests(), 0);
    let records = rig.wait_records(11).await;
    assert_eq!(records[0].decided_by, "key_auth/key_auth");
    assert_eq!(records[0].code, "key_missing");
    assert!(
        !records[3].application.is_nil(),
        "an expired key still says whose it was"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn open_routes_take_anybody_but_pass_no_key_on() {
    let rig = Rig::new(SHOP).await;
    let bearer = format!("Authorization: Bearer {}", key(1).as_str());
    let answer = rig.get("/open", &[&field(1), &bearer]).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("ptn_"), "{answer:?}");
    let answer = rig
        .get("/open", &["X-Api-Key: mine", "Authorization: Basic abc"])
        .await;
    assert_eq!(answer.seen("x-api-key").unwrap(), "mine");
    assert_eq!(answer.seen("authorization").unwrap(), "Basic abc");
    let answer = rig.get("/maybe", &[]).await;
    assert_eq!((answer.status, answer.seen("x-portunus-plan")), (200, None));
}
