//! Who calls, and on what terms: applications, their subscriptions, and the plans behind them.

use chrono::{DateTime, Utc};
use domain::id::{ApplicationId, OrganizationId, PlanId, SubscriptionId};
use domain::lifecycle::PlanState;
use domain::subscription::{SubscriptionState, Terms};

use super::Labels;
use crate::policy::{Chain, Uncompiled};
use crate::slot::Slots;

/// A consumer's program. There may be a million, most of them silent.
#[derive(Debug, Default)]
pub(crate) struct Application {
    pub(crate) id: ApplicationId,
    pub(crate) organization: OrganizationId,
    pub(crate) disabled: bool,
    pub(crate) labels: Labels,
    /// Sorted by product, then by time of approval.
    pub(crate) access: Box<[Subscription]>,
}

impl Application {
    pub(crate) fn new(
        id: ApplicationId,
        organization: OrganizationId,
        disabled: bool,
        labels: Labels,
        mut access: Vec<Subscription>,
    ) -> Self {
        access.sort_unstable_by_key(|one| (one.product, one.approved_at, one.id));
        Self {
            id,
            organization,
            disabled,
            labels,
            access: access.into(),
        }
    }
}

/// The contract with a plan. It knows the plan by number only, so that a plan with a million
/// subscribers changes as one.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: SubscriptionId,
    /// Number of the product.
    pub(crate) product: u32,
    /// Number of the plan.
    pub(crate) plan: u32,
    pub(crate) state: SubscriptionState,
    pub(crate) paused: bool,
    pub(crate) starts_at: Option<DateTime<Utc>>,
    pub(crate) ends_at: Option<DateTime<Utc>>,
    /// Microseconds since 1970; `i64::MAX` while it waits.
    pub(crate) approved_at: i64,
    /// Where the limits of the plan keep their counts.
    pub(crate) slots: Slots,
}

impl Subscription {
    pub(crate) const fn terms(&self, plan: &Plan) -> Terms {
        Terms {
            state: self.state,
            paused: self.paused,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            plan: plan.state,
        }
    }

    /// The same, with nothing of what requests have left in it.
    pub(crate) fn anew(&self) -> Self {
        Self {
            slots: Slots::default(),
            ..*self
        }
    }
}

/// A plan with its policies, shared by its subscriptions.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) id: PlanId,
    /// As the upstream is told.
    pub(crate) slug: Box<str>,
    pub(crate) state: PlanState,
    /// Among requests that wait for the same; the highest first.
    pub(crate) priority: i8,
    pub(crate) chain: Result<Chain, Uncompiled>,
}
