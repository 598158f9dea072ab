//! `mtls`: finds the application whose certificate the client has shown, by its fingerprint or by a
//! name in it.

use domain::policy;
use domain::policy::Membership;
use domain::problem::Code;

use super::Flow;
use crate::access;
use crate::answer::Refusal;
use crate::call::{Call, Caller};

/// The running form.
#[derive(Debug)]
pub(crate) struct Mtls {
    optional: bool,
    application: Membership,
    forward: bool,
}

impl Mtls {
    pub(crate) fn compile(policy: &policy::Mtls) -> Self {
        Self {
            optional: policy.optional,
            application: policy.application,
            forward: policy.forward,
        }
    }

    pub(super) fn is_shown(call: &Call<'_>) -> bool {
        let secure = call.peer.secure.as_ref();
        secure.is_some_and(|secure| secure.certificate.is_some())
    }

    /// One that only `observe`s tells the upstream nothing.
    pub(crate) fn run<'a>(&'a self, call: &mut Call<'a>, observe: bool) -> Flow {
        let secure = call.peer.secure.as_ref();
        let shown = secure.and_then(|secure| Some((secure, secure.certificate.as_deref()?)));
        let Some((secure, shown)) = shown else {
            return match self.optional {
                true => Flow::Next,
                false => denied("Show a client certificate in the TLS handshake."),
            };
        };
        // Names are worth what those are who give them, and these may be another tenant.
        if !secure.speaks_for(call.route.provider) {
            return denied("The authorities of this host do not speak for this API.");
        }
        // A connection outlives the handshake that looked at it.
        if call.wall_us >= shown.ends_us {
            return denied("The time of the client's certificate is over.");
        }
        let state = call.state;
        match access::claimant(call, &shown.claims, self.application) {
            Some(key) => {
                let caller = Caller {
                    until_us: shown.ends_us,
                    ..Caller::of(key)
                };
                call.recognize(&caller);
                match state.keys.judge(key, call.wall_us, call.peer_address()) {
                    Ok(()) => call.identify(caller),
                    Err(Code::IpDenied) => return Flow::refuse(Refusal::new(Code::IpDenied)),
                    Err(_) => return denied("The application's certificate was withdrawn."),
                }
            }
            None => match self.application {
                Membership::Optional => call.forget_watched(),
                Membership::Required => {
                    let refusal = Refusal::new(Code::NotSubscribed);
                    return Flow::refuse(
                        refusal.detail("No application with a subscription has this certificate."),
                    );
                }
            },
        }
        if self.forward && !observe {
            call.certificate = Some(shown);
        }
        Flow::Next
    }
}

fn denied(why: &str) -> Flow {
    Flow::refuse(Refusal::new(Code::AccessDenied).detail(why))
}
