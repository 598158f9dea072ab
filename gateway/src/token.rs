//! Signed tokens: compact JWS (RFC 7515 §7.1) that carry claims (RFC 7519 §4), checked as RFC 8725
//! asks: who signed with what is decided by the configuration, never by the token.

mod fetch;
mod keys;
mod proof;
mod proof_nonces;
mod seen;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::contract::read_json;
use domain::policy::jwt::Algorithm;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

pub(crate) use fetch::keep_loaded;
pub(crate) use keys::{KeySet, KeySets, Loaded};
pub(crate) use proof::has_signed;
pub(crate) use proof_nonces::ProofNonces;
pub(crate) use seen::{Seen, Verified, values};

/// Longer ones are not looked at.
pub(crate) const LONGEST: usize = 8192;

/// The claims of a token, its issuer's word.
pub(crate) type Claims = Map<String, Value>;

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is none, or not one that counts here.
    Invalid(&'static str),
    Expired,
}

/// A token as it was sent: nothing in it is to be believed yet.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kid: Option<String>,
    algorithm: String,
    /// What is signed.
    message: &'a str,
    signature: &'a str,
    claims: &'a str,
}

/// RFC 7515 §4.1. What asks for an extension cannot be followed: we know of none.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

/// Whatever it holds, `null` included.
fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, Fault> {
        const FORM: Fault = Fault::Invalid("It does not have the form of a signed token.");
        if text.len() > LONGEST {
            return Err(Fault::Invalid("It is longer than 8 KiB."));
        }
        let text = str::from_utf8(text).map_err(|_| FORM)?;
        let (message, signature) = text.rsplit_once('.').ok_or(FORM)?;
        let (header, claims) = message.split_once('.').ok_or(FORM)?;
        if claims.contains('.') || signature.is_empty() {
            return Err(FORM);
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| FORM)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| FORM)?;
        if header.crit {
            return Err(Fault::Invalid(
                "It asks for an extension that is not known.",
            ));
        }
        // RFC 8725 §3.11: other kinds of tokens of the same issuer are not for access.
        let kind = header.typ.as_deref().map(|kind| {
            let kind = kind.to_ascii_lowercase();
            kind.strip_prefix("application/")
                .map_or(kind.clone(), str::to_owned)
        });
        if !matches!(kind.as_deref(), None | Some("jwt" | "at+jwt")) {
            return Err(Fault::Invalid("It is another kind of token."));
        }
        Ok(Self {
            kid: header.kid,
            algorithm: header.alg,
            message,
            signature,
            claims,
        })
    }

    /// What it says, whoever wrote it. Each name is there once (RFC 7519 §4): of two, whoever the
    /// token is sent on to might take the other.
    pub(crate) fn claims(&self) -> Result<Claims, Fault> {
        let invalid = Fault::Invalid("Its claims cannot be read.");
        let claims = URL_SAFE_NO_PAD.decode(self.claims).map_err(|_| invalid)?;
        match read_json(&claims) {
            Ok(Value::Object(claims)) => Ok(claims),
            Ok(_) | Err(_) => Err(invalid),
        }
    }

    /// By which of these it says to be signed.
    pub(crate) fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, Fault> {
        let known = allowed.iter().find(|one| one.as_str() == self.algorithm);
        known.copied().ok_or(Fault::Invalid(
            "It is signed by an algorithm that its issuer does not use here.",
        ))
    }

    /// Whether one of the keys that it may mean has signed it.
    pub(crate) fn is_signed(&self, algorithm: Algorithm, keys: &Loaded) -> bool {
        keys.fitting(self.kid.as_deref(), algorithm)
            .take(MOST_TRIED)
            .any(|key| {
                let message = self.message.as_bytes();
                let verified = jsonwebtoken::crypto::verify(
                    self.signature,
                    message,
                    key,
                    keys::library(algorithm),
                );
                verified.unwrap_or(false)
            })
    }
}

/// A token without a key's name is tried with this many keys.
const MOST_TRIED: usize = 4;

/// What an issuer's tokens must say.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) issuer: Box<str>,
    pub(crate) audience: Box<[Box<str>]>,
    /// Seconds.
    pub(crate) skew: u64,
}

impl Wanted {
    pub(crate) fn judge(&self, claims: &Claims, now: i64) -> Result<(), Fault> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&self.issuer) {
            return Err(Fault::Invalid(
                "It is of an issuer that does not count here.",
            ));
        }
        let is_ours = |one: &str| self.audience.iter().any(|known| **known == *one);
        is_for(claims, is_ours)?;
        is_in_time(claims, now, self.skew)
    }
}

/// Whether a token is for whom it is shown to (RFC 7519 §4.1.3).
pub(crate) fn is_for(claims: &Claims, is_ours: impl Fn(&str) -> bool) -> Result<(), Fault> {
    let is_ours = |value: &Value| value.as_str().is_some_and(&is_ours);
    let for_us = match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(is_ours),
        Some(one) => is_ours(one),
        None => false,
    };
    match for_us {
        true => Ok(()),
        false => Err(Fault::Invalid("It is for another audience.")),
    }
}

/// Whether a token counts now; `now` and `skew` are in seconds.
pub(crate) fn is_in_time(claims: &Claims, now: i64, skew: u64) -> Result<(), Fault> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|time| time.is_finite())
            .map(Some)
            .ok_or(Fault::Invalid("One of its times is no number.")),
    };
    let (now, skew) = (now as f64, skew as f64);
    let expires = time("exp")?.ok_or(Fault::Invalid("It does not say when it ends."))?;
    if time("nbf")?.is_some_and(|begins| now + skew < begins) {
        return Err(Fault::Invalid("Its time has not begun."));
    }
    if time("iat")?.is_some_and(|made| now + skew < made) {
        return Err(Fault::Invalid("It was made in the future."));
    }
    if now >= expires + skew {
        return Err(Fault::Expired);
    }
    Ok(())
}

/// The claim of a name, or of a name inside of others: `realm.user`. A claim that has the dots in
/// its own name comes first.
pub(crate) fn claim<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let mut names = name.split('.');
    let mut value = claims.get(names.next()?)?;
    for name in names {
        value = value.as_object()?.get(name)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            issuer: "https://idp.test".into(),
            audience: ["a".into(), "b".into()].into(),
            skew: 60,
        }
    }

    #[test]
    fn what_a_token_must_say() {
        let base =
            json!({ "iss": "https://idp.test", "aud": "a", "exp": 1000, "nbf": 100, "iat": 100 });
        let ok = |now| (json!({}), now, Ok(()));
        let bad = |change: Value| (change, 500, Err(()));
        let table = [
            ok(500),
            ok(40),
            ok(1059),
            bad(json!({ "iss": "https://idp.test/" })),
            bad(json!({ "iss": ["https://idp.test"] })),
            bad(json!({ "iss": null })),
            bad(json!({ "aud": "A" })),
            bad(json!({ "aud": null })),
            bad(json!({ "aud": [] })),
            bad(json!({ "aud": [["a"]] })),
            (json!({ "aud": ["x", "b"] }), 500, Ok(())),
            bad(json!({ "exp": null })),
            bad(json!({ "exp": "1000" })),
            bad(json!({ "nbf": "0" })),
            bad(json!({ "nbf": 561 })),
            bad(json!({ "iat": 561 })),
            (json!({ "exp": 439.5 }), 500, Err(())),
            (json!({ "exp": 440.5 }), 500, Ok(())),
            (json!({}), 1060, Err(())),
        ];
        for (change, now, verdict) in table {
            let mut claims = base.as_object().unwrap().clone();
            for (name, value) in change.as_object().unwrap() {
                match value {
                    Value::Null => claims.remove(name),
                    value => claims.insert(name.clone(), value.clone()),
                };
            }
            let judged = wanted().judge(&claims, now).map_err(|_| ());
            assert_eq!(judged, verdict, "{claims:?} at {now}");
        }
        let claims = base.as_object().unwrap();
        assert_eq!(wanted().judge(claims, 1060), Err(Fault::Expired));
    }

    #[test]
    fn what_is_no_token() {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let with = |header: &str| format!("{}.{}.c2ln", part(header), part("{}"));
        for text in [
            String::new(),
            "a".into(),
            "a.b".into(),
            "..".into(),
            with("{}"),
            with("[]"),
            with(r#"{"alg":1}"#),
            with(r#"{"alg":"RS256","crit":["b64"]}"#),
            with(r#"{"alg":"RS256","crit":null}"#),
            with(r#"{"alg":"RS256","typ":"logout+jwt"}"#),
            with(r#"{"alg":"none","alg":"RS256"}"#),
            format!("{}.c2ln", with(r#"{"alg":"RS256"}"#)),
            format!("{}.{}.", part(r#"{"alg":"none"}"#), part("{}")),
            format!("{}{}", with(r#"{"alg":"RS256"}"#), "a".repeat(LONGEST)),
        ] {
            assert!(Token::parse(text.as_bytes()).is_err(), "{text:.60}");
        }
        assert!(Token::parse(b"\xff.\xff.\xff").is_err());
        for header in [
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"RS256","typ":"JWT","kid":"1","jwk":{},"jku":"https://evil.test"}"#,
            r#"{"alg":"none","typ":"application/at+JWT"}"#,
        ] {
            let text = with(header);
            let token = Token::parse(text.as_bytes()).unwrap();
            let algorithm = token.algorithm(&[Algorithm::RS256]);
            assert_eq!(algorithm.is_ok(), !header.contains("none"));
            assert!(token.claims().unwrap().is_empty());
        }
        for claims in ["[1]", r#"{"sub":"a","sub":"b"}"#, r#"{"a":{"b":1,"b":1}}"#] {
            let text = format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(claims));
            assert!(Token::parse(text.as_bytes()).unwrap().claims().is_err());
        }
    }

    #[test]
    fn claims_inside_of_others() {
        let claims = json!({ "a": { "b": 1 }, "a.b": 2, "c": { "d": { "e": "x" } } });
        let claims = claims.as_object().unwrap();
        assert_eq!(claim(claims, "a.b"), Some(&json!(2)));
        assert_eq!(claim(claims, "c.d.e"), Some(&json!("x")));
        for none in ["b", "a.c", "a.b.c", "c.d.e.f", ""] {
            assert_eq!(claim(claims, none), None, "{none}");
        }
    }
}
