//! What this release cannot read, as a former one took it or a newer one wrote it: what hangs on it
//! answers 500, and everything else answers as before.

use crate::rig::{Rig, key, snapshot};
use crate::versions::{VERSIONS, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_cannot_be_read_costs_its_own_version_only() {
    let rig = Rig::new(VERSIONS).await;
    let breaks = |condition: bool, path: &str, slug: &str, number: u64| {
        let mut state = snapshot(VERSIONS, &rig.upstream, number);
        for version in &mut state.parts.versions {
            let route = &mut version.revision.route;
            if route.path == path && version.slug == slug {
                if condition {
                    let pattern = r#"{"header":"X-Beta","regex":"a)(b"}"#;
                    route.when.push(serde_json::from_str(pattern).unwrap());
                } else {
                    route.selector = Some(Box::default());
                }
            }
        }
        state
    };
    let unreadable = Err((500, "policy_invalid"));
    for (number, condition, (path, slug), rows) in [
        (
            2,
            true,
            ("/beta", "v1"),
            &[
                // Of v2 and v3, as before.
                ("/beta", ("X-Beta", "0"), Ok("/two/")),
                ("/beta", ("X-Beta", "1"), Ok("/beta/")),
                ("/header", ("X-Api-Version", "v1"), Ok("/one/")),
            ][..],
        ),
        (
            3,
            true,
            ("/only", "v1"),
            &[
                ("/only", ("X-Beta", "1"), unreadable),
                ("/only", ("X-Gamma", "1"), Err((404, "no_route"))),
                ("/onlyx", ("X-Beta", "1"), Ok("/two/onlyx")),
            ],
        ),
        (
            4,
            true,
            ("/header", "v2"),
            &[
                ("/header", ("X-Api-Version", "v1"), Ok("/one/")),
                ("/header", ("X-Api-Version", "v2"), unreadable),
                ("/header", ("X-Api-Version", "v3"), Err((404, "no_version"))),
                ("/header", ("X-Other", "v3"), unreadable),
            ],
        ),
        (
            5,
            false,
            ("/header", "v2"),
            &[
                ("/header", ("X-Api-Version", "v1"), Ok("/one/")),
                ("/header", ("X-Api-Version", "v2"), unreadable),
            ],
        ),
        (
            6,
            false,
            ("/slashes", "v1"),
            &[
                ("/slashes/files/a", ("X-Beta", "1"), unreadable),
                ("/", ("X-Beta", "1"), Ok("/two/")),
            ],
        ),
    ] {
        let state = breaks(condition, path, slug, number);
        let change = gateway::source::Change::Full(Box::new(state));
        rig.change(change, number).await;
        for (path, field, expected) in rows {
            let answer = get(&rig, path, &[*field]).await;
            match expected {
                Ok(seen) => assert_eq!(answer.seen_path(), *seen, "{number} {path} {field:?}"),
                Err((status, code)) => {
                    let got = (answer.status, &*answer.code());
                    assert_eq!(got, (*status, *code), "{number} {path} {field:?}");
                }
            }
        }
    }
    // It is mended by the next state.
    rig.load(VERSIONS, 7).await;
    assert_eq!(
        rig.get("/slashes/files/a", &[]).await.seen_path(),
        "/one/files/a"
    );
}

const SHOP: &str = r#"
portunus: 1
upstreams: { live: { targets: [{ url: "http://@UPSTREAM@/live" }] }, test: { targets: [{ url: "http://@UPSTREAM@/test" }] } }
apis:
  shop:
    versions:
      v1: { match: { path: /shop }, upstream: live, test_upstream: test, policies: [{ key_auth: {} }] }
  open: { versions: { v1: { match: { path: /open }, upstream: live } } }
products: { shop: { versions: [shop/v1], plans: { free: {} } } }
applications: { a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] } }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_release_wrote_is_refused_where_it_hangs() {
    use domain::key::Environment;
    use domain::snapshot::Parts;

    type Breaks<'a> = &'a dyn Fn(&mut Parts);

    let rig = Rig::new(SHOP).await;
    let own = format!("X-Api-Key: {}", key(1).as_str());
    let newer = || Some("it is newer".to_owned());
    let rows: [(&str, Breaks<'_>, [u16; 2]); 6] = [
        ("nothing", &|_| {}, [200, 200]),
        (
            "organization",
            &|parts| parts.organizations[0].unreadable = newer(),
            [500, 500],
        ),
        (
            "API",
            &|parts| {
                let mut apis = parts.apis.iter_mut();
                apis.find(|one| one.slug == "shop").unwrap().unreadable = newer();
            },
            [500, 200],
        ),
        (
            "upstream",
            &|parts| {
                let mut upstreams = parts.upstreams.iter_mut();
                let live = upstreams.find(|one| one.name == "live").unwrap();
                live.unreadable = newer();
            },
            [500, 500],
        ),
        (
            // A call that is a test goes nowhere else.
            "test upstream",
            &|parts| {
                parts.credentials[0].environment = Environment::Test;
                let mut upstreams = parts.upstreams.iter_mut();
                let test = upstreams.find(|one| one.name == "test").unwrap();
                test.unreadable = newer();
            },
            [500, 200],
        ),
        ("plan", &|parts| parts.plans.clear(), [403, 200]),
    ];
    for (index, (what, breaks, statuses)) in rows.into_iter().enumerate() {
        let number = index as u64 + 2;
        let mut state = snapshot(SHOP, &rig.upstream, number);
        breaks(&mut state.parts);
        let change = gateway::source::Change::Full(Box::new(state));
        rig.change(change, number).await;
        for (path, status) in ["/shop", "/open"].into_iter().zip(statuses) {
            let answer = rig.get(path, &[&own]).await;
            assert_eq!(answer.status, status, "{what} {path}");
        }
    }
}
