//! `jwt`: believes a signed token, and finds the application whose client it was given to.

use std::rc::Rc;
use std::sync::Arc;

use domain::key::TOKEN_PREFIX;
use domain::policy;
use domain::policy::jwt::{Algorithm, Bound};
use domain::problem::Code;
use domain::snapshot::TokenIssuer;
use serde_json::Value;
use uuid::Uuid;

use super::bearer::{Holder, Whose as Issued, invalid, shown};
use super::bound;
use super::{Context, Flow};
use crate::answer::Refusal;
use crate::call::Call;
use crate::token::{
    Claims, Fault, KeySet, KeySets, Loaded, Seen, Token, Verified, Wanted, is_for, is_in_time,
};

/// The running form.
#[derive(Debug)]
pub(crate) struct Jwt {
    issuers: Box<[Issuer]>,
    optional: bool,
    bound: Bound,
    /// Proofs have a nonce of the gateway's.
    proof_nonce: bool,
    single_use: bool,
    holder: Holder,
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
        Some(Self {
            issuers: platform.into_iter().chain(issuers).collect(),
            optional: policy.optional,
            bound: policy.bound,
            proof_nonce: policy.proof_nonce,
            single_use: policy.single_use,
            holder: Holder::compile(
                policy.client_claim.as_deref(),
                policy.application,
                &policy.headers,
                policy.forward,
            ),
            sets: context.key_sets.clone(),
        })
    }

    /// One that only `observe`s leaves to the upstream what it would get without it.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        self.holder.clear(call);
        let token = match shown(call) {
            Some(token) => token,
            None if self.optional => return Flow::Next,
            None => return Flow::refuse(Refusal::new(Code::TokenMissing)),
        };
        // Whatever calls itself one must be one: an upstream might read it.
        let Some(token) = token else {
            return invalid("Send one token, as `Authorization: Bearer` and nothing beside it.");
        };
        match self.verify(call, token.1) {
            Ok(verified) => {
                let claims = verified.claims.clone();
                let issuer = verified.claims.get("iss").and_then(Value::as_str);
                let issuer = issuer.unwrap_or_default();
                let is_own = token.1.starts_with(TOKEN_PREFIX.as_bytes());
                // That it was verified before says nothing of who shows it now.
                let nonce = self.proof_nonce;
                let proof = match bound::prove(self.bound, nonce, call, &claims, token) {
                    Ok(proof) => proof,
                    Err(refused) => return refused,
                };
                let own = match self.single_use {
                    true => match bound::token_once(call, &claims, issuer) {
                        Ok(once) => Some(once),
                        Err(why) => return invalid(why),
                    },
                    false => None,
                };
                let issued = match is_own {
                    true => Issued::Own,
                    false => Issued::By(issuer),
                };
                let once = [proof, own];
                self.holder.believe(call, claims, issued, once, observe)
            }
            Err(Refused::Fault(Fault::Invalid(why))) => invalid(why),
            Err(Refused::Fault(Fault::Expired)) => Flow::refuse(Refusal::new(Code::TokenExpired)),
            Err(Refused::NoKeys) => {
                let refusal = Refusal::new(Code::NotReady).retry_after(1);
                Flow::refuse(refusal.detail("The keys of the token's issuer are not known now."))
            }
        }
    }

    pub(super) fn clear(&self, call: &mut Call<'_>) {
        self.holder.clear(call);
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
            claims: Arc::new(claims),
            algorithm,
            keys: keys.number,
        });
        let mut seen = call.worker.seen.borrow_mut();
        if seen.put(digest, text.len(), verified.clone()) {
            call.worker.metrics.tokens_forgotten.add(1);
        }
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
}
