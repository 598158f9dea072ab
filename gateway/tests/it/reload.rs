//! Changes of configuration while requests are served.

use std::time::Duration;

use domain::snapshot::{Delta, Kind, Parts};
use domain::subscription::SubscriptionState;
use gateway::source::Change;

use crate::rig::{Rig, key, snapshot};

const SHOP: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis: { shop: { versions: { v1: { match: { path: /shop }, upstream: echo, policies: [{ key_auth: {} }] } } } }
products: { shop: { versions: [shop/v1], plans: { free: { policies: [{ rate_limit: { limit: 2, window: 60s } }] } } } }
applications: { a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: free }] } }
"#;

fn delta(from: u64, state: u64) -> Delta {
    Delta {
        from,
        state,
        put: Parts::default(),
        gone: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_changes_what_it_names() {
    let rig = Rig::new(SHOP).await;
    let field = format!("X-Api-Key: {}", key(1).as_str());
    assert_eq!(rig.get("/shop", &[&field]).await.status, 200);
    let whole = snapshot(SHOP, &rig.upstream, 1).parts;

    let mut revoked = whole.credentials[0].clone();
    revoked.lifetime.revoked_at = Some(rig.now());
    let mut change = delta(1, 2);
    change.put.credentials.push(revoked);
    rig.change(Change::Delta(Box::new(change)), 2).await;
    assert_eq!(rig.get("/shop", &[&field]).await.code(), "key_revoked");

    let mut change = delta(2, 3);
    change.put.credentials = whole.credentials.clone();
    change.put.organizations = whole.organizations.clone();
    change.put.organizations[0].suspended = true;
    rig.change(Change::Delta(Box::new(change)), 3).await;
    assert_eq!(
        rig.get("/shop", &[&field]).await.code(),
        "organization_suspended"
    );

    let mut change = delta(3, 4);
    change.put.organizations = whole.organizations.clone();
    change.put.versions = whole.versions.clone();
    change.put.versions[0].revision.route.path = "/moved".to_owned();
    rig.change(Change::Delta(Box::new(change)), 4).await;
    assert_eq!(rig.get("/shop", &[&field]).await.code(), "no_route");
    assert_eq!(rig.get("/moved", &[&field]).await.status, 200);
    assert_eq!(
        rig.get("/moved", &[&field]).await.code(),
        "rate_limited",
        "the cell survived every change"
    );

    let mut change = delta(4, 5);
    change
        .gone
        .push((Kind::Subscription, whole.subscriptions[0].id.uuid()));
    rig.change(Change::Delta(Box::new(change)), 5).await;
    assert_eq!(rig.get("/moved", &[&field]).await.code(), "not_subscribed");

    let mut change = delta(5, 6);
    change
        .gone
        .push((Kind::Credential, whole.credentials[0].id.uuid()));
    change
        .gone
        .push((Kind::Version, whole.versions[0].id.uuid()));
    rig.change(Change::Delta(Box::new(change)), 6).await;
    assert_eq!(rig.get("/moved", &[&field]).await.code(), "no_route");
}

/// What its owner, the API's owner and time may have made of it; each is told by its code.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_lets_through_as_its_state_says() {
    use SubscriptionState as S;
    let rig = Rig::new(SHOP).await;
    let field = format!("X-Api-Key: {}", key(1).as_str());
    let whole = snapshot(SHOP, &rig.upstream, 1).parts;
    let states = [
        (S::Suspended, "subscription_suspended"),
        (S::Approved, ""),
        (S::Revoked, "subscription_revoked"),
        (S::Expired, "subscription_expired"),
        (S::Pending, "subscription_pending"),
        (S::Rejected, "not_subscribed"),
        (S::Withdrawn, "not_subscribed"),
        (S::Cancelled, "not_subscribed"),
        (S::Approved, ""),
    ];
    for (number, (state, code)) in (2..).zip(states) {
        let mut changed = whole.subscriptions[0].clone();
        changed.state = state;
        let mut change = delta(number - 1, number);
        change.put.subscriptions.push(changed);
        rig.change(Change::Delta(Box::new(change)), number).await;
        let answer = rig.get("/shop", &[&field]).await;
        let record = rig.wait_records(1).await.remove(0);
        match code {
            "" => assert_eq!(answer.status, 200, "{state:?}"),
            code => assert_eq!((answer.status, &*answer.code()), (403, code)),
        }
        assert_eq!(record.code, code, "{state:?}");
        assert!(!record.application.is_nil(), "{state:?}: whose it was");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_asks_for_everything() {
    let rig = Rig::new(SHOP).await;
    rig.changes
        .send(Change::Delta(Box::new(delta(5, 6))))
        .await
        .unwrap();
    let mut needs_full = rig.handle.needs_full.clone();
    needs_full.wait_for(|needed| *needed).await.unwrap();
    rig.load(SHOP, 6).await;
    assert!(!*needs_full.borrow());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_does_not_compile_stops_its_own_route_only() {
    let rig = Rig::new(SHOP).await;
    let mut whole = snapshot(SHOP, &rig.upstream, 2);
    let mut broken = whole.parts.versions[0].clone();
    broken.id = domain::id::VersionId::from_name("version", "broken");
    broken.revision.route.path = "/broken".to_owned();
    broken.revision.policies =
        serde_json::from_str(r#"[{"rate_limit":{"limit":0,"window":"60s"}}]"#).unwrap();
    whole.parts.versions.push(broken);
    rig.change(Change::Full(Box::new(whole)), 2).await;
    let answer = rig.get("/broken", &[]).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (500, "policy_invalid")
    );
    assert_eq!(rig.get("/shop", &[]).await.code(), "key_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_followed_and_a_bad_one_is_not() {
    let rig = Rig::new("portunus: 1\n").await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gateway.yaml");
    let text = |prefix: &str| {
        format!(
            "portunus: 1\nupstreams: {{ u: {{ targets: [{{ url: 'http://{}' }}] }} }}\napis: {{ x: {{ versions: {{ v1: {{ match: {{ path: {prefix} }}, upstream: u }} }} }} }}\n",
            rig.upstream.address
        )
    };
    std::fs::write(&path, text("/one")).unwrap();
    let first = gateway::source::file::read(&path, 2, &|_| None).unwrap();
    tokio::spawn(gateway::source::file::follow(
        path.clone(),
        first,
        rig.changes.clone(),
    ));
    let mut state = rig.handle.state.clone();
    state.wait_for(|number| *number == 2).await.unwrap();
    rig.handle.ready().await;
    assert_eq!(rig.get("/one", &[]).await.status, 200);
    std::fs::write(&path, "portunus: 1\napis: 7\n").unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(
        rig.get("/one", &[]).await.status,
        200,
        "a bad file changes nothing"
    );
    std::fs::write(&path, text("/another")).unwrap();
    state.wait_for(|number| *number == 3).await.unwrap();
    rig.handle.ready().await;
    assert_eq!(rig.get("/another", &[]).await.status, 200);
    assert_eq!(rig.get("/one", &[]).await.status, 404);
}
