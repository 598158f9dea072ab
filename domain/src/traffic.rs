//! What a gateway reports: the record of one request, and the histogram that rollups merge.

pub mod cached;
pub mod detail;
pub mod histogram;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use cached::{CacheSums, Cached};
pub use detail::Detail;
pub use histogram::Histogram;

use crate::id::{
    ApiId, ApplicationId, CredentialId, OperationId, OrganizationId, PlanId, SubscriptionId,
    VersionId,
};
use crate::key::Environment;

/// One request as it is stored (gateway.md §9). Absent ids are the zero id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When the request's head was read, to the microsecond.
    pub at: DateTime<Utc>,
    /// The value of `X-Request-Id` that the client and the upstream saw.
    pub request_id: String,
    /// Trace that the client says it belongs to (W3C Trace Context): 32 small hexadecimal digits, or
    /// empty.
    #[serde(default)]
    pub trace_id: String,
    pub node: String,
    /// State number of the configuration that decided.
    pub state: u64,
    pub provider: OrganizationId,
    pub consumer: OrganizationId,
    pub api: ApiId,
    pub version: VersionId,
    pub revision: u32,
    /// The zero id is "other": no operation of the document.
    pub operation: OperationId,
    pub application: ApplicationId,
    pub credential: CredentialId,
    pub environment: Environment,
    pub subscription: SubscriptionId,
    pub plan: PlanId,
    /// The client's address, whole or as far as the provider keeps it; empty when dropped.
    pub client: String,
    pub method: String,
    /// Canonical, without query, cut at 160 bytes.
    pub path: String,
    pub path_cut: bool,
    pub status: u16,
    /// Our own code when the gateway answered itself; else empty.
    pub code: String,
    /// `kind/name` of the policy that decided; else empty.
    pub decided_by: String,
    /// One bit per policy in observe mode that would have refused.
    pub observed: u32,
    /// Those policies, at most 32, with blanks between: `version/rate_limit/minute`, each with
    /// where it is attached, its kind and its name.
    #[serde(default)]
    pub observed_by: String,
    /// `host:port` of the target; empty when none was asked.
    pub target: String,
    /// Variant of the upstream that the target is of; empty when it has none, or none was asked.
    #[serde(default)]
    pub variant: String,
    pub tries: u8,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Microseconds.
    pub total_us: u32,
    pub policies_us: u32,
    pub connect_us: u32,
    pub first_byte_us: u32,
    /// Units used: requests = 1; later tokens and money.
    pub units: u32,
    /// What a cache did with it.
    #[serde(default)]
    pub cached: Cached,
}

/// `2xx` and its like; the class of an answer in rollups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatusClass(pub u8);

impl StatusClass {
    pub const fn of(status: u16) -> Self {
        Self((status / 100) as u8)
    }

    pub const fn is_error(self) -> bool {
        self.0 >= 4
    }

    /// Of `count` answers of this class, the errors of clients, and those of servers.
    pub const fn errors(self, count: u64) -> (u64, u64) {
        match self.0 {
            0..=3 => (0, 0),
            4 => (count, 0),
            5.. => (0, count),
        }
    }
}

/// The key of a rollup row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RollupKey {
    pub provider: OrganizationId,
    pub consumer: OrganizationId,
    pub version: VersionId,
    pub operation: OperationId,
    pub plan: PlanId,
    pub application: ApplicationId,
    pub environment: Environment,
    pub class: StatusClass,
}

impl RollupKey {
    pub fn of(record: &Record) -> Self {
        Self {
            provider: record.provider,
            consumer: record.consumer,
            version: record.version,
            operation: record.operation,
            plan: record.plan,
            application: record.application,
            environment: record.environment,
            class: StatusClass::of(record.status),
        }
    }
}

/// The key of a row that sums up one variant of an upstream (A/B compare): few, so that variants do
/// not multiply the rows of every other rollup.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariantKey {
    pub provider: OrganizationId,
    pub version: VersionId,
    pub environment: Environment,
    pub variant: String,
    pub class: StatusClass,
}

impl VariantKey {
    /// `None` for what went to no variant.
    pub fn of(record: &Record) -> Option<Self> {
        (!record.variant.is_empty()).then(|| Self {
            provider: record.provider,
            version: record.version,
            environment: record.environment,
            variant: record.variant.clone(),
            class: StatusClass::of(record.status),
        })
    }
}

/// The key of a row that counts what a policy in observe mode would have refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObservedKey {
    pub provider: OrganizationId,
    pub version: VersionId,
    pub environment: Environment,
    /// As in [`Record::observed_by`].
    pub policy: String,
    pub consumer: OrganizationId,
    pub application: ApplicationId,
}

impl ObservedKey {
    /// One for each policy that the record names.
    pub fn of(record: &Record) -> impl Iterator<Item = Self> {
        record.observed_by.split_whitespace().map(|policy| Self {
            provider: record.provider,
            version: record.version,
            environment: record.environment,
            policy: policy.to_owned(),
            consumer: record.consumer,
            application: record.application,
        })
    }
}

/// Sums of requests: what a row of rollups holds, and what dashboards show. Where a number would not
/// fit, it is held at the highest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    pub count: u64,
    /// Answers of 400 to 499.
    pub client_errors: u64,
    /// Answers of 500 and above.
    pub server_errors: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Total time in microseconds.
    pub latency: Histogram,
    pub cache: CacheSums,
}

impl Sums {
    pub fn add(&mut self, record: &Record) {
        let (client_errors, server_errors) = StatusClass::of(record.status).errors(1);
        self.count += 1;
        self.client_errors += client_errors;
        self.server_errors += server_errors;
        self.bytes_in = self.bytes_in.saturating_add(record.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(record.bytes_out);
        self.latency.record(u64::from(record.total_us));
        self.cache.add(record.cached);
    }

    pub fn merge(&mut self, other: &Self) {
        let Self {
            count,
            client_errors,
            server_errors,
            bytes_in,
            bytes_out,
            latency,
            cache,
        } = other;
        for (sum, more) in [
            (&mut self.count, count),
            (&mut self.client_errors, client_errors),
            (&mut self.server_errors, server_errors),
            (&mut self.bytes_in, bytes_in),
            (&mut self.bytes_out, bytes_out),
        ] {
            *sum = sum.saturating_add(*more);
        }
        self.latency.merge(latency);
        self.cache.merge(cache);
    }
}
