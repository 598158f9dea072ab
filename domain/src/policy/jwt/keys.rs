//! The keys of an issuer, as a set says them (RFC 7517 §5).

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Algorithm, MAX_TOKEN_KEYS};
use crate::problem::Invalid;
use crate::proof::ProofKey;

/// Bytes of an RSA modulus: 2048 to 4096 bits. Less is forged, and more is dear to check, for
/// whoever shows a token.
const MODULUS: RangeInclusive<usize> = 256..=512;
/// Bytes of its exponent, for the same reason.
const EXPONENT: RangeInclusive<usize> = 1..=4;

/// Whether a key is none of RSA, or of a size that signatures are checked with.
pub fn is_of_good_size(key: &Value) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    if text("kty") != Some("RSA") {
        return true;
    }
    let length = |name: &str| {
        let number = URL_SAFE_NO_PAD.decode(text(name)?).ok()?;
        Some(number.iter().skip_while(|byte| **byte == 0).count())
    };
    length("n").is_some_and(|length| MODULUS.contains(&length))
        && length("e").is_some_and(|length| EXPONENT.contains(&length))
}

/// Whether a key may be one that signs: of what it says of its `use` and its `key_ops` nothing is to
/// the contrary (RFC 7517 §4.2, §4.3).
pub fn is_for_signatures(key: &Value) -> bool {
    let said = |name: &str| key.get(name).filter(|said| !said.is_null());
    let verifies = |all: &Value| {
        let mut all = all.as_array().into_iter().flatten();
        all.any(|one| one == "verify")
    };
    said("use").is_none_or(|purpose| purpose == "sig") && said("key_ops").is_none_or(verifies)
}

/// What is wrong with keys that are written in a policy.
pub(super) fn check(jwks: &Value) -> Vec<Invalid> {
    let keys = jwks.get("keys").and_then(|keys| keys.as_array());
    let Some(keys) = keys.filter(|keys| (1..=MAX_TOKEN_KEYS).contains(&keys.len())) else {
        let message = "Give a set of 1 to 100 keys: { \"keys\": [ … ] }.";
        return vec![Invalid::new("/jwks", message)];
    };
    let wrong = |(index, key): (usize, &Value)| {
        let text = |name: &str| key.get(name).and_then(|value| value.as_str());
        let is_public = matches!(text("kty"), Some("RSA" | "EC" | "OKP"));
        // RFC 7518 §6: what only the signer may know.
        let is_private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
            .iter()
            .any(|name| key.get(name).is_some());
        let at = format!("/jwks/keys/{index}");
        if is_private {
            Some(Invalid::new(at, "This key has its private part in it."))
        } else if !is_public {
            Some(Invalid::new(at, "Give keys with kty RSA, EC or OKP."))
        } else if !is_of_good_size(key) {
            let message = "Give an RSA key with n of 2048 to 4096 bits and e of at most 32.";
            Some(Invalid::new(at, message))
        } else {
            None
        }
    };
    let found: Vec<Invalid> = keys.iter().enumerate().filter_map(wrong).collect();
    if found.is_empty() && !keys.iter().any(is_usable) {
        let message = "None of these can be used: give a whole key of RSA, P-256, P-384 or Ed25519 \
                       that signs.";
        return vec![Invalid::new("/jwks", message)];
    }
    found
}

/// Whether signatures can be checked with it. In a set with others, one that is not is passed over.
fn is_usable(key: &Value) -> bool {
    let is_known = |name: &Value| Algorithm::ALL.iter().any(|one| name == one.as_str());
    is_for_signatures(key) && key.get("alg").is_none_or(is_known) && ProofKey::read(key).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_rsa_have_a_size() {
        let number = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff_u8; bytes]);
        let rsa = |n: String, e: String| json!({ "kty": "RSA", "n": n, "e": e });
        let padded = URL_SAFE_NO_PAD.encode([vec![0_u8; 256], vec![1; 128]].concat());
        for (key, good) in [
            (rsa(number(255), "AQAB".into()), false),
            (rsa(number(256), "AQAB".into()), true),
            (rsa(number(512), "AQAB".into()), true),
            (rsa(number(513), "AQAB".into()), false),
            (rsa(padded, "AQAB".into()), false),
            (rsa(number(256), number(5)), false),
            (rsa(number(256), "AA".into()), false),
            (rsa("%".into(), "AQAB".into()), false),
            (json!({ "kty": "RSA" }), false),
        ] {
            assert_eq!(is_of_good_size(&key), good, "{key}");
            let wrong = check(&json!({ "keys": [key] }));
            assert_eq!(wrong.is_empty(), good, "{wrong:?}");
        }
        assert!(is_of_good_size(&json!({ "kty": "EC" })));
    }

    #[test]
    fn keys_say_what_they_are_for() {
        for (said, signs) in [
            (json!({}), true),
            (json!({ "use": "sig" }), true),
            (json!({ "use": null, "key_ops": null }), true),
            (json!({ "key_ops": ["verify"] }), true),
            (json!({ "use": "sig", "key_ops": ["sign", "verify"] }), true),
            (json!({ "use": "enc" }), false),
            (json!({ "use": "SIG" }), false),
            (json!({ "use": ["sig"] }), false),
            (json!({ "use": "enc", "key_ops": ["verify"] }), false),
            (json!({ "use": "sig", "key_ops": ["encrypt"] }), false),
            (json!({ "key_ops": ["sign"] }), false),
            (json!({ "key_ops": ["Verify"] }), false),
            (json!({ "key_ops": [] }), false),
            (json!({ "key_ops": "verify" }), false),
        ] {
            assert_eq!(is_for_signatures(&said), signs, "{said}");
            let number = URL_SAFE_NO_PAD.encode([1_u8; 32]);
            let mut key = json!({ "kty": "EC", "crv": "P-256", "x": number, "y": number });
            let said = said.as_object().unwrap().clone();
            key.as_object_mut().unwrap().extend(said);
            assert_eq!(is_usable(&key), signs, "{key}");
        }
    }
}
