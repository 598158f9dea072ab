//! Both ways: settings to a form and back, and what the form does not show.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::read::read;
use super::*;

/// Every field of the page, with what the form holds: as a browser would send it.
fn sent(form: &Form, changed: &[(&str, &str)]) -> Typed {
    let mut names: Vec<String> = plain::all().map(|field| field.name.to_owned()).collect();
    for name in [
        "tls/ca",
        "preserve_host",
        "health/active",
        "breaker/errors",
        "balance/by",
        "balance/by/name",
        "fallback",
        "fallback/answer/status",
        "fallback/answer/content_type",
        "fallback/answer/body",
        "fallback/upstream",
        "mirror/upstream",
        "split/live",
        "split/by",
        "split/by/name",
        "split/ramp/variant",
        "split/ramp/from",
        "split/ramp/to",
        "split/ramp/begins",
        "split/ramp/lasts",
        "split/rollback/variant",
        "split/rollback/against",
        "split/rollback/errors",
        "split/rollback/p95",
        "split/rollback/window",
        "split/rollback/least",
    ] {
        names.push(name.to_owned());
    }
    for row in 0..4 {
        for field in ["url", "weight", "tier", "region", "variant"] {
            names.push(format!("targets/{row}/{field}"));
        }
        for field in ["name", "share"] {
            names.push(format!("split/variants/{row}/{field}"));
        }
    }
    let boxes = ["preserve_host", "health/active", "breaker/errors"];
    let values = names.into_iter().map(|name| {
        let change = changed.iter().find(|(known, _)| *known == name);
        let value = change.map_or(form.value(&name), |(_, value)| *value);
        (name.clone(), value.to_owned())
    });
    let values =
        values.filter(|(name, value)| !boxes.contains(&name.as_str()) || !value.is_empty());
    Typed::new(values.collect()).unwrap()
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn settings(value: serde_json::Value) -> UpstreamSettings {
    serde_json::from_value(value).unwrap()
}

fn full() -> UpstreamSettings {
    settings(json!({
        "targets": [
            { "url": "http://a", "weight": 3, "region": "eu-1", "variant": "stable" },
            { "url": "http://b", "tier": 2, "variant": "canary" },
        ],
        "timeouts": { "connect": "5s", "total": "90s" },
        "tls": { "ca": "PEM\nPEM", "server_name": "x.org" },
        "preserve_host": true,
        "protocol": "http2",
        "balance": { "algorithm": "consistent_hash", "by": { "header": "x-user" }, "bound": 200,
            "slow_start": "30s", "sticky": { "cookie": "at", "max_age": "2h" } },
        "health": { "active": { "path": "/h", "statuses": [200, 204], "interval": "10s" },
            "passive": { "failures": 0, "longest": "24h" }, "panic": 20 },
        "retries": { "tries": 3, "statuses": [502], "budget": 0 },
        "breaker": { "in_flight": 500, "errors": { "ratio": 30 } },
        "fallback": { "answer": { "status": 503, "body": "a\nb" } },
        "mirror": { "upstream": "00000000-0000-0000-0000-000000000008", "sample": 10, "timeout": "5s" },
        "hedge": { "after": "200ms", "max": 2 },
        "split": { "variants": { "stable": { "share": 1 }, "canary": {} }, "by": { "cookie": "v" },
            "sticky": "address",
            "ramp": { "variant": "canary", "from": 1, "begins": "2026-12-01T08:00:00Z", "lasts": "2h" },
            "rollback": { "variant": "canary", "against": "stable", "p95": 50 } },
    }))
}

#[test]
fn settings_are_shown_and_read_again() {
    let plain = settings(json!({ "targets": [{ "url": "http://a" }] }));
    let live = settings(json!({
        "targets": [{ "url": "http://a", "variant": "blue" }, { "url": "http://b", "variant": "green" }],
        "balance": { "algorithm": "consistent_hash", "by": "path" },
        "fallback": { "upstream": "00000000-0000-0000-0000-000000000007" },
        "health": { "active": { "kind": "grpc", "service": "pets.Pets" } },
        "breaker": { "errors": {} }, "split": { "live": "blue", "by": { "claim": "realm.variant" } },
        "mirror": { "upstream": "00000000-0000-0000-0000-000000000008" }, "hedge": { "after": "p95", "least": "20ms" },
    }));
    for settings in [plain, live, full()] {
        let form = shown(Form::default(), &settings);
        let typed = sent(&form, &[]);
        assert_eq!(read(&typed, Some(&settings), now()), Ok(settings.clone()));
        // The form alone says all of it too: nothing leaned on what was stored.
        assert_eq!(read(&typed, None, now()), Ok(settings));
    }
}

#[test]
fn what_is_a_default_is_left_empty() {
    let form = shown(
        Form::default(),
        &settings(json!({ "targets": [{ "url": "http://a" }], "health": { "active": {} } })),
    );
    for name in [
        "targets/0/weight",
        "timeouts/connect",
        "balance/algorithm",
        "health/active/interval",
    ] {
        assert_eq!(form.value(name), "", "{name}");
    }
    for (name, default) in [
        ("timeouts/first_byte", "30s"),
        ("retries/statuses", "502 503 504"),
        ("health/passive/failures", "5"),
        ("breaker/errors/probes", "3"),
        ("timeouts/total", ""),
        ("mirror/sample", "100"),
        ("mirror/body", "65536"),
        ("mirror/upstream", ""),
        ("hedge/max", "1"),
        ("hedge/least", "10ms"),
        ("hedge/after", ""),
    ] {
        assert_eq!(default_of(name), default, "{name}");
    }
    let cleared = [
        ("health/active", ""),
        ("timeouts/connect", ""),
        ("split/live", ""),
        ("mirror/upstream", ""),
        ("hedge/after", ""),
        ("balance/sticky/cookie", ""),
    ];
    let before = full();
    let form = shown(Form::default(), &before);
    let read = read(&sent(&form, &cleared), Some(&before), now()).unwrap();
    assert_eq!(read.health.active, None);
    assert_eq!(read.timeouts.connect.to_string(), "2s");
    assert_eq!(
        (read.mirror, read.hedge, read.balance.sticky),
        (None, None, None)
    );
}

/// Fields that the page does not have, of this release or a later one, in whatever it edits.
#[test]
fn what_is_not_shown_is_kept() {
    let before = full();
    // A page of a former release, or a program, sends a few fields only.
    let typed = |values: &[(&str, &str)]| {
        let values = values.iter();
        let values = values.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Typed::new(values.collect()).unwrap()
    };
    let few = typed(&[("name", "x"), ("timeouts/idle", "7s")]);
    let mut expected = before.clone();
    expected.timeouts.idle = "7s".parse().unwrap();
    assert_eq!(read(&few, Some(&before), now()), Ok(expected));
    // A row that is moved up by emptying the one before keeps what is its own.
    let form = shown(Form::default(), &before);
    let read = read(&sent(&form, &[("targets/0/url", "")]), Some(&before), now()).unwrap();
    assert_eq!(read.targets, before.targets[1..]);
}

#[test]
fn what_cannot_be_read_is_told_at_its_field() {
    let form = shown(Form::default(), &full());
    for (name, value) in [
        ("timeouts/connect", "2"),
        ("targets/1/weight", "many"),
        ("targets/1/tier", "256"),
        ("health/active/statuses", "2xx"),
        ("health/passive/failures", "-1"),
        ("retries/tries", "256"),
        ("balance/sticky/max_age", "long"),
        ("breaker/errors/window", "soon"),
        ("hedge/after", "200"),
        ("hedge/max", "two"),
        ("mirror/upstream", "other"),
        ("mirror/body", "64 KiB"),
        ("split/variants/0/share", "x"),
        ("split/ramp/begins", "tomorrow"),
        ("split/ramp/lasts", ""),
        ("split/rollback/against", ""),
        ("fallback/answer/status", "ok"),
    ] {
        let found = read(&sent(&form, &[(name, value)]), Some(&full()), now()).unwrap_err();
        let pointers: Vec<_> = found.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(pointers, [format!("/{name}")], "{value}");
    }
    let twice = [("split/variants/1/name", "canary")];
    let found = read(&sent(&form, &twice), Some(&full()), now()).unwrap_err();
    assert_eq!(found[0].pointer, "/split/variants/1/name");
    let now_begun = [("split/ramp/begins", "")];
    let read = read(&sent(&form, &now_begun), Some(&full()), now()).unwrap();
    assert_eq!(read.split.unwrap().ramp.unwrap().begins, now());
}

#[test]
fn what_is_wrong_comes_to_its_field() {
    let form = shown(Form::default(), &full());
    let typed = sent(&form, &[("targets/0/url", "")]);
    for (pointer, field) in [
        ("/settings/targets", "/targets"),
        // The first row was left out.
        ("/settings/targets/0/url", "/targets/1/url"),
        ("/settings/timeouts/total", "/timeouts/total"),
        ("/settings/tls/ca", "/tls/ca"),
        ("/settings/tls/server_name", "/tls/server_name"),
        ("/settings/balance/by/header", "/balance/by/name"),
        ("/settings/balance/by", "/balance/by"),
        ("/settings/split/variants", "/split/variants/0/name"),
        ("/settings/split/variants/canary", "/split/variants/0/name"),
        (
            "/settings/split/variants/stable/share",
            "/split/variants/1/share",
        ),
        ("/settings/split/by", "/split/by/name"),
        ("/settings/split/ramp/to", "/split/ramp/to"),
        ("/settings/mirror/sample", "/mirror/sample"),
        ("/settings/targets/0/region", "/targets/1/region"),
        ("/settings/hedge", "/hedge/after"),
        ("/name", "/name"),
    ] {
        let mut found = [Invalid::new(pointer, "x")];
        at_fields(&typed, &mut found);
        assert_eq!(found[0].pointer, field, "{pointer}");
    }
}
