//! `http_signature`: finds the application by a signature over the request (RFC 9421).

use std::time::Duration;

use domain::contract::{Place, Violation};
use domain::key::KeyDigest;
use domain::policy;
use domain::problem::Code;
use sha2::{Digest, Sha256};

use super::Flow;
use crate::answer::Refusal;
use crate::call::{Call, Caller};
use crate::fields::Name;
use crate::nonces::{Kind, Once, Unusable};
use crate::signature::{self, Around, Signed};
use crate::state::Key;

/// By how much the clocks of callers may differ, in seconds.
const SKEW: i64 = 60;

/// The running form.
#[derive(Debug)]
pub(crate) struct HttpSignature {
    components: Box<[Box<str>]>,
    body: bool,
    max_age: i64,
    nonce: bool,
    tag: Option<Box<str>>,
    optional: bool,
}

/// What compares a body with the digest that was signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    pub(crate) max_bytes: u64,
}

impl HttpSignature {
    /// With what compares bodies, where they must be signed.
    pub(crate) fn compile(policy: &policy::HttpSignature) -> (Self, Option<Signature>) {
        let components = policy.components.iter();
        let running = Self {
            components: components.map(|name| name.as_str().into()).collect(),
            body: policy.body,
            max_age: i64::try_from(policy.max_age.as_secs_ceil()).unwrap_or(i64::MAX),
            nonce: policy.nonce,
            tag: policy.tag.as_deref().map(Into::into),
            optional: policy.optional,
        };
        let compares = Signature {
            max_bytes: policy.max_bytes,
        };
        (running, policy.body.then_some(compares))
    }

    pub(super) fn is_shown(call: &Call<'_>) -> bool {
        signature::is_shown(&call.head.fields)
    }

    /// Takes out what was shown and is not looked at.
    pub(super) fn forget(call: &mut Call<'_>) {
        call.head.fields.remove_named(b"signature");
        call.head.fields.remove_named(b"signature-input");
    }

    /// One that only `observe`s leaves the signature to the upstream.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        if !Self::is_shown(call) {
            return match self.optional {
                true => Flow::Next,
                false => Flow::refuse(Refusal::new(Code::SignatureMissing)),
            };
        }
        let around = Around {
            scheme: call.scheme(),
        };
        let read = signature::read(&call.head, around, self.tag.as_deref());
        let signed = match read.and_then(|signed| self.judge(call, signed)) {
            Ok(signed) => signed,
            Err(why) => return invalid(why),
        };
        let state = call.state;
        let key = state.keys.find(&KeyDigest::of_signing_key(&signed.key));
        let signer = key.and_then(|key| state.keys.signer(key.id));
        let (Some(key), Some(signer)) = (key, signer) else {
            return invalid("No application has a key of this keyid.");
        };
        if !signer.has_signed(&signed) {
            return invalid("It was not made by its key, or over another request.");
        }
        let caller = Caller::of(key);
        call.recognize(&caller);
        match state.keys.judge(key, call.wall_us, call.peer_address()) {
            Ok(()) => {}
            Err(Code::IpDenied) => return Flow::refuse(Refusal::new(Code::IpDenied)),
            Err(_) => return invalid("The application's key was revoked, or its time is over."),
        }
        if let Some(nonce) = signed.nonce.as_deref().filter(|_| self.nonce) {
            let once = self.once(call, key, &signed, nonce);
            match call.use_up(key.id, &[Some(once)]) {
                Ok(()) => {}
                Err((_, Unusable::Known)) => {
                    return invalid("It was used already: its nonce is not new.");
                }
                Err((_, Unusable::Full)) => {
                    return Flow::refuse(Refusal::new(Code::Overloaded).retry_after(1));
                }
            }
        }
        call.identify(caller);
        // A body that was taken away is another one.
        call.signed = self.body && (call.length != Some(0) || signed.covers("content-digest"));
        // Its work is done.
        if !observe {
            Self::forget(call);
        }
        Flow::Next
    }

    /// A nonce, for longer than its signature is good, whatever clocks do meanwhile.
    fn once(&self, call: &Call<'_>, key: &Key, signed: &Signed, nonce: &str) -> Once {
        let left = signed.created + self.max_age + 2 * SKEW - call.wall_secs();
        let mut digest = Sha256::new_with_prefix(key.digest.0);
        digest.update(nonce);
        Once {
            kind: Kind::Proof,
            digest: digest.finalize().into(),
            left: Duration::from_secs(u64::try_from(left).unwrap_or(0) + 60),
        }
    }

    /// What it must cover and say, as far as that can be told without its key.
    fn judge(&self, call: &Call<'_>, signed: Signed) -> Result<Signed, &'static str> {
        let now = call.wall_secs();
        let covers = |name: &str| signed.covers(name);
        // The whole target is each of its parts.
        let is_in_target = |name: &str| {
            matches!(name, "@authority" | "@scheme" | "@path" | "@query") && covers("@target-uri")
        };
        let is_missing = |name: &str| !covers(name) && !is_in_target(name);
        if self.components.iter().any(|name| is_missing(name)) {
            return Err("It does not cover all that must be signed.");
        }
        if self.body && call.length != Some(0) && !covers("content-digest") {
            return Err("A body must be signed by its Content-Digest (RFC 9530).");
        }
        // What ends at this hop does not reach whom it was signed for.
        let mut nominated = call.head.fields.all(Name::Connection);
        let is_covered = |token: &[u8]| {
            let covered = signed.covered.iter();
            covered
                .into_iter()
                .any(|one| token.eq_ignore_ascii_case(one.as_bytes()))
        };
        if nominated.any(|line| {
            line.split(|b| *b == b',')
                .any(|one| is_covered(one.trim_ascii()))
        }) {
            return Err("It covers a field that Connection takes out.");
        }
        if signed.created > now + SKEW {
            return Err("It was created in the future.");
        }
        let age = now.saturating_sub(signed.created);
        let is_over = signed.expires.is_some_and(|at| at < now - SKEW);
        if age > self.max_age + SKEW || is_over {
            return Err("Its time is over.");
        }
        if self.nonce && signed.nonce.is_none() {
            return Err("It has no nonce.");
        }
        Ok(signed)
    }
}

impl Signature {
    /// Whether the body must be the one of the digest that was signed.
    pub(super) const fn wants_body(call: &Call<'_>) -> bool {
        call.signed
    }

    pub(super) fn judge(digest: Option<&str>, body: &[u8]) -> Vec<Violation> {
        if digest.is_some_and(|digest| signature::is_digest_of(digest, body)) {
            return Vec::new();
        }
        vec![Violation {
            place: Place::Header,
            pointer: "/content-digest".to_owned(),
            message: "It is not that of the body (RFC 9530 §2).".to_owned(),
        }]
    }
}

fn invalid(why: &str) -> Flow {
    Flow::refuse(Refusal::new(Code::SignatureInvalid).detail(why))
}
