//! `rewrite` and `transform`: what the upstream gets, and what comes back of it.

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Rig, key};

const SHAPING: &str = r#"
portunus: 1
upstreams:
  echo: { targets: [{ url: "http://@UPSTREAM@/base" }], credential: { header: { name: X-Upstream-Token, value: t0p } } }
  plain: { targets: [{ url: "http://@UPSTREAM@" }] }
apis:
  shop:
    versions:
      v1:
        match: { path: /shop }
        upstream: echo
        policies: [{ rewrite: { path: { from: "/pets/{id}", to: "/animals/{id}/x" }, set_query: { "a b": "c&d" }, remove_query: [debug] } }]
      named: { match: { path: /named }, upstream: echo, policies: [{ rewrite: { path: { from: "/pets/{id}", to: /animals }, set_query: { id: "{id}", t: "{header.x-t}" } } }] }
      deep: { match: { path: /deep }, upstream: echo, strip_path: false, policies: [{ rewrite: { prefix: { from: /deep, to: / } } }] }
      odd: { match: { path: /odd }, upstream: echo, encoded_slashes: true, policies: [{ rewrite: { path: { from: "/{a}/{b}", to: "/{b}{a}" } } }] }
      seen: { match: { path: /seen }, upstream: echo, policies: [{ rewrite: { mode: observe, prefix: { from: /, to: /other } } }, { transform: { mode: observe, response: { set: { X-Id: "1" } } } }] }
      keyed:
        match: { path: /keyed }
        upstream: echo
        policies:
          - key_auth: {}
          - transform:
              request:
                rename: { X-Tenant: X-Org }
                remove: [Origin]
                set:
                  X-Who: "{plan}/{environment} {method} {rest} {header.x-tenant}"
                  X-Leak: "{header.x-api-key}{header.authorization}{header.cookie}{header.x-upstream-token}"
              response:
                remove: [Content-Type]
                set: { X-Served: "{request_id} {path}" }
                add: { Via: "1.1 portunus" }
products: { shop: { versions: [shop/keyed], plans: { free: {} } } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_queries_are_rewritten_and_logged_as_they_came() {
    let rig = Rig::new(SHAPING).await;
    for (path, seen) in [
        (
            "/shop/pets/7?debug&x=1",
            "/base/animals/7/x?x=1&a%20b=c%26d",
        ),
        (
            "/shop/pets/7?a+b=1&a%20b=2",
            "/base/animals/7/x?a+b=1&a%20b=c%26d",
        ),
        ("/shop/pets", "/base/pets?a%20b=c%26d"),
        ("/deep/a/b?q", "/base/a/b?q"),
        ("/deep", "/base/"),
        ("/odd/a/b", "/base/ba"),
        ("/odd/a%2Fb/c", "/base/ca%2Fb"),
        ("/seen/a", "/base/a"),
    ] {
        let answer = rig.get(path, &[]).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.seen_path(), seen, "{path}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(record.path, path.split('?').next().unwrap(), "{path}");
        assert_eq!(record.observed != 0, path.starts_with("/seen"), "{path}");
        if path.starts_with("/seen") {
            assert_eq!(answer.field("x-id"), None);
        }
        let told = explain(&explainer(&rig, SHAPING), &asked("GET", path, &[]));
        let target = &told.upstream.unwrap().targets[0].url;
        let seen = seen.split('?').next().unwrap();
        assert!(target.ends_with(seen), "{target} {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_made_of_a_request_and_of_nothing_that_it_smuggles() {
    let rig = Rig::new(SHAPING).await;
    for (path, tenant, seen) in [
        ("/named/pets/7", "a", "/base/animals?id=7&t=a"),
        (
            "/named/pets/7?t=b&%69d=8&x",
            "a",
            "/base/animals?x&id=7&t=a",
        ),
        ("/named/pets/7?t=b", "", "/base/animals?id=7"),
        ("/named/dogs/7?id=8", "a", "/base/dogs/7?t=a"),
        (
            "/named/pets/a&t=%26%23%20x",
            "1&id=2#x %26",
            "/base/animals?id=a%26t%3D%26%23%20x&t=1%26id%3D2%23x%20%2526",
        ),
    ] {
        let answer = rig.get(path, &[&format!("X-T: {tenant}")]).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.seen_path(), seen, "{path}");
    }
    rig.wait_records(5).await;
    for (length, status) in [(8191, 200), (8192, 414)] {
        let tenant = format!("X-T: {}", "x".repeat(length));
        let answer = rig.get("/named/pets/7", &[&tenant]).await;
        assert_eq!(answer.status, status, "{length}");
        let record = rig.wait_records(1).await.remove(0);
        let is_refused = status == 414;
        assert_eq!(record.code == "uri_too_long", is_refused, "{length}");
        assert_eq!(record.decided_by == "rewrite/rewrite", is_refused);
    }
}

/// Two parameters side by side could make what none of them is.
#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_leads_out_of_the_base_path() {
    let rig = Rig::new(SHAPING).await;
    for path in [
        "/odd/%2Fx/..%2Fy",
        "/odd/x/.%2F..",
        "/odd/2F/%25",
        "/odd/..%2F/x",
        "/odd/.x/.",
    ] {
        let answer = rig.get(path, &[]).await;
        assert!(matches!(answer.status, 400 | 200), "{path} {answer:?}");
        if answer.status == 200 {
            let seen = answer.seen_path();
            assert!(
                !seen.contains("..") && seen.starts_with("/base/"),
                "{path} {seen}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn header_fields_are_transformed_and_no_secret_with_them() {
    let rig = Rig::new(SHAPING).await;
    let good = format!("X-Api-Key: {}", key(1).as_str());
    let bearer = format!("Authorization: Bearer {}", key(1).as_str());
    let fields = [
        good.as_str(),
        &bearer,
        "X-Tenant: t1",
        "X-Org: forged",
        "Origin: https://a.test",
        "X-Leak: x",
        "Cookie: portunus_session=s3cret",
    ];
    let answer = rig.get("/keyed/hop", &fields).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.seen("x-org").as_deref(), Some("t1"));
    assert_eq!(answer.seen("x-tenant"), None);
    assert_eq!(answer.seen("origin"), None);
    assert_eq!(
        answer.seen("x-who").as_deref(),
        Some("free/live GET /hop t1")
    );
    assert_eq!(
        answer.seen("x-leak"),
        None,
        "nothing of a key, a session or a credential"
    );
    assert_eq!(answer.seen("x-upstream-token").as_deref(), Some("t0p"));
    assert_eq!(answer.field("content-type"), None);
    let id = answer.field("x-request-id").unwrap();
    let served = format!("{id} /keyed/hop");
    assert_eq!(answer.field("x-served"), Some(served.as_str()));
    assert_eq!(answer.field("via"), Some("1.1 portunus"));
    let refused = rig.get("/keyed", &[]).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.field("via"), Some("1.1 portunus"), "refusals too");
}

const GROWING: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      one: { match: { path: /one }, upstream: echo, policies: [{ transform: { request: { set: { X-Much: "@50@" } } } }] }
      all:
        match: { path: /all }
        upstream: echo
        policies: [{ transform: { name: a, request: { set: { X-A: "@50@", X-B: "@50@" }, add: { X-C: "@50@", X-D: "@50@", X-E: "@50@" }, remove: [A] } } }]
      back:
        match: { path: /back }
        upstream: echo
        policies: [{ key_auth: { optional: true } }, { transform: { response: { rename: { Content-Type: X-Type }, set: { X-Much: "@PATH@" } } } }]
      seen: { match: { path: /seen }, upstream: echo, policies: [{ transform: { mode: observe, request: { set: { X-Much: "@50@" } } } }] }
      told: { match: { path: /told }, upstream: echo, policies: [{ transform: { mode: observe, response: { set: { X-Much: "@PATH@" } } } }] }
      path: { match: { path: /path }, upstream: echo, policies: [{ rewrite: { path: { from: "/{a}", to: "@TO@" } } }] }
      away: { match: { path: /away }, upstream: echo, policies: [{ redirect: { to: "/x@REST@" } }] }
"#;

/// What a client sends once may stand in a template many times.
#[tokio::test(flavor = "multi_thread")]
async fn what_templates_make_has_a_bound() {
    let file = GROWING
        .replace("@50@", &"{header.a}".repeat(50))
        .replace("@PATH@", &"{path}".repeat(200))
        .replace("@TO@", &"/{a}".repeat(400))
        .replace("@REST@", &"{rest}".repeat(100));
    let rig = Rig::new(&file).await;
    for (path, field, status, code, decided_by) in [
        ("/one", 300, 200, "", ""),
        ("/one", 400, 431, "headers_too_large", "transform/transform"),
        // Each of them is short enough, and all of them together are not.
        ("/all", 250, 200, "", ""),
        ("/all", 300, 431, "headers_too_large", "transform/a"),
    ] {
        let field = format!("A: {}", "x".repeat(field));
        let answer = rig.get(path, &[&field]).await;
        assert_eq!(answer.status, status, "{path} {}", field.len());
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(
            (record.code.as_str(), record.decided_by.as_str()),
            (code, decided_by)
        );
        if status == 200 {
            let sent = if path == "/one" { "x-much" } else { "x-e" };
            let whole = answer.seen(sent).unwrap();
            assert_eq!(whole.len(), (field.len() - 3) * 50, "whole or not at all");
        }
    }
    // What is only watched passes as it came.
    for (path, more, field, is_watched) in [
        ("/seen/", 0, 300, false),
        ("/seen/", 0, 400, true),
        ("/told/", 50, 1, false),
        ("/told/", 100, 1, true),
    ] {
        let path = format!("{path}{}", "x".repeat(more));
        let field = format!("A: {}", "x".repeat(field));
        let answer = rig.get(&path, &[&field]).await;
        assert_eq!((answer.status, answer.field("x-much")), (200, None));
        assert_eq!(answer.seen("x-much"), None, "{path}");
        let record = rig.wait_records(1).await.remove(0);
        let by = match is_watched {
            true => "version/transform/transform",
            false => "",
        };
        assert_eq!(record.observed_by, by, "{path} {}", field.len());
    }
    let requests = rig.upstream.requests();
    for (path, length, status, code, decided_by) in [
        ("/path/", 10, 200, "", ""),
        ("/path/", 40, 414, "uri_too_long", "rewrite/rewrite"),
        ("/away/", 50, 307, "", "redirect/redirect"),
        ("/away/", 100, 414, "uri_too_long", "redirect/redirect"),
        ("/back/", 50, 200, "", ""),
        (
            "/back/",
            100,
            502,
            "transform_failed",
            "transform/transform",
        ),
    ] {
        let path = format!("{path}{}", "x".repeat(length));
        let answer = rig.get(&path, &[]).await;
        assert_eq!(answer.status, status, "{path}");
        let record = rig.wait_records(1).await.remove(0);
        assert_eq!(
            (record.code.as_str(), record.decided_by.as_str()),
            (code, decided_by)
        );
        if path.starts_with("/back") {
            assert_eq!(answer.field("x-much").is_some(), status == 200);
            assert!(answer.field("x-type").is_some(), "{answer:?}");
            assert!(
                status == 200 || !answer.body.contains("headers"),
                "kept back"
            );
        }
    }
    assert_eq!(
        rig.upstream.requests(),
        requests + 3,
        "one for each that was not refused before"
    );
    // A refusal stays what it is.
    let refused = rig
        .get(&format!("/back/{}", "x".repeat(100)), &["X-Api-Key: wrong"])
        .await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.field("x-much"), None);
    assert_eq!(refused.field("x-type"), Some("application/problem+json"));
    assert!(refused.field("www-authenticate").is_some());
}
