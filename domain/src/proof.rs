//! Proofs that whoever shows a token has the key that it is bound to (DPoP, RFC 9449): what one
//! says, and whether that is enough. Who has signed it is for those to say who have the library.

mod key;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use crate::path;
use crate::policy::jwt::Algorithm;

pub use key::ProofKey;

/// Longest proof that is read, in bytes.
pub const LONGEST: usize = 4096;
/// How a proof may be signed.
pub const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDsa,
    Algorithm::PS256,
    Algorithm::RS256,
];
/// The same, as a challenge says it (RFC 9449 §7.1).
pub const ALGS: &str = "ES256 ES384 EdDSA PS256 RS256";
/// How old a proof may be, in seconds.
pub const AGE: i64 = 60;
/// By how much clocks may differ, in seconds.
pub const SKEW: i64 = 60;

/// A proof as it was sent: nothing in it is to be believed yet.
#[derive(Debug)]
pub struct Proof<'a> {
    pub key: ProofKey,
    pub algorithm: Algorithm,
    /// What is signed.
    pub message: &'a str,
    /// In base64url.
    pub signature: &'a str,
    /// Its `jti`: no two of one key have the same.
    pub id: String,
    /// Of whoever it is shown to, where that hands them out (RFC 9449 §8, §9).
    pub nonce: Option<String>,
    /// Seconds since 1970.
    pub made: i64,
    method: String,
    address: String,
    token: Option<String>,
}

/// The request that a proof must have been made for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub method: &'a str,
    /// `https://api.example.com:8443`
    pub origin: &'a str,
    /// Canonical.
    pub path: &'a str,
    /// The token that is shown with it; `None` where one is asked for.
    pub token: Option<&'a [u8]>,
    /// Seconds since 1970.
    pub now: i64,
}

/// RFC 9449 §4.2. What asks for an extension cannot be followed: we know of none.
#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Value,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

/// Whatever it holds, `null` included.
fn is_there<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: f64,
    #[serde(default)]
    ath: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
}

impl<'a> Proof<'a> {
    /// Reads the value of the field `DPoP`.
    ///
    /// # Errors
    /// Why it is no proof.
    pub fn read(text: &'a [u8]) -> Result<Self, &'static str> {
        const FORM: &str = "The proof does not have the form of RFC 9449 §4.2.";
        if text.len() > LONGEST {
            return Err("The proof is longer than 4 KiB.");
        }
        let text = str::from_utf8(text).map_err(|_| FORM)?;
        let (message, signature) = text.rsplit_once('.').ok_or(FORM)?;
        let (header, claims) = message.split_once('.').ok_or(FORM)?;
        if claims.contains('.') || signature.is_empty() {
            return Err(FORM);
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| FORM)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| FORM)?;
        if header.typ != "dpop+jwt" {
            return Err("The proof is of another type: typ is dpop+jwt.");
        }
        if header.crit {
            return Err("The proof asks for an extension that is not known.");
        }
        let algorithm = ALGORITHMS
            .into_iter()
            .find(|one| one.as_str() == header.alg);
        let algorithm =
            algorithm.ok_or("The proof is signed by an algorithm that is not taken.")?;
        let key = ProofKey::read(&header.jwk)?;
        if !key.signs_by(algorithm) {
            return Err("The proof's key does not sign by its algorithm.");
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| FORM)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| FORM)?;
        if claims.jti.is_empty() || !claims.iat.is_finite() {
            return Err(FORM);
        }
        Ok(Self {
            key,
            algorithm,
            message,
            signature,
            id: claims.jti,
            nonce: claims.nonce,
            made: claims.iat as i64,
            method: claims.htm,
            address: claims.htu,
            token: claims.ath,
        })
    }

    /// Whether it was made for this request, with this token, now (RFC 9449 §4.3).
    ///
    /// # Errors
    /// What it was made for instead.
    pub fn judge(&self, wanted: &Wanted<'_>) -> Result<(), &'static str> {
        if self.method != wanted.method {
            return Err("The proof is for another method (htm).");
        }
        if !is_at(&self.address, wanted.origin, wanted.path) {
            return Err("The proof is for another address (htu).");
        }
        if self.made > wanted.now.saturating_add(SKEW) {
            return Err("The proof was made in the future (iat).");
        }
        if self.made < wanted.now.saturating_sub(AGE + SKEW) {
            return Err("The proof's time is over (iat).");
        }
        if let Some(token) = wanted.token {
            let ours = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
            let theirs = self.token.as_deref().unwrap_or_default();
            if !bool::from(ours.as_bytes().ct_eq(theirs.as_bytes())) {
                return Err("The proof is for another token (ath).");
            }
        }
        Ok(())
    }

    /// How long it must be remembered so that nobody uses it twice, in seconds, whatever clocks do
    /// meanwhile.
    pub fn left(&self, now: i64) -> u64 {
        let over = self.made.saturating_add(AGE + SKEW);
        u64::try_from(over.saturating_sub(now)).unwrap_or(0) + 60
    }
}

/// Whether an address is the one of a request, without query and fragment, however it is written
/// (RFC 3986 §6.2.2, §6.2.3).
fn is_at(address: &str, origin: &str, path: &str) -> bool {
    let (Ok(address), Ok(mut asked)) = (Url::parse(address), Url::parse(origin)) else {
        return false;
    };
    // Both come through the same library, which writes escapes for some that may stand as they are.
    asked.set_path(path);
    let is_plain = address.username().is_empty() && address.password().is_none();
    let is_there = address.scheme() == asked.scheme()
        && address.host().is_some()
        && address.host() == asked.host()
        && address.port_or_known_default() == asked.port_or_known_default();
    let paths = [&address, &asked].map(|one| path::keeping_slashes(one.path()));
    let is_same = matches!(paths, [Ok(there), Ok(here)] if there.path == here.path);
    is_plain && is_there && is_same
}

#[cfg(test)]
mod tests;
