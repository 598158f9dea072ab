//! `any_of`: of several ways to say who calls, the first that the caller takes decides.

use domain::policy;
use domain::policy::Identity;
use domain::problem::Code;

use super::key_auth::StandIn;
use super::{Context, Flow, Jwt, KeyAuth, Mtls};
use crate::answer::Refusal;
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
    Mtls(Mtls),
}

impl Way {
    fn is_taken(&self, call: &Call<'_>) -> bool {
        match self {
            Self::KeyAuth(policy) => policy.is_shown(call),
            Self::Jwt(_) => Jwt::is_shown(call),
            Self::Mtls(_) => Mtls::is_shown(call),
        }
    }

    fn run<'a>(&'a self, call: &mut Call<'a>) -> Flow {
        match self {
            Self::KeyAuth(policy) => policy.run(call),
            Self::Jwt(policy) => policy.run(call),
            Self::Mtls(policy) => policy.run(call),
        }
    }

    /// Takes out what was shown for it: nobody has looked at that.
    fn forget(&self, call: &mut Call<'_>) {
        match self {
            Self::KeyAuth(policy) => policy.forget(call),
            Self::Jwt(_) => Jwt::forget(call),
            // The handshake has looked at it.
            Self::Mtls(_) => {}
        }
    }

    const fn missing(&self) -> Code {
        match self {
            Self::KeyAuth(_) => Code::KeyMissing,
            Self::Jwt(_) => Code::TokenMissing,
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
                Identity::Mtls(policy) => Way::Mtls(Mtls::compile(policy)),
            })
        });
        Some(Self {
            of: of.collect::<Option<_>>()?,
            optional: policy.optional,
        })
    }

    /// The same with the key of `stand_in`, if there is one, as the one that is shown.
    pub(crate) fn peek<'a>(&'a self, call: &mut Call<'a>, stand_in: Option<&StandIn>) -> Flow {
        let key = self.of.iter().find_map(|way| match way {
            Way::KeyAuth(policy) => Some(policy),
            Way::Jwt(_) | Way::Mtls(_) => None,
        });
        match (stand_in, key) {
            (Some(_), Some(policy)) => policy.peek(call, stand_in),
            (Some(_), None) | (None, _) => self.run(call),
        }
    }

    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>) -> Flow {
        // Its fields are its own, whoever is believed in the end.
        for way in &self.of {
            if let Way::Jwt(policy) = way {
                policy.clear(call);
            }
        }
        match self.of.iter().position(|way| way.is_taken(call)) {
            Some(chosen) => {
                for (index, way) in self.of.iter().enumerate() {
                    if index != chosen && way.is_taken(call) {
                        way.forget(call);
                    }
                }
                self.of[chosen].run(call)
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
