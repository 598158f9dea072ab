//! `auth_guard` by user name: one that is guessed from many addresses is not heard, but where it was
//! shown with its password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::rig::{Rig, key};

const PASSWORD: &str = "a password of many letters";

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    policies: [{ auth_guard: { limit: 100, user_limit: 3, allow: ["10.9.0.0/16"] } }]
    versions:
      basic: { match: { path: /basic }, upstream: echo, policies: [{ basic_auth: {} }] }
      either: { match: { path: /either }, upstream: echo, policies: [{ any_of: { of: [{ key_auth: {} }, { basic_auth: {} }] } }] }
      keys: { match: { path: /keys }, upstream: echo, policies: [{ key_auth: {} }] }
  uncounted:
    policies: [{ auth_guard: { limit: 100, user_limit: 0 } }]
    versions:
      basic: { match: { path: /uncounted }, upstream: echo, policies: [{ basic_auth: {} }] }
  watched:
    policies: [{ auth_guard: { mode: observe, limit: 100, user_limit: 1 } }]
    versions:
      basic: { match: { path: /watched }, upstream: echo, policies: [{ basic_auth: {} }] }
products:
  shop: { versions: [shop/basic, shop/either, shop/keys, uncounted/basic, watched/basic], plans: { free: {} } }
applications:
  a:
    keys: [{ name: k, value: "@KEY1@" }]
    passwords: [{ name: p, user: bo, value: "a password of many letters" }, { name: q, user: al, value: "a password of many letters" }]
    subscriptions: [{ product: shop, plan: free }]
  b:
    passwords: [{ name: p, user: cy, value: "a password of many letters" }]
"#;

async fn rig() -> Rig {
    Rig::with(FILE, |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

/// The status of a request with a user name and a password, and of a refusal its code.
async fn show(rig: &Rig, path: &str, from: &str, user: &str, password: &str) -> (u16, String) {
    let from = format!("X-Forwarded-For: {from}");
    let pair = STANDARD.encode(format!("{user}:{password}"));
    let answer = rig
        .get(path, &[&from, &format!("Authorization: Basic {pair}")])
        .await;
    let code = match answer.status {
        200 => String::new(),
        _ => answer.code(),
    };
    (answer.status, code)
}

fn good() -> (u16, String) {
    (200, String::new())
}

fn wrong() -> (u16, String) {
    (401, "password_invalid".to_owned())
}

fn guarded() -> (u16, String) {
    (429, "guarded".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_guessed_from_many_addresses_is_heard_where_it_is_known() {
    let rig = rig().await;
    assert_eq!(
        show(&rig, "/basic", "1.0.0.1", "bo", PASSWORD).await,
        good()
    );
    // Whether anybody has the name makes no difference.
    for user in ["bo", "nobody"] {
        for last in 0..3 {
            let from = format!("2.0.0.{last}");
            assert_eq!(show(&rig, "/basic", &from, user, "guess").await, wrong());
        }
        for (from, password) in [("2.0.0.9", "guess"), ("2.0.0.0", "guess")] {
            let said = show(&rig, "/basic", from, user, password).await;
            assert_eq!(said, guarded(), "{user} from {from}");
        }
    }
    for (path, from, user, wanted) in [
        ("/basic", "1.0.0.1", "bo", good()),
        ("/basic", "1.0.0.2", "bo", guarded()),
        // The guard of an API counts for all of its versions.
        ("/either", "1.0.0.2", "bo", guarded()),
        ("/basic", "10.9.0.1", "bo", good()),
        ("/basic", "2.0.0.0", "al", good()),
        ("/uncounted", "1.0.0.2", "bo", good()),
    ] {
        let said = show(&rig, path, from, user, PASSWORD).await;
        assert_eq!(said, wanted, "{path} from {from} as {user}");
    }
    // Where passwords are not looked at, names are not.
    let keyed = show(&rig, "/keys", "1.0.0.2", "bo", PASSWORD).await;
    assert_eq!(keyed, (401, "key_missing".to_owned()));
    rig.advance(60);
    assert_eq!(
        show(&rig, "/basic", "1.0.0.2", "bo", PASSWORD).await,
        good()
    );
    let metrics = rig.admin("/metrics").await.body;
    for line in [
        "portunus_guard_users 2",
        "portunus_guard_users_overflowed_total 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_credential_makes_no_address_known() {
    let rig = rig().await;
    let guess = format!("Authorization: Basic {}", STANDARD.encode("bo:guess"));
    let shown = format!("X-Api-Key: {}", key(1).as_str());
    let from = "X-Forwarded-For: 2.0.0.1";
    let answer = rig.get("/either", &[from, &guess, &shown]).await;
    assert_eq!(answer.status, 200, "its key counts");
    for _ in 0..3 {
        assert_eq!(
            show(&rig, "/either", "2.0.0.1", "bo", "guess").await,
            wrong()
        );
    }
    assert_eq!(
        show(&rig, "/either", "2.0.0.1", "bo", "guess").await,
        guarded()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_address_does_not_count_and_what_is_no_pair_has_no_name() {
    let rig = rig().await;
    assert_eq!(
        show(&rig, "/basic", "1.0.0.1", "bo", PASSWORD).await,
        good()
    );
    for _ in 0..9 {
        assert_eq!(show(&rig, "/basic", "1.0.0.1", "bo", "typo").await, wrong());
        let odd = rig.get("/basic", &["Authorization: Basic ???"]).await;
        assert_eq!((odd.status, odd.code().as_str()), (401, "password_invalid"));
    }
    assert_eq!(
        show(&rig, "/basic", "3.0.0.1", "bo", PASSWORD).await,
        good()
    );
    for _ in 0..9 {
        assert_eq!(
            show(&rig, "/uncounted", "4.0.0.1", "bo", "guess").await,
            wrong()
        );
        // It would have refused, and counts that.
        assert_eq!(
            show(&rig, "/watched", "4.0.0.1", "bo", "guess").await,
            wrong()
        );
    }
    let metrics = rig.admin("/metrics").await.body;
    for line in [
        "portunus_guard_users 1",
        "portunus_policy_observed_total{kind=\"auth_guard\"} 8",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_of_somebody_who_may_not_call_makes_no_address_known() {
    let rig = rig().await;
    let shut_out = (403, "not_subscribed".to_owned());
    let said = show(&rig, "/basic", "1.0.0.1", "cy", PASSWORD).await;
    assert_eq!(said, shut_out);
    for last in 0..3 {
        let from = format!("2.0.0.{last}");
        assert_eq!(show(&rig, "/basic", &from, "cy", "guess").await, wrong());
    }
    let said = show(&rig, "/basic", "1.0.0.1", "cy", PASSWORD).await;
    assert_eq!(said, guarded());
}
