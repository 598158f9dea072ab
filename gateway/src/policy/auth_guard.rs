//! `auth_guard`: an address that is refused too often is not heard for a while, on this node, and
//! neither is a user name whose password is guessed, but where it was shown with the right one.

use std::sync::Arc;

use domain::policy::ip_filter::Listed;
use domain::policy::{self, PolicyKind};
use domain::problem::Code;
use uuid::Uuid;

use super::{Context, Flow, IpFilter, Noted, Step, basic_auth};
use crate::answer::Refusal;
use crate::call::Call;
use crate::limiter::CellKey;
use crate::watched::Rule;

/// The running form; it asks at the edge and counts on the way back.
#[derive(Debug, Clone)]
pub(crate) struct AuthGuard(Arc<Guard>);

#[derive(Debug)]
struct Guard {
    /// Number of (attach point, kind, name).
    number: u32,
    rule: Rule,
    /// Of user names, where they are counted.
    of_users: Option<Rule>,
    allow: Option<IpFilter>,
}

impl AuthGuard {
    pub(crate) fn compile(
        policy: &policy::AuthGuard,
        name: &str,
        attach: Uuid,
        context: &Context<'_>,
    ) -> Self {
        let allow = policy.allow.iter().cloned().map(Listed::Always);
        let allow = policy::IpFilter {
            allow: allow.collect(),
            allow_lists: policy.allow_lists.clone(),
            ..policy::IpFilter::default()
        };
        let allow = allow
            .is_closed()
            .then(|| IpFilter::compile(&allow, context.ip_lists));
        let rule = Rule {
            limit: policy.limit,
            window: policy.window.as_millis(),
            block: policy.block.as_millis(),
            max_block: policy.max_block.as_millis(),
        };
        let of_users = (policy.user_limit > 0).then_some(Rule {
            limit: policy.user_limit,
            ..rule
        });
        Self(Arc::new(Guard {
            number: context.limits.number(attach, PolicyKind::AuthGuard, name),
            rule,
            of_users,
            allow,
        }))
    }

    fn key(&self, subject: u128) -> CellKey {
        CellKey {
            limit: self.0.number,
            subject,
        }
    }

    /// What stands for the user name that is shown, where passwords are looked at here and guesses
    /// are counted by name.
    fn user(&self, call: &Call<'_>) -> Option<u128> {
        self.0.of_users?;
        let takes = |step: &Step| step.running.takes_passwords();
        if !call.chain.identity.iter().any(takes) {
            return None;
        }
        let users = &call.worker.shared.users;
        basic_auth::shown_user(call, |name| users.subject(name))
    }

    /// How long the name is not heard yet from this address, in milliseconds. Where it was shown
    /// with its password lately it is, or anybody could keep its owner out.
    fn user_blocked(&self, call: &Call<'_>, user: u128, now: u64) -> u64 {
        let users = &call.worker.shared.users;
        let key = self.key(user);
        match users.watched.blocked(&key, now) {
            0 => 0,
            _ if users.knows(&key, call.address(), now) => 0,
            left => left,
        }
    }

    fn is_allowed(&self, call: &Call<'_>) -> bool {
        let allow = self.0.allow.as_ref();
        allow.is_some_and(|allow| allow.admits_client(call))
    }

    pub(crate) fn run(&self, call: &mut Call<'_>) -> Flow {
        let now = call.now_us / 1000;
        let watched = &call.worker.shared.watched;
        let left = watched.blocked(&self.key(call.address()), now);
        if left > 0 && !self.is_allowed(call) {
            let refusal = Refusal::new(Code::Guarded);
            return Flow::refuse(refusal.retry_after(left.div_ceil(1000)));
        }
        let Some(user) = self.user(call) else {
            return Flow::Next;
        };
        // Its field is gone when it is right.
        if let Some(noted) = &mut call.noted {
            noted.user = Some(user);
        }
        let left = self.user_blocked(call, user, now);
        if left > 0 && !self.is_allowed(call) {
            let refusal = Refusal::new(Code::Guarded);
            let why = "Too many wrong passwords came with this user name. It is heard again after \
                       Retry-After.";
            return Flow::refuse(refusal.detail(why).retry_after(left.div_ceil(1000)));
        }
        Flow::Next
    }

    /// Counts what was answered, whoever answered it.
    pub(crate) fn finish(&self, call: &Call<'_>, noted: &Noted, status: u16) {
        if let (Some(user), Some(rule)) = (noted.user, self.0.of_users) {
            // Who may not call here proves nothing with a password: anybody may have one.
            let is_known = noted.is_proved && call.subscription().is_some();
            self.finish_user(call, user, rule, is_known);
        }
        // Of our own refusals those that are about what was shown: a suspension is not the caller's.
        let is_about_it = call.record.code.is_none_or(is_about_credentials);
        if matches!(status, 401 | 403) && is_about_it && !self.is_allowed(call) {
            let now = call.worker.settings.clock.micros() / 1000;
            let watched = &call.worker.shared.watched;
            watched.failed(self.key(call.address()), self.0.rule, now);
        }
    }

    /// A wrong password counts for the name that it came with, whether anybody has that name or
    /// not. Where the right one came from lately, the address alone is counted.
    fn finish_user(&self, call: &Call<'_>, user: u128, rule: Rule, is_known: bool) {
        let users = &call.worker.shared.users;
        let (key, address) = (self.key(user), call.address());
        let now = call.worker.settings.clock.micros() / 1000;
        if is_known {
            users.know(&key, address, now);
        } else if call.record.code == Some(Code::PasswordInvalid)
            && !users.knows(&key, address, now)
            && !self.is_allowed(call)
        {
            users.watched.failed(key, rule, now);
        }
    }
}

const fn is_about_credentials(code: Code) -> bool {
    matches!(
        code,
        Code::KeyMissing
            | Code::KeyInvalid
            | Code::SignatureMissing
            | Code::SignatureInvalid
            | Code::PasswordMissing
            | Code::PasswordInvalid
            | Code::KeyExpired
            | Code::KeyRevoked
            | Code::TokenMissing
            | Code::TokenInvalid
            | Code::TokenExpired
            | Code::ProofInvalid
            | Code::TicketInvalid
            | Code::IpDenied
            | Code::AccessDenied
            | Code::ScopeMissing
    )
}
