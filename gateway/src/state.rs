//! The compiled configuration state: immutable, shared by structure, and everything in it in the
//! form in which a request needs it.

mod consumer;
mod held;
mod ip_list;
mod keys;
mod labels;

use std::collections::HashSet;
use std::hint::black_box;
use std::mem::offset_of;
use std::sync::Arc;

use domain::duration::Span;
use domain::id::{ApiId, OperationId, OrganizationId, UpstreamId, VersionId};
use domain::organization::ClientAddresses;
use domain::route::{Operations, RouteTimeouts, Routes, Scheme, Spot};
use domain::snapshot;
use domain::upstream::{Active, Balance, Breaker, CallerIs, Mirror, Passive, Retries};
use http::{HeaderName, HeaderValue};

use crate::notice::{Notice, Retired};
use crate::policy::{Chain, Uncompiled};
use crate::tls::{ClientEnd, Tls};
use crate::upstream::{Fallback, Hedging, Member, Split, Sticky, Vitals};

pub(crate) use consumer::{Application, Dated, Dates, Plan, Subscription};
pub(crate) use held::Held;
pub(crate) use ip_list::IpList;
pub(crate) use keys::{Key, Keys, Place};
pub(crate) use labels::{Labels, NO_LABELS};

/// Shared lists of networks by number; `None` for one that is gone.
pub(crate) type IpLists = Arc<Vec<Option<Arc<IpList>>>>;

/// At each place, by how requests asked for them.
pub(crate) type RetiredPlaces = Routes<Vec<Spot<Arc<Retired>>>>;

/// One configuration state.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) number: u64,
    pub(crate) routes: Routes<Spot<Arc<Route>>>,
    /// Where retired versions answered; `None` where there is none. Looked at only where no route
    /// answers.
    pub(crate) retired: Option<Arc<RetiredPlaces>>,
    pub(crate) keys: Keys,
    /// By number; `None` for one that is gone.
    pub(crate) plans: Arc<Vec<Option<Arc<Plan>>>>,
    pub(crate) ip_lists: IpLists,
    /// Suspended organizations.
    pub(crate) suspended: Arc<HashSet<OrganizationId>>,
    pub(crate) settings: Arc<snapshot::Settings>,
    pub(crate) tls: Arc<Tls>,
    /// Of the certificates that upstreams are shown.
    pub(crate) client_ends: Arc<[ClientEnd]>,
    /// All there are, in no order, for what is done off the way of requests.
    pub(crate) upstreams: Arc<[Arc<Upstream>]>,
    /// Targets that were there lately and are not any more.
    pub(crate) gone: Arc<[Gone]>,
}

/// A target that no upstream names any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) number: u32,
    /// When what is left of its requests is cut, in milliseconds of the gateway's clock.
    pub(crate) cut_at: u64,
}

impl State {
    /// The plan of a subscription; `None` when it is not there (any more).
    pub(crate) fn plan(&self, subscription: &Subscription) -> Option<&Plan> {
        self.plans.get(subscription.plan as usize)?.as_deref()
    }

    /// A shared list, by its number.
    pub(crate) fn ip_list(&self, number: u32) -> Option<&IpList> {
        self.ip_lists.get(number as usize)?.as_deref()
    }

    pub(crate) fn is_suspended(&self, organization: OrganizationId) -> bool {
        !self.suspended.is_empty() && self.suspended.contains(&organization)
    }
}

/// A version where it answers. What every request looks at stands together, in front: with the count of
/// its holders it is four lines of the processor's cache.
#[derive(Debug)]
#[repr(C)]
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
    pub(crate) enabled: bool,
    /// The provider's organization is suspended.
    pub(crate) suspended: bool,
    /// How much of a client's address the provider's records keep.
    pub(crate) client_addresses: ClientAddresses,
    /// Paths that are not listed pass, as operation "other".
    pub(crate) open: bool,
    /// It has time-outs of its own: what every request looks at has no room for them.
    pub(crate) is_timed: bool,
    /// What is said about its end; `None`: nothing.
    pub(crate) notice: Option<Arc<Notice>>,
    pub(crate) operations: Operations<Operation>,
    /// What a request meets outside of operations with policies of their own.
    pub(crate) chain: Result<Chain, Uncompiled>,
    /// Numbers of the products that offer the version, sorted.
    pub(crate) products: Box<[u32]>,
    pub(crate) upstream: Option<Arc<Upstream>>,
    pub(crate) test_upstream: Option<Arc<Upstream>>,
    /// Upstreams for some callers; the first that fits counts. `None`: there are none.
    pub(crate) chosen: Option<Box<[Chosen]>>,
    pub(crate) beside: Beside,
    /// What asks for the version does not go on.
    pub(crate) strip_selector: Option<Box<Scheme>>,
    pub(crate) test_beside: Beside,
    /// Of the API.
    pub(crate) labels: Labels,
    pub(crate) timeouts: Option<Box<RouteTimeouts>>,
}

/// What stands in front of a route that several hold: two counts.
const COUNTS: usize = 2 * size_of::<usize>();

const _: () = assert!(COUNTS + offset_of!(Route, test_beside) <= 4 * 64);

impl Route {
    /// Asks for all lines of the processor's cache that a request is about to look at, and for what hangs
    /// on them. With a thousand routes few are there, and one that is asked for when it is needed is
    /// waited for; those that are asked for together come together.
    #[inline]
    pub(crate) fn fetch(&self) {
        black_box((self.number, self.chosen.is_some()));
        black_box(self.products.first().copied());
        if let Ok(chain) = &self.chain {
            chain.fetch();
        }
    }

    /// How long its requests wait for `upstream`.
    #[inline]
    pub(crate) fn patience(&self, upstream: &Upstream) -> Patience {
        if self.is_timed {
            self.own_patience(upstream.patience)
        } else {
            upstream.patience
        }
    }

    #[cold]
    fn own_patience(&self, upstreams: Patience) -> Patience {
        let own = self.timeouts.as_deref().copied().unwrap_or_default();
        let or = |own: Option<Span>, other| own.map_or(other, Span::as_millis);
        Patience {
            first_byte_ms: or(own.first_byte, upstreams.first_byte_ms),
            idle_ms: or(own.idle, upstreams.idle_ms),
            total_ms: own.total.map(Span::as_millis).or(upstreams.total_ms),
        }
    }
}

/// How long an exchange with an upstream may take, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the request's last byte to the answer's first.
    pub(crate) first_byte_ms: u64,
    /// Between two reads of the answer.
    pub(crate) idle_ms: u64,
    pub(crate) total_ms: Option<u64>,
}

/// Where the requests of some callers go.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) when: CallerIs,
    pub(crate) upstream: Option<Arc<Upstream>>,
    pub(crate) beside: Beside,
}

/// Other upstreams that one names; it cannot hold them itself, as two may name each other.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Where requests go while it takes none.
    pub(crate) fallback: Option<Arc<Upstream>>,
    /// Where copies of its requests go.
    pub(crate) mirror: Option<Arc<Upstream>>,
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
    /// A further try may follow an answer, so bodies may be of use a second time.
    pub(crate) replays: bool,
    /// It is asked over HTTP/2, where a target may say that it did nothing with a request: a further
    /// try does no harm then, whatever its method.
    pub(crate) may_refuse: bool,
    /// Its requests may be sent to others as well: there is a mirror or a hedge.
    pub(crate) copies: bool,
    pub(crate) mirror: Option<Mirror>,
    pub(crate) hedge: Option<Hedging>,
    pub(crate) breaker: Option<Breaker>,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) split: Option<Split>,
    /// Numbers of those targets that have no weight: what they have goes on.
    pub(crate) resting: Box<[u32]>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) connect_ms: u64,
    pub(crate) patience: Patience,
    pub(crate) preserve_host: bool,
    pub(crate) credential: Option<(HeaderName, HeaderValue)>,
    /// Why it cannot be used: its credential does not open, its certificates cannot be read.
    pub(crate) broken: Option<String>,
}
