//! `expression`: conditions over requests and their callers.

use domain::explain::Decision;
use domain::snapshot::{Delta, Parts};
use gateway::source::Change;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Rig, key, snapshot};

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

const LABELS: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  gold:
    labels: { tier: gold, a/b: "" }
    versions:
      api: { match: { path: /api }, upstream: echo, policies: [{ expression: { allow: 'api.labels["tier"] == "gold" && "a/b" in api.labels && !has(api.labels.none)' } }] }
      none: { match: { path: /none }, upstream: echo, policies: [{ expression: { allow: 'api.labels["none"] == ""' } }] }
      caller: { match: { path: /caller }, upstream: echo, policies: [{ key_auth: { optional: true } }, { expression: { allow: '"team" in caller.labels && caller.labels["team"] == "web"' } }] }
products:
  shop: { versions: [gold/caller], plans: { free: {} } }
applications:
  a: { labels: { team: web }, keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
  b: { labels: { team: ops }, keys: [{ name: b, value: "@KEY2@" }], subscriptions: [{ product: shop, plan: free }] }
  c: { keys: [{ name: c, value: "@KEY3@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn conditions_look_at_labels() {
    let rig = Rig::new(LABELS).await;
    let get = async |path: &str, number: u8| {
        let field = format!("X-Api-Key: {}", key(number).as_str());
        rig.get(path, &[&field]).await.status
    };
    for (path, number, status) in [
        ("/api", 1, 200),
        ("/none", 1, 403),
        ("/caller", 1, 200),
        ("/caller", 2, 403),
        ("/caller", 3, 403),
    ] {
        assert_eq!(get(path, number).await, status, "{path} {number}");
    }
    assert_eq!(
        rig.get("/caller", &[]).await.status,
        403,
        "nobody has labels"
    );

    let parts = snapshot(LABELS, &rig.upstream, 1).parts;
    let mut put = Parts {
        apis: parts.apis.clone(),
        applications: parts.applications.clone(),
        ..Parts::default()
    };
    put.apis[0].labels.clear();
    for application in &mut put.applications {
        application.labels = domain::label::read("team=web");
    }
    // What another organization says of its own application counts for nothing here.
    let other = domain::id::OrganizationId::from_name("organization", "other");
    put.applications[0].organization = other;
    let delta = Delta {
        from: 1,
        state: 2,
        put,
        gone: Vec::new(),
    };
    rig.change(Change::Delta(Box::new(delta)), 2).await;
    for (path, number, status) in [
        ("/api", 1, 403),
        ("/caller", 1, 403),
        ("/caller", 2, 200),
        ("/caller", 3, 200),
    ] {
        assert_eq!(get(path, number).await, status, "{path} {number}");
    }
}

const SECURE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      v1: { match: { path: /secure }, upstream: echo, policies: [{ expression: { allow: 'request.scheme == "https"' } }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_scheme_is_what_the_client_spoke() {
    for (trusted, status) in [("127.0.0.0/8", 200), ("10.0.0.0/8", 403)] {
        let rig = Rig::with(SECURE, |settings| {
            settings.trusted_proxies = vec![trusted.parse().unwrap()];
        })
        .await;
        let by_tls = rig.get("/secure", &["X-Forwarded-Proto: https"]).await;
        assert_eq!(by_tls.status, status, "{trusted}");
        assert_eq!(rig.get("/secure", &[]).await.status, 403, "{trusted}");
    }
}
