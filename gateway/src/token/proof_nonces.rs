//! Nonces that the gateway wants to find in proofs of possession (RFC 9449 §9), so that nobody makes
//! proofs beforehand. None is remembered: each is made of its time, under a key that all nodes have.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::seal::KeyRing;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Seconds for which one is handed out. It is good for as long again.
const SPAN: i64 = 300;

/// By the keys under which they are made: new ones under the first. The others are those before it, so
/// that nodes that have the first already and nodes that do not can both be called while it is changed.
pub(crate) struct ProofNonces(Box<[[u8; 32]]>);

impl ProofNonces {
    /// Without a ring those of other nodes are none here, and those from before a restart neither.
    pub(crate) fn new(ring: Option<&KeyRing>) -> Self {
        static OWN: LazyLock<[u8; 32]> = LazyLock::new(|| {
            let mut own = [0; 32];
            for (index, part) in own.chunks_exact_mut(8).enumerate() {
                part.copy_from_slice(&RandomState::new().hash_one(index).to_be_bytes());
            }
            own
        });
        Self(match ring {
            Some(ring) => ring.derive_all("nonces of proofs").into(),
            None => [*OWN].into(),
        })
    }

    /// The one that is handed out at a time, in seconds since 1970.
    pub(crate) fn at(&self, now: i64) -> String {
        made(&self.0[0], now.div_euclid(SPAN))
    }

    /// Whether one is good: of this span or the one before, or of a node whose clock is ahead.
    pub(crate) fn takes(&self, nonce: &str, now: i64) -> bool {
        let span = now.div_euclid(SPAN);
        let is_of = |key: &[u8; 32], span| -> bool {
            let own = made(key, span);
            own.as_bytes().ct_eq(nonce.as_bytes()).into()
        };
        let spans = [span, span - 1, span + 1];
        let mut keys = self.0.iter();
        keys.any(|key| spans.iter().any(|span| is_of(key, *span)))
    }
}

fn made(key: &[u8; 32], span: i64) -> String {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        unreachable!("a key of any length is one")
    };
    mac.update(&span.to_be_bytes());
    URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_good_for_a_while_on_every_node() {
        let keyed = |key| ProofNonces::new(Some(&KeyRing::new(vec![[key; 32]])));
        let (here, there, other) = (keyed(1), keyed(1), keyed(2));
        let own = ProofNonces::new(None);
        let start = 1000 * SPAN;
        let nonce = here.at(start);
        for (seconds, is_good) in [
            (0, true),
            (SPAN - 1, true),
            (2 * SPAN - 1, true),
            (2 * SPAN, false),
            // The node that made it was ahead.
            (-1, true),
            (-SPAN, true),
            (-SPAN - 1, false),
        ] {
            let now = start + seconds;
            assert_eq!(there.takes(&nonce, now), is_good, "{seconds}");
            assert!(!other.takes(&nonce, now), "{seconds}");
            assert!(!own.takes(&nonce, now), "{seconds}");
        }
        assert!(ProofNonces::new(None).takes(&own.at(start), start));
        for none in ["", "x", &nonce[1..], &format!("{nonce}A")] {
            assert!(!here.takes(none, start), "{none}");
        }
    }
    #[test]
    fn keys_are_changed_node_by_node() {
        let of = |keys: &[u8]| {
            let keys = keys.iter().map(|key| [*key; 32]);
            ProofNonces::new(Some(&KeyRing::new(keys.collect())))
        };
        let (before, between, after) = (of(&[1]), of(&[2, 1]), of(&[2]));
        for (maker, takes) in [
            (&before, [true, true, false]),
            (&between, [false, true, true]),
            (&after, [false, true, true]),
        ] {
            let nonce = maker.at(0);
            let found = [&before, &between, &after].map(|one| one.takes(&nonce, 0));
            assert_eq!(found, takes);
        }
    }
}
