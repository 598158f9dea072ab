//! Public keys by which applications sign requests (RFC 9421): what they are, never their private
//! half.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::policy::jwt::is_for_signatures;

/// How a key signs: the names of the registry of HTTP signature algorithms (RFC 9421 §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum SigningAlgorithm {
    #[serde(rename = "ed25519")]
    Ed25519,
    #[serde(rename = "ecdsa-p256-sha256")]
    EcdsaP256Sha256,
    #[serde(rename = "ecdsa-p384-sha384")]
    EcdsaP384Sha384,
    #[serde(rename = "rsa-pss-sha512")]
    RsaPssSha512,
    #[serde(rename = "rsa-v1_5-sha256")]
    RsaV15Sha256,
}

impl SigningAlgorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::RsaPssSha512 => "rsa-pss-sha512",
            Self::RsaV15Sha256 => "rsa-v1_5-sha256",
        }
    }
}

/// A public key with what it signs by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    pub algorithm: SigningAlgorithm,
    /// As a JSON Web Key (RFC 7517), with what is needed of it alone.
    pub jwk: Value,
}

/// Longest text of a key, in bytes.
pub const MAX_KEY_TEXT: usize = 8192;
/// Bits of an RSA key.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

impl SigningKey {
    /// Reads a public key: a JSON Web Key, or PEM (`BEGIN PUBLIC KEY`, RFC 7468 §13).
    ///
    /// # Errors
    /// A sentence that says what to change.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.len() > MAX_KEY_TEXT {
            return Err("A public key has at most 8 KiB.");
        }
        if text.contains("PRIVATE KEY") {
            return Err(PRIVATE);
        }
        if text.starts_with('{') {
            let jwk: Value = serde_json::from_str(text).map_err(|_| FORM)?;
            return Self::of_jwk(&jwk);
        }
        let inner = text
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|rest| rest.trim_end().strip_suffix("-----END PUBLIC KEY-----"))
            .ok_or(FORM)?;
        let digits: String = inner.split_whitespace().collect();
        let der = STANDARD.decode(digits).map_err(|_| FORM)?;
        Self::of_jwk(&spki(&der).ok_or(FORM)?)
    }

    fn of_jwk(jwk: &Value) -> Result<Self, &'static str> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if ["d", "p", "q", "k"].iter().any(|name| text(name).is_some()) {
            return Err(PRIVATE);
        }
        if !is_for_signatures(jwk) {
            return Err("The key is not for signatures.");
        }
        let part = |name: &str| {
            let text = text(name).ok_or(FORM)?;
            URL_SAFE_NO_PAD.decode(text).map_err(|_| FORM)
        };
        let of_length = |name: &str, length: usize| match part(name) {
            Ok(bytes) if bytes.len() == length => Ok(text(name)),
            Ok(_) | Err(_) => Err(FORM),
        };
        let (algorithm, jwk) = match (text("kty"), text("crv")) {
            (Some("OKP"), Some("Ed25519")) => (
                SigningAlgorithm::Ed25519,
                json!({ "kty": "OKP", "crv": "Ed25519", "x": of_length("x", 32)? }),
            ),
            (Some("EC"), Some("P-256")) => (
                SigningAlgorithm::EcdsaP256Sha256,
                json!({ "kty": "EC", "crv": "P-256", "x": of_length("x", 32)?, "y": of_length("y", 32)? }),
            ),
            (Some("EC"), Some("P-384")) => (
                SigningAlgorithm::EcdsaP384Sha384,
                json!({ "kty": "EC", "crv": "P-384", "x": of_length("x", 48)?, "y": of_length("y", 48)? }),
            ),
            (Some("RSA"), _) => {
                let modulus = part("n")?;
                let bits = modulus.iter().skip_while(|byte| **byte == 0).count() * 8;
                if !RSA_BITS.contains(&bits) {
                    return Err("An RSA key has 2048 to 8192 bits.");
                }
                part("e")?;
                let algorithm = match text("alg") {
                    None | Some("PS512") => SigningAlgorithm::RsaPssSha512,
                    Some("RS256") => SigningAlgorithm::RsaV15Sha256,
                    Some(_) => return Err("An RSA key signs by PS512 or RS256 here."),
                };
                (
                    algorithm,
                    json!({ "kty": "RSA", "n": text("n"), "e": text("e") }),
                )
            }
            _ => return Err("Use a key of Ed25519, P-256, P-384 or RSA."),
        };
        Ok(Self { algorithm, jwk })
    }
}

const FORM: &str = "Give a public key in PEM (BEGIN PUBLIC KEY) or as a JSON Web Key.";
const PRIVATE: &str =
    "This is a private key. Give the public one, and make a new pair: this one has left its place.";

/// A key of SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) as a JSON Web Key.
fn spki(der: &[u8]) -> Option<Value> {
    const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (whole, b"") = element(der, 0x30)? else {
        return None;
    };
    let (algorithm, rest) = element(whole, 0x30)?;
    let (id, parameters) = element(algorithm, 0x06)?;
    let (bits, b"") = element(rest, 0x03)? else {
        return None;
    };
    let key = bits.strip_prefix(&[0])?;
    let point = |length: usize| {
        let point = key.strip_prefix(&[4])?;
        (point.len() == 2 * length).then(|| point.split_at(length))
    };
    match id {
        ED25519 => Some(json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key) })),
        EC => {
            let (curve, length) = match element(parameters, 0x06)?.0 {
                P256 => ("P-256", 32),
                P384 => ("P-384", 48),
                _ => return None,
            };
            let (x, y) = point(length)?;
            Some(json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) }))
        }
        RSA => {
            let (numbers, b"") = element(key, 0x30)? else {
                return None;
            };
            let (modulus, rest) = element(numbers, 0x02)?;
            let (exponent, _) = element(rest, 0x02)?;
            let plain = |number: &[u8]| text(number.strip_prefix(&[0]).unwrap_or(number));
            Some(json!({ "kty": "RSA", "n": plain(modulus), "e": plain(exponent) }))
        }
        _ => None,
    }
}

/// The content of the first element of DER, which has this tag, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9421 appendix B.1.
    const ED25519: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----";
    const P256: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\nw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n-----END PUBLIC KEY-----";

    #[test]
    fn keys_in_both_forms() {
        let key = SigningKey::read(ED25519).unwrap();
        assert_eq!(key.algorithm, SigningAlgorithm::Ed25519);
        assert_eq!(key.jwk["x"], "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs");
        assert_eq!(SigningKey::read(&key.jwk.to_string()).unwrap(), key);
        let key = SigningKey::read(P256).unwrap();
        assert_eq!(key.algorithm, SigningAlgorithm::EcdsaP256Sha256);
        assert_eq!(key.jwk["x"], "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA");
        let rsa = json!({ "kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "kid": "x" });
        let key = SigningKey::read(&rsa.to_string()).unwrap();
        assert_eq!(key.algorithm, SigningAlgorithm::RsaPssSha512);
        assert_eq!(key.jwk.get("kid"), None);
    }

    #[test]
    fn what_is_no_public_key() {
        let long = "x".repeat(MAX_KEY_TEXT + 1);
        let short = json!({ "kty": "RSA", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xff; 128]) });
        for text in [
            "",
            "{}",
            "[]",
            &long,
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMCow\n-----END PRIVATE KEY-----",
            r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
            r#"{"kty":"oct","k":"AA"}"#,
            r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs","d":"AA"}"#,
            &short.to_string(),
        ] {
            assert!(SigningKey::read(text).is_err(), "{text}");
        }
        // Cut anywhere, it is none and harms nobody.
        let digits: String = P256.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(digits).unwrap();
        for length in 0..der.len() {
            assert_eq!(spki(&der[..length]), None);
        }
    }
}
