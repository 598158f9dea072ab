//! The key that a client wants its token to be bound to (RFC 9449 §5).

use domain::proof::{Proof, ProofKey, Wanted};
use jsonwebtoken::{Algorithm, DecodingKey};
use url::Url;

use super::token_endpoint;
use crate::ctx::Ctx;

/// The thumbprint of the key of a proof that was made for the token endpoint, now. Which proofs were
/// shown before is not remembered: without the client's secret one is of no use, and the token is of
/// none without the proof's key.
///
/// # Errors
/// Why the proof does not count.
pub(super) fn key(ctx: &Ctx, shown: &[u8]) -> Result<String, &'static str> {
    let proof = Proof::read(shown)?;
    let endpoint = Url::parse(&token_endpoint(ctx));
    let endpoint = endpoint.map_err(|_| "The portal has no address of its own.")?;
    proof.judge(&Wanted {
        method: "POST",
        origin: &endpoint.origin().ascii_serialization(),
        path: endpoint.path(),
        token: None,
        now: ctx.now.timestamp(),
    })?;
    match has_signed(&proof) {
        true => Ok(proof.key.thumbprint()),
        false => Err("The proof was not signed by its key."),
    }
}

fn has_signed(proof: &Proof<'_>) -> bool {
    let key = match &proof.key {
        ProofKey::P256 { x, y } | ProofKey::P384 { x, y } => DecodingKey::from_ec_components(x, y),
        ProofKey::Ed25519 { x } => DecodingKey::from_ed_components(x),
        ProofKey::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
    };
    // Both call them what the registry does (RFC 7518 §3.1).
    let algorithm = proof.algorithm.as_str().parse::<Algorithm>();
    let (Ok(key), Ok(algorithm)) = (key, algorithm) else {
        return false;
    };
    let message = proof.message.as_bytes();
    let verified = jsonwebtoken::crypto::verify(proof.signature, message, &key, algorithm);
    verified.unwrap_or(false)
}
