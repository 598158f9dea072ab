//! Variants of an upstream: shares, names, ramps, and what loses its share.

use std::net::SocketAddr;

use domain::explain::Destination;
use gateway::Settings;
use gateway::explain::Explainer;

use crate::explain::shop::{asked, explain};
use crate::rig::moody::Moody;
use crate::rig::{Rig, Upstream, snapshot};
use crate::upstreams::{DOWN_FOR_AN_HOUR, always, metric, nobody};

/// A file over a stable target and a canary.
fn file(stable: SocketAddr, canary: SocketAddr, split: &str) -> String {
    format!(
        "portunus: 1\nupstreams: {{ u: {{ retries: {{ tries: 1 }}, targets: [\
         {{ url: \"http://{stable}\", variant: stable }}, {{ url: \"http://{canary}\", variant: canary }}], \
         split: {{ {split} }} }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: u }} }} }} }}\n"
    )
}

/// One worker; every client is known by the address that it says it has.
async fn rig(text: &str) -> Rig {
    Rig::with(text, |settings| {
        settings.workers = Some(1);
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

fn from(client: u32) -> String {
    let [_, b, c, d] = client.to_be_bytes();
    format!("X-Forwarded-For: 10.{b}.{c}.{d}")
}

const NAMED: &str =
    "variants: { stable: { share: 1 }, canary: { share: 0 } }, by: { header: X-Variant }";

#[tokio::test(flavor = "multi_thread")]
async fn shares_hold_and_a_caller_stays() {
    let (stable, canary) = (Upstream::start().await, Upstream::start().await);
    let split = "variants: { stable: { share: 3 }, canary: { share: 1 } }";
    let rig = rig(&file(stable.address, canary.address, split)).await;
    let mut client = rig.client().await;
    for caller in 0..200 {
        let from = from(caller);
        let first = client.get("/x", &[&from]).await.seen("host");
        assert_eq!(client.get("/x", &[&from]).await.seen("host"), first);
    }
    let share = canary.requests();
    assert!(
        (60..140).contains(&share),
        "about a quarter of 400: {share}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_may_name_its_variant() {
    let (stable, canary) = (Upstream::start().await, Upstream::start().await);
    let rig = rig(&file(stable.address, canary.address, NAMED)).await;
    let mut client = rig.client().await;
    for (field, canaries) in [
        ("X-Variant: canary", 1),
        ("X-Variant: stable", 1),
        ("X-Variant: other", 1),
        ("x-variant: canary", 2),
    ] {
        client.get("/x", &[field]).await;
        assert_eq!(canary.requests(), canaries, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_variants_target_is_none_to_ask_instead() {
    let stable = Upstream::start().await;
    let canary = always(DOWN_FOR_AN_HOUR).await;
    let text = file(stable.address, canary, NAMED).replace("tries: 1", "tries: 2");
    let rig = rig(&text).await;
    let answer = rig.get("/x", &["X-Variant: canary"]).await;
    assert_eq!(answer.status, 503);
    let records = rig.wait_records(1).await;
    assert_eq!(records[0].tries, 1, "its own wants to be left alone");
}

/// A cache draws the variant beforehand, as it is among what an answer is found by.
#[tokio::test(flavor = "multi_thread")]
async fn who_stands_in_has_variants_of_its_own() {
    let (a, b, c) = (nobody().await, nobody().await, nobody().await);
    let (one, two) = (Upstream::start().await, Upstream::start().await);
    let target = |address, variant| format!("{{ url: \"http://{address}\", variant: {variant} }}");
    let text = format!(
        "portunus: 1\nupstreams:\n  \
         main: {{ retries: {{ tries: 1 }}, breaker: {{ errors: {{ least: 4 }} }}, fallback: {{ upstream: spare }}, targets: [{}, {}, {}], \
         split: {{ variants: {{ a: {{ share: 0 }}, b: {{ share: 0 }}, c: {{ share: 1 }} }} }} }}\n  \
         spare: {{ targets: [{}, {}], split: {{ variants: {{ a: {{ share: 1 }}, b: {{ share: 1 }} }} }} }}\n\
         apis: {{ x: {{ versions: {{ v1: {{ match: {{ path: /x }}, upstream: main, policies: [{{ cache: {{ ttl: 60s }} }}] }} }} }} }}\n",
        target(a, "a"),
        target(b, "b"),
        target(c, "c"),
        target(one.address, "a"),
        target(two.address, "b"),
    );
    let rig = rig(&text).await;
    for _ in 0..4 {
        assert_eq!(rig.get("/x", &[]).await.status, 502);
    }
    assert_eq!(rig.get("/x", &[]).await.status, 200);
    assert_eq!(one.requests() + two.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn blue_and_green_switch_in_one_step() {
    let (blue, green) = (Upstream::start().await, Upstream::start().await);
    let text = file(blue.address, green.address, "live: stable");
    let rig = rig(&text).await;
    let mut client = rig.client().await;
    let mut number = 1;
    for (live, counts) in [("stable", (5, 0)), ("canary", (5, 5)), ("stable", (10, 5))] {
        number += 1;
        let text = text.replace("live: stable", &format!("live: {live}"));
        rig.load(&text, number).await;
        for caller in 0..5 {
            assert_eq!(client.get("/x", &[&from(caller)]).await.status, 200);
        }
        assert_eq!((blue.requests(), green.requests()), counts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ramp_grows_with_the_clock() {
    let (stable, canary) = (Upstream::start().await, Upstream::start().await);
    let split = "variants: { stable: { share: 1 }, canary: {} }, \
                 ramp: { variant: canary, begins: 2026-11-20T12:00:00Z, lasts: 100s }";
    let rig = rig(&file(stable.address, canary.address, split)).await;
    let mut before = 0;
    for (seconds, least, most) in [(0, 0, 0), (50, 35, 65), (50, 100, 100)] {
        rig.advance(seconds);
        let mut client = rig.client().await;
        for caller in 0..100 {
            client.get("/x", &[&from(caller)]).await;
        }
        let share = canary.requests() - before;
        assert!((least..=most).contains(&share), "{seconds}: {share}");
        before = canary.requests();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_loses_its_share() {
    let (stable, canary) = (Moody::start().await, Moody::start().await);
    let split = "variants: { stable: { share: 1 }, canary: { share: 1 } }, sticky: nothing, \
                 rollback: { variant: canary, against: stable, least: 5, window: 10s }";
    let text = file(stable.address, canary.address, split);
    let text = text.replace("retries:", "health: { passive: { failures: 0 } }, retries:");
    let rig = rig(&text).await;
    canary.answers(500);
    let mut client = rig.client().await;
    for _ in 0..60 {
        client.get("/x", &[]).await;
    }
    assert!(canary.requests() >= 5 && stable.requests() >= 5);
    assert_eq!(
        metric(&rig, "portunus_upstream_rolled_back_total ").await,
        0
    );
    rig.advance(11);
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    // With the first try after the window it is judged.
    client.get("/x", &[]).await;
    assert_eq!(
        metric(&rig, "portunus_upstream_rolled_back_total ").await,
        1
    );
    let before = canary.requests();
    for _ in 0..20 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    // A change elsewhere in the upstream does not give the share back, one of the split does.
    rig.load(&text.replace("tries: 1", "tries: 2"), 2).await;
    for _ in 0..20 {
        assert_eq!(client.get("/x", &[]).await.status, 200);
    }
    assert_eq!(canary.requests(), before);
    rig.load(&text.replace("least: 5", "least: 50"), 3).await;
    for _ in 0..20 {
        client.get("/x", &[]).await;
    }
    assert!(canary.requests() > before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variant_without_a_healthy_target_is_served_by_the_other() {
    let (stable, canary) = (Moody::start().await, Moody::start().await);
    let text = file(stable.address, canary.address, NAMED);
    let rig = rig(&text).await;
    canary.answers(500);
    let mut client = rig.client().await;
    for _ in 0..5 {
        let failed = client.get("/x", &["X-Variant: canary"]).await;
        assert_eq!(failed.status, 500);
    }
    assert_eq!(metric(&rig, "portunus_upstream_ejected_total ").await, 1);
    let covered = client.get("/x", &["X-Variant: canary"]).await;
    assert_eq!((covered.status, stable.requests()), (200, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_names_the_variant_that_was_asked() {
    let (stable, canary) = (Moody::start().await, Moody::start().await);
    let text = file(stable.address, canary.address, NAMED);
    let rig = rig(&text).await;
    let mut client = rig.client().await;
    client.get("/x", &[]).await;
    assert_eq!(rig.wait_records(1).await[0].variant, "stable");
    canary.answers(500);
    for _ in 0..5 {
        client.get("/x", &["X-Variant: canary"]).await;
        assert_eq!(rig.wait_records(1).await[0].variant, "canary");
    }
    // It is ejected now: what answers is what counts.
    client.get("/x", &["X-Variant: canary"]).await;
    let covered = &rig.wait_records(1).await[0];
    assert_eq!((covered.status, covered.variant.as_str()), (200, "stable"));
    // Nobody was asked.
    client.get("/nowhere", &[]).await;
    assert_eq!(rig.wait_records(1).await[0].variant, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variant_is_explained() {
    let (stable, canary) = (Upstream::start().await, Upstream::start().await);
    let by_chance = NAMED.replace("share: 0", "share: 1") + ", sticky: nothing";
    let halves = NAMED.replace("share: 0", "share: 1");
    for (split, field, variant) in [
        (NAMED, "", Some("stable")),
        (NAMED, "canary", Some("canary")),
        (NAMED, "other", Some("stable")),
        ("live: canary", "", Some("canary")),
        (&by_chance, "", None),
        (&by_chance, "canary", Some("canary")),
    ] {
        let text = file(stable.address, canary.address, split);
        let told = explained(&text, field).await;
        assert_eq!(told.variant.as_deref(), variant, "{split} {field}");
        let of: Vec<_> = told
            .targets
            .iter()
            .map(|one| one.variant.as_deref())
            .collect();
        assert_eq!(of, [Some("stable"), Some("canary")]);
    }
    // By share it is the one that the gateway chooses too.
    let text = file(stable.address, canary.address, &halves);
    let told = explained(&text, "").await.variant;
    let rig = Rig::new(&text).await;
    rig.client().await.get("/x", &[]).await;
    assert_eq!(Some(&rig.wait_records(1).await[0].variant), told.as_ref());
}

async fn explained(text: &str, named: &str) -> Destination {
    let rig = Rig::new(text).await;
    let state = snapshot(text, &rig.upstream, 1);
    let explainer = Explainer::new(state, Settings::default(), rig.handle.counts(false)).unwrap();
    let fields = [("X-Variant", named)];
    let fields = if named.is_empty() { &[][..] } else { &fields };
    explain(&explainer, &asked("GET", "/x", fields))
        .upstream
        .unwrap()
}
