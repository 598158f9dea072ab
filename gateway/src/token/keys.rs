//! The public keys of issuers. A set that lies elsewhere is loaded and renewed off the way of
//! requests ([`super::fetch`]); whoever checks a token takes what is there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use domain::policy::jwt::{Algorithm, Issuer, MAX_TOKEN_KEYS, is_for_signatures, is_of_good_size};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Notify;

/// The keys of one source, as they are known now.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    /// `None` while nothing is known, or nothing that is fresh enough.
    loaded: ArcSwapOption<Loaded>,
    /// A token names a key that is not among them.
    wanted: AtomicBool,
}

/// Keys that were read together.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// No other has it.
    pub(crate) number: u64,
    keys: Box<[Key]>,
    /// What they were read from.
    written: Value,
}

#[derive(Debug)]
struct Key {
    id: Option<Box<str>>,
    /// The only one that it is for, where it says so.
    algorithm: Option<Box<str>>,
    key: DecodingKey,
}

/// Keys of a set that could have made signatures and are passed over, by why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Omitted {
    /// Behind as many as count.
    pub(super) beyond: usize,
    /// Of RSA, and of a size that signatures are not checked with.
    pub(super) other_size: usize,
}

impl KeySet {
    pub(crate) fn get(&self) -> Option<Arc<Loaded>> {
        self.loaded.load_full()
    }

    pub(crate) fn put(&self, loaded: Option<Arc<Loaded>>) {
        self.loaded.store(loaded);
    }

    /// Asked for since the last call.
    pub(super) fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Relaxed)
    }
}

impl Loaded {
    /// Reads a set (RFC 7517 §5). Keys that cannot be used here are passed over: those for other
    /// ends, of other kinds or sizes, with secrets. `None` when it is no set.
    pub(crate) fn read(set: &Value) -> Option<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let keys = set.get("keys")?.as_array()?;
        let keys: Box<[Key]> = keys.iter().take(MAX_TOKEN_KEYS).filter_map(key).collect();
        Some(Self {
            number: NUMBER.fetch_add(1, Relaxed),
            keys,
            written: set.clone(),
        })
    }

    /// None of them can be used.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many are passed over; `None` where none is.
    pub(super) fn omitted(&self) -> Option<Omitted> {
        let keys = self.written.get("keys").and_then(Value::as_array)?;
        let (looked_at, beyond) = keys.split_at(keys.len().min(MAX_TOKEN_KEYS));
        let other_size = looked_at
            .iter()
            .filter(|key| is_for_signatures(key) && !is_of_good_size(key))
            .count();
        let omitted = Omitted {
            beyond: beyond.len(),
            other_size,
        };
        (omitted.beyond + omitted.other_size > 0).then_some(omitted)
    }

    /// Whether it was read from the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.written == other.written
    }

    /// Those that may have made a signature: of this name, if one is named, and of this kind.
    pub(super) fn fitting(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        let family = family(algorithm);
        let fits = move |key: &&Key| {
            let is_named = id.is_none_or(|id| key.id.as_deref() == Some(id));
            let named = key.algorithm.as_deref();
            let is_for = named.is_none_or(|only| only == algorithm.as_str());
            is_named && is_for && key.key.family() == family
        };
        self.keys.iter().filter(fits).map(|key| &key.key)
    }

    fn has(&self, id: Option<&str>) -> bool {
        id.is_none_or(|id| self.keys.iter().any(|key| key.id.as_deref() == Some(id)))
    }
}

fn key(written: &Value) -> Option<Key> {
    let jwk = Jwk::deserialize(written).ok()?;
    if matches!(written.get("kty")?.as_str()?, "oct") || !is_of_good_size(written) {
        return None;
    }
    if !is_for_signatures(written) {
        return None;
    }
    let text = |name: &str| written.get(name)?.as_str();
    Some(Key {
        id: text("kid").map(Into::into),
        algorithm: text("alg").map(Into::into),
        key: DecodingKey::from_jwk(&jwk).ok()?,
    })
}

const fn family(algorithm: Algorithm) -> AlgorithmFamily {
    match algorithm {
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => AlgorithmFamily::Rsa,
        Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
        Algorithm::EdDsa => AlgorithmFamily::Ed,
    }
}

pub(super) const fn library(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::RS384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::RS512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::PS384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::PS512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

/// Where keys are asked for, and whether a document there says where they are.
pub(super) type Source = (String, bool);

/// All sets that lie elsewhere, each once, whatever policies name it: the same in every state.
#[derive(Debug, Default)]
pub(crate) struct KeySets {
    sets: Mutex<HashMap<Source, Arc<KeySet>>>,
    /// Those of the platform's own token endpoint, which come with the configuration.
    platform: Arc<KeySet>,
    /// There is something to fetch.
    pub(super) called: Notify,
    pub(crate) fetched: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl KeySets {
    /// The keys of an issuer.
    pub(crate) fn of(&self, issuer: &Issuer) -> Arc<KeySet> {
        let Some(source) = issuer.address() else {
            let set = KeySet::default();
            let written = issuer.jwks.as_ref().and_then(Loaded::read);
            set.put(written.map(Arc::new));
            return Arc::new(set);
        };
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            self.called.notify_one();
            Arc::default()
        };
        sets.entry(source).or_insert_with(new).clone()
    }

    pub(crate) fn platform(&self) -> Arc<KeySet> {
        self.platform.clone()
    }

    /// Takes what a new configuration says of the platform's keys.
    pub(crate) fn set_platform(&self, written: Option<&Value>) {
        let loaded = written.and_then(Loaded::read);
        let is_known = match (&loaded, self.platform.get()) {
            (Some(loaded), Some(known)) => loaded.is_like(&known),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        // Tokens that were checked with the same keys need not be checked again.
        if !is_known {
            self.platform.put(loaded.map(Arc::new));
        }
    }

    /// Has a set looked at again, as a token names a key that is not in it: soon, not at once.
    pub(crate) fn want(&self, set: &KeySet, known: &Loaded, id: Option<&str>) {
        if !known.has(id) && !set.wanted.swap(true, Relaxed) {
            self.called.notify_one();
        }
    }

    /// Those that are in use; the others are let go of.
    pub(super) fn in_use(&self) -> Vec<(Source, Arc<KeySet>)> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        sets.retain(|_, set| Arc::strong_count(set) > 1);
        let all = sets.iter();
        all.map(|(source, set)| (source.clone(), set.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_other_sizes_are_passed_over() {
        let key = |bytes: usize| {
            let n = URL_SAFE_NO_PAD.encode(vec![0xff_u8; bytes]);
            json!({ "kty": "RSA", "n": n, "e": "AQAB", "kid": bytes.to_string() })
        };
        let keys = [128, 256, 512, 1024].map(key);
        let loaded = Loaded::read(&json!({ "keys": keys })).unwrap();
        for (bytes, found) in [(128, 0), (256, 1), (512, 1), (1024, 0)] {
            let id = bytes.to_string();
            let fitting = loaded.fitting(Some(&id), Algorithm::RS256);
            assert_eq!(fitting.count(), found, "{bytes}");
        }
    }

    #[test]
    fn keys_sign_only_as_they_say() {
        let number = URL_SAFE_NO_PAD.encode([0xff_u8; 256]);
        let (pkcs, pss) = (Algorithm::RS256, Algorithm::PS256);
        for (said, algorithm, found) in [
            (json!({}), pkcs, 1),
            (json!({}), pss, 1),
            (json!({ "use": "sig", "alg": "RS256" }), pkcs, 1),
            (json!({ "alg": "RS256" }), pss, 0),
            (json!({ "alg": "RSA-OAEP" }), pkcs, 0),
            (json!({ "use": "enc" }), pkcs, 0),
            (json!({ "use": "other" }), pkcs, 0),
            (json!({ "key_ops": ["verify"] }), pkcs, 1),
            (json!({ "key_ops": ["encrypt", "wrapKey"] }), pkcs, 0),
            (json!({ "key_ops": ["sign"] }), pkcs, 0),
            (json!({ "key_ops": [] }), pkcs, 0),
            (json!({ "use": "sig", "key_ops": ["encrypt"] }), pkcs, 0),
        ] {
            let mut key = json!({ "kty": "RSA", "n": number, "e": "AQAB" });
            let more = said.as_object().unwrap().clone();
            key.as_object_mut().unwrap().extend(more);
            let loaded = Loaded::read(&json!({ "keys": [key] })).unwrap();
            let fitting = loaded.fitting(None, algorithm);
            assert_eq!(fitting.count(), found, "{said}");
        }
    }

    #[test]
    fn what_is_passed_over_is_counted() {
        let key = |bytes: usize, purpose: &str| {
            let n = URL_SAFE_NO_PAD.encode(vec![0xff_u8; bytes]);
            json!({ "kty": "RSA", "n": n, "e": "AQAB", "use": purpose })
        };
        let (good, small, large) = (key(256, "sig"), key(128, "sig"), key(1024, "sig"));
        let told = |beyond, other_size| Some(Omitted { beyond, other_size });
        for (what, keys, omitted) in [
            ("none", vec![], None),
            ("a good one", vec![good.clone()], None),
            ("for another end", vec![key(128, "enc")], None),
            (
                "of another kind",
                vec![json!({ "kty": "oct" }), json!(7)],
                None,
            ),
            (
                "sizes",
                vec![small.clone(), good.clone(), large],
                told(0, 2),
            ),
            ("as many as count", vec![good.clone(); 100], None),
            ("more", vec![good; 103], told(3, 0)),
            ("small ones", vec![small; 101], told(1, 100)),
        ] {
            let loaded = Loaded::read(&json!({ "keys": keys })).unwrap();
            assert_eq!(loaded.omitted(), omitted, "{what}");
        }
    }
}
