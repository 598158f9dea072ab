//! Who calls, and on what terms: applications, their subscriptions, and the plans behind them.

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use domain::id::{ApplicationId, OrganizationId, PlanId, SubscriptionId};
use domain::lifecycle::PlanState;
use domain::subscription::{SubscriptionState, Terms};
use http::HeaderValue;

use crate::policy::{Chain, Uncompiled};
use crate::slot::Slots;

/// A consumer's program. There may be a million, most of them silent: what only a request needs
/// is made by the first one.
#[derive(Debug, Default)]
pub(crate) struct Application {
    pub(crate) id: ApplicationId,
    pub(crate) organization: OrganizationId,
    pub(crate) disabled: bool,
    /// Sorted by product, then by time of approval.
    pub(crate) access: Box<[Subscription]>,
    header: IdHeader,
}

impl Application {
    pub(crate) fn new(
        id: ApplicationId,
        organization: OrganizationId,
        disabled: bool,
        mut access: Vec<Subscription>,
    ) -> Self {
        access.sort_unstable_by_key(|one| (one.product, one.approved_at, one.id));
        Self {
            id,
            organization,
            disabled,
            access: access.into(),
            header: IdHeader::default(),
        }
    }

    /// Its id as the value of a field.
    pub(crate) fn header(&self) -> &HeaderValue {
        self.header.of(self.id.uuid())
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
    pub(crate) header: IdHeader,
}

impl Subscription {
    pub(crate) fn header(&self) -> &HeaderValue {
        self.header.of(self.id.uuid())
    }

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
            header: IdHeader::default(),
            ..*self
        }
    }
}

/// A plan with its policies, shared by its subscriptions.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) id: PlanId,
    pub(crate) header: HeaderValue,
    pub(crate) state: PlanState,
    pub(crate) chain: Result<Chain, Uncompiled>,
}

/// An id as the value of a field, made at first use.
#[derive(Debug, Default)]
pub(crate) struct IdHeader(OnceLock<Box<HeaderValue>>);

impl IdHeader {
    fn of(&self, id: uuid::Uuid) -> &HeaderValue {
        self.0.get_or_init(|| {
            let mut buffer = uuid::Uuid::encode_buffer();
            let text = id.hyphenated().encode_lower(&mut buffer);
            // Digits and hyphens are a field's value.
            let value = HeaderValue::from_str(text);
            Box::new(value.unwrap_or_else(|_| HeaderValue::from_static("")))
        })
    }
}
