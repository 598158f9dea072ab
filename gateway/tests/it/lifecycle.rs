//! Versions that are on their way out, and those that are gone: what clients are told of it.

use domain::id::VersionId;
use domain::snapshot::{Deprecation, Retired, Route};
use gateway::source::Change;

use crate::rig::{Answer, Rig, snapshot};

const SHOP: &str = r#"
portunus: 1
organization: acme
upstreams:
  echo: { targets: [{ url: "http://@UPSTREAM@/" }] }
  none: { targets: [{ url: "http://127.0.0.1:1" }] }
apis:
  shop:
    versions:
      v1:
        match: { path: /shop/v1 }
        upstream: echo
        deprecated: { since: "2026-11-01T00:00:00Z", sunset: "2026-11-20T12:00:10Z", successor: v2, retire_at_sunset: true }
        policies: [ { cors: { origins: ["https://app.test"] } } ]
        operations_mode: listed
        operations: [ { match: { method: GET, path: /x } } ]
      v2: { match: { path: /shop/v2, hosts: ["*.acme.test", api.acme.test] }, upstream: echo }
      v3: { match: { path: /shop/v3 }, upstream: none, deprecated: { since: "2026-12-01T00:00:00Z", successor: v4 } }
      v4: { match: { path: /shop/v4 }, upstream: echo }
      v5: { match: { path: /shop/v5 }, upstream: echo, enabled: false, deprecated: { since: "2026-11-01T00:00:00Z" } }
"#;

fn told(answer: &Answer) -> [Option<&str>; 3] {
    ["deprecation", "sunset", "link"].map(|name| answer.field(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deprecated_version_says_so_whatever_it_answers() {
    let rig = Rig::new(SHOP).await;
    let first = [
        Some("@1793491200"),
        Some("Fri, 20 Nov 2026 12:00:10 GMT"),
        Some(r#"<//api.acme.test/shop/v2>; rel="successor-version""#),
    ];
    let third = [
        Some("@1796083200"),
        None,
        Some(r#"</shop/v4>; rel="successor-version""#),
    ];
    for (path, status, expected) in [
        ("/shop/v1/x", 200, first),
        ("/shop/v1/y", 404, first),
        ("/shop/v3/x", 502, third),
        ("/shop/v4/x", 200, [None; 3]),
        ("/shop/v5/x", 503, [Some("@1793491200"), None, None]),
        ("/shop/v9", 404, [None; 3]),
    ] {
        let answer = rig.get(path, &[]).await;
        assert_eq!(
            (answer.status, told(&answer)),
            (status, expected),
            "{path} {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_ends_at_its_sunset_where_that_was_chosen() {
    let rig = Rig::new(SHOP).await;
    let origin = ["Origin: https://app.test"];
    assert_eq!(rig.get("/shop/v1/x", &origin).await.status, 200);
    rig.advance(10);
    let answer = rig.get("/shop/v1/x", &origin).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (410, "version_retired")
    );
    assert_eq!(told(&answer)[0], Some("@1793491200"));
    assert_eq!(
        answer.field("access-control-allow-origin"),
        Some("https://app.test"),
        "a page of that origin may read why"
    );
    assert_eq!(rig.get("/shop/v3/x", &[]).await.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_the_portal_where_it_is_known() {
    let rig = Rig::with(SHOP, |settings| {
        settings.portal_url = Some("https://portal.test".into());
    })
    .await;
    let answer = rig.get("/shop/v1/x", &[]).await;
    let expected = concat!(
        r#"<https://portal.test/apis/acme/shop?version=v1>; rel="deprecation"; type="text/html", "#,
        r#"<https://portal.test/apis/acme/shop?version=v1>; rel="sunset"; type="text/html", "#,
        r#"<https://portal.test/apis/acme/shop?version=v2>; rel="successor-version""#,
    );
    assert_eq!(told(&answer)[2], Some(expected));
}

const LIVE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@/" }] } }
apis:
  shop:
    versions:
      v2: { match: { path: /shop/v2 }, upstream: echo }
      v3: { match: { path: /chosen, selector: { header: X-Api-Version, default: true } }, upstream: echo }
"#;

fn retired(slug: &str, route: Route, successor: VersionId) -> Retired {
    Retired {
        id: VersionId::from_name("retired", slug),
        slug: slug.to_owned(),
        revision: 7,
        route,
        deprecation: Deprecation {
            since: "2026-01-01T00:00:00Z".parse().unwrap(),
            sunset: "2026-06-01T00:00:00Z".parse().ok(),
            successor: Some(successor),
            retires: false,
        },
        cors: serde_json::from_str(r#"{"origins":["https://app.test"]}"#).ok(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_a_retired_version_is_free_and_says_what_was_there() {
    let rig = Rig::new(LIVE).await;
    let mut state = snapshot(LIVE, &rig.upstream, 2);
    let versions = &state.parts.versions;
    let next = versions.iter().find(|one| one.slug == "v2").unwrap().id;
    let chosen = Route {
        selector: serde_json::from_str(r#"{"header":"X-Api-Version"}"#).unwrap(),
        ..Route::at("/chosen")
    };
    state.parts.apis[0].retired = vec![
        retired("v1", Route::at("/shop/v1"), next),
        // Somebody answers there now.
        retired("v0", Route::at("/shop/v2"), next),
        retired("v4", chosen, next),
    ];
    rig.change(Change::Full(Box::new(state)), 2).await;
    let gone = |answer: &Answer| {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (410, "version_retired")
        );
        let link = r#"</shop/v2>; rel="successor-version""#;
        let fields = [
            Some("@1767225600"),
            Some("Mon, 01 Jun 2026 00:00:00 GMT"),
            Some(link),
        ];
        assert_eq!(told(answer), fields);
    };
    gone(&rig.get("/shop/v1/pets", &[]).await);
    gone(&rig.get("/chosen", &["X-Api-Version: v4"]).await);
    for (origin, allowed) in [
        ("https://app.test", Some("https://app.test")),
        ("https://other.test", None),
    ] {
        let origin = format!("Origin: {origin}");
        let read = rig.get("/shop/v1/pets", &[&origin]).await;
        gone(&read);
        let preflight = format!(
            "OPTIONS /shop/v1/pets HTTP/1.1\r\nHost: a\r\n{origin}\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
        );
        let preflight = rig.send(&preflight).await;
        assert_eq!(preflight.status, 204);
        assert_eq!(told(&preflight), [None; 3]);
        let methods = preflight.field("access-control-allow-methods");
        assert_eq!(methods.is_some(), allowed.is_some());
        for answer in [read, preflight] {
            assert_eq!(answer.field("access-control-allow-origin"), allowed);
        }
    }
    for (path, fields, status) in [
        ("/shop/v2/x", &[][..], 200),
        ("/chosen", &[], 200),
        ("/chosen", &["X-Api-Version: v3"], 200),
        ("/chosen", &["X-Api-Version: v9"], 404),
        ("/shop/v10", &[], 404),
    ] {
        let answer = rig.get(path, fields).await;
        assert_eq!(answer.status, status, "{path} {fields:?} {answer:?}");
        assert_eq!(told(&answer), [None; 3], "{path} {fields:?}");
    }
    let records = rig.wait_records(11).await;
    let id = VersionId::from_name("retired", "v1");
    let mut seen: Vec<_> = records
        .iter()
        .filter(|record| record.version == id)
        .map(|record| (record.status, record.revision))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, [(204, 7), (204, 7), (410, 7), (410, 7), (410, 7)]);
}

const NAMED: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@/" }] } }
apis:
  shop:
    versions:
      v3: { match: { path: /chosen, selector: { header: X-Api-Version } }, upstream: echo }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_version_answers_those_who_asked_for_it_as_it_was_asked_for() {
    let rig = Rig::new(NAMED).await;
    let mut state = snapshot(NAMED, &rig.upstream, 2);
    let next = state.parts.versions[0].id;
    let by = |selector: &str, path: &str| Route {
        selector: serde_json::from_str(selector).unwrap(),
        ..Route::at(path)
    };
    let (header, query) = (r#"{"header":"X-Api-Version"}"#, r#"{"query":"version"}"#);
    state.parts.apis[0].retired = vec![
        retired("v0", Route::at("/chosen"), next),
        retired("v4", by(header, "/chosen"), next),
        retired("v5", by(header, "/free"), next),
        retired("v6", by(query, "/free"), next),
    ];
    rig.change(Change::Full(Box::new(state)), 2).await;
    for (path, fields, status) in [
        ("/chosen", &["X-Api-Version: v3"][..], 200),
        ("/chosen", &["X-Api-Version: v4"], 410),
        ("/chosen", &["X-Api-Version: v9"], 404),
        ("/chosen", &[], 410),
        ("/free", &["X-Api-Version: v5"], 410),
        ("/free", &["X-Api-Version: v6"], 404),
        ("/free?version=v6", &[], 410),
        ("/free?version=v5", &[], 404),
        ("/free", &[], 404),
    ] {
        let answer = rig.get(path, fields).await;
        assert_eq!(answer.status, status, "{path} {fields:?} {answer:?}");
    }
}
