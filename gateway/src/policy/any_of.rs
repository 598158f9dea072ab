//! `any_of`: of several ways to say who calls, the first that the caller takes decides.

use domain::policy;
use domain::policy::Identity;
use domain::problem::Code;

use super::key_auth::StandIn;
use super::{
    BasicAuth, Context, Flow, HttpSignature, Introspection, Jwt, KeyAuth, Mtls, Signature, bearer,
};
use crate::answer::Refusal;
use crate::asking::Learned;
use crate::call::Call;

/// The running form.
#[derive(Debug)]
pub(crate) struct AnyOf {
    of: Box<[Way]>,
    optional: bool,
}

#[derive(Debug)]
enum Way {
    KeyAuth(KeyAuth),
    Jwt(Jwt),
    Introspection(Introspection),
    BasicAuth(BasicAuth),
    HttpSignature(HttpSignature),
    Mtls(Mtls),
}

impl Way {
    const fn is_bearer(&self) -> bool {
        matches!(self, Self::Jwt(_) | Self::Introspection(_))
    }

    fn is_taken(&self, call: &Call<'_>) -> bool {
        match self {
            Self::KeyAuth(policy) => policy.is_shown(call),
            Self::Jwt(_) => bearer::is_shown(call),
            Self::Introspection(_) => bearer::is_shown(call) && !bearer::is_ours(call),
            Self::BasicAuth(_) => BasicAuth::is_shown(call),
            Self::HttpSignature(_) => HttpSignature::is_shown(call),
            Self::Mtls(_) => Mtls::is_shown(call),
        }
    }

    fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        match self {
            Self::KeyAuth(policy) => policy.run(call, observe),
            Self::Jwt(policy) => policy.run(call, observe),
            Self::Introspection(policy) => policy.run(call, observe),
            Self::BasicAuth(policy) => policy.run(call, observe),
            Self::HttpSignature(policy) => policy.run(call, observe),
            Self::Mtls(policy) => policy.run(call, observe),
        }
    }

    /// Takes out what was shown for it: nobody has looked at that.
    fn forget(&self, call: &mut Call<'_>) {
        match self {
            Self::KeyAuth(policy) => policy.forget(call),
            Self::Jwt(_) | Self::Introspection(_) => bearer::forget(call),
            Self::BasicAuth(_) => BasicAuth::forget(call),
            Self::HttpSignature(_) => HttpSignature::forget(call),
            // The handshake has looked at it.
            Self::Mtls(_) => {}
        }
    }

    const fn missing(&self) -> Code {
        match self {
            Self::KeyAuth(_) => Code::KeyMissing,
            Self::Jwt(_) | Self::Introspection(_) => Code::TokenMissing,
            Self::BasicAuth(_) => Code::PasswordMissing,
            Self::HttpSignature(_) => Code::SignatureMissing,
            Self::Mtls(_) => Code::AccessDenied,
        }
    }
}

impl AnyOf {
    /// `None` when one of them cannot be used.
    pub(crate) fn compile(policy: &policy::AnyOf, context: &Context<'_>) -> Option<Self> {
        let of = policy.of.iter().map(|identity| {
            Some(match identity {
                Identity::KeyAuth(policy) => Way::KeyAuth(KeyAuth::compile(policy)),
                Identity::Jwt(policy) => Way::Jwt(Jwt::compile(policy, context)?),
                Identity::Oauth2Introspection(policy) => {
                    Way::Introspection(Introspection::compile(policy, context)?)
                }
                Identity::BasicAuth(policy) => Way::BasicAuth(BasicAuth::compile(policy)),
                Identity::HttpSignature(policy) => {
                    Way::HttpSignature(HttpSignature::compile(policy).0)
                }
                Identity::Mtls(policy) => Way::Mtls(Mtls::compile(policy)),
            })
        });
        Some(Self {
            of: of.collect::<Option<_>>()?,
            optional: policy.optional,
        })
    }

    /// The same with the key of `stand_in`, if there is one, as the one that is shown.
    pub(crate) fn peek<'a>(
        &'a self,
        call: &mut Call<'a>,
        stand_in: Option<&StandIn>,
        observe: bool,
    ) -> Flow {
        let key = self.of.iter().find_map(|way| match way {
            Way::KeyAuth(policy) => Some(policy),
            Way::Jwt(_)
            | Way::Introspection(_)
            | Way::BasicAuth(_)
            | Way::HttpSignature(_)
            | Way::Mtls(_) => None,
        });
        match (stand_in, key) {
            (Some(_), Some(policy)) => policy.peek(call, stand_in, observe),
            (Some(_), None) | (None, _) => self.run(call, observe),
        }
    }

    /// What compares bodies of signed requests, where a way wants that.
    pub(crate) fn compares(policy: &policy::AnyOf) -> Option<Signature> {
        policy.of.iter().find_map(|identity| match identity {
            Identity::HttpSignature(policy) => HttpSignature::compile(policy).1,
            _ => None,
        })
    }

    /// The way that the caller takes. Of two that take tokens, one for signed ones takes no others
    /// where the other could.
    fn chosen(&self, call: &Call<'_>) -> Option<usize> {
        let others = self
            .of
            .iter()
            .any(|way| matches!(way, Way::Introspection(_)));
        self.of.iter().position(|way| {
            let is_signed = || bearer::is_ours(call) || bearer::is_signed(call);
            let is_not_its = matches!(way, Way::Jwt(_)) && others && !is_signed();
            !is_not_its && way.is_taken(call)
        })
    }

    /// Whether one of them may ask another server.
    pub(crate) fn asks(&self) -> bool {
        self.of
            .iter()
            .any(|way| matches!(way, Way::Introspection(_)))
    }

    /// Whether one of them takes passwords.
    pub(super) fn takes_passwords(&self) -> bool {
        self.of.iter().any(|way| matches!(way, Way::BasicAuth(_)))
    }

    /// Whether another server is asked about what the caller shows.
    pub(crate) fn would_ask(&self, call: &Call<'_>) -> bool {
        let chosen = self.chosen(call);
        let asks = chosen.is_some_and(|at| matches!(self.of[at], Way::Introspection(_)));
        asks && Introspection::would_ask(call)
    }

    /// Whether the caller shows a password that is compared with a hash.
    pub(crate) fn would_compare(&self, call: &Call<'_>) -> bool {
        let chosen = self.chosen(call);
        let is_password = chosen.is_some_and(|at| matches!(self.of[at], Way::BasicAuth(_)));
        is_password && BasicAuth::would_compare(call)
    }

    /// Asks for the way that the caller takes.
    pub(crate) async fn ask(&self, call: &Call<'_>) -> Option<Learned> {
        match &self.of[self.chosen(call)?] {
            Way::Introspection(policy) => policy.ask(call).await,
            Way::BasicAuth(_) => BasicAuth::ask(call).await,
            Way::KeyAuth(_) | Way::Jwt(_) | Way::HttpSignature(_) | Way::Mtls(_) => None,
        }
    }

    /// One that only `observe`s leaves what nobody has looked at.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        // Its fields are its own, whoever is believed in the end.
        for way in &self.of {
            match way {
                Way::Jwt(policy) => policy.clear(call),
                Way::Introspection(policy) => policy.clear(call),
                Way::BasicAuth(policy) => policy.clear(call),
                Way::KeyAuth(_) | Way::HttpSignature(_) | Way::Mtls(_) => {}
            }
        }
        match self.chosen(call) {
            Some(chosen) => {
                for (index, way) in self.of.iter().enumerate() {
                    let is_same = self.of[chosen].is_bearer() && way.is_bearer();
                    if !observe && index != chosen && !is_same && way.is_taken(call) {
                        way.forget(call);
                    }
                }
                self.of[chosen].run(call, observe)
            }
            None if self.optional => Flow::Next,
            None => {
                let code = self.of.first().map_or(Code::KeyMissing, Way::missing);
                Flow::refuse(
                    Refusal::new(code).detail("Show one of the credentials that are taken here."),
                )
            }
        }
    }
}
