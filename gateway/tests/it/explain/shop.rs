//! The configuration that is asked about, and the two ways to ask: by explaining, and by sending.

use domain::explain::{Asked, Explanation, Field, KeyState, Sight};
use gateway::Settings;
use gateway::explain::Explainer;

use crate::rig::{Rig, snapshot};

pub const SHOP: &str = r#"
portunus: 1
upstreams:
  echo: { targets: [{ url: "http://@UPSTREAM@/base" }], credential: { header: { name: X-Upstream-Token, value: t0p } } }
  test: { targets: [{ url: "http://@UPSTREAM@/test" }], preserve_host: true }
apis:
  shop:
    policies: [{ rate_limit: { name: door, limit: 3, window: 60s, by: [address] } }]
    versions:
      v1:
        match: { path: /shop }
        upstream: echo
        test_upstream: test
        policies: [{ key_auth: {} }, { rate_limit: { name: watched, mode: observe, limit: 1, window: 60s } }]
      v2: { match: { path: /shop/v2 }, upstream: echo, policies: [{ key_auth: { optional: true, query: key } }] }
      v3: { match: { path: /shop, hosts: ["*.example.com"] }, upstream: echo }
  open:
    versions:
      v1: { match: { path: /open }, upstream: echo, policies: [{ rate_limit: { name: ip, limit: 2, window: 10s, by: [address, route] } }] }
products:
  shop:
    versions: [shop/v1]
    plans:
      five: { policies: [{ rate_limit: { name: minute, limit: 2, window: 60s } }, { quota: { limit: 3, period: day } }] }
  other: { versions: [shop/v2], plans: { free: {} } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }, { name: dead, value: "@KEY2@", expires_at: "2026-11-01T00:00:00Z" }], subscriptions: [{ product: shop, plan: five }] }
  b: { keys: [{ name: b, value: "@KEY3@" }, { name: far, value: "@KEY4@", cidrs: ["10.0.0.0/8"] }], subscriptions: [{ product: other, plan: free }] }
"#;

pub fn asked(method: &str, target: &str, headers: &[(&str, &str)]) -> Asked {
    Asked {
        method: method.into(),
        target: target.into(),
        headers: headers
            .iter()
            .map(|(name, value)| Field {
                name: (*name).into(),
                value: (*value).into(),
            })
            .collect(),
        client: None,
        credential: None,
    }
}

pub fn explainer(rig: &Rig, text: &str) -> Explainer {
    let state = snapshot(text, &rig.upstream, 1);
    Explainer::new(state, Settings::default(), rig.handle.counts(false)).unwrap()
}

pub fn explain(explainer: &Explainer, asked: &Asked) -> Explanation {
    assert_eq!(asked.check(), vec![], "{asked:?}");
    explainer
        .explain(asked, KeyState::Judged, &Sight::Everything)
        .explanation
}

/// Status and code of the answer that the gateway gives.
pub async fn sent(rig: &Rig, asked: &Asked) -> (u16, String) {
    let mut head = format!("{} {} HTTP/1.1\r\n", asked.method, asked.target);
    let named = |name: &str| {
        asked
            .headers
            .iter()
            .any(|field| field.name.eq_ignore_ascii_case(name))
    };
    if !named("host") {
        head.push_str("Host: localhost\r\n");
    }
    for field in &asked.headers {
        head.push_str(&format!("{}: {}\r\n", field.name, field.value));
    }
    let answer = rig.send(&format!("{head}\r\n")).await;
    let is_ours = answer.field("content-type") == Some("application/problem+json");
    let code = if is_ours {
        answer.code()
    } else {
        String::new()
    };
    (answer.status, code)
}
