//! `auth_guard`: an address that is refused too often is not heard for a while, on this node.

use std::sync::Arc;

use domain::policy::ip_filter::Listed;
use domain::policy::{self, PolicyKind};
use domain::problem::Code;
use uuid::Uuid;

use super::{Context, Flow, IpFilter};
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
        Self(Arc::new(Guard {
            number: context.limits.number(attach, PolicyKind::AuthGuard, name),
            rule: Rule {
                limit: policy.limit,
                window: policy.window.as_millis(),
                block: policy.block.as_millis(),
                max_block: policy.max_block.as_millis(),
            },
            allow,
        }))
    }

    fn key(&self, call: &Call<'_>) -> CellKey {
        CellKey {
            limit: self.0.number,
            subject: call.address(),
        }
    }

    fn is_allowed(&self, call: &Call<'_>) -> bool {
        let allow = self.0.allow.as_ref();
        allow.is_some_and(|allow| allow.admits_client(call))
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Flow {
        let watched = &call.worker.shared.watched;
        let left = watched.blocked(&self.key(call), call.now_us / 1000);
        if left == 0 || self.is_allowed(call) {
            return Flow::Next;
        }
        let refusal = Refusal::new(Code::Guarded);
        Flow::refuse(refusal.retry_after(left.div_ceil(1000)))
    }

    /// Counts what was answered, whoever answered it.
    pub(crate) fn finish(&self, call: &Call<'_>, status: u16) {
        // Of our own refusals those that are about what was shown: a suspension is not the caller's.
        let is_about_it = call.record.code.is_none_or(is_about_credentials);
        if matches!(status, 401 | 403) && is_about_it && !self.is_allowed(call) {
            let now = call.worker.settings.clock.micros() / 1000;
            let watched = &call.worker.shared.watched;
            watched.failed(self.key(call), self.0.rule, now);
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
