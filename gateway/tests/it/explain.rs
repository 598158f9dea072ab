//! What is explained is what happens: one table of requests, sent to a running gateway and asked
//! about on the same configuration.

pub(crate) mod shop;

use std::collections::BTreeSet;

use domain::explain::{Answer, Asked, Counted, Decision, Explanation, KeyState, Lost, Sight};
use gateway::Settings;
use gateway::explain::{Counts, Explainer};

use crate::rig::{Rig, key, snapshot};
use shop::{SHOP, asked, explain, explainer, sent};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_explained_is_what_happens() {
    let rig = Rig::new(SHOP).await;
    let explainer = explainer(&rig, SHOP);
    let (one, two, three, four) = (key(1), key(2), key(3), key(4));
    let good = ("X-Api-Key", one.as_str());
    let bearer = format!("Bearer {}", one.as_str());
    let by_query = format!("/shop/v2/x?key={}", three.as_str());
    let table = [
        asked("GET", "/shop/a", &[]),
        asked("GET", "/nothing", &[]),
        asked("GET", "/shopping", &[]),
        asked("TRACE", "/shop/a", &[good]),
        asked("GET", "/shop/../open", &[]),
        asked("GET", "/shop/%2e%2E/open", &[]),
        asked("GET", "/shop/a%2Fb", &[good]),
        asked("GET", "/shop//a", &[good]),
        asked("GET", "/shop", &[good, ("x_forwarded_for", "1.1.1.1")]),
        asked("GET", "/shop", &[good, ("Host", "a@b")]),
        asked("GET", "/shop", &[good, ("Host", "a"), ("Host", "b")]),
        asked("GET", "http://other/shop", &[good, ("Host", "a")]),
        asked("GET", "/shop", &[("X-Api-Key", "nonsense")]),
        asked("GET", "/shop", &[("X-Api-Key", two.as_str())]),
        asked("GET", "/shop", &[("X-Api-Key", three.as_str())]),
        asked("GET", "/shop", &[("X-Api-Key", four.as_str())]),
        asked("GET", "/shop/v2", &[good]),
        asked("GET", "/shop/v2", &[("X-Api-Key", three.as_str())]),
        asked("GET", &by_query, &[]),
        asked("GET", "/shop", &[("Authorization", &bearer)]),
        asked("GET", "/shop/v2", &[]),
        asked("GET", "/shop", &[("Host", "a.example.com")]),
        asked("GET", "/open/x", &[("Host", "a.example.com")]),
        asked("GET", "/open/x", &[("Host", "A.test:80")]),
        asked("DELETE", "/open", &[]),
        asked("POST", "/open", &[("Content-Length", "99999999999")]),
        asked("GET", "/shop/a", &[good]),
        asked("PUT", "/shop/a", &[good]),
    ];
    let mut codes = std::collections::BTreeSet::new();
    for asked in &table {
        // Until the limits are met, and beyond.
        for _ in 0..5 {
            let told = explain(&explainer, asked);
            let again = explain(&explainer, asked);
            assert_eq!(told, again, "explaining changes nothing");
            let (status, code) = sent(&rig, asked).await;
            let verdict = &told.verdict;
            let what = format!("{} {}: {told:#?}", asked.method, asked.target);
            match verdict.status {
                None => assert_eq!((status, code.as_str()), (200, ""), "{what}"),
                Some(expected) => {
                    assert_eq!(status, expected, "{what}");
                    assert_eq!(verdict.code.clone().unwrap_or_default(), code, "{what}");
                    codes.insert(code);
                }
            }
            let record = rig.wait_records(1).await.remove(0);
            let policy = verdict.decided_by.as_deref().unwrap_or_default();
            let policy = if policy == "subscription" { "" } else { policy };
            assert_eq!(record.decided_by, policy, "{what}");
            if let Some(path) = &told.request.path {
                assert_eq!(record.path, *path, "{what}");
            }
            let version = told.route.as_ref().map(|place| place.version_id);
            assert_eq!(record.version, version.unwrap_or_default(), "{what}");
            let observed = told
                .steps
                .iter()
                .any(|step| step.decision == Decision::WouldRefuse);
            if verdict.forwarded {
                assert_eq!(record.observed != 0, observed, "{what}");
            }
        }
        rig.advance(3600);
    }
    for code in [
        "no_route",
        "method_not_allowed",
        "path_not_canonical",
        "bad_request",
        "host_invalid",
        "key_missing",
        "key_invalid",
        "key_expired",
        "ip_denied",
        "not_subscribed",
        "rate_limited",
        "quota_exhausted",
        "body_too_large",
    ] {
        assert!(
            codes.contains(code),
            "{code} is not in the table: {codes:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_looked_at_and_not_counted() {
    let rig = Rig::new(SHOP).await;
    let explainer = explainer(&rig, SHOP);
    let one = key(1);
    let field = format!("X-Api-Key: {}", one.as_str());
    let asked = asked("GET", "/shop/a", &[("X-Api-Key", one.as_str())]);
    for _ in 0..20 {
        let told = explain(&explainer, &asked);
        assert!(told.verdict.forwarded, "{told:#?}");
    }
    let left = |told: &Explanation| -> Vec<(String, Option<u64>)> {
        let limits = told.steps.iter().filter_map(|step| {
            let limit = step.limit.as_ref()?;
            assert_eq!(limit.counted, Counted::Node);
            Some((step.policy.clone(), limit.left))
        });
        limits.collect()
    };
    let named = |door, watched, minute, quota| {
        [
            ("rate_limit/door", door),
            ("rate_limit/watched", watched),
            ("rate_limit/minute", minute),
            ("quota/quota", quota),
        ]
        .map(|(name, left)| (name.to_owned(), Some(left)))
    };
    assert_eq!(left(&explain(&explainer, &asked)), named(3, 1, 2, 3));
    let answer = rig.get("/shop/a", &[&field]).await;
    assert_eq!(answer.status, 200);
    let shown = answer.field("ratelimit").unwrap().to_owned();
    assert!(shown.contains("\"minute\";r=1;"), "{shown}");
    assert_eq!(left(&explain(&explainer, &asked)), named(2, 0, 1, 2));
    assert_eq!(rig.get("/shop/a", &[&field]).await.status, 200);
    let told = explain(&explainer, &asked);
    assert_eq!(left(&told), named(1, 0, 0, 1));
    assert_eq!(
        told.verdict.decided_by.as_deref(),
        Some("rate_limit/minute")
    );
    assert_eq!(told.verdict.code.as_deref(), Some("rate_limited"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_comes_from_and_where_it_goes() {
    let rig = Rig::new(SHOP).await;
    let explainer = explainer(&rig, SHOP);
    let one = key(1);
    let told = explain(
        &explainer,
        &asked(
            "GET",
            "/shop/v1/../a?x=1",
            &[
                ("X-Api-Key", one.as_str()),
                ("X-Forwarded-For", "6.6.6.6"),
                ("Connection", "x-hop"),
                ("X-Hop", "1"),
                ("Accept", "*/*"),
            ],
        ),
    );
    assert_eq!(told.request.sent, "/shop/v1/../a");
    assert_eq!(told.request.path.as_deref(), Some("/shop/a"));
    let told = explain(
        &explainer,
        &asked(
            "GET",
            "/shop/a?x=1",
            &[
                ("X-Api-Key", one.as_str()),
                ("X-Forwarded-For", "6.6.6.6"),
                ("Connection", "x-hop"),
                ("X-Hop", "1"),
                ("Accept", "*/*"),
            ],
        ),
    );
    let place = told.route.as_ref().unwrap();
    assert_eq!(
        (
            place.organization.as_str(),
            place.api.as_str(),
            place.version.as_str()
        ),
        ("default", "shop", "v1")
    );
    let steps: Vec<_> = told
        .steps
        .iter()
        .map(|step| {
            let from = step.from.map(|from| from.as_str());
            (step.policy.as_str(), step.stage.as_str(), from)
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("rate_limit/door", "edge", Some("api")),
            ("key_auth/key_auth", "identity", Some("version")),
            ("subscription", "access", None),
            ("rate_limit/watched", "allowance", Some("version")),
            ("rate_limit/minute", "allowance", Some("plan")),
            ("quota/quota", "allowance", Some("plan")),
        ]
    );
    assert_eq!(told.caller.as_ref().unwrap().plan.as_deref(), Some("five"));
    let upstream = told.upstream.as_ref().unwrap();
    assert_eq!(upstream.upstream, "echo");
    let url = format!("http://{}/base/a", rig.upstream.address);
    assert_eq!(upstream.targets[0].url, url);
    let headers = told.headers.as_ref().unwrap();
    assert_eq!(headers.cut, ["connection", "x-api-key", "x-hop"]);
    assert_eq!(headers.changed, ["host", "x-forwarded-for"]);
    for name in [
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-portunus-application",
        "x-portunus-environment",
        "x-portunus-plan",
        "x-portunus-subscription",
        "x-request-id",
        "x-upstream-token",
    ] {
        assert!(headers.added.iter().any(|added| added == name), "{name}");
    }
    // Neither the key nor the upstream's credential is in any form of the answer.
    let text = Answer {
        past: None,
        now: Some(told.clone()),
        notes: Vec::new(),
    }
    .to_string();
    for said in [serde_json::to_string(&told).unwrap(), text] {
        assert!(
            !said.contains(one.as_str()) && !said.contains("t0p"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_and_why() {
    let rig = Rig::new(SHOP).await;
    let explainer = explainer(&rig, SHOP);
    let lost = |told: &Explanation| -> Vec<(String, Lost)> {
        let runners = told.runners_up.iter();
        runners
            .map(|runner| (runner.place.version.clone(), runner.lost))
            .collect()
    };
    let told = explain(&explainer, &asked("GET", "/shop/v2/x", &[]));
    assert_eq!(told.route.as_ref().unwrap().version, "v2");
    assert_eq!(lost(&told), [("v1".to_owned(), Lost::ShorterPath)]);
    let told = explain(
        &explainer,
        &asked("GET", "/shop/v2/x", &[("Host", "a.example.com")]),
    );
    assert_eq!(told.route.as_ref().unwrap().version, "v3");
    assert_eq!(
        lost(&told),
        [("v2".to_owned(), Lost::Host), ("v1".to_owned(), Lost::Host)]
    );
    let told = explain(
        &explainer,
        &asked("GET", "/open", &[("Host", "a.example.com")]),
    );
    assert_eq!(told.verdict.code.as_deref(), Some("no_route"));
    assert_eq!(lost(&told), [("v1".to_owned(), Lost::Host)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_yours_is_not_there() {
    let rig = Rig::new(SHOP).await;
    let explainer = explainer(&rig, SHOP);
    let shop = explain(&explainer, &asked("GET", "/shop", &[]));
    let sight = Sight::Of {
        apis: BTreeSet::from([shop.route.as_ref().unwrap().api_id]),
        upstreams: BTreeSet::new(),
    };
    let see = |target: &str| {
        let asked = asked("GET", target, &[]);
        let told = explainer.explain(&asked, KeyState::Judged, &sight);
        told.explanation
    };
    let (theirs, mut nothing) = (see("/open/x"), see("/none/x"));
    nothing.request.sent = theirs.request.sent.clone();
    nothing.request.path = theirs.request.path.clone();
    assert_eq!(theirs, nothing);
    assert_eq!(theirs.verdict.code.as_deref(), Some("no_route"));
    let mine = see("/shop/v2");
    assert!(
        mine.verdict.forwarded && mine.upstream.is_none(),
        "{mine:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_by_its_id() {
    let rig = Rig::new(SHOP).await;
    let state = snapshot(SHOP, &rig.upstream, 1);
    let settings = Settings::default();
    let counts = Counts::none(&settings, false);
    let credentials = state.parts.credentials.clone();
    let explainer = Explainer::new(state, settings, counts).unwrap();
    let ask = |digest: &domain::key::ApiKey, key| {
        let digest = domain::key::KeyDigest::of(digest.as_str().as_bytes());
        let found = credentials.iter().find(|known| known.digest == digest);
        let asked = Asked {
            credential: Some(found.unwrap().id),
            ..asked("GET", "/shop", &[])
        };
        explainer.explain(&asked, key, &Sight::Everything)
    };
    let told = ask(&key(1), KeyState::Judged);
    assert!(told.explanation.verdict.forwarded);
    assert_eq!(told.quotas.len(), 1);
    // No gateway counts here, and that is what it says.
    let limits = told
        .explanation
        .steps
        .iter()
        .filter_map(|step| step.limit.as_ref());
    for limit in limits {
        assert_eq!((limit.left, limit.counted), (None, Counted::Elsewhere));
    }
    let told = ask(&key(2), KeyState::Judged);
    assert_eq!(
        told.explanation.verdict.code.as_deref(),
        Some("key_expired")
    );
    let told = ask(&key(2), KeyState::TakenAsGood);
    assert!(told.explanation.verdict.forwarded, "its owner's to see");
}
