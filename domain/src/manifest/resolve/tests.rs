//! Resolving the example of gateway.md §10, and a file with every fault at once.

use super::super::read;
use super::*;
use crate::key::KeyDigest;

const EXAMPLE: &str = r#"
portunus: 1
upstreams:
  echo:
    targets: [{ url: "http://127.0.0.1:9000", weight: 1 }]
    credential: { header: { name: X-Secret, value: "${SECRET}" } }
apis:
  petstore:
    versions:
      v1:
        openapi: ./petstore.yaml
        match: { path: /petstore }
        strip_path: true
        upstream: echo
        policies:
          - key_auth: {}
          - rate_limit: { name: minute, limit: 100, window: 60s }
        operations:
          - match: { method: GET, path: "/pets/{number}" }
            policies: [ { rate_limit: { limit: 5, window: 1s } } ]
products:
  petstore: { versions: [petstore/v1], plans: { free: { approval: auto, policies: [ { quota: { limit: 1000, period: month } } ] } } }
applications:
  mobile:
    keys: [ { name: ci, env: live, sha256: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" } ]
    subscriptions: [ { product: petstore, plan: free } ]
"#;

const DOCUMENT: &str = r#"{"openapi":"3.1.0","info":{"title":"x","version":"1"},"paths":{"/pets/{id}":{"get":{"responses":{}},"put":{"responses":{}}}}}"#;

fn load(path: &str) -> Result<Vec<u8>, String> {
    if path == "./petstore.yaml" {
        Ok(DOCUMENT.as_bytes().to_vec())
    } else {
        Err(format!("There is no file {path}."))
    }
}

fn resolved(text: &str) -> Result<Snapshot, Vec<Invalid>> {
    let variable = |_: &str| Some("s3cret".to_owned());
    resolve(&read(text, &variable)?, 3, &load)
}

#[test]
fn the_example_resolves() {
    let snapshot = resolved(EXAMPLE).unwrap();
    assert_eq!((snapshot.state, snapshot.schema), (3, SCHEMA));
    let parts = &snapshot.parts;
    let version = &parts.versions[0];
    assert_eq!(version.revision.upstream, parts.upstreams[0].id);
    assert_eq!(version.revision.operations.len(), 2);
    let get = version
        .revision
        .operations
        .iter()
        .find(|o| o.method == "GET")
        .unwrap();
    assert_eq!(
        (get.template.as_str(), get.policies.len()),
        ("/pets/{id}", 1)
    );
    assert_eq!(parts.products[0].versions, [version.id]);
    assert_eq!(parts.subscriptions[0].plan, parts.plans[0].id);
    assert_eq!(parts.credentials[0].application, parts.applications[0].id);
    let secret = serde_json::to_string(&parts.upstreams[0].credential).unwrap();
    assert!(secret.contains("s3cret"));
    assert_eq!(resolved(EXAMPLE), Ok(snapshot), "ids are stable");
}

#[test]
fn every_problem_is_named_at_once() {
    let text = r#"
portunus: 2
upstreams: { Echo: { targets: [] } }
apis:
  a:
    versions:
      v1: { openapi: ./none.yaml, match: { path: x/, hosts: [UP] }, upstream: none }
      v2: { match: { path: /x }, upstream: Echo, operations: [{ match: { method: get, path: x } }] }
      v3: { match: { path: /x }, upstream: Echo, policies: [{ rate_limit: { limit: 0, window: 60s } }] }
products: { p: { versions: [a/v9], plans: { free: { policies: [{ key_auth: {} }] } } } }
applications:
  m:
    keys: [{ name: a }, { name: a, value: ptn_live_x }]
    subscriptions: [{ product: p, plan: gold }]
"#;
    let problems = resolved(text).unwrap_err();
    let pointers: Vec<_> = problems
        .iter()
        .map(|invalid| invalid.pointer.as_str())
        .collect();
    for expected in [
        "/portunus",
        "/upstreams/Echo",
        "/upstreams/Echo/targets",
        "/apis/a/versions/v1/openapi",
        "/apis/a/versions/v1/match/path",
        "/apis/a/versions/v1/match/hosts/0",
        "/apis/a/versions/v1/upstream",
        "/apis/a/versions/v2/operations/0/match/path",
        "/apis/a/versions/v3/match",
        "/apis/a/versions/v3/policies/0/rate_limit/limit",
        "/products/p/versions/0",
        "/products/p/plans/free/policies/0/key_auth",
        "/applications/m/keys/0",
        "/applications/m/keys/1/name",
        "/applications/m/keys/1/value",
        "/applications/m/subscriptions/0",
    ] {
        assert!(
            pointers.contains(&expected),
            "{expected} is not in {pointers:#?}"
        );
    }
}

#[test]
fn upstreams_that_others_name_are_there() {
    let file = |mirror: &str| {
        format!(
            "portunus: 1\nupstreams:\n  a: {{ targets: [{{ url: 'http://h' }}], mirror: {{ upstream: {mirror} }} }}\n  b: {{ targets: [{{ url: 'http://h' }}] }}\n"
        )
    };
    let parts = resolved(&file("b, sample: 10")).unwrap().parts;
    let mirror = parts.upstreams[0].settings.mirror.as_ref().unwrap();
    assert_eq!(
        (mirror.upstream, mirror.sample),
        (parts.upstreams[1].id, 10)
    );
    for (mirror, pointer) in [
        ("a", "/upstreams/a/mirror/upstream"),
        ("c", "/upstreams/a/mirror/upstream"),
        ("b, sample: 0", "/upstreams/a/mirror/sample"),
    ] {
        let found = resolved(&file(mirror)).unwrap_err();
        assert_eq!(found[0].pointer, pointer, "{mirror}");
    }
}

#[test]
fn upstreams_of_some_callers_are_named() {
    let file = |when: &str, upstream: &str| {
        format!(
            "portunus: 1\nupstreams:\n  a: {{ targets: [{{ url: 'http://h' }}] }}\n  b: {{ targets: [{{ url: 'http://h' }}] }}\napis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: a, upstreams: [{{ when: {{ {when} }}, upstream: {upstream} }}] }} }} }} }}\nproducts: {{ x: {{ versions: [x/v1], plans: {{ gold: {{}} }} }} }}\napplications: {{ mine: {{}} }}\n"
        )
    };
    let whole = "plan: gold, application: mine, environment: live, claim: { name: a, value: b }";
    let parts = resolved(&file(whole, "b")).unwrap().parts;
    let chosen = &parts.versions[0].revision.upstreams[0];
    assert_eq!(chosen.upstream, parts.upstreams[1].id);
    assert_eq!(chosen.when.application, Some(parts.applications[0].id));
    for (when, upstream, pointer) in [
        ("plan: gold", "c", "/upstream"),
        ("plan: silver", "b", "/when/plan"),
        ("application: yours", "b", "/when/application"),
        ("claim: { name: '', value: b }", "b", "/when/claim/name"),
        ("", "b", "/when"),
    ] {
        let found = resolved(&file(when, upstream)).unwrap_err();
        let at = format!("/apis/x/versions/v1/upstreams/0{pointer}");
        assert_eq!(found[0].pointer, at, "{when}");
    }
}

#[test]
fn a_version_has_times_of_its_own() {
    const FILE: &str = "portunus: 1\nupstreams: { a: { targets: [{ url: 'http://h' }] } }\napis: { x: { versions: { v1: { match: { path: /x }, upstream: a, timeouts: { @ } } } } }\n";
    let file = |timeouts: &str| FILE.replace('@', timeouts);
    let parts = resolved(&file("idle: 12h")).unwrap().parts;
    let route = &parts.versions[0].revision.route;
    let written = serde_json::to_value(&route.timeouts).unwrap();
    assert_eq!(written, serde_json::json!({ "idle": "12h" }));
    for (timeouts, pointer) in [("", ""), ("idle: 1h, total: 25h", "/total")] {
        let found = resolved(&file(timeouts)).unwrap_err();
        let at = format!("/apis/x/versions/v1/timeouts{pointer}");
        assert_eq!(found[0].pointer, at, "{timeouts}");
    }
}

#[test]
fn versions_at_one_place_and_their_ties() {
    let file = |one: &str, two: &str| {
        format!(
            r#"
portunus: 1
upstreams: {{ u: {{ targets: [{{ url: "http://127.0.0.1:1" }}] }} }}
apis:
  a:
    versions:
      v1: {{ match: {{ path: /x, {one} }}, upstream: u }}
      v2: {{ match: {{ path: /x, {two} }}, upstream: u }}
"#
        )
    };
    for (one, two, pointer) in [
        ("selector: { header: X-V }", "selector: { header: x-v }", ""),
        (
            "selector: { header: X-V, value: '1' }",
            "selector: { header: X-V, value: '1' }",
            "/apis/a/versions/v2/match/selector",
        ),
        (
            "selector: { query: v }",
            "hosts: []",
            "/apis/a/versions/v2/match/selector",
        ),
        (
            "selector: { query: v, default: true }",
            "selector: { query: v, default: true }",
            "/apis/a/versions/v2/match/selector/default",
        ),
        (
            "when: [{ header: A, exact: '1' }]",
            "when: [{ header: B, exact: '1' }]",
            "/apis/a/versions/v2/match/when",
        ),
        (
            "when: [{ header: A, exact: '1' }]",
            "when: [{ header: A, exact: '2' }]",
            "",
        ),
        (
            "hosts: []",
            "when: [{ header: A, regex: '(' }]",
            "/apis/a/versions/v2/match/when/0/regex",
        ),
        ("hosts: []", "hosts: []", "/apis/a/versions/v2/match"),
        ("hosts: [x.org]", "hosts: []", ""),
    ] {
        let found = resolved(&file(one, two)).err().unwrap_or_default();
        let told = found.first().map_or("", |invalid| &invalid.pointer);
        assert_eq!(told, pointer, "{one}, {two}: {found:?}");
        if let Some(first) = found.first()
            && !pointer.contains("regex")
        {
            assert!(first.message.ends_with("It is /apis/a/versions/v1."));
        }
    }
    let other_api = r#"
portunus: 1
upstreams: { u: { targets: [{ url: "http://127.0.0.1:1" }] } }
apis:
  a: { versions: { v1: { match: { path: /x, selector: { query: v } }, upstream: u } } }
  b: { versions: { v2: { match: { path: /x, selector: { query: v } }, upstream: u } } }
"#;
    let found = resolved(other_api).unwrap_err();
    assert_eq!(found[0].pointer, "/apis/b/versions/v2/match");
}

#[test]
fn plans_have_a_priority() {
    let with = |priority: &str| {
        let plan = format!("approval: auto, priority: {priority},");
        resolved(&EXAMPLE.replace("approval: auto,", &plan))
    };
    for (written, priority) in [("-100", -100), ("0", 0), ("100", 100)] {
        assert_eq!(with(written).unwrap().parts.plans[0].priority, priority);
    }
    let found = with("101").unwrap_err();
    assert_eq!(found[0].pointer, "/products/petstore/plans/free/priority");
    assert!(with("1000").is_err() && with("low").is_err());
    assert_eq!(resolved(EXAMPLE).unwrap().parts.plans[0].priority, 0);
}

#[test]
fn lists_come_from_the_file_and_from_files_beside_it() {
    let load = |path: &str| match path {
        "drop.txt" => Ok(
            b"\xef\xbb\xbf10.0.0.0/8 ; one\r\n192.0.2.0/24 until 2026-12-31T00:00:00Z\r\n".to_vec(),
        ),
        "page.html" => Ok(b"<html>\n".to_vec()),
        "latin" => Ok(b"10.0.0.0/8 # \xfc".to_vec()),
        _ => Err(format!("There is no file {path}.")),
    };
    let resolved = |text: &str| resolve(&read(text, &|_| None)?, 1, &load);
    let apis = "upstreams: {u: {targets: [{url: 'http://127.0.0.1:1'}]}}\napis: {x: {labels: {tier: gold}, versions: {v1: {match: {path: /x}, upstream: u, policies: [{ip_filter: {allow_lists: [office], deny_lists: [bad]}}]}}}}\n";
    let good = format!(
        "portunus: 1\n{apis}ip_lists: {{office: {{networks: [10.1.0.0/16, {{net: '::1', until: 2027-01-01T00:00:00Z}}]}}, bad: {{file: drop.txt, networks: [1.1.1.1]}}, kept: {{file: drop.txt, networks: [192.0.2.0/24]}}}}\napplications: {{a: {{labels: {{tier: silver}}}}}}\n"
    );
    let parts = resolved(&good).unwrap().parts;
    let list = parts.ip_lists.iter().find(|list| list.name == "bad");
    let networks = &list.unwrap().networks;
    let texts: Vec<_> = networks.iter().map(|one| one.text()).collect();
    assert_eq!(texts, ["1.1.1.1", "10.0.0.0/8", "192.0.2.0/24"]);
    assert!(networks[2].until().is_some());
    // In both: what has no end lasts longer, wherever it stands.
    let list = parts.ip_lists.iter().find(|list| list.name == "kept");
    let networks = &list.unwrap().networks;
    assert_eq!((networks.len(), networks[1].until()), (2, None));
    assert_eq!(parts.apis[0].labels[0].value, "gold");
    assert_eq!(parts.applications[0].labels[0].value, "silver");
    let bad = format!(
        "portunus: 1\n{apis}ip_lists: {{Office: {{networks: [10.0.0.1/8, {{net: x, until: 2027-01-01T00:00:00Z}}]}}, a: {{file: none}}, b: {{file: page.html}}, c: {{file: latin}}}}\napplications: {{a: {{labels: {{'a b': x}}}}}}\n"
    );
    let found = resolved(&bad).unwrap_err();
    let pointers: Vec<_> = found.iter().map(|one| one.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/ip_lists/Office",
            "/ip_lists/Office/networks/0",
            "/ip_lists/Office/networks/1/net",
            "/ip_lists/a/file",
            "/ip_lists/b/file",
            "/ip_lists/c/file",
            "/apis/x/versions/v1/policies/0/ip_filter/allow_lists/0",
            "/apis/x/versions/v1/policies/0/ip_filter/deny_lists/0",
            "/applications/a/labels",
        ]
    );
    assert!(
        found[4].message.contains("page.html: Line 1"),
        "{:?}",
        found[4]
    );
}

#[test]
fn a_version_names_its_successor() {
    let text = |deprecated: &str| {
        format!(
            r#"
portunus: 1
upstreams: {{ u: {{ targets: [{{ url: "http://127.0.0.1:9000" }}] }} }}
apis:
  a:
    versions:
      v1: {{ match: {{ path: /v1 }}, upstream: u, deprecated: {{ since: "2026-03-01T00:00:00Z", {deprecated} }} }}
      v2: {{ match: {{ path: /v2 }}, upstream: u }}
  b: {{ versions: {{ v2: {{ match: {{ path: /b }}, upstream: u }} }} }}
"#
        )
    };
    for (written, api, slug) in [("v2", 0, "v2"), ("a/v2", 0, "v2"), ("b/v2", 1, "v2")] {
        let rest = format!(r#"sunset: "2026-09-01T00:00:00Z", successor: {written}"#);
        let parts = resolved(&text(&rest)).unwrap().parts;
        let version = parts.versions.iter().find(|one| one.slug == "v1").unwrap();
        let successor = version.deprecation.as_ref().unwrap().successor;
        let found = parts.versions.iter().find(|one| Some(one.id) == successor);
        let found = found.map(|one| (one.api, one.slug.as_str()));
        assert_eq!(found, Some((parts.apis[api].id, slug)), "{written}");
        assert_eq!(version.deprecation.as_ref().unwrap().end(), None);
    }
    for (rest, pointer) in [
        ("successor: v1", "successor"),
        ("successor: v9", "successor"),
        ("successor: c/v2", "successor"),
        ("successor: \"\"", "successor"),
        ("retire_at_sunset: true", "retire_at_sunset"),
        (r#"sunset: "2026-02-01T00:00:00Z""#, "sunset"),
    ] {
        let found = resolved(&text(rest)).unwrap_err();
        let pointers: Vec<_> = found.iter().map(|one| one.pointer.clone()).collect();
        let expected = format!("/apis/a/versions/v1/deprecated/{pointer}");
        assert_eq!(pointers, [expected], "{rest}");
    }
}

#[test]
fn a_password_stands_in_one_of_three_ways() {
    const HASH: &str =
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let with = |passwords: &str| {
        let text = format!("portunus: 1\napplications: {{ a: {{ passwords: [{passwords}] }} }}\n");
        resolved(&text).map(|snapshot| snapshot.parts.credentials)
    };
    let found = with(&format!(
        "{{ name: a, user: bo, argon2id: \"{HASH}\" }}, {{ name: b, user: bo, value: a password of many letters }}"
    ));
    let found = found.unwrap();
    assert_eq!(found[0].digest, KeyDigest::of_user(b"bo"));
    assert_eq!(found[0].argon2id.as_ref().unwrap().as_str(), HASH);
    assert_eq!(found[1].argon2id, None);
    let twice = format!("{{ name: a, user: bo, argon2id: \"{HASH}\" }}");
    for (passwords, pointer) in [
        ("{ name: a, user: bo, argon2id: x }".to_owned(), "/argon2id"),
        (
            format!("{{ name: a, user: bo, value: x, argon2id: \"{HASH}\" }}"),
            "",
        ),
        ("{ name: a, user: bo }".to_owned(), ""),
        (
            format!("{twice}, {}", twice.replace("name: a", "name: b")),
            "",
        ),
    ] {
        let refused = with(&passwords).unwrap_err();
        let at = &refused[0].pointer;
        let index = if passwords.contains("name: b") { 1 } else { 0 };
        let wanted = format!("/applications/a/passwords/{index}{pointer}");
        assert_eq!(*at, wanted, "{passwords}");
    }
}
