//! Hashes of passwords that people chose: argon2id, written as PHC strings.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

/// Most memory that comparing with one may take, in KiB.
pub const MAX_MEMORY: u32 = 64 * 1024;
/// Most passes over it.
pub const MAX_PASSES: u32 = 5;
/// Most lanes.
pub const MAX_LANES: u32 = 4;

/// A hash, as it is written: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`. Comparing with it costs
/// no more than the bounds above, and `Debug` never prints it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash(String);

impl PasswordHash {
    /// # Errors
    /// A sentence that says what to change.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "Give a hash as $argon2id$v=19$m=…,t=…,p=…$salt$hash.";
        let text = text.trim();
        let rest = text.strip_prefix("$argon2id$v=19$m=").ok_or(FORM)?;
        let mut parts = rest.split('$');
        let mut next = || parts.next().ok_or(FORM);
        let (costs, salt, hash) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(FORM);
        }
        let (memory, costs) = costs.split_once(",t=").ok_or(FORM)?;
        let (passes, lanes) = costs.split_once(",p=").ok_or(FORM)?;
        let number = |text| number(text).ok_or(FORM);
        let (memory, passes, lanes) = (number(memory)?, number(passes)?, number(lanes)?);
        if memory > MAX_MEMORY || passes > MAX_PASSES || lanes > MAX_LANES {
            return Err("A hash takes at most 64 MiB (m=65536), 5 passes (t) and 4 lanes (p).");
        }
        // RFC 9106 §3.1.
        if passes == 0 || lanes == 0 || memory < 8 * lanes {
            return Err(FORM);
        }
        let length = |text: &str| STANDARD_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
        if !(8..=48).contains(&length(salt)) || !(16..=64).contains(&length(hash)) {
            return Err(
                "The salt has 8 to 48 bytes, the hash 16 to 64, in base64 without padding.",
            );
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Digits alone, without zeros in front.
fn number(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if is_plain { text.parse().ok() } else { None }
}

impl TryFrom<String> for PasswordHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::read(&text)
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "c29tZXNhbHQ";
    const HASH: &str = "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    #[test]
    fn what_is_bounded_is_read() {
        let with = |costs: &str| format!("$argon2id$v=19${costs}${SALT}${HASH}");
        for (text, is_good) in [
            (with("m=19456,t=2,p=1"), true),
            (with("m=65536,t=5,p=4"), true),
            (format!(" {}\n", with("m=8,t=1,p=1")), true),
            (with("m=65537,t=2,p=1"), false),
            (with("m=19456,t=6,p=1"), false),
            (with("m=19456,t=2,p=5"), false),
            (with("m=4294967296,t=2,p=1"), false),
            (with("m=31,t=1,p=4"), false),
            (with("m=0,t=0,p=0"), false),
            (with("m=019456,t=2,p=1"), false),
            (with("m=+19456,t=2,p=1"), false),
            (with("t=2,m=19456,p=1"), false),
            (with("m=19456,t=2,p=1,keyid=a"), false),
            (format!("{}$x", with("m=19456,t=2,p=1")), false),
            (format!("$argon2i$v=19$m=8,t=1,p=1${SALT}${HASH}"), false),
            (format!("$argon2id$v=16$m=8,t=1,p=1${SALT}${HASH}"), false),
            (format!("$argon2id$m=8,t=1,p=1${SALT}${HASH}"), false),
            (format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdA${HASH}"), false),
            (format!("$argon2id$v=19$m=8,t=1,p=1${SALT}$"), false),
            (format!("$argon2id$v=19$m=8,t=1,p=1${SALT}"), false),
            (format!("$argon2id$v=19$m=8,t=1,p=1${SALT}$*"), false),
            ("$2b$10$abcdefghijklmnopqrstuv".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(PasswordHash::read(&text).is_ok(), is_good, "{text}");
        }
    }

    #[test]
    fn it_is_written_as_it_was_read_and_never_printed() {
        let text = format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${HASH}");
        let hash = PasswordHash::read(&text).unwrap();
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<PasswordHash>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<PasswordHash>("\"x\"").is_err());
        assert!(!format!("{hash:?}").contains(SALT));
    }
}
