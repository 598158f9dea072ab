//! The compiled configuration state: immutable, shared by structure, and everything in it in the
//! form in which a request needs it.

mod consumer;
mod keys;

use std::collections::HashSet;
use std::sync::Arc;

use domain::id::{ApiId, OperationId, OrganizationId, UpstreamId, VersionId};
use domain::route::{Operations, Routes, Scheme, Spot};
use domain::snapshot;
use domain::upstream::{Active, Balance, Breaker, Passive, Retries};
use http::{HeaderName, HeaderValue};

use crate::policy::{Chain, Uncompiled};
use crate::tls::Tls;
use crate::upstream::{Fallback, Member, Split, Sticky, Vitals};

pub(crate) use consumer::{Application, Plan, Subscription};
pub(crate) use keys::{Key, Keys, Place};

/// One configuration state.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) number: u64,
    pub(crate) routes: Routes<Spot<Arc<Route>>>,
    pub(crate) keys: Keys,
    /// By number; `None` for one that is gone.
    pub(crate) plans: Arc<Vec<Option<Arc<Plan>>>>,
    /// Suspended organizations.
    pub(crate) suspended: Arc<HashSet<OrganizationId>>,
    pub(crate) settings: Arc<snapshot::Settings>,
    pub(crate) tls: Arc<Tls>,
    /// All there are, in no order, for what is done off the way of requests.
    pub(crate) upstreams: Arc<[Arc<Upstream>]>,
}

impl State {
    /// The plan of a subscription; `None` when it is not there (any more).
    pub(crate) fn plan(&self, subscription: &Subscription) -> Option<&Plan> {
        self.plans.get(subscription.plan as usize)?.as_deref()
    }

    pub(crate) fn is_suspended(&self, organization: OrganizationId) -> bool {
        !self.suspended.is_empty() && self.suspended.contains(&organization)
    }
}

/// A version where it answers.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) version: VersionId,
    pub(crate) api: ApiId,
    pub(crate) provider: OrganizationId,
    pub(crate) revision: u32,
    /// Index of its counters.
    pub(crate) number: u32,
    pub(crate) strip_path: bool,
    /// Paths with `%2F` or `%5C` are taken.
    pub(crate) encoded_slashes: bool,
    /// What asks for the version does not go on.
    pub(crate) strip_selector: Option<Scheme>,
    pub(crate) enabled: bool,
    /// The provider's organization is suspended.
    pub(crate) suspended: bool,
    /// Paths that are not listed pass, as operation "other".
    pub(crate) open: bool,
    pub(crate) operations: Operations<Operation>,
    /// What a request meets outside of operations with policies of their own.
    pub(crate) chain: Result<Chain, Uncompiled>,
    /// Numbers of the products that offer the version, sorted.
    pub(crate) products: Box<[u32]>,
    pub(crate) upstream: Option<Arc<Upstream>>,
    pub(crate) test_upstream: Option<Arc<Upstream>>,
    /// Where requests go while `upstream` takes none, if that is another upstream.
    pub(crate) fallback: Option<Arc<Upstream>>,
    pub(crate) test_fallback: Option<Arc<Upstream>>,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: OperationId,
    /// `None`: the version's.
    pub(crate) chain: Option<Result<Chain, Uncompiled>>,
}

/// Where requests go, with everything parsed.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) id: UpstreamId,
    /// Those with a weight, at most 64; never empty.
    pub(crate) targets: Box<[Member]>,
    /// The members of each tier as bits, best first.
    pub(crate) tiers: Box<[u64]>,
    pub(crate) balance: Balance,
    /// One target, and nothing probes it: there is nothing to choose.
    pub(crate) lone: bool,
    /// How requests go is of interest to a choice or a circuit.
    pub(crate) watched: bool,
    /// It may happen that it takes no requests.
    pub(crate) guarded: bool,
    pub(crate) passive: Passive,
    pub(crate) active: Option<Active>,
    /// Percentage of healthy targets below which health is not heeded.
    pub(crate) panic: u8,
    pub(crate) retries: Retries,
    pub(crate) breaker: Option<Breaker>,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) split: Option<Split>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) connect_ms: u64,
    pub(crate) first_byte_ms: u64,
    pub(crate) idle_ms: u64,
    pub(crate) total_ms: Option<u64>,
    pub(crate) preserve_host: bool,
    pub(crate) credential: Option<(HeaderName, HeaderValue)>,
    /// Why it cannot be used: its credential does not open, its certificates cannot be read.
    pub(crate) broken: Option<String>,
}
