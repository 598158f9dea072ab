//! What limits say of themselves, and what is wrong with them.

use super::*;

fn limit(limit: u32, window_s: u64, scope: Scope) -> RateLimit {
    RateLimit {
        mode: Mode::Enforce,
        name: None,
        limit,
        window: Span::from_secs(window_s),
        burst: None,
        by: Vec::new(),
        headers: Vec::new(),
        claims: Vec::new(),
        cost: None,
        cost_from: None,
        algorithm: Algorithm::TokenBucket,
        delay: None,
        waiting: None,
        scope,
    }
}

#[test]
fn everything_wrong_is_named() {
    for (json, pointers) in [
        (
            r#"{"limit":5,"window":"60s","headers":["X-Tenant"],"claims":["org.id"],"cost":5}"#,
            &[][..],
        ),
        (
            r#"{"limit":5,"window":"60s","headers":["a b","","X-A"],"claims":[""],"cost":6}"#,
            &["/headers/0", "/headers/1", "/claims/0", "/cost"],
        ),
        (
            r#"{"limit":5,"window":"60s","headers":["a","b","c","d","e","f"],"cost":0}"#,
            &["/headers", "/cost"],
        ),
        (
            r#"{"limit":5,"window":"60s","cost":2,"delay":"2s","waiting":1,"scope":"cluster"}"#,
            &[],
        ),
        (
            r#"{"limit":5,"window":"60s","cost":6,"delay":"1ms","waiting":0,"scope":"cluster"}"#,
            &["/delay", "/waiting", "/cost"],
        ),
        (r#"{"limit":5,"window":"60s","waiting":5}"#, &["/waiting"]),
        (
            r#"{"limit":5,"window":"60s","delay":"1s","waiting":1001}"#,
            &["/waiting"],
        ),
        (
            r#"{"limit":5,"window":"60s","cost":2,"cost_from":{"header":"X-Cost","max":2}}"#,
            &[],
        ),
        (
            r#"{"limit":5,"window":"60s","cost":2,"cost_from":{"header":"a b","max":1,"keep":true}}"#,
            &["/cost_from/header", "/cost_from/max"],
        ),
        (
            r#"{"limit":5,"window":"60s","algorithm":"sliding_window","cost_from":{"header":"Content-Length","max":1000000001}}"#,
            &["/cost_from/header", "/cost_from/max"],
        ),
        (
            r#"{"limit":5,"window":"60s","algorithm":"fixed_window","cost":5}"#,
            &[],
        ),
        (
            r#"{"limit":2000000,"window":"60s","algorithm":"sliding_window","burst":1,"delay":"1s","scope":"cluster"}"#,
            &["/burst", "/delay", "/limit"],
        ),
        (
            r#"{"limit":5,"window":"60s","algorithm":"fixed_window","cost":2,"scope":"cluster"}"#,
            &[],
        ),
        (
            r#"{"limit":5,"window":"60s","algorithm":"sliding_window","cost_from":{"header":"X-Cost","max":2},"scope":"cluster"}"#,
            &[],
        ),
        (r#"{"limit":5,"window":"60s","delay":"2s"}"#, &[]),
        (r#"{"limit":5,"window":"60s","delay":"1m"}"#, &["/delay"]),
        (
            r#"{"limit":5,"window":"60s","delay":"2s","scope":"cluster"}"#,
            &[],
        ),
    ] {
        let policy: RateLimit = serde_json::from_str(json).unwrap();
        let found: Vec<_> = policy.check().into_iter().map(|one| one.pointer).collect();
        assert_eq!(found, pointers, "{json}");
    }
}

#[test]
fn the_overshoot_follows_nodes_burst_and_rate() {
    let of = |requests, window_s, nodes| {
        let Overshoot { late, lost } = limit(requests, window_s, Scope::Cluster).overshoot(nodes);
        (late, lost)
    };
    assert_eq!(of(100, 60, 1), (0, 0), "one node counts exactly");
    assert_eq!(of(100, 60, 2), (10 + 2, 12 + 50));
    assert_eq!(of(5, 60, 2), (3 + 1, 4 + 3));
    assert_eq!(of(1000, 60, 2), (100 + 17, 117 + 500));
    assert_eq!(of(1000, 60, 10), (9 * 20 + 17, 197 + 900));
    assert_eq!(of(1_000_000_000, 1, 2), (1_100_000_000, 1_600_000_000));
    let dear = RateLimit {
        cost: Some(5),
        ..limit(1000, 60, Scope::Cluster)
    };
    // 200 requests of five each: 20 of them ahead, and 4 that are refilled in a second.
    assert_eq!(
        dear.overshoot(2),
        Overshoot {
            late: 5 * (20 + 4),
            lost: 5 * (24 + 100)
        }
    );
    // Of windows nothing is refilled, and a sliding one counts the window before.
    for (algorithm, cost, nodes, late, lost) in [
        (Algorithm::FixedWindow, 1, 1, 0, 0),
        (Algorithm::FixedWindow, 1, 2, 100, 100 + 500),
        (Algorithm::FixedWindow, 1, 3, 2 * 67, 2 * 67 + 2 * 334),
        (Algorithm::FixedWindow, 5, 2, 5 * 20, 5 * 20 + 500),
        (
            Algorithm::FixedWindow,
            1000,
            3,
            2 * 1000,
            2 * 1000 + 2 * 1000,
        ),
        (Algorithm::SlidingWindow, 1, 2, 3 * 100, 3 * 100 + 500),
    ] {
        let window = RateLimit {
            algorithm,
            cost: Some(cost),
            ..limit(1000, 60, Scope::Cluster)
        };
        let stated = window.overshoot(nodes);
        assert_eq!(stated, Overshoot { late, lost }, "{algorithm:?} {nodes}");
    }
    let told = RateLimit {
        cost_from: Some(CostFrom {
            header: "X-Cost".to_owned(),
            max: 50,
            keep: false,
        }),
        ..limit(1000, 60, Scope::Cluster)
    };
    let both = RateLimit {
        cost: Some(5),
        ..told.clone()
    };
    // Of a whole burst, each may cost so much.
    for (limit, nodes, owed) in [
        (&dear, 3, 0),
        (&told, 1, 1000 * 50),
        (&told, 3, 3 * 1000 * 50),
        (&both, 2, 2 * 200 * 50),
    ] {
        assert_eq!(limit.owed(nodes), owed, "{nodes}");
    }
    let node = limit(100, 60, Scope::Node).overshoot(3);
    assert_eq!(
        node,
        Overshoot {
            late: 200,
            lost: 200
        }
    );
}

#[test]
fn the_scope_is_written_where_it_is_not_the_usual_one() {
    let cluster = r#"{"limit":5,"window":"1s","scope":"cluster"}"#;
    let read: RateLimit = serde_json::from_str(cluster).unwrap();
    assert_eq!(
        serde_json::to_string(&read)
            .unwrap()
            .matches("scope")
            .count(),
        1
    );
    assert_eq!(read.words(), "5 in 1s on all nodes together");
    let node: RateLimit = serde_json::from_str(r#"{"limit":5,"window":"1s"}"#).unwrap();
    assert_eq!(node.scope, Scope::Node);
    assert!(!serde_json::to_string(&node).unwrap().contains("scope"));
}
