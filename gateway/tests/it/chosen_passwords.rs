//! `basic_auth` with passwords that somebody chose: compared with their hashes, remembered, and not
//! to be guessed.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::explain::shop::{asked, explain, explainer};
use crate::rig::{Answer, Rig};

const PASSWORD: &str = "violet anchor";

const FILE: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      basic: { match: { path: /basic }, upstream: echo, policies: [{ basic_auth: { header: X-User } }] }
      either: { match: { path: /either }, upstream: echo, policies: [{ any_of: { of: [{ key_auth: {} }, { basic_auth: {} }] } }] }
      watched: { match: { path: /watched }, upstream: echo, policies: [{ basic_auth: { mode: observe } }] }
products:
  shop: { versions: [shop/basic, shop/either, shop/watched], plans: { free: {} } }
applications:
  a:
    passwords:
      - { name: made, user: made, value: "a password of many letters" }
      - { name: bo, user: bo, argon2id: "@HASH@" }
      - { name: al, user: al, argon2id: "@HASH@" }
      - { name: cy, user: cy, argon2id: "@HASH@" }
      - { name: di, user: di, argon2id: "@HASH@" }
      - { name: ed, user: ed, argon2id: "@HASH@" }
      - { name: over, user: over, argon2id: "@HASH@", expires_at: "2026-01-01T00:00:00Z" }
      - { name: far, user: far, argon2id: "@HASH@", cidrs: ["203.0.113.0/24"] }
    subscriptions: [{ product: shop, plan: free }]
  b:
    passwords: [{ name: apart, user: apart, argon2id: "@HASH@" }]
"#;

/// Of [`PASSWORD`], as cheap as may be.
fn hash() -> String {
    let params = Params::new(8, 1, 1, Some(32)).unwrap();
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = hasher
        .hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16])
        .unwrap();
    hash.to_string()
}

async fn rig() -> Rig {
    Rig::with(&FILE.replace("@HASH@", &hash()), |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

async fn show(rig: &Rig, path: &str, from: &str, user: &str, password: &str) -> Answer {
    let from = format!("X-Forwarded-For: {from}");
    let pair = STANDARD.encode(format!("{user}:{password}"));
    rig.get(path, &[&from, &format!("Authorization: Basic {pair}")])
        .await
}

/// Of a refusal its code.
fn said(answer: &Answer) -> (u16, String) {
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

async fn compared(rig: &Rig, times: u64) {
    let metrics = rig.admin("/metrics").await.body;
    let line = format!("portunus_passwords_compared_total {times}\n");
    assert!(metrics.contains(&line), "not {line}{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_compared_once_and_remembered() {
    let rig = rig().await;
    // How often passwords were compared behind each.
    for (path, user, password, wanted, times) in [
        ("/basic", "bo", PASSWORD, good(), 1),
        ("/basic", "bo", PASSWORD, good(), 1),
        ("/either", "bo", PASSWORD, good(), 1),
        ("/watched", "bo", PASSWORD, good(), 1),
        ("/basic", "bo", "another", wrong(), 2),
        ("/either", "bo", "another", wrong(), 2),
        ("/basic", "bo", "", wrong(), 3),
        ("/basic", "Bo", PASSWORD, wrong(), 4),
        ("/basic", "nobody", PASSWORD, wrong(), 5),
        ("/basic", "over", PASSWORD, wrong(), 6),
        ("/basic", "far", PASSWORD, (403, "ip_denied".to_owned()), 7),
        // Without a subscription it is nobody's, as with others that several may name.
        ("/basic", "apart", PASSWORD, wrong(), 8),
        ("/basic", "made", "a password of many letters", good(), 8),
        ("/basic", "made", "a password of many letter", wrong(), 9),
        // What we make is never compared with a hash.
        ("/basic", "bo", "ptn_pw_abc", wrong(), 9),
    ] {
        let answer = show(&rig, path, "1.0.0.1", user, password).await;
        assert_eq!(said(&answer), wanted, "{path} {user} {password}");
        compared(&rig, times).await;
        if wanted == good() {
            // The upstream may ask for it itself while the policy only observes.
            let goes_on = answer.seen("authorization").is_some();
            assert_eq!(goes_on, path == "/watched", "{path}");
        }
        if wanted == good() && path == "/basic" {
            assert_eq!(answer.seen("x-user").as_deref(), Some(user));
            assert!(answer.seen("x-portunus-application").is_some(), "{user}");
        }
    }
    let none = rig.get("/basic", &[]).await;
    assert_eq!(said(&none), (401, "password_missing".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_has_another_hash_is_not_remembered() {
    let rig = rig().await;
    let answer = show(&rig, "/basic", "1.0.0.1", "bo", PASSWORD).await;
    assert_eq!(said(&answer), good());
    let without = FILE.replace(r#"      - { name: bo, user: bo, argon2id: "@HASH@" }"#, "");
    rig.load(&without.replace("@HASH@", &hash()), 2).await;
    let answer = show(&rig, "/basic", "1.0.0.1", "bo", PASSWORD).await;
    assert_eq!(said(&answer), wrong());
    // A hash that this password does not make.
    let hash = hash();
    let head = hash.rsplit_once('$').unwrap().0;
    let other = format!("{head}${}", "A".repeat(43));
    rig.load(&FILE.replace("@HASH@", &other), 3).await;
    let answer = show(&rig, "/basic", "1.0.0.1", "bo", PASSWORD).await;
    assert_eq!(said(&answer), wrong());
    rig.load(&FILE.replace("@HASH@", &hash), 4).await;
    let answer = show(&rig, "/basic", "1.0.0.1", "bo", PASSWORD).await;
    assert_eq!(said(&answer), good());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_guessed_is_refused_before_anything_is_compared() {
    let rig = rig().await;
    let answer = show(&rig, "/basic", "1.0.0.1", "bo", PASSWORD).await;
    assert_eq!(said(&answer), good());
    // Whether anybody has the name makes no difference.
    for (user, times) in [("bo", 21), ("nobody", 41)] {
        for last in 0..20 {
            let from = format!("2.0.0.{last}");
            let guess = format!("guess {last}");
            let answer = show(&rig, "/basic", &from, user, &guess).await;
            assert_eq!(said(&answer), wrong(), "{user} {guess}");
        }
        compared(&rig, times).await;
        for password in ["one more guess", "and one more"] {
            let answer = show(&rig, "/basic", "2.0.1.1", user, password).await;
            assert_eq!(said(&answer), guarded(), "{user}");
            assert_eq!(answer.field("retry-after"), Some("60"), "{user}");
        }
        compared(&rig, times).await;
    }
    for (from, user, password, wanted) in [
        // What is remembered needs no comparing.
        ("2.0.1.1", "bo", PASSWORD, good()),
        // From where it was known its owner is heard.
        ("1.0.0.1", "bo", "mistyped", wrong()),
        ("2.0.1.1", "bo", "mistyped too", guarded()),
        ("2.0.1.1", "al", PASSWORD, good()),
    ] {
        let answer = show(&rig, "/basic", from, user, password).await;
        assert_eq!(said(&answer), wanted, "{user} from {from}");
    }
    rig.advance(61);
    let answer = show(&rig, "/basic", "2.0.1.1", "bo", "mistyped too").await;
    assert_eq!(said(&answer), wrong(), "its time is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_guesses_is_not_heard_whatever_the_name() {
    let rig = rig().await;
    for last in 0..15 {
        for user in ["bo", "al", "cy", "di"] {
            let guess = format!("guess {last}");
            let answer = show(&rig, "/basic", "3.0.0.1", user, &guess).await;
            assert_eq!(said(&answer), wrong(), "{user} {guess}");
        }
    }
    compared(&rig, 60).await;
    for (from, wanted) in [("3.0.0.1", guarded()), ("3.0.0.2", good())] {
        let answer = show(&rig, "/basic", from, "ed", PASSWORD).await;
        assert_eq!(said(&answer), wanted, "{from}");
    }
    let metrics = rig.admin("/metrics").await.body;
    let line = "portunus_passwords_guessed_total 1\n";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explaining_compares_nothing() {
    let rig = rig().await;
    let explainer = explainer(&rig, &FILE.replace("@HASH@", &hash()));
    for (path, user, password, why) in [
        ("/basic", "bo", PASSWORD, "It compares the password"),
        ("/either", "nobody", "guess", "It compares the password"),
        (
            "/basic",
            "made",
            "a password of many letters",
            "A good password",
        ),
    ] {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        let basic = format!("Basic {pair}");
        let field = ("Authorization", basic.as_str());
        let told = explain(&explainer, &asked("GET", path, &[field]));
        let whys: Vec<&str> = told.steps.iter().map(|step| step.why.as_str()).collect();
        assert!(whys[0].starts_with(why), "{path} {user}: {whys:?}");
    }
    compared(&rig, 0).await;
}
