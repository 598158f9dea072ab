//! The compiled configuration state: immutable, shared by structure, and everything in it in the
//! form in which a request needs it.

use std::net::IpAddr;
use std::sync::Arc;

use domain::application::Lifetime;
use domain::id::{
    ApiId, ApplicationId, CredentialId, OperationId, OrganizationId, PlanId, SubscriptionId,
    UpstreamId, VersionId,
};
use domain::key::{Environment, KeyDigest};
use domain::problem::Code;
use domain::route::{Operations, Routes, Scheme, Spot};
use domain::snapshot;
use domain::subscription::Terms;
use domain::upstream::{Balance, Passive, Retries};
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use crate::policy::{Chain, Uncompiled};
use crate::slot::Slots;
use crate::tls::Tls;
use crate::upstream::{Member, Vitals};

/// One configuration state.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) number: u64,
    pub(crate) routes: Routes<Spot<Arc<Route>>>,
    pub(crate) keys: Keys,
    pub(crate) settings: Arc<snapshot::Settings>,
    pub(crate) tls: Arc<Tls>,
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
    pub(crate) passive: Passive,
    /// Percentage of healthy targets below which health is not heeded.
    pub(crate) panic: u8,
    pub(crate) retries: Retries,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) connect_ms: u64,
    pub(crate) first_byte_ms: u64,
    pub(crate) idle_ms: u64,
    pub(crate) preserve_host: bool,
    pub(crate) credential: Option<(HeaderName, HeaderValue)>,
    /// Why it cannot be used: its credential does not open, its certificates cannot be read.
    pub(crate) broken: Option<String>,
}

/// All keys, in shards by the first bits of their digests, each sorted by digest.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) shards: Box<[Arc<[Key]>]>,
}

pub(crate) const KEY_SHARDS: usize = 4096;

/// One key, at most 100 bytes.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) digest: KeyDigest,
    pub(crate) id: CredentialId,
    pub(crate) application: Arc<Application>,
    /// Microseconds since 1970 at which it stops working; `i64::MAX` for never.
    ends: i64,
    /// `None`: from anywhere.
    cidrs: Option<Box<[IpNet]>>,
    pub(crate) environment: Environment,
    revoked: bool,
}

const _: () = assert!(size_of::<Key>() <= 100);

impl Keys {
    pub(crate) fn empty() -> Self {
        let none: Arc<[Key]> = Arc::new([]);
        Self {
            shards: std::iter::repeat_n(none, KEY_SHARDS).collect(),
        }
    }

    pub(crate) fn shard_of(digest: &KeyDigest) -> usize {
        (digest.prefix() >> (64 - KEY_SHARDS.ilog2())) as usize
    }

    /// Searches by the digest's first eight bytes, compares the whole in constant time.
    ///
    /// Digests are spread evenly, so a key lies about as far into its shard as its digest lies into
    /// the shard's range: the search begins there and touches a few neighbours, where halving would
    /// wait for memory at each step.
    pub(crate) fn find(&self, digest: &KeyDigest) -> Option<&Key> {
        let shard = &self.shards[Self::shard_of(digest)];
        let prefix = digest.prefix();
        let into = u128::from(prefix << KEY_SHARDS.ilog2());
        let mut first = ((into * shard.len() as u128) >> 64) as usize;
        let is_below = |index: usize| {
            shard
                .get(index)
                .is_some_and(|key: &Key| key.digest.prefix() < prefix)
        };
        while first > 0 && !is_below(first - 1) {
            first -= 1;
        }
        while is_below(first) {
            first += 1;
        }
        shard[first..]
            .iter()
            .take_while(|key| key.digest.prefix() == prefix)
            .find(|key| key.digest.matches(digest))
    }
}

impl Key {
    pub(crate) fn new(credential: &snapshot::Credential, application: Arc<Application>) -> Self {
        let Lifetime {
            expires_at,
            retires_at,
            revoked_at,
        } = credential.lifetime;
        let ends = [expires_at, retires_at].into_iter().flatten().min();
        Self {
            digest: credential.digest,
            id: credential.id,
            application,
            ends: ends.map_or(i64::MAX, |at| at.timestamp_micros()),
            cidrs: (!credential.cidrs.is_empty()).then(|| credential.cidrs.clone().into()),
            environment: credential.environment,
            revoked: revoked_at.is_some(),
        }
    }

    /// Whether it is good at this time (microseconds since 1970) and from this address.
    pub(crate) fn judge(&self, wall_us: u64, from: IpAddr) -> Result<(), Code> {
        if self.revoked {
            return Err(Code::KeyRevoked);
        }
        if self.ends <= wall_us as i64 {
            return Err(Code::KeyExpired);
        }
        match &self.cidrs {
            Some(cidrs) if !cidrs.iter().any(|net| net.contains(&from)) => Err(Code::IpDenied),
            Some(_) | None => Ok(()),
        }
    }
}

/// A consumer's program.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) id: ApplicationId,
    pub(crate) organization: OrganizationId,
    pub(crate) header: HeaderValue,
    pub(crate) disabled: bool,
    /// The consumer's organization is suspended.
    pub(crate) suspended: bool,
    /// (number of the product, subscription), sorted by product, then by time of approval.
    pub(crate) access: Box<[(u32, Arc<Subscription>)]>,
}

/// The contract with a plan.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) plan: PlanId,
    pub(crate) header: HeaderValue,
    pub(crate) plan_header: HeaderValue,
    pub(crate) terms: Terms,
    /// Microseconds since 1970; `i64::MAX` while it waits.
    pub(crate) approved_at: i64,
    /// The plan's policies, shared by its subscriptions.
    pub(crate) chain: Arc<Result<Chain, Uncompiled>>,
    /// One per step of the chain's allowance.
    pub(crate) slots: Slots,
}
