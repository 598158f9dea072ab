//! Who calls, and on what terms: applications, their subscriptions, and the plans behind them.

use std::num::NonZeroU64;
use std::ops::Deref;

use chrono::{DateTime, Utc};
use domain::id::{ApplicationId, PlanId, SubscriptionId};
use domain::lifecycle::PlanState;
use domain::snapshot;
use domain::subscription::{SubscriptionState, Terms};

use super::{Labels, NO_LABELS};
use crate::policy::{Chain, Uncompiled};
use crate::slot::Slots;

/// A consumer's program, in one line of the processor's cache. There may be a million, most of them
/// silent; whose they are is said once for those that are held together.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Application {
    pub(crate) id: ApplicationId,
    /// Sorted by product, then by time of approval.
    pub(crate) access: Access,
}

const _: () = assert!(size_of::<Application>() == 64);

/// Subscriptions. Most applications have one and nothing beside it: that stands in their midst.
#[derive(Debug)]
pub(crate) enum Access {
    One(Subscription),
    Many {
        all: Box<[Subscription]>,
        beside: Option<Box<Beside>>,
    },
}

/// What few applications have.
#[derive(Debug)]
pub(crate) struct Beside {
    disabled: bool,
    labels: Labels,
    /// Of each subscription; empty where none has any.
    dates: Box<[Dates]>,
}

impl Application {
    pub(crate) fn new(
        id: ApplicationId,
        disabled: bool,
        labels: Labels,
        mut access: Vec<Dated>,
    ) -> Self {
        access.sort_unstable_by_key(|(one, _)| (one.product, one.approved_at(), one.id));
        let (mut all, mut dates): (Vec<_>, Vec<_>) = access.into_iter().unzip();
        if dates.iter().all(|dates| *dates == Dates::default()) {
            dates.clear();
        }
        let is_plain = !disabled && labels.is_empty() && dates.is_empty();
        let only = if is_plain && all.len() == 1 {
            all.pop()
        } else {
            None
        };
        let beside = || Beside {
            disabled,
            labels,
            dates: dates.into(),
        };
        Self {
            id,
            access: match only {
                Some(only) => Access::One(only),
                None => Access::Many {
                    all: all.into(),
                    beside: (!is_plain).then(|| Box::new(beside())),
                },
            },
        }
    }

    pub(crate) fn is_disabled(&self) -> bool {
        self.beside().is_some_and(|beside| beside.disabled)
    }

    pub(crate) fn labels(&self) -> &Labels {
        self.beside().map_or(&NO_LABELS, |beside| &beside.labels)
    }

    /// What decides about one of its subscriptions.
    pub(crate) fn terms(&self, subscription: &Subscription, plan: &Plan) -> Terms {
        let Dates { starts_at, ends_at } = self.dates(subscription);
        Terms {
            state: subscription.status.state(),
            paused: subscription.status.is_paused(),
            starts_at,
            ends_at,
            plan: plan.state,
        }
    }

    /// Its subscriptions, with nothing of what requests have left in them.
    pub(crate) fn anew(&self) -> Vec<Dated> {
        let all = self.access.iter();
        all.map(|one| (one.anew(), self.dates(one))).collect()
    }

    fn beside(&self) -> Option<&Beside> {
        match &self.access {
            Access::One(_) => None,
            Access::Many { beside, .. } => beside.as_deref(),
        }
    }

    fn dates(&self, subscription: &Subscription) -> Dates {
        let Some(beside) = self.beside() else {
            return Dates::default();
        };
        let mut both = self.access.iter().zip(&beside.dates);
        let own = both.find(|(one, _)| one.id == subscription.id);
        own.map_or_else(Dates::default, |(_, dates)| *dates)
    }
}

impl Default for Access {
    fn default() -> Self {
        Self::Many {
            all: Box::default(),
            beside: None,
        }
    }
}

impl Deref for Access {
    type Target = [Subscription];

    fn deref(&self) -> &[Subscription] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many { all, .. } => all,
        }
    }
}

/// From when and until when a subscription is good: most are at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Dates {
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
}

impl Dates {
    pub(crate) const fn of(source: &snapshot::Subscription) -> Self {
        Self {
            starts_at: source.starts_at,
            ends_at: source.ends_at,
        }
    }
}

pub(crate) type Dated = (Subscription, Dates);

/// The contract with a plan. It knows the plan by number only, so that a plan with a million
/// subscribers changes as one.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Subscription {
    /// In front: where it is zero, what [`Access::Many`] has fits behind it.
    status: Status,
    /// Where the limits of the plan keep their counts.
    pub(crate) slots: Slots,
    /// Number of the product.
    pub(crate) product: u32,
    /// Number of the plan.
    pub(crate) plan: u32,
    pub(crate) id: SubscriptionId,
}

impl Subscription {
    pub(crate) fn new(source: &snapshot::Subscription, product: u32, plan: u32) -> Self {
        Self {
            status: Status::of(source),
            slots: Slots::default(),
            product,
            plan,
            id: source.id,
        }
    }

    /// Microseconds since 1970; later than any time while it waits.
    pub(crate) const fn approved_at(&self) -> u64 {
        self.status.approved_at()
    }

    /// The same, with nothing of what requests have left in it.
    fn anew(&self) -> Self {
        Self {
            slots: Slots::default(),
            ..*self
        }
    }
}

/// Never zero: the lowest bit is set. Above it the microseconds since 1970 at which a subscription
/// was approved, its state, and whether it is paused.
#[derive(Debug, Clone, Copy)]
struct Status(NonZeroU64);

impl Status {
    const PAUSED: u64 = 1 << 63;
    const STATE: u32 = 60;
    /// As a time: it waits. Further away than any clock.
    const WAITS: u64 = (1 << (Self::STATE - 1)) - 1;

    fn of(source: &snapshot::Subscription) -> Self {
        let approved = source.approved_at.map_or(Self::WAITS, |at| {
            u64::try_from(at.timestamp_micros()).unwrap_or(0)
        });
        let approved = approved.min(Self::WAITS) << 1;
        let state = (source.state as u64) << Self::STATE;
        let paused = if source.paused { Self::PAUSED } else { 0 };
        Self(NonZeroU64::MIN | (approved | state | paused))
    }

    const fn approved_at(self) -> u64 {
        self.0.get() >> 1 & Self::WAITS
    }

    const fn state(self) -> SubscriptionState {
        // They are listed in their order.
        SubscriptionState::ALL[(self.0.get() >> Self::STATE & 7) as usize]
    }

    const fn is_paused(self) -> bool {
        self.0.get() & Self::PAUSED != 0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_as_it_was() {
        let at = |s: i64| DateTime::from_timestamp(s, 0);
        let plan = Plan {
            id: PlanId::NIL,
            slug: "p".into(),
            state: PlanState::Published,
            priority: 0,
            chain: Ok(Chain::default()),
        };
        for state in SubscriptionState::ALL {
            for (paused, approved_at, starts_at, ends_at) in [
                (false, None, None, None),
                (true, at(0), None, None),
                (false, at(1_800_000_000), at(1), None),
                (true, at(-1), None, at(2)),
            ] {
                let source = |name: &str| snapshot::Subscription {
                    id: SubscriptionId::from_name("subscription", name),
                    application: ApplicationId::NIL,
                    product: domain::id::ProductId::NIL,
                    plan: PlanId::NIL,
                    state,
                    paused,
                    approved_at,
                    starts_at,
                    ends_at,
                };
                for names in [&["a"][..], &["a", "b"]] {
                    let all = names.iter().map(|name| {
                        let source = source(name);
                        (Subscription::new(&source, 1, 2), Dates::of(&source))
                    });
                    let application = |all: Vec<Dated>| {
                        Application::new(ApplicationId::NIL, paused, Labels::default(), all)
                    };
                    let made = application(all.collect());
                    let again = application(made.anew());
                    assert_eq!(format!("{made:?}"), format!("{again:?}"));
                    assert_eq!(made.access.len(), names.len());
                    assert_eq!(made.is_disabled(), paused);
                    for one in &*made.access {
                        let terms = made.terms(one, &plan);
                        assert_eq!((terms.state, terms.paused), (state, paused));
                        assert_eq!((terms.starts_at, terms.ends_at), (starts_at, ends_at));
                        let micros = approved_at.map(|at| at.timestamp_micros().max(0) as u64);
                        assert_eq!(one.approved_at(), micros.unwrap_or(Status::WAITS));
                    }
                }
            }
        }
    }
}
