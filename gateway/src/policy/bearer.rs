//! Tokens in `Authorization: Bearer` (RFC 6750 §2.1) or `DPoP` (RFC 9449 §7.1), and whom those are of
//! that are believed.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::id::CredentialId;
use domain::key::{KeyDigest, TOKEN_PREFIX};
use domain::policy::Membership;
use domain::problem::Code;
use serde_json::Value;

use super::Flow;
use super::bound;
use crate::access;
use crate::answer::Refusal;
use crate::call::{Call, Caller};
use crate::fields::Name;
use crate::head::{self, Scheme, is_token};
use crate::nonces::Once;
use crate::token::{Claims, claim};

/// What is shown as a token, and by which scheme; `Some(None)` when it is not one token in the form
/// of RFC 6750 §2.1 or RFC 9449 §7.1.
pub(super) fn shown<'c>(call: &'c Call<'_>) -> Option<Option<(Scheme, &'c [u8])>> {
    let mut lines = call.head.fields.all(Name::Authorization);
    let first = lines.next()?;
    match lines.next() {
        None => is_token(first).then(|| head::token(first)),
        Some(second) => {
            let any = [first, second].into_iter().chain(lines).any(is_token);
            any.then_some(None)
        }
    }
}

/// The field with the proof of a token (RFC 9449 §4.1); it goes where the token goes.
const PROOF: &[u8] = b"dpop";

/// Whether something is shown that is to be a token, and no key of ours.
pub(super) fn is_shown(call: &Call<'_>) -> bool {
    let is_key =
        |token: &[u8]| token.starts_with(b"ptn_") && !token.starts_with(TOKEN_PREFIX.as_bytes());
    shown(call).is_some_and(|token| !token.is_some_and(|(_, token)| is_key(token)))
}

/// Whether it begins as what the platform itself makes.
pub(super) fn is_ours(call: &Call<'_>) -> bool {
    shown(call)
        .flatten()
        .is_some_and(|(_, token)| token.starts_with(b"ptn_"))
}

/// Takes out what was shown and is not looked at.
pub(super) fn forget(call: &mut Call<'_>) {
    let fields = &mut call.head.fields;
    fields.retain(|kind, _, value| kind != Name::Authorization || !is_token(value));
    fields.remove_named(PROOF);
}

/// Whether it has the form of a signed token (RFC 7515 §7.1).
pub(super) fn is_signed(call: &Call<'_>) -> bool {
    let token = shown(call).flatten().map_or(&b""[..], |(_, token)| token);
    token.iter().filter(|byte| **byte == b'.').count() == 2
}

/// Who issued a token.
#[derive(Clone, Copy)]
pub(super) enum Whose<'i> {
    /// The platform's own token endpoint.
    Own,
    By(&'i str),
}

/// What becomes of a token that is believed.
#[derive(Debug)]
pub(super) struct Holder {
    client_claim: Option<Box<str>>,
    application: Membership,
    headers: Box<[(Box<str>, Box<str>)]>,
    forward: bool,
}

impl Holder {
    pub(super) fn compile(
        client_claim: Option<&str>,
        application: Membership,
        headers: &BTreeMap<String, String>,
        forward: bool,
    ) -> Self {
        let headers = headers.iter();
        Self {
            client_claim: client_claim.map(Into::into),
            application,
            headers: headers
                .map(|(name, claim)| (name.to_ascii_lowercase().into(), claim.as_str().into()))
                .collect(),
            forward,
        }
    }

    /// Takes the fields out that are its word to the upstream, whoever sent them.
    pub(super) fn clear(&self, call: &mut Call<'_>) {
        for (name, _) in &self.headers {
            call.head.fields.remove_named(name.as_bytes());
        }
    }

    /// Finds whose token it is, notes what of it may be used `once`, and tells the upstream what it
    /// says, unless that is only to `observe`.
    pub(super) fn believe<'a>(
        &'a self,
        call: &mut Call<'a>,
        claims: Arc<Claims>,
        whose: Whose<'_>,
        once: [Option<Once>; 2],
        observe: bool,
    ) -> Flow {
        let is_own = matches!(whose, Whose::Own);
        let text = |name: &str| claim(&claims, name).and_then(Value::as_str);
        let client = match &self.client_claim {
            Some(name) if !is_own => text(name),
            Some(_) | None => text("client_id").or_else(|| text("azp")),
        };
        let found = client.and_then(|client| match whose {
            Whose::Own => {
                let digest = KeyDigest::of_platform_client(client);
                call.state.keys.find(&digest)
            }
            Whose::By(issuer) => {
                let digest = KeyDigest::of_client(issuer, client);
                access::claimant(call, &[digest], self.application)
            }
        });
        let state = call.state;
        let caller = match found {
            Some(key) => {
                let caller = Caller::of(key);
                call.recognize(&caller);
                match state.keys.judge(key, call.wall_us, call.peer_address()) {
                    Ok(()) => Some(caller),
                    Err(Code::IpDenied) => return Flow::refuse(Refusal::new(Code::IpDenied)),
                    Err(_) => return invalid("The application's client was withdrawn."),
                }
            }
            // We made it: it is nobody's any more.
            None if is_own => return invalid("The application's client was withdrawn."),
            None => match self.application {
                Membership::Optional => None,
                Membership::Required => {
                    let refusal = Refusal::new(Code::NotSubscribed);
                    let why = match client {
                        Some(_) => "No application with a subscription has the token's client.",
                        None => "The token names no client.",
                    };
                    return Flow::refuse(refusal.detail(why));
                }
            },
        };
        if once.iter().any(Option::is_some) {
            let of = match &caller {
                Some(caller) => caller.key.id,
                None => strangers(whose),
            };
            if let Err(refused) = bound::use_up(call, of, &once) {
                return refused;
            }
        }
        match caller {
            Some(caller) => call.identify(caller),
            None => call.forget_watched(),
        }
        // The upstream may ask for it itself; what is ours never gets there.
        if !observe {
            self.tell(call, &claims, is_own);
        }
        call.token = Some(claims);
        Flow::Next
    }

    /// What the upstream gets of a token.
    fn tell<'a>(&'a self, call: &mut Call<'a>, claims: &Claims, is_own: bool) {
        // What we issue is good for every API that its client may call.
        if !self.forward || is_own {
            call.head.fields.remove(Name::Authorization);
            call.head.fields.remove_named(PROOF);
        }
        for (name, from) in &self.headers {
            if let Some(value) = claim(claims, from).and_then(written) {
                call.told.push((name, value));
            }
        }
    }
}

/// Whose room those of an issuer's clients take together that are of no application.
fn strangers(whose: Whose<'_>) -> CredentialId {
    let issuer = match whose {
        Whose::Own => "",
        Whose::By(issuer) => issuer,
    };
    CredentialId::from_name("strangers of", issuer)
}

pub(super) fn invalid(why: &str) -> Flow {
    Flow::refuse(Refusal::new(Code::TokenInvalid).detail(why))
}

/// A claim as a field's value: texts as they are, lists with commas. What is no visible text, or is
/// long, is left out.
fn written(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        Value::Array(all) => {
            let one = |value: &Value| match value {
                Value::String(text) if !text.contains(',') => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            all.iter().map(one).collect::<Option<Vec<_>>>()?.join(",")
        }
        Value::Null | Value::Object(_) => return None,
    };
    let is_plain = text.bytes().all(|b| matches!(b, b' '..=b'~')) && text.len() <= 4096;
    is_plain.then_some(text)
}
