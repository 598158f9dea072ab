//! The declarative file (gateway.md §10): what a person writes, read and checked as a whole, and
//! resolved into the same [`Snapshot`] that a database gives.

mod chosen;
mod credentials;
mod deprecated;
mod document;
mod ip_list;
mod place;
pub(crate) mod read;
mod resolve;
mod tls;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use chosen::{CallerIs, Chosen};
pub use credentials::{Client, Key, Password, PublicKey, ShownCertificate};
pub use deprecated::Deprecated;
pub use document::{DocumentLoader, DocumentOperation};
pub use ip_list::IpList;
pub use read::{MAX_BYTES, read};
pub use resolve::resolve;
pub use tls::UpstreamTls;

use crate::api::{Operations, Visibility};
use crate::certificate::{Certificate, HostSettings};
use crate::lifecycle::PlanState;
use crate::organization::ClientAddresses;
use crate::plan::Approval;
use crate::policy::Policy;
use crate::route::{Condition, RouteTimeouts, Selector};
use crate::upstream::{
    Balance, Breaker, FixedAnswer, Health, Hedge, Mirror, Protocol, Retries, Split, Target,
    Timeouts, UpstreamCredential, is_default,
};

#[cfg(doc)]
use crate::snapshot::Snapshot;

/// A declarative file, version 1. Names are map keys; unknown fields are refused everywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: 1.
    pub portunus: u32,
    /// The organization that owns everything here; `default` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// How much of a client's address the records keep; `whole` unless set.
    #[serde(default, skip_serializing_if = "is_default")]
    pub client_addresses: ClientAddresses,
    /// Policies of the organization: they reach every API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upstreams: BTreeMap<String, Upstream>,
    /// Networks that policies name together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ip_lists: BTreeMap<String, IpList>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub apis: BTreeMap<String, Api>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub products: BTreeMap<String, Product>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub applications: BTreeMap<String, Application>,
    /// What the gateway shows to clients on its TLS address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub certificates: BTreeMap<String, Certificate>,
    /// What single hosts ask of a connection, by name: `api.example.com` or `*.example.com`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, HostSettings>,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    pub targets: Vec<Target>,
    #[serde(default)]
    pub timeouts: Timeouts,
    #[serde(default)]
    pub tls: UpstreamTls,
    #[serde(default)]
    pub preserve_host: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    #[serde(default, skip_serializing_if = "is_default")]
    pub balance: Balance,
    #[serde(default, skip_serializing_if = "is_default")]
    pub health: Health,
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries: Retries,
    #[serde(default, skip_serializing_if = "is_default")]
    pub breaker: Breaker,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// `upstream` is the name of another upstream of this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<Hedge>,
    /// Sent to the targets. Take the secret part from the environment: `${NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<UpstreamCredential>,
}

/// What a request gets while its upstream takes none: while the circuit is open, and where no target
/// is healthy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    Answer(FixedAnswer),
    /// Name of another upstream of this file; its own fallback is not used.
    Upstream(String),
}

/// A catalog entry. The gateway uses slug, policies and versions; the rest is for the portal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// What conditions of policies may ask: `api.labels["tier"]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    pub versions: BTreeMap<String, Version>,
}

/// A breaking line of an API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Path of the OpenAPI document, relative to this file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openapi: Option<String>,
    #[serde(rename = "match")]
    pub route: RouteMatch,
    /// Cut the matched prefix before the rest is appended to the target's base path.
    #[serde(default = "yes")]
    pub strip_path: bool,
    /// Take paths with `%2F` or `%5C`, and pass them on so; else they are refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encoded_slashes: bool,
    /// In the place of the upstream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<RouteTimeouts>,
    /// Name of an upstream of this file.
    pub upstream: String,
    /// Upstream for credentials of the test environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_upstream: Option<String>,
    /// Other upstreams for some callers, at most 16; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<Chosen>,
    /// `false` answers 503 for everything.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// That it will go, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Deprecated>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// `listed` with a document unless set, `open` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations_mode: Option<Operations>,
    /// Policies of single operations; without a document also the operations themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
}

const fn yes() -> bool {
    true
}

/// Where a version answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteMatch {
    /// Starts with `/`; matches on segment borders.
    pub path: String,
    /// `api.example.com` or `*.example.com`; any host unless set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// How a request asks for this version, where others of the API share hosts and path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// What a request must have besides; where several versions fit, more conditions win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
}

/// An operation with policies of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    #[serde(rename = "match")]
    pub matches: OperationMatch,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
}

/// Which operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationMatch {
    /// Upper case.
    pub method: String,
    /// Template behind the version's path: `/pets/{id}`.
    pub path: String,
}

/// Versions that are offered together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `<api>/<version>` each.
    pub versions: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plans: BTreeMap<String, Plan>,
}

/// Under which limits and approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For the portal; a subscription in this file counts as approved.
    #[serde(default)]
    pub approval: Approval,
    /// `published` unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub state: Option<PlanState>,
    /// -100 to 100; 0 unless set. Where requests wait, those of the highest go first.
    #[serde(default, skip_serializing_if = "crate::plan::is_usual")]
    #[schemars(range(min = -100, max = 100))]
    pub priority: i8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// What tokens of the portal's token endpoint may allow (RFC 6749 §3.3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// A consumer's program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `false` refuses all its keys.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What conditions of policies may ask: `caller.labels["tier"]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// Clients of issuers whose tokens `jwt` takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<Client>,
    /// Certificates that it shows where `mtls` is attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<ShownCertificate>,
    /// User names with passwords, where `basic_auth` is attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passwords: Vec<Password>,
    /// Public keys by which it signs requests, where `http_signature` is attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<PublicKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
}

/// The contract of an application with a plan, approved by being written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    pub product: String,
    pub plan: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<chrono::DateTime<chrono::Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// The JSON Schema of a declarative file, for completion in editors.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Manifest).to_value()
}
