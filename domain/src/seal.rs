//! Secrets at rest: XChaCha20-Poly1305 under a ring of keys, with the key's id in the record.
//!
//! The management plane seals, the gateway opens; both use this one form. The additional data
//! binds a secret to its place, so that a record copied to another row does not open there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// First byte of every sealed record; another form gets another number.
const FORM: u8 = 1;
const KEY_ID: usize = 4;
const NONCE: usize = 24;

/// Why a secret does not open. Nothing more is told: the cause is never the caller's to see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("a sealing key has 32 bytes in base64")]
    Key,
    #[error("the secret was sealed with a key that is not in the ring")]
    UnknownKey,
    #[error("the sealed secret is damaged or belongs elsewhere")]
    Damaged,
}

/// Keys to open with; the first one also seals.
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<([u8; KEY_ID], [u8; 32])>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys)", self.keys.len())
    }
}

impl KeyRing {
    /// Reads one or more keys, 32 bytes in base64 each, separated by commas or white space. The
    /// first seals; the others only open what was sealed before a change of keys.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let keys = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|part| !part.is_empty())
            .map(|part| {
                let bytes = STANDARD.decode(part).map_err(|_| SealError::Key)?;
                <[u8; 32]>::try_from(bytes).map_err(|_| SealError::Key)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(SealError::Key);
        }
        Ok(Self::new(keys))
    }

    /// `keys` must not be empty.
    pub fn new(keys: Vec<[u8; 32]>) -> Self {
        let keys = keys.into_iter().map(|key| (key_id(&key), key)).collect();
        Self { keys }
    }

    /// A key for another purpose, derived from the first: "audit", "state file".
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        derived(&self.keys[0].1, purpose)
    }

    /// The same from every key of the ring, to check what was made before a change of keys.
    pub fn derive_all(&self, purpose: &str) -> Vec<[u8; 32]> {
        self.keys
            .iter()
            .map(|(_, key)| derived(key, purpose))
            .collect()
    }

    /// Seals `clear` for the place that `organization` and `record` name. `nonce` must be random.
    pub fn seal(
        &self,
        clear: &[u8],
        organization: Uuid,
        record: Uuid,
        nonce: [u8; NONCE],
    ) -> Result<String, SealError> {
        let (id, key) = &self.keys[0];
        let payload = Payload {
            msg: clear,
            aad: &place(organization, record),
        };
        let sealed = XChaCha20Poly1305::new(key.into())
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Damaged)?;
        let mut out = vec![FORM];
        out.extend_from_slice(id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(STANDARD.encode(out))
    }

    pub fn open(
        &self,
        sealed: &str,
        organization: Uuid,
        record: Uuid,
    ) -> Result<Vec<u8>, SealError> {
        let bytes = STANDARD.decode(sealed).map_err(|_| SealError::Damaged)?;
        if bytes.len() < 1 + KEY_ID + NONCE || bytes[0] != FORM {
            return Err(SealError::Damaged);
        }
        let (id, rest) = bytes[1..].split_at(KEY_ID);
        let (nonce, sealed) = rest.split_at(NONCE);
        let (_, key) = self
            .keys
            .iter()
            .find(|(known, _)| known == id)
            .ok_or(SealError::UnknownKey)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| SealError::Damaged)?;
        let payload = Payload {
            msg: sealed,
            aad: &place(organization, record),
        };
        XChaCha20Poly1305::new(key.into())
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Damaged)
    }
}

fn derived(key: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"portunus derived key\0");
    hash.update(key);
    hash.update(purpose.as_bytes());
    hash.finalize().into()
}

fn key_id(key: &[u8; 32]) -> [u8; KEY_ID] {
    let digest = Sha256::digest(key);
    [digest[0], digest[1], digest[2], digest[3]]
}

fn place(organization: Uuid, record: Uuid) -> [u8; 32] {
    let mut out = [0; 32];
    out[..16].copy_from_slice(organization.as_bytes());
    out[16..].copy_from_slice(record.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_in_its_place() {
        let ring = KeyRing::new(vec![[7; 32]]);
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = ring.seal(b"secret", a, b, [9; 24]).unwrap();
        assert_eq!(ring.open(&sealed, a, b).unwrap(), b"secret");
        assert_eq!(ring.open(&sealed, b, a), Err(SealError::Damaged));
        assert_eq!(
            KeyRing::new(vec![[8; 32]]).open(&sealed, a, b),
            Err(SealError::UnknownKey)
        );
        for broken in ["", "AA==", "not base64", &sealed[..20]] {
            assert_eq!(ring.open(broken, a, b), Err(SealError::Damaged));
        }
    }

    #[test]
    fn a_new_key_seals_and_the_old_one_still_opens() {
        let old = KeyRing::new(vec![[7; 32]]);
        let sealed = old.seal(b"x", Uuid::nil(), Uuid::nil(), [0; 24]).unwrap();
        let text = format!("{},{}", STANDARD.encode([8; 32]), STANDARD.encode([7; 32]));
        let both = KeyRing::parse(&text).unwrap();
        assert_eq!(both.open(&sealed, Uuid::nil(), Uuid::nil()).unwrap(), b"x");
        assert!(KeyRing::parse("").is_err());
        assert!(KeyRing::parse("c2hvcnQ=").is_err());
    }
}
