//! Versions at one host and path: what a request asks for, what decides otherwise, and what the
//! upstream and the client see of it.

use domain::explain::{Explanation, Lost};

use crate::explain::shop::{asked, explain, explainer, sent};
use crate::rig::{Answer, Rig, snapshot};

pub(crate) const VERSIONS: &str = r#"
portunus: 1
upstreams:
  one: { targets: [{ url: "http://@UPSTREAM@/one" }] }
  two: { targets: [{ url: "http://@UPSTREAM@/two" }] }
  beta: { targets: [{ url: "http://@UPSTREAM@/beta" }] }
  shell: { targets: [{ url: "http://@UPSTREAM@/shell" }] }
apis:
  header:
    versions:
      v1: { match: { path: /header, selector: { header: X-Api-Version } }, upstream: one }
      v2: { match: { path: /header, selector: { header: X-Api-Version, default: true, strip: true } }, upstream: two }
  strict:
    versions:
      v1: { match: { path: /strict, selector: { query: v, value: "1", strip: true } }, upstream: one }
      v2: { match: { path: /strict, selector: { query: v, value: "2" } }, upstream: two }
  vendor:
    versions:
      v1: { match: { path: /vendor, selector: { accept: vnd.shop, default: true } }, upstream: one }
      v2: { match: { path: /vendor, selector: { accept: vnd.shop, strip: true } }, upstream: two }
  parameter:
    versions:
      v1: { match: { path: /parameter, selector: { accept: version, value: "1", default: true } }, upstream: one }
      v2: { match: { path: /parameter, selector: { accept: version, value: "2", strip: true } }, upstream: two }
  beta:
    versions:
      v1: { match: { path: /beta }, upstream: one }
      v2: { match: { path: /beta, when: [{ method: [GET, HEAD] }] }, upstream: two }
      v3: { match: { path: /beta, when: [{ method: [GET] }, { header: X-Beta, regex: "yes|1" }] }, upstream: beta }
      v4: { match: { path: /beta, when: [{ cookie: group, prefix: b }, { query: deep, present: true }, { header: X-Beta, exact: "no" }] }, upstream: shell }
  only:
    versions:
      v1: { match: { path: /only, when: [{ header: X-Beta, present: true }] }, upstream: one }
      v2: { match: { path: / }, upstream: two }
  slashes:
    versions:
      v1:
        match: { path: /slashes }
        encoded_slashes: true
        upstream: one
        operations_mode: listed
        operations: [{ match: { method: GET, path: "/files/{name}" } }]
"#;

/// Path, fields, and what comes: the path that the upstream saw, or status and code.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    Result<&'static str, (u16, &'static str)>,
);

const TABLE: &[Row] = &[
    ("/header/x", &[("X-Api-Version", "v1")], Ok("/one/x")),
    ("/header/x", &[("x-api-version", "V2")], Ok("/two/x")),
    ("/header/x", &[], Ok("/two/x")),
    (
        "/header/x",
        &[("X-Api-Version", "v3")],
        Err((404, "no_version")),
    ),
    (
        "/header/x",
        &[("X-Api-Version", "")],
        Err((404, "no_version")),
    ),
    (
        "/header/x",
        &[("X-Api-Version", "v1"), ("X-Api-Version", "v2")],
        Err((400, "bad_request")),
    ),
    ("/strict/x?v=1&a=b", &[], Ok("/one/x?a=b")),
    ("/strict/x?a=b&%76=1", &[], Ok("/one/x?a=b")),
    ("/strict/x?v=2&a=b", &[], Ok("/two/x?v=2&a=b")),
    ("/strict/x?a=b", &[], Err((400, "version_required"))),
    ("/strict/x?v=1&v=2", &[], Err((400, "bad_request"))),
    ("/strict/x?v=3", &[], Err((404, "no_version"))),
    ("/vendor", &[("Accept", "application/json")], Ok("/one/")),
    (
        "/vendor",
        &[("Accept", "application/vnd.shop.v2+json")],
        Ok("/two/"),
    ),
    (
        "/vendor",
        &[("Accept", "application/vnd.shop.v9+json")],
        Err((404, "no_version")),
    ),
    (
        "/vendor",
        &[(
            "Accept",
            "application/vnd.shop.v2+json;q=0.5, application/vnd.shop.v1+json",
        )],
        Ok("/one/"),
    ),
    (
        "/parameter",
        &[("Accept", "application/json; version=2")],
        Ok("/two/"),
    ),
    ("/parameter", &[], Ok("/one/")),
    ("/beta", &[], Ok("/two/")),
    ("/beta", &[("X-Beta", "yes")], Ok("/beta/")),
    ("/beta", &[("X-Beta", "yes please")], Ok("/two/")),
    (
        "/beta?deep",
        &[("X-Beta", "no"), ("Cookie", "a=1; group=blue")],
        Ok("/shell/?deep"),
    ),
    (
        "/beta",
        &[("X-Beta", "no"), ("Cookie", "group=blue")],
        Ok("/two/"),
    ),
    // The longest path decides alone: nothing falls through to `/`.
    ("/only", &[("X-Beta", "")], Ok("/one/")),
    ("/only", &[], Err((404, "no_route"))),
    ("/onlyx", &[], Ok("/two/onlyx")),
    ("/slashes/files/a%2fb%5Cc", &[], Ok("/one/files/a%2Fb%5Cc")),
    (
        "/slashes/files/a%2F..%2Fb",
        &[],
        Err((400, "path_not_canonical")),
    ),
    ("/slashes/files/a%2Fb/c", &[], Err((404, "no_operation"))),
    ("/beta/a%2Fb", &[], Err((400, "path_not_canonical"))),
    ("/only/a%2Fb", &[], Err((400, "path_not_canonical"))),
    ("/slashes%2Ffiles/a", &[], Err((400, "path_not_canonical"))),
];

pub(crate) async fn get(rig: &Rig, path: &str, fields: &[(&str, &str)]) -> Answer {
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    rig.get(path, &lines).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_that_is_asked_for() {
    let rig = Rig::new(VERSIONS).await;
    let explainer = explainer(&rig, VERSIONS);
    for (path, fields, expected) in TABLE {
        let answer = get(&rig, path, fields).await;
        let what = format!("{path} {fields:?}: {answer:?}");
        match expected {
            Ok(seen) => {
                assert_eq!(answer.status, 200, "{what}");
                assert_eq!(answer.seen_path(), *seen, "{what}");
            }
            Err((status, code)) => {
                assert_eq!((answer.status, &*answer.code()), (*status, *code), "{what}");
            }
        }
        let asked = asked("GET", path, fields);
        let told = explain(&explainer, &asked);
        let (status, code) = sent(&rig, &asked).await;
        assert_eq!(
            told.verdict.status.unwrap_or(200),
            status,
            "{what} {told:#?}"
        );
        assert_eq!(told.verdict.code.unwrap_or_default(), code, "{what}");
    }
    let answer = rig
        .client()
        .await
        .send("POST /beta HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert_eq!(
        answer.seen_path(),
        "/one/",
        "more conditions win, none is always met"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_selector_goes_on_or_not() {
    let rig = Rig::new(VERSIONS).await;
    for (path, fields, name, seen) in [
        (
            "/header",
            ("X-Api-Version", "v1"),
            "x-api-version",
            Some("v1"),
        ),
        ("/header", ("X-Api-Version", "v2"), "x-api-version", None),
        (
            "/vendor",
            ("Accept", "text/html, application/vnd.shop.v2+json"),
            "accept",
            Some("text/html, application/json"),
        ),
        (
            "/vendor",
            ("Accept", "application/vnd.shop.v1+json"),
            "accept",
            Some("application/vnd.shop.v1+json"),
        ),
        (
            "/parameter",
            ("Accept", "application/json; version=2; q=0.5"),
            "accept",
            Some("application/json;q=0.5"),
        ),
    ] {
        let answer = get(&rig, path, &[fields]).await;
        assert_eq!(
            answer.seen(name).as_deref(),
            seen,
            "{path} {fields:?} {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_hear_what_decided() {
    let rig = Rig::new(VERSIONS).await;
    for (path, vary) in [
        ("/header", Some("x-api-version")),
        ("/vendor", Some("accept")),
        ("/beta", Some("cookie, x-beta")),
        ("/only", Some("x-beta")),
        ("/strict?v=1", None),
        ("/other", None),
    ] {
        let answer = rig.get(path, &[]).await;
        assert_eq!(answer.field("vary"), vary, "{path} {answer:?}");
    }
    let refused = rig.get("/header", &["X-Api-Version: 7"]).await;
    assert_eq!(refused.field("vary"), Some("x-api-version"));
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("v1, v2"), "{detail}");
    let required = rig.get("/strict", &[]).await.json();
    assert!(
        required["detail"]
            .as_str()
            .unwrap()
            .contains("query v: 1, 2")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_version_was_not_chosen() {
    let rig = Rig::new(VERSIONS).await;
    let explainer = explainer(&rig, VERSIONS);
    let lost = |told: &Explanation| -> Vec<(String, Lost)> {
        let runners = told.runners_up.iter();
        runners
            .filter(|runner| runner.place.path != "/")
            .map(|runner| (runner.place.version.clone(), runner.lost))
            .collect()
    };
    let told = explain(&explainer, &asked("GET", "/beta", &[("X-Beta", "1")]));
    assert_eq!(told.route.as_ref().unwrap().version, "v3");
    assert_eq!(
        told.route.as_ref().unwrap().when,
        ["header X-Beta ~ yes|1", "method GET"]
    );
    let name = str::to_owned;
    assert_eq!(
        lost(&told),
        [
            (name("v4"), Lost::Condition),
            (name("v2"), Lost::FewerConditions),
            (name("v1"), Lost::FewerConditions),
        ]
    );
    let told = explain(&explainer, &asked("GET", "/strict", &[]));
    assert_eq!(told.verdict.code.as_deref(), Some("version_required"));
    assert_eq!(
        lost(&told),
        [(name("v1"), Lost::Version), (name("v2"), Lost::Version)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_come_and_go_at_one_place() {
    let rig = Rig::new(VERSIONS).await;
    let find = async |field: &str| {
        let answer = rig
            .get("/header", &[&format!("X-Api-Version: {field}")])
            .await;
        (answer.status == 200).then(|| answer.seen_path())
    };
    let state = snapshot(VERSIONS, &rig.upstream, 2);
    let second = |parts: &domain::snapshot::Parts| {
        let mut versions = parts.versions.iter();
        let is_it = |version: &&domain::snapshot::Version| {
            version.slug == "v2" && version.revision.route.path == "/header"
        };
        versions.find(is_it).unwrap().clone()
    };
    let second = second(&state.parts);
    let delta = |from: u64, put: Vec<domain::snapshot::Version>, gone| {
        gateway::source::Change::Delta(Box::new(domain::snapshot::Delta {
            from,
            state: from + 1,
            put: domain::snapshot::Parts {
                versions: put,
                ..Default::default()
            },
            gone,
        }))
    };
    let gone = vec![(domain::snapshot::Kind::Version, second.id.uuid())];
    rig.change(delta(1, vec![], gone), 2).await;
    assert_eq!(find("v1").await.as_deref(), Some("/one/"));
    assert_eq!(find("v2").await, None);
    rig.change(delta(2, vec![second], vec![]), 3).await;
    assert_eq!(find("v1").await.as_deref(), Some("/one/"));
    assert_eq!(find("v2").await.as_deref(), Some("/two/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_asked_for_is_listed() {
    let rig = Rig::new(VERSIONS).await;
    for (path, fields, versions) in [
        ("/header", &[("X-Api-Version", "7")][..], Some(["v1", "v2"])),
        ("/strict", &[], Some(["1", "2"])),
        ("/strict?v=3", &[], Some(["1", "2"])),
        ("/strict?v=1&v=2", &[], None),
        ("/only", &[], None),
    ] {
        let problem = get(&rig, path, fields).await.json();
        let told: Option<Vec<_>> = problem.get("versions").map(|all| {
            let all = all.as_array().unwrap().iter();
            all.map(|one| one.as_str().unwrap().to_owned()).collect()
        });
        assert_eq!(
            told,
            versions.map(|all| all.map(str::to_owned).to_vec()),
            "{path}"
        );
    }
}
