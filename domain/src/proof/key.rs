//! The public key that stands in a proof.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::policy::jwt::Algorithm;

/// Bytes of an RSA modulus.
const RSA: std::ops::RangeInclusive<usize> = 256..=512;

/// A public key with what is needed of it alone, its numbers in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofKey {
    P256 { x: String, y: String },
    P384 { x: String, y: String },
    Ed25519 { x: String },
    Rsa { n: String, e: String },
}

impl ProofKey {
    /// Reads a JSON Web Key (RFC 7517).
    ///
    /// # Errors
    /// Why it is none that counts.
    pub fn read(jwk: &Value) -> Result<Self, &'static str> {
        const FORM: &str = "The proof's key cannot be read (RFC 7517).";
        const KINDS: &str = "The proof's key is of P-256, P-384, Ed25519 or RSA.";
        // RFC 7518 §6: what only the signer may know.
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        if private.iter().any(|name| jwk.get(name).is_some()) {
            return Err("The proof has its private key in it.");
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let number = |name: &str| {
            let text = text(name).ok_or(FORM)?;
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| FORM)?;
            Ok::<_, &'static str>((text.to_owned(), bytes))
        };
        let of_length = |name: &str, length: usize| match number(name)? {
            (text, bytes) if bytes.len() == length => Ok(text),
            _ => Err(FORM),
        };
        match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => Ok(Self::P256 {
                x: of_length("x", 32)?,
                y: of_length("y", 32)?,
            }),
            (Some("EC"), Some("P-384")) => Ok(Self::P384 {
                x: of_length("x", 48)?,
                y: of_length("y", 48)?,
            }),
            (Some("OKP"), Some("Ed25519")) => Ok(Self::Ed25519 {
                x: of_length("x", 32)?,
            }),
            (Some("RSA"), _) => {
                let (n, modulus) = number("n")?;
                let (e, exponent) = number("e")?;
                let length = modulus.iter().skip_while(|byte| **byte == 0).count();
                // What is larger would be dear to check.
                if !RSA.contains(&length) || !(1..=4).contains(&exponent.len()) {
                    return Err("The proof's RSA key has 2048 to 4096 bits.");
                }
                Ok(Self::Rsa { n, e })
            }
            _ => Err(KINDS),
        }
    }

    pub(super) const fn signs_by(&self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (Self::P256 { .. }, Algorithm::ES256)
                | (Self::P384 { .. }, Algorithm::ES384)
                | (Self::Ed25519 { .. }, Algorithm::EdDsa)
                | (Self::Rsa { .. }, Algorithm::PS256 | Algorithm::RS256)
        )
    }

    /// What it is known by: its SHA-256 as RFC 7638 §3 says, in base64url.
    pub fn thumbprint(&self) -> String {
        // All in them is base64url, so there is nothing to escape.
        let text = match self {
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::P384 { x, y } => format!(r#"{{"crv":"P-384","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(Sha256::digest(text))
    }

    /// Whether it is the key of this thumbprint, compared in constant time.
    pub fn is(&self, thumbprint: &str) -> bool {
        let own = self.thumbprint();
        own.as_bytes().ct_eq(thumbprint.as_bytes()).into()
    }
}
