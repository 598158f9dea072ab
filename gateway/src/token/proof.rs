//! Who has signed a proof of possession (RFC 9449 §4.3).

use domain::proof::{Proof, ProofKey};
use jsonwebtoken::DecodingKey;

use super::keys::library;

/// Whether the key that stands in it has signed it.
pub(crate) fn has_signed(proof: &Proof<'_>) -> bool {
    let key = match &proof.key {
        ProofKey::P256 { x, y } | ProofKey::P384 { x, y } => DecodingKey::from_ec_components(x, y),
        ProofKey::Ed25519 { x } => DecodingKey::from_ed_components(x),
        ProofKey::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
    };
    let Ok(key) = key else {
        return false;
    };
    let message = proof.message.as_bytes();
    let algorithm = library(proof.algorithm);
    let verified = jsonwebtoken::crypto::verify(proof.signature, message, &key, algorithm);
    verified.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9449 §7.1.
    const EXAMPLE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";

    #[test]
    fn the_example_of_the_standard_is_signed() {
        let proof = Proof::read(EXAMPLE.as_bytes()).unwrap();
        assert!(has_signed(&proof));
        let (message, _) = EXAMPLE.rsplit_once('.').unwrap();
        for signature in ["c2ln", "%", &"A".repeat(86), &EXAMPLE[EXAMPLE.len() - 43..]] {
            let forged = format!("{message}.{signature}");
            let proof = Proof::read(forged.as_bytes()).unwrap();
            assert!(!has_signed(&proof), "{signature}");
        }
        // Another text behind the same signature.
        let (header, rest) = EXAMPLE.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let claims = "eyJqdGkiOiIxIiwiaHRtIjoiR0VUIiwiaHR1IjoieCIsImlhdCI6MX0";
        let forged = format!("{header}.{claims}.{signature}");
        assert!(!has_signed(&Proof::read(forged.as_bytes()).unwrap()));
    }
}
