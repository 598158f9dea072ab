//! Upstreams of some callers: the first that fits, and nobody's place for tests is passed by.

use domain::key::{ApiKey, Environment};

use crate::rig::{Rig, key};

const SHOP: &str = r#"
portunus: 1
upstreams:
  own: { targets: [{ url: "http://@UPSTREAM@/own" }] }
  test: { targets: [{ url: "http://@UPSTREAM@/test" }] }
  gold: { targets: [{ url: "http://@UPSTREAM@/gold" }] }
  mine: { targets: [{ url: "http://@UPSTREAM@/mine" }], fallback: { upstream: own } }
  dead: { targets: [{ url: "http://127.0.0.1:1" }] }
apis:
  shop:
    versions:
      v1:
        match: { path: /shop }
        upstream: own
        upstreams:
          - { when: { application: mine }, upstream: mine }
          - { when: { plan: gold }, upstream: gold }
          - { when: { claim: { name: sub, value: ada } }, upstream: dead }
        policies: [{ key_auth: { optional: true } }]
      v2:
        match: { path: /tested }
        upstream: own
        test_upstream: test
        upstreams:
          - { when: { application: mine, environment: test }, upstream: mine }
          - { when: { plan: gold }, upstream: gold }
        policies: [{ key_auth: {} }]
      v3:
        match: { path: /gone }
        upstream: own
        upstreams: [{ when: { environment: live }, upstream: dead }]
        policies: [{ key_auth: { optional: true } }]
products:
  shop: { versions: [shop/v1, shop/v2, shop/v3], plans: { free: {}, gold: {} } }
applications:
  mine: { keys: [{ name: a, value: "@KEY1@" }, { name: t, env: test, value: "@TEST1@" }], subscriptions: [{ product: shop, plan: gold }] }
  rich: { keys: [{ name: a, value: "@KEY2@" }, { name: t, env: test, value: "@TEST2@" }], subscriptions: [{ product: shop, plan: gold }] }
  poor: { keys: [{ name: a, value: "@KEY3@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

fn test_key(number: u8) -> ApiKey {
    ApiKey::from_random(Environment::Test, &[number; 64]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_that_fits_a_caller_takes_its_requests() {
    let text = SHOP
        .replace("@TEST1@", test_key(1).as_str())
        .replace("@TEST2@", test_key(2).as_str());
    let rig = Rig::new(&text).await;
    let live = |number| Some(key(number));
    let test = |number| Some(test_key(number));
    for (path, shown, to) in [
        ("/shop", None, Some("/own/x")),
        ("/shop", live(1), Some("/mine/x")),
        ("/shop", live(2), Some("/gold/x")),
        ("/shop", live(3), Some("/own/x")),
        // Without a place for tests they are like all others.
        ("/shop", test(1), Some("/mine/x")),
        ("/shop", test(2), Some("/gold/x")),
        ("/tested", live(1), Some("/gold/x")),
        ("/tested", test(1), Some("/mine/x")),
        ("/tested", live(2), Some("/gold/x")),
        ("/tested", test(2), Some("/test/x")),
        ("/tested", live(3), Some("/own/x")),
        ("/gone", None, Some("/own/x")),
        ("/gone", live(3), None),
    ] {
        let field = shown.map(|key| format!("X-Api-Key: {}", key.as_str()));
        let fields: Vec<&str> = field.iter().map(String::as_str).collect();
        let answer = rig.get(&format!("{path}/x"), &fields).await;
        match to {
            Some(to) => assert_eq!(answer.seen_path(), to, "{path} {field:?}"),
            None => assert_eq!(answer.code(), "upstream_unreachable", "{path}"),
        }
    }
}
