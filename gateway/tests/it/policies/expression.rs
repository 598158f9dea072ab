//! `expression`: conditions over requests and their callers.

use domain::explain::Decision;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Rig, key};

const EXPRESSION: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      tenant: { match: { path: /tenant }, upstream: echo, policies: [{ expression: { allow: 'request.headers["x-tenant"] == request.query["t"] && request.method == "GET"', detail: "Not your tenant." } }] }
      night: { match: { path: /night }, upstream: echo, policies: [{ expression: { allow: 'now.getHours("Europe/Berlin") == 13 && request.address == "127.0.0.1"' } }] }
      keyed: { match: { path: /keyed }, upstream: echo, policies: [{ key_auth: { optional: true } }, { expression: { allow: 'caller != null && caller.plan == "gold" && caller.environment == "live"' } }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ expression: { mode: observe, allow: 'claims.admin == true' } }] }
products:
  shop: { versions: [shop/keyed], plans: { gold: {}, tin: { policies: [{ expression: { name: size, allow: "request.size < 3" } }] } } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: gold }] }
  b: { keys: [{ name: b, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: tin }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn conditions_let_in_whom_they_hold_for() {
    let rig = Rig::new(EXPRESSION).await;
    let explainer = explainer(&rig, EXPRESSION);
    let (gold, tin) = (key(1), key(2));
    for (path, header, passes) in [
        ("/tenant?t=a%20b", ("X-Tenant", "a b"), true),
        ("/tenant?t=a", ("X-Tenant", "b"), false),
        ("/tenant", ("X-Tenant", "b"), false),
        ("/night", ("X-A", "1"), true),
        ("/keyed", ("X-Api-Key", gold.as_str()), true),
        ("/keyed", ("X-Api-Key", tin.as_str()), false),
        ("/keyed", ("X-A", "1"), false),
        ("/seen", ("X-A", "1"), true),
    ] {
        let line = format!("{}: {}", header.0, header.1);
        let answer = rig.get(path, &[&line]).await;
        let status = if passes { 200 } else { 403 };
        assert_eq!(answer.status, status, "{path} {line}: {answer:?}");
        if !passes {
            assert_eq!(answer.code(), "access_denied");
            let record = rig.wait_records(1).await.remove(0);
            assert_eq!(record.decided_by, "expression/expression");
        } else {
            rig.wait_records(1).await;
        }
        let told = explain(&explainer, &asked("GET", path, &[header]));
        assert_eq!(told.verdict.forwarded, passes, "{told:#?}");
    }
    let answer = rig.get("/tenant?t=a", &[]).await;
    assert_eq!(answer.json()["detail"], "Not your tenant.");
    let told = explain(&explainer, &asked("GET", "/seen", &[]));
    assert_eq!(told.steps[0].decision, Decision::WouldRefuse);
}
