//! Subscriptions: the contract between an application and a plan, and when it is effective.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::lifecycle::{IllegalTransition, PlanState};
use crate::problem::Code;

/// `pending → approved | rejected | withdrawn`; `approved ⇄ suspended`;
/// `approved → expired | revoked | cancelled`, which are terminal. Paused is a flag beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    Pending,
    Approved,
    Rejected,
    Withdrawn,
    Suspended,
    Expired,
    Revoked,
    Cancelled,
}

/// What may be done to a subscription. The provider approves, rejects, suspends, resumes and
/// revokes; the consumer withdraws and cancels; time expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionStep {
    Approve,
    Reject,
    Withdraw,
    Suspend,
    Resume,
    Expire,
    Revoke,
    Cancel,
}

impl SubscriptionState {
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::Withdrawn,
        Self::Suspended,
        Self::Expired,
        Self::Revoked,
        Self::Cancelled,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub const fn step(self, step: SubscriptionStep) -> Result<Self, IllegalTransition> {
        use SubscriptionState as S;
        use SubscriptionStep as T;
        match (self, step) {
            (S::Pending, T::Approve) | (S::Suspended, T::Resume) => Ok(S::Approved),
            (S::Pending, T::Reject) => Ok(S::Rejected),
            (S::Pending, T::Withdraw) => Ok(S::Withdrawn),
            (S::Approved, T::Suspend) => Ok(S::Suspended),
            (S::Approved | S::Suspended, T::Expire) => Ok(S::Expired),
            (S::Approved | S::Suspended, T::Revoke) => Ok(S::Revoked),
            (S::Approved | S::Suspended, T::Cancel) => Ok(S::Cancelled),
            (from, step) => Err(IllegalTransition {
                what: "subscription",
                from: from.as_str(),
                step: match step {
                    T::Approve => "be approved",
                    T::Reject => "be rejected",
                    T::Withdraw => "be withdrawn",
                    T::Suspend => "be suspended",
                    T::Resume => "be resumed",
                    T::Expire => "expire",
                    T::Revoke => "be revoked",
                    T::Cancel => "be cancelled",
                },
            }),
        }
    }

    /// An application has at most one open subscription per product.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved | Self::Suspended)
    }
}

/// What decides whether a subscription lets a call through.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub state: SubscriptionState,
    pub paused: bool,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    pub plan: PlanState,
}

impl Terms {
    /// Effective = approved, not paused, inside its dates, plan not closed (portal.md §1).
    /// Otherwise the code of the answer (gateway.md §2).
    pub fn judge(&self, now: DateTime<Utc>) -> Result<(), Code> {
        use SubscriptionState as S;
        match self.state {
            S::Approved => {}
            S::Pending => return Err(Code::SubscriptionPending),
            S::Suspended => return Err(Code::SubscriptionSuspended),
            S::Expired => return Err(Code::SubscriptionExpired),
            S::Revoked => return Err(Code::SubscriptionRevoked),
            S::Rejected | S::Withdrawn | S::Cancelled => return Err(Code::NotSubscribed),
        }
        if self.ends_at.is_some_and(|end| end <= now) || !self.plan.is_served() {
            return Err(Code::SubscriptionExpired);
        }
        if self.starts_at.is_some_and(|start| start > now) {
            return Err(Code::SubscriptionPending);
        }
        if self.paused {
            return Err(Code::SubscriptionPaused);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEPS: [SubscriptionStep; 8] = [
        SubscriptionStep::Approve,
        SubscriptionStep::Reject,
        SubscriptionStep::Withdraw,
        SubscriptionStep::Suspend,
        SubscriptionStep::Resume,
        SubscriptionStep::Expire,
        SubscriptionStep::Revoke,
        SubscriptionStep::Cancel,
    ];

    proptest! {
        #[test]
        fn what_is_closed_stays_closed(steps in proptest::collection::vec(0..8_usize, 0..40)) {
            let mut state = SubscriptionState::Pending;
            let mut closed = false;
            for step in steps {
                if let Ok(next) = state.step(STEPS[step]) {
                    prop_assert!(!closed, "{state:?} moved to {next:?}");
                    state = next;
                }
                closed = !state.is_open();
            }
        }
    }

    #[test]
    fn what_is_effective() {
        let at = |s: i64| DateTime::from_timestamp(s, 0);
        let now = at(100).unwrap();
        let terms = Terms {
            state: SubscriptionState::Approved,
            paused: false,
            starts_at: None,
            ends_at: None,
            plan: PlanState::Published,
        };
        assert_eq!(terms.judge(now), Ok(()));
        assert_eq!(
            Terms {
                plan: PlanState::Deprecated,
                ..terms
            }
            .judge(now),
            Ok(())
        );
        assert_eq!(
            Terms {
                plan: PlanState::Closed,
                ..terms
            }
            .judge(now),
            Err(Code::SubscriptionExpired)
        );
        assert_eq!(
            Terms {
                paused: true,
                ..terms
            }
            .judge(now),
            Err(Code::SubscriptionPaused)
        );
        assert_eq!(
            Terms {
                starts_at: at(101),
                ..terms
            }
            .judge(now),
            Err(Code::SubscriptionPending)
        );
        assert_eq!(
            Terms {
                ends_at: at(100),
                ..terms
            }
            .judge(now),
            Err(Code::SubscriptionExpired)
        );
        for state in SubscriptionState::ALL {
            let verdict = Terms { state, ..terms }.judge(now);
            assert_eq!(
                verdict.is_ok(),
                state == SubscriptionState::Approved,
                "{state:?}"
            );
        }
    }
}
