//! Tokens that their issuer has bound to a key of their client (claim `cnf`, RFC 7800): what proves
//! that the client shows one itself. And what may be used once.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::CredentialId;
use domain::policy::jwt::{Bound, MAX_SKEW};
use domain::problem::Code;
use domain::proof::{Proof, Wanted};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Flow;
use super::bearer::invalid;
use crate::answer::Refusal;
use crate::call::Call;
use crate::fields::{Fields, Name};
use crate::head::Scheme;
use crate::nonces::{Kind, Once, Unusable};
use crate::token::{Claims, has_signed};

/// Tokens that are good once are remembered for as long at most, in seconds.
const LONGEST: f64 = 3600.0;

/// A token by its `jti`, until it is over.
///
/// # Errors
/// Why it cannot be told from others.
pub(super) fn token_once(
    call: &Call<'_>,
    claims: &Claims,
    issuer: &str,
) -> Result<Once, &'static str> {
    let id = claims
        .get("jti")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if id.is_empty() {
        return Err("It has no jti, so it cannot be good once.");
    }
    let ends = claims.get("exp").and_then(Value::as_f64);
    let left = remembered(ends.unwrap_or_default(), call.wall_secs())?;
    // Of the API's owner: nobody else's use of the token counts here.
    let mut digest = Sha256::new_with_prefix("token\0");
    digest.update(call.route.provider.uuid().as_bytes());
    digest.update((issuer.len() as u64).to_be_bytes());
    digest.update(issuer);
    digest.update(id);
    Ok(Once {
        kind: Kind::Token,
        digest: digest.finalize().into(),
        left,
    })
}

/// How long a token is remembered that `ends` then: longer than it is good for any policy, as each
/// has a skew of its own, whatever clocks do meanwhile.
fn remembered(ends: f64, now: i64) -> Result<Duration, &'static str> {
    let left = ends - now as f64;
    if left > LONGEST {
        return Err("It is good for more than an hour, so it cannot be good once.");
    }
    let beyond = MAX_SKEW.as_secs_ceil() + 60;
    Ok(Duration::from_secs(left.max(0.0) as u64 + beyond))
}

fn proof_once(proof: &Proof<'_>, now: i64) -> Once {
    let mut digest = Sha256::new_with_prefix("proof\0");
    digest.update(proof.key.thumbprint());
    digest.update(&proof.id);
    Once {
        kind: Kind::Proof,
        digest: digest.finalize().into(),
        left: Duration::from_secs(proof.left(now)),
    }
}

/// Remembers all of them or none; refuses where one was used before, and where it could not be
/// remembered. `of` bounds how much of the room they may take.
pub(super) fn use_up(
    call: &mut Call<'_>,
    of: CredentialId,
    all: &[Option<Once>],
) -> Result<(), Flow> {
    call.use_up(of, all).map_err(|refused| match refused {
        (Kind::Proof, Unusable::Known) => unproven("The proof was used already (jti)."),
        (Kind::Token, Unusable::Known) => invalid("It was used already, and is good once."),
        (_, Unusable::Full) => Flow::refuse(Refusal::new(Code::Overloaded).retry_after(1)),
    })
}

/// Whether a token that is believed is its client's own, as far as its issuer has bound it, in proofs
/// by a `nonce` of ours where that is asked for. `Some` is what must not be used again.
///
/// # Errors
/// The refusal.
pub(super) fn prove(
    bound: Bound,
    nonce: bool,
    call: &Call<'_>,
    claims: &Claims,
    (scheme, token): (Scheme, &[u8]),
) -> Result<Option<Once>, Flow> {
    if bound == Bound::None {
        return Ok(None);
    }
    let Some(confirmation) = claims.get("cnf") else {
        return match (bound, scheme) {
            (Bound::Required, _) => Err(invalid("It is not bound to a key of its client (cnf).")),
            (Bound::None | Bound::IfPresent, Scheme::Dpop) => Err(unproven(
                "The token is not bound to a key: send it as `Authorization: Bearer`.",
            )),
            (Bound::None | Bound::IfPresent, Scheme::Bearer) => Ok(None),
        };
    };
    let member = |name: &str| match confirmation.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(invalid("It says wrongly what it is bound to (cnf).")),
    };
    let certificate = member("x5t#S256")?;
    let key = member("jkt")?;
    // RFC 7800 §3.1 lets others stand beside what is known; alone they would bind it to nothing.
    if certificate.is_none() && key.is_none() {
        return Err(invalid(
            "It is bound in a way that is not known here (cnf).",
        ));
    }
    if let Some(thumbprint) = certificate {
        is_of_certificate(call, thumbprint).map_err(invalid)?;
    }
    match (key, scheme) {
        (Some(thumbprint), _) => {
            let once = proof(call, scheme, token, thumbprint, nonce);
            once.map(Some).map_err(|why| why.refused(call))
        }
        (None, Scheme::Bearer) => Ok(None),
        (None, Scheme::Dpop) => Err(unproven(
            "The token is not bound to a key: send it as `Authorization: Bearer`.",
        )),
    }
}

fn unproven(why: &str) -> Flow {
    Flow::refuse(Refusal::new(Code::ProofInvalid).detail(why))
}

/// Why a proof does not count.
enum Unproven {
    Wrong(&'static str),
    /// It has no nonce of ours, or one whose time is over.
    Nonce,
}

impl From<&'static str> for Unproven {
    fn from(why: &'static str) -> Self {
        Self::Wrong(why)
    }
}

impl Unproven {
    fn refused(self, call: &Call<'_>) -> Flow {
        match self {
            Self::Wrong(why) => unproven(why),
            Self::Nonce => {
                let nonce = call.worker.proof_nonces.at(call.wall_secs());
                let mut fields = Fields::new(b"");
                fields.push("dpop-nonce", nonce.as_bytes());
                Flow::refuse(Refusal::new(Code::ProofNonce).told(401, fields))
            }
        }
    }
}

/// RFC 8705 §3: the client has shown this certificate in its handshake.
fn is_of_certificate(call: &Call<'_>, thumbprint: &str) -> Result<(), &'static str> {
    let secure = call.peer.secure.as_ref();
    let shown = secure.and_then(|secure| secure.certificate.as_deref());
    // A connection outlives the handshake that looked at it.
    let shown = shown.filter(|shown| call.wall_us < shown.ends_us);
    let shown = shown.ok_or("It is bound to a certificate: show that in the TLS handshake.")?;
    let wanted = URL_SAFE_NO_PAD.decode(thumbprint).unwrap_or_default();
    match bool::from(wanted.as_slice().ct_eq(shown.digest.as_slice())) {
        true => Ok(()),
        false => Err("It is bound to another certificate."),
    }
}

/// RFC 9449 §7: a proof by the token's key, for this very request. What is dear comes last.
fn proof(
    call: &Call<'_>,
    scheme: Scheme,
    token: &[u8],
    thumbprint: &str,
    nonce: bool,
) -> Result<Once, Unproven> {
    if scheme != Scheme::Dpop {
        return Err(Unproven::Wrong(
            "The token is bound to a key: send it as `Authorization: DPoP`, with a proof beside it.",
        ));
    }
    let mut fields = call.head.fields.named("dpop");
    let (Some(text), None) = (fields.next(), fields.next()) else {
        return Err(Unproven::Wrong("Send one proof, in the field DPoP."));
    };
    let proof = Proof::read(text.trim_ascii())?;
    if !proof.key.is(thumbprint) {
        return Err(Unproven::Wrong(
            "The proof is of another key than the token.",
        ));
    }
    let host = call.head.fields.get(Name::Host).unwrap_or_default();
    let origin = format!("{}://{}", call.scheme(), String::from_utf8_lossy(host));
    let now = call.wall_secs();
    proof.judge(&Wanted {
        method: call.head.method.as_str(),
        origin: &origin,
        path: call.head.canonical(),
        token: Some(token),
        now,
    })?;
    // Whoever explains a call need not have one that is fresh.
    if nonce && !call.worker.explains {
        let known = &call.worker.proof_nonces;
        let shown = proof.nonce.as_deref();
        if !shown.is_some_and(|shown| known.takes(shown, now)) {
            return Err(Unproven::Nonce);
        }
    }
    match has_signed(&proof) {
        true => Ok(proof_once(&proof, now)),
        false => Err(Unproven::Wrong("The proof was not signed by its key.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_good_once_is_remembered_for_longer_than_anybody_takes_it() {
        for (ends, seconds) in [
            (1000.0, Some(360)),
            (1300.5, Some(660)),
            (4600.0, Some(3960)),
            (4601.0, None),
            // Some take it for five minutes more.
            (700.0, Some(360)),
            (-1e300, Some(360)),
            (1e300, None),
        ] {
            let left = remembered(ends, 1000).ok();
            assert_eq!(left.map(|left| left.as_secs()), seconds, "{ends}");
        }
    }
}
