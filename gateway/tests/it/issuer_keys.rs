//! The keys of issuers as they come and go: how old they may be, how many there may be, and that a
//! wrong answer is none.

use std::time::Duration;

use jsonwebtoken::EncodingKey;
use serde_json::json;

use crate::switch::until;
use crate::tokens::{Issuer, WELL_KNOWN, World, first, keys, ok, second, sign};

/// So short that no test waits for it.
const SOON: Duration = Duration::from_millis(50);

async fn world(stale: Duration) -> World {
    World::with(|settings| {
        settings.issuer_keys.apart = SOON;
        settings.issuer_keys.fresh = SOON;
        settings.issuer_keys.stale = stale;
    })
    .await
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_too_old_are_believed_no_longer() {
    let world = world(Duration::ZERO).await;
    let good = world.good();
    let forged = sign(&world.claims(), "one", &second());
    for _ in 0..2 {
        *world.issuer.keys.lock().unwrap() = None;
        until("the end of the keys", async || {
            world.call("/shop", &good).await.status == 503
        })
        .await;
        // Nobody can tell a good one from a forged one, and it is not the caller's fault.
        for token in [&good, &forged] {
            let answer = world.call("/shop", token).await;
            assert_eq!((answer.status, &*answer.code()), (503, "not_ready"));
            assert_eq!(answer.field("retry-after"), Some("1"));
        }
        *world.issuer.keys.lock().unwrap() = Some(keys(&[("one", &first())]));
        until("the keys again", async || {
            world.call("/shop", &good).await.status == 200
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_keys_count_and_no_more() {
    let world = world(DAY).await;
    let (one, two) = (first(), second());
    let names: Vec<String> = (0..100).map(|number| format!("one-{number}")).collect();
    // The last one is behind so many others.
    let set = |others: usize| {
        let others = names[..others].iter().map(|name| (name.as_str(), &one));
        let all: Vec<(&str, &EncodingKey)> = others.chain([("last", &two)]).collect();
        keys(&all)
    };
    let by_first = sign(&world.claims(), "one-0", &one);
    let by_last = sign(&world.claims(), "last", &two);
    *world.issuer.keys.lock().unwrap() = Some(set(100));
    until("a set of 101 keys", async || {
        world.call("/shop", &by_first).await.status == 200
    })
    .await;
    let answer = world.call("/shop", &by_last).await;
    assert_eq!((answer.status, &*answer.code()), (401, "token_invalid"));
    *world.issuer.keys.lock().unwrap() = Some(set(99));
    until("a set of 100 keys", async || {
        world.call("/shop", &by_last).await.status == 200
    })
    .await;
    assert_eq!(world.call("/shop", &by_first).await.status, 200);
}

/// What is known stays, and what comes in a wrong way is not taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_brings_no_keys() {
    let world = world(DAY).await;
    let evil = Issuer::start().await;
    let forged_set = keys(&[("evil", &second())]);
    *evil.keys.lock().unwrap() = Some(forged_set.clone());
    let (good, forged) = (world.good(), sign(&world.claims(), "evil", &second()));
    let set = forged_set.to_string();
    let (own, uri) = (&world.issuer.address, format!("{}/keys", evil.address));
    let moved = format!("HTTP/1.1 307 Moved\r\nlocation: {uri}\r\ncontent-length: 0\r\n\r\n");
    let failed = format!(
        "HTTP/1.1 500 No\r\ncontent-length: {}\r\n\r\n{set}",
        set.len()
    );
    let cut = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{set}",
        set.len() + 1
    );
    let padding = " ".repeat((1 << 20) + 1 - set.len());
    let of = |issuer: &str| json!({ "issuer": issuer, "jwks_uri": uri }).to_string();
    for (what, path, answer) in [
        ("another place", "/keys", moved.clone().into_bytes()),
        ("another place for all", WELL_KNOWN, moved.into_bytes()),
        ("a failure", "/keys", failed.into_bytes()),
        ("cut off", "/keys", cut.into_bytes()),
        ("more than 1 MiB", "/keys", ok(&format!("{set}{padding}"))),
        ("no JSON", "/keys", ok(&format!("{set},"))),
        ("no set", "/keys", ok(&forged_set["keys"].to_string())),
        ("another issuer", WELL_KNOWN, ok(&of(&evil.address))),
        (
            "no address",
            WELL_KNOWN,
            ok(&json!({ "issuer": own }).to_string()),
        ),
    ] {
        *world.issuer.instead.lock().unwrap() = Some((path, answer));
        let before = world.failed().await;
        // The first may have been on its way before.
        until(what, async || world.failed().await >= before + 2).await;
        assert_eq!(world.call("/shop", &good).await.status, 200, "{what}");
        assert_eq!(world.call("/shop", &forged).await.status, 401, "{what}");
    }
    assert_eq!(evil.asked(), 0, "the forger was asked");
    // Said in the right way, they are: it was not for anything else.
    *world.issuer.instead.lock().unwrap() = Some((WELL_KNOWN, ok(&of(own))));
    until("the keys of another place", async || {
        world.call("/shop", &forged).await.status == 200
    })
    .await;
}

/// The policy would answer 500 when it is loaded.
#[test]
fn a_set_of_which_no_key_can_be_used_is_refused_at_save() {
    let good = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    });
    let with = |name: &str, value: &str| {
        let mut key = good.clone();
        key[name] = json!(value);
        key
    };
    for (keys, is_good) in [
        (vec![good.clone()], true),
        (vec![with("use", "sig"), json!({ "kty": "EC" })], true),
        (vec![with("use", "enc")], false),
        (vec![with("alg", "none")], false),
        (vec![with("x", "AA")], false),
        (vec![json!({ "kty": "EC" })], false),
    ] {
        let issuer = json!({
            "issuer": "https://a.test", "audience": ["a"], "jwks": { "keys": keys }
        });
        let file = json!({
            "portunus": 1,
            "upstreams": { "u": { "targets": [{ "url": "http://127.0.0.1:1" }] } },
            "apis": { "x": { "versions": { "v1": {
                "match": { "path": "/x" }, "upstream": "u",
                "policies": [{ "jwt": { "issuers": [issuer] } }]
            } } } }
        });
        let read = domain::manifest::read(&file.to_string(), &|_| None);
        let wrong = read.and_then(|manifest| {
            let nothing = |_: &str| Err("There is none.".to_owned());
            domain::manifest::resolve(&manifest, 1, &nothing)
        });
        let wrong: Vec<String> = match wrong {
            Ok(_) => Vec::new(),
            Err(wrong) => wrong.into_iter().map(|one| one.pointer).collect(),
        };
        let pointer = "/apis/x/versions/v1/policies/0/jwt/issuers/0/jwks";
        let expected: &[&str] = if is_good { &[] } else { &[pointer] };
        assert_eq!(wrong, expected, "{keys:?}");
    }
}
