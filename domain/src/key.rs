//! API keys: their form, checksum and digest (gateway.md §1).

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use serde::{Deserialize, Serialize};

use crate::hex;

/// Which traffic a credential is for; the two are counted apart.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    #[default]
    Live,
    Test,
}

impl Environment {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "live" => Some(Self::Live),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "ptn_";
const HEAD: usize = PREFIX.len() + 5; // ptn_live_
const RANDOM: usize = 30;
const CHECK: usize = 6;

/// Length of every key in bytes.
pub const KEY_LENGTH: usize = HEAD + RANDOM + CHECK;

/// A key in clear. It exists while it is made and shown once; `Debug` never prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}…)", self.display_id())
    }
}

impl ApiKey {
    /// Makes a key of random bytes. Bytes of 248 and above are skipped, so that each of the 62
    /// characters is equally likely; 64 bytes hold 30 usable ones except once in 10^23 draws,
    /// when `None` asks for more.
    pub fn from_random(environment: Environment, random: &[u8; 64]) -> Option<Self> {
        let mut text = format!("{PREFIX}{}_", environment.as_str());
        let letters = random.iter().filter(|byte| **byte < 248).take(RANDOM);
        text.extend(letters.map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
        if text.len() != HEAD + RANDOM {
            return None;
        }
        let check = checksum(text.as_bytes());
        text.push_str(std::str::from_utf8(&check).ok()?);
        Some(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.0.as_bytes())
    }

    /// `ptn_live_ab12cd34`: enough to recognize a key by, useless to call with.
    pub fn display_id(&self) -> &str {
        &self.0[..HEAD + 8]
    }
}

/// The environment of a well-formed key: right prefix, length, alphabet and checksum. Lets a
/// scanner and the gateway drop false hits without a lookup.
pub fn parse(text: &[u8]) -> Option<Environment> {
    if text.len() != KEY_LENGTH || !text.starts_with(PREFIX.as_bytes()) {
        return None;
    }
    let environment = match &text[PREFIX.len()..HEAD] {
        b"live_" => Environment::Live,
        b"test_" => Environment::Test,
        _ => return None,
    };
    let (body, check) = text.split_at(HEAD + RANDOM);
    (body[HEAD..].iter().all(u8::is_ascii_alphanumeric) && check == checksum(body))
        .then_some(environment)
}

/// CRC-32 (IEEE) in base 62, padded to six characters.
fn checksum(text: &[u8]) -> [u8; CHECK] {
    let mut crc = crc32fast::hash(text);
    let mut out = [b'0'; CHECK];
    for place in out.iter_mut().rev() {
        *place = ALPHABET[(crc % 62) as usize];
        crc /= 62;
    }
    out
}

/// Tokens of the platform's own token endpoint begin so, in front of their signed form: like every
/// value that begins with `ptn_`, they never reach an upstream, whatever an API's policies say.
pub const TOKEN_PREFIX: &str = "ptn_at_";

/// Passwords of applications begin so.
pub const PASSWORD_PREFIX: &str = "ptn_pw_";

/// SHA-256 of a whole key: what is stored, and what a gateway looks up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyDigest(pub [u8; 32]);

impl KeyDigest {
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Of a client that an issuer of tokens knows: it is found as a key is, and no key has the same.
    pub fn of_client(issuer: &str, client: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"oauth client\0");
        digest.update((issuer.len() as u64).to_be_bytes());
        digest.update(issuer);
        digest.update(client);
        Self(digest.finalize().into())
    }

    /// Of an OAuth client that the platform itself knows: it is found as a key is, and no key has the
    /// same.
    pub fn of_platform_client(client: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"platform client\0");
        digest.update(client);
        Self(digest.finalize().into())
    }

    /// Of a user name with its password (RFC 7617 §2), by the SHA-256 of both with the colon between
    /// them: it is found as a key is, and no key has the same.
    pub fn of_password(user_and_password: &[u8; 32]) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"user and password\0");
        digest.update(user_and_password);
        Self(digest.finalize().into())
    }

    /// Of a user name whose password somebody chose: it is found as a key is, and no key has the same.
    pub fn of_user(name: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"user name\0");
        digest.update(name);
        Self(digest.finalize().into())
    }

    /// Of a public key that signs requests, by its `keyid`: it is found as a key is, and no key has the
    /// same.
    pub fn of_signing_key(id: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"signing key\0");
        digest.update(id);
        Self(digest.finalize().into())
    }

    /// Of a client's certificate, by its SHA-256: it is found as a key is, and no key has the same.
    pub fn of_certificate(fingerprint: &[u8; 32]) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"client certificate\0");
        digest.update(fingerprint);
        Self(digest.finalize().into())
    }

    /// Of a name that certificates have, in its canonical form: it is found as a key is, and no key has
    /// the same.
    pub fn of_certificate_name(canonical: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"certificate name\0");
        digest.update(canonical);
        Self(digest.finalize().into())
    }

    /// The first eight bytes: the index of the lookup.
    pub fn prefix(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(first)
    }

    /// Compares all bytes in constant time, eight at a time.
    pub fn matches(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.0.as_chunks::<8>().0, other.0.as_chunks::<8>().0);
        let words = ours.iter().zip(theirs);
        let differs = words.fold(0_u64, |differs, (our, their)| {
            differs | (u64::from_ne_bytes(*our) ^ u64::from_ne_bytes(*their))
        });
        differs.ct_eq(&0).into()
    }

    /// Reads 64 hexadecimal digits, as `sha256` in a declarative file has them.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(Self(out))
    }

    pub fn to_hex(&self) -> String {
        hex::hex(&self.0)
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyDigest({:016x}…)", self.prefix())
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for KeyDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_hex(&text)
            .ok_or_else(|| serde::de::Error::custom("a SHA-256 has 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn random() -> impl Strategy<Value = [u8; 64]> {
        proptest::collection::vec(any::<u8>(), 64).prop_map(|v| v.try_into().unwrap())
    }

    proptest! {
        #[test]
        fn a_key_is_recognized_and_its_digest_matches(bytes in random(), live in any::<bool>()) {
            let environment = if live { Environment::Live } else { Environment::Test };
            let Some(key) = ApiKey::from_random(environment, &bytes) else { return Ok(()) };
            prop_assert_eq!(key.as_str().len(), KEY_LENGTH);
            prop_assert_eq!(parse(key.as_str().as_bytes()), Some(environment));
            prop_assert!(key.digest().matches(&KeyDigest::of(key.as_str().as_bytes())));
            prop_assert_eq!(KeyDigest::from_hex(&key.digest().to_hex()), Some(key.digest()));
        }

        #[test]
        fn one_changed_byte_is_noticed(bytes in random(), at in 0..KEY_LENGTH, to in any::<u8>()) {
            let Some(key) = ApiKey::from_random(Environment::Live, &bytes) else { return Ok(()) };
            let mut text = key.as_str().as_bytes().to_vec();
            prop_assume!(text[at] != to);
            text[at] = to;
            prop_assert_eq!(parse(&text), None);
        }

        #[test]
        fn any_bytes_are_survived(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&text);
        }
    }

    #[test]
    fn the_checksum_is_the_documented_one() {
        // CRC-32 of "123456789" is 0xcbf43926 (the check value of CRC-32/ISO-HDLC).
        let mut value: u64 = 0;
        for c in checksum(b"123456789") {
            value = value * 62 + ALPHABET.iter().position(|a| *a == c).unwrap() as u64;
        }
        assert_eq!(value, 0xcbf4_3926);
    }

    #[test]
    fn a_key_never_shows_in_debug() {
        let key = ApiKey::from_random(Environment::Test, &[7; 64]).unwrap();
        assert!(!format!("{key:?}").contains(key.as_str()));
        assert_eq!(key.display_id(), "ptn_test_77777777");
    }
}
