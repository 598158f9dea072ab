//! `jwt`: believes a signed token, and finds the application whose client it was given to.

use std::rc::Rc;
use std::sync::Arc;

use domain::key::{KeyDigest, TOKEN_PREFIX};
use domain::policy;
use domain::policy::jwt::{Algorithm, Membership};
use domain::problem::Code;
use domain::snapshot::TokenIssuer;
use serde_json::Value;
use uuid::Uuid;

use super::{Context, Flow};
use crate::access;
use crate::answer::Refusal;
use crate::call::{Call, Caller};
use crate::fields::Name;
use crate::head::{bearer, is_bearer};
use crate::token::{
    Claims, Fault, KeySet, KeySets, Loaded, Seen, Token, Verified, Wanted, claim, is_for,
    is_in_time,
};

/// The running form.
#[derive(Debug)]
pub(crate) struct Jwt {
    issuers: Box<[Issuer]>,
    optional: bool,
    client_claim: Option<Box<str>>,
    application: Membership,
    headers: Box<[(Box<str>, Box<str>)]>,
    forward: bool,
    sets: Arc<KeySets>,
}

#[derive(Debug)]
struct Issuer {
    whose: Whose,
    algorithms: Box<[Algorithm]>,
    keys: Arc<KeySet>,
}

#[derive(Debug)]
enum Whose {
    /// The platform's own: what its tokens say comes with the configuration.
    Platform,
    Named(Wanted),
}

/// By how much the clocks of portal and gateways may differ, in seconds.
const SKEW: u64 = 60;

impl Issuer {
    fn platform(sets: &KeySets) -> Self {
        Self {
            whose: Whose::Platform,
            algorithms: [TokenIssuer::ALGORITHM].into(),
            keys: sets.platform(),
        }
    }

    const fn is_own(&self) -> bool {
        matches!(self.whose, Whose::Platform)
    }

    /// Whether it calls itself so.
    fn is(&self, name: &str, call: &Call<'_>) -> bool {
        match &self.whose {
            Whose::Platform => {
                let tokens = call.state.settings.tokens.as_ref();
                tokens.is_some_and(|tokens| tokens.issuer == name)
            }
            Whose::Named(wanted) => *wanted.issuer == *name,
        }
    }

    /// What a token of this issuer must say.
    fn judge(&self, claims: &Claims, call: &Call<'_>) -> Result<(), Fault> {
        match &self.whose {
            Whose::Platform => {
                let mut buffer = Uuid::encode_buffer();
                let api = call.route.api.uuid().urn().encode_lower(&mut buffer);
                is_for(claims, |one| *one == *api)?;
                is_in_time(claims, call.wall_secs(), SKEW)
            }
            Whose::Named(wanted) => wanted.judge(claims, call.wall_secs()),
        }
    }
}

/// Why a token is not believed.
enum Refused {
    Fault(Fault),
    /// The issuer's keys are not known (yet, or any more).
    NoKeys,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Jwt {
    /// `None` when keys that are written in it cannot be used.
    pub(crate) fn compile(policy: &policy::Jwt, context: &Context<'_>) -> Option<Self> {
        let issuers = policy.issuers.iter().map(|issuer| Issuer {
            whose: Whose::Named(Wanted {
                issuer: issuer.issuer.as_str().into(),
                audience: issuer
                    .audience
                    .iter()
                    .map(|one| one.as_str().into())
                    .collect(),
                skew: issuer.skew.as_secs_ceil(),
            }),
            algorithms: issuer.algorithms.as_slice().into(),
            keys: context.key_sets.of(issuer),
        });
        let issuers: Box<[Issuer]> = issuers.collect();
        let is_fixed = |index: usize| policy.issuers[index].jwks.is_some();
        let unusable = |(index, issuer): (usize, &Issuer)| {
            is_fixed(index) && issuer.keys.get().is_none_or(|keys| keys.is_empty())
        };
        if issuers.iter().enumerate().any(unusable) {
            return None;
        }
        let platform = policy.platform.then(|| Issuer::platform(context.key_sets));
        let headers = policy.headers.iter();
        Some(Self {
            issuers: platform.into_iter().chain(issuers).collect(),
            optional: policy.optional,
            client_claim: policy.client_claim.as_deref().map(Into::into),
            application: policy.application,
            headers: headers
                .map(|(name, claim)| (name.to_ascii_lowercase().into(), claim.as_str().into()))
                .collect(),
            forward: policy.forward,
            sets: context.key_sets.clone(),
        })
    }

    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>) -> Flow {
        self.clear(call);
        let token = match Self::shown(call) {
            Some(token) => token,
            None if self.optional => return Flow::Next,
            None => return Flow::refuse(Refusal::new(Code::TokenMissing)),
        };
        // Whatever calls itself one must be one: an upstream might read it.
        let Some(token) = token else {
            return invalid("Send one token, as `Authorization: Bearer` and nothing beside it.");
        };
        match self.verify(call, token) {
            Ok(verified) => {
                let is_own = token.starts_with(TOKEN_PREFIX.as_bytes());
                let flow = self.believe(call, &verified, is_own);
                call.token = Some(verified);
                flow
            }
            Err(Refused::Fault(Fault::Invalid(why))) => invalid(why),
            Err(Refused::Fault(Fault::Expired)) => Flow::refuse(Refusal::new(Code::TokenExpired)),
            Err(Refused::NoKeys) => {
                let refusal = Refusal::new(Code::NotReady).retry_after(1);
                Flow::refuse(refusal.detail("The keys of the token's issuer are not known now."))
            }
        }
    }

    /// Takes the fields out that are its word to the upstream, whoever sent them.
    pub(super) fn clear(&self, call: &mut Call<'_>) {
        for (name, _) in &self.headers {
            call.head.fields.remove_named(name.as_bytes());
        }
    }

    /// What is shown as a token; `Some(None)` when it is not one token in the form of RFC 6750 §2.1.
    fn shown<'c>(call: &'c Call<'_>) -> Option<Option<&'c [u8]>> {
        let mut lines = call.head.fields.all(Name::Authorization);
        let first = lines.next()?;
        match lines.next() {
            None => is_bearer(first).then(|| bearer(first)),
            Some(second) => {
                let any = [first, second].into_iter().chain(lines).any(is_bearer);
                any.then_some(None)
            }
        }
    }

    /// Whether something is shown that is to be a token, and no key of ours.
    pub(super) fn is_shown(call: &Call<'_>) -> bool {
        let is_key = |token: &[u8]| {
            token.starts_with(b"ptn_") && !token.starts_with(TOKEN_PREFIX.as_bytes())
        };
        Self::shown(call).is_some_and(|token| !token.is_some_and(is_key))
    }

    /// Takes out what was shown and is not looked at.
    pub(super) fn forget(call: &mut Call<'_>) {
        let fields = &mut call.head.fields;
        fields.retain(|kind, _, value| kind != Name::Authorization || !is_bearer(value));
    }

    fn verify(&self, call: &Call<'_>, text: &[u8]) -> Result<Rc<Verified>, Refused> {
        let digest = Seen::digest(text);
        // Ours are marked, so that they are told from all others wherever they come by.
        let own = text.strip_prefix(TOKEN_PREFIX.as_bytes());
        let (signed, is_own) = own.map_or((text, false), |signed| (signed, true));
        let known = call.worker.seen.borrow().get(&digest);
        if let Some(known) = known
            && let Some((issuer, keys)) = self.issuer(&known, is_own, call)
            && keys.number == known.keys
            && issuer.algorithms.contains(&known.algorithm)
        {
            issuer.judge(&known.claims, call)?;
            return Ok(known);
        }
        let token = Token::parse(signed)?;
        let claims = token.claims()?;
        let issuer = claims.get("iss").and_then(Value::as_str);
        let issuer = issuer.and_then(|name| {
            let mut issuers = self.issuers.iter();
            issuers.find(|one| one.is_own() == is_own && one.is(name, call))
        });
        let issuer = issuer.ok_or(Fault::Invalid(
            "It is of an issuer that does not count here.",
        ))?;
        let algorithm = token.algorithm(&issuer.algorithms)?;
        // Before the signature, as that is dear.
        issuer.judge(&claims, call)?;
        let keys = issuer.keys.get().ok_or(Refused::NoKeys)?;
        if !token.is_signed(algorithm, &keys) {
            self.sets.want(&issuer.keys, &keys, token.kid.as_deref());
            return Err(Fault::Invalid("Its signature is not one of its issuer's.").into());
        }
        let verified = Rc::new(Verified {
            claims,
            algorithm,
            keys: keys.number,
        });
        let mut seen = call.worker.seen.borrow_mut();
        seen.put(digest, text.len(), verified.clone());
        Ok(verified)
    }

    /// The issuer of what was verified, with its keys of now.
    fn issuer(
        &self,
        known: &Verified,
        is_own: bool,
        call: &Call<'_>,
    ) -> Option<(&Issuer, Arc<Loaded>)> {
        let name = known.claims.get("iss")?.as_str()?;
        let mut issuers = self.issuers.iter();
        let issuer = issuers.find(|one| one.is_own() == is_own && one.is(name, call))?;
        Some((issuer, issuer.keys.get()?))
    }

    /// Finds whose token it is, and tells the upstream what it says.
    fn believe<'a>(&'a self, call: &mut Call<'a>, verified: &Verified, is_own: bool) -> Flow {
        let claims = &verified.claims;
        let text = |name: &str| claim(claims, name).and_then(Value::as_str);
        let issuer = text("iss").unwrap_or_default();
        let client = match &self.client_claim {
            Some(name) if !is_own => text(name),
            Some(_) | None => text("client_id").or_else(|| text("azp")),
        };
        let found = client.and_then(|client| match is_own {
            true => {
                let digest = KeyDigest::of_platform_client(client);
                call.state.keys.find(&digest)
            }
            false => {
                let digest = KeyDigest::of_client(issuer, client);
                access::claimant(call, digest, self.application)
            }
        });
        let state = call.state;
        match found {
            Some(key) => {
                let caller = Caller {
                    key,
                    application: &key.application,
                    subscription: None,
                };
                call.recognize(&caller);
                match state.keys.judge(key, call.wall_us, call.peer_address()) {
                    Ok(()) => call.identify(caller),
                    Err(Code::IpDenied) => return Flow::refuse(Refusal::new(Code::IpDenied)),
                    Err(_) => return invalid("The application's client was withdrawn."),
                }
            }
            // We made it: it is nobody's any more.
            None if is_own => return invalid("The application's client was withdrawn."),
            None => match self.application {
                Membership::Optional => {}
                Membership::Required => {
                    let refusal = Refusal::new(Code::NotSubscribed);
                    let why = match client {
                        Some(_) => "No application with a subscription has the token's client.",
                        None => "The token names no client.",
                    };
                    return Flow::refuse(refusal.detail(why));
                }
            },
        }
        // What we issue is good for every API that its client may call.
        if !self.forward || is_own {
            call.head.fields.remove(Name::Authorization);
        }
        for (name, from) in &self.headers {
            if let Some(value) = claim(claims, from).and_then(written) {
                call.told.push((name, value));
            }
        }
        Flow::Next
    }
}

fn invalid(why: &str) -> Flow {
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
