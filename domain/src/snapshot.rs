//! Exactly what a gateway loads: the whole configuration state, or what changed since a number.
//!
//! It holds nothing that a gateway does not use: no passwords, mail addresses or names of people.
//! Secrets stay sealed until the gateway opens them with its own key.

mod kind;
mod lifecycle;
mod route;
mod tls;
mod unreadable;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::{Operations, Purge};
use crate::application::Lifetime;
use crate::id::{
    ApiId, ApplicationId, CredentialId, IpListId, OperationId, OrganizationId, PlanId, ProductId,
    RevisionId, SubscriptionId, UpstreamId, VersionId,
};
use crate::key::{Environment, KeyDigest};
use crate::label::Label;
use crate::lifecycle::{ApplicationState, PlanState};
use crate::organization::ClientAddresses;
use crate::password_hash::PasswordHash;
use crate::policy::Policy;
use crate::policy::ip_filter::Listed;
use crate::policy::jwt::Algorithm;
use crate::signing::SigningKey;
use crate::subscription::SubscriptionState;
use crate::upstream::{Chosen, UpstreamCredential, UpstreamSettings};

pub use kind::Kind;
pub use lifecycle::{Deprecation, Retired};
pub use route::Route;
pub use tls::{Certificate, ClientCertificate, Host, PrivateKey};
pub use unreadable::Unreadable;

/// Version of this module's shape. A gateway refuses a newer one and keeps its last state.
pub const SCHEMA: u32 = 1;

/// What this release keeps of a state: raise it when a kind or a field is added that earlier ones
/// passed over. What they have kept lacks it, so it is no ground for changes alone.
pub const FORM: u32 = 8;

/// A configuration state. `state` is the highest change number in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub schema: u32,
    pub state: u64,
    pub parts: Parts,
}

/// What changed after `from`, up to and with `state`: replace each of `put` by id, remove `gone`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    pub from: u64,
    pub state: u64,
    pub put: Parts,
    pub gone: Vec<(Kind, Uuid)>,
}

/// Objects by kind, in no particular order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Parts {
    pub organizations: Vec<Organization>,
    pub apis: Vec<Api>,
    pub versions: Vec<Version>,
    pub upstreams: Vec<Upstream>,
    pub products: Vec<Product>,
    pub plans: Vec<Plan>,
    pub applications: Vec<Application>,
    pub credentials: Vec<Credential>,
    pub subscriptions: Vec<Subscription>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<Host>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_lists: Vec<IpList>,
    /// `None` in a delta that does not touch it.
    pub settings: Option<Settings>,
    /// `None` where there is no database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// What could not be read when this was loaded, beside the objects that say so themselves.
    #[serde(skip)]
    pub unread: Vec<Unreadable>,
}

/// What the change of a state's number was: in a database that was restored from a copy and has
/// changed since, another one has that number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub object: Uuid,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    pub id: OrganizationId,
    pub slug: String,
    pub suspended: bool,
    #[serde(default, skip_serializing_if = "crate::upstream::is_default")]
    pub client_addresses: ClientAddresses,
    pub policies: Vec<Policy>,
    /// What of it this release cannot read: its routes answer 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Api {
    pub id: ApiId,
    pub organization: OrganizationId,
    pub slug: String,
    pub policies: Vec<Policy>,
    /// What conditions of policies may ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What was taken out of the caches lately, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purges: Vec<Purged>,
    /// Its versions that are retired, in the order of ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Retired>,
    /// What of it this release cannot read: its routes answer 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Most of an API that are told: a gateway that has missed more forgets all that it keeps of it.
pub const MOST_PURGES: usize = 50;

/// A purge with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// One more than the one before it of the API.
    pub number: u64,
    pub what: Purge,
}

/// A version with its current revision. Versions that are not served are not among them: drafts and
/// unpublished ones are not in a state at all, retired ones stand with their API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub id: VersionId,
    pub api: ApiId,
    /// `v1`
    pub slug: String,
    /// The runtime switch: a disabled version answers `version_disabled`.
    pub enabled: bool,
    pub revision: Revision,
    /// The OpenAPI document as it was imported, where a policy looks into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// `None`: nothing is said about its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<Deprecation>,
    /// What of its revision this release cannot read: its route answers 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// The immutable part of a version that publish made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub id: RevisionId,
    pub number: u32,
    pub route: Route,
    pub upstream: UpstreamId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_upstream: Option<UpstreamId>,
    /// For some callers; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<Chosen>,
    pub policies: Vec<Policy>,
    pub operations_mode: Operations,
    pub operations: Vec<Operation>,
}

/// An operation of the document, relative to the route's path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub id: OperationId,
    /// Upper case.
    pub method: String,
    /// `/pets/{id}`
    pub template: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    pub id: UpstreamId,
    pub organization: OrganizationId,
    pub name: String,
    pub settings: UpstreamSettings,
    #[serde(default)]
    pub credential: Secret,
    /// Shown to targets that ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// What of it this release cannot read: whoever sends requests to it answers 500. Were it not
    /// there, calls with test keys would go where live ones go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// A list of networks that policies of its organization name. Notes are for people alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpList {
    pub id: IpListId,
    pub organization: OrganizationId,
    pub name: String,
    pub networks: Vec<Listed>,
}

/// A credential as it travels: sealed from a database, in clear from a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    #[default]
    None,
    /// Base64 of key id, nonce and ciphertext of the JSON of an [`UpstreamCredential`]; the
    /// additional data is the organization's id and the upstream's, 16 bytes each.
    Sealed(String),
    Clear(UpstreamCredential),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    pub id: ProductId,
    pub organization: OrganizationId,
    pub versions: Vec<VersionId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub id: PlanId,
    pub product: ProductId,
    /// Sent to the upstream as `X-Portunus-Plan`.
    pub slug: String,
    pub state: PlanState,
    /// Among requests that wait for the same; the highest first.
    #[serde(default, skip_serializing_if = "crate::plan::is_usual")]
    pub priority: i8,
    pub policies: Vec<Policy>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    pub id: ApplicationId,
    pub organization: OrganizationId,
    pub state: ApplicationState,
    /// What conditions of policies of the same organization may ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub id: CredentialId,
    pub application: ApplicationId,
    pub environment: Environment,
    pub digest: KeyDigest,
    #[serde(flatten)]
    pub lifetime: Lifetime,
    /// Empty: from anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidrs: Vec<ipnet::IpNet>,
    /// Of one that signs requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signs: Option<SigningKey>,
    /// Of a user name whose password somebody chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argon2id: Option<PasswordHash>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub application: ApplicationId,
    pub product: ProductId,
    pub plan: PlanId,
    pub state: SubscriptionState,
    pub paused: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
}

/// What the operator set for all gateways.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Private and loopback networks that upstream targets may lie in (gateway.md §6).
    pub upstream_allow: Vec<ipnet::IpNet>,
    /// Exact addresses that are allowed as well: the demo's sample upstream.
    #[serde(default)]
    pub upstream_allow_exact: Vec<std::net::SocketAddr>,
    /// The platform's own token endpoint; `None` while it has made no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenIssuer>,
}

/// Who issues the tokens of applications' OAuth clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIssuer {
    /// The claim `iss`.
    pub issuer: String,
    /// The public keys, as a set (RFC 7517 §5).
    pub keys: serde_json::Value,
}

impl TokenIssuer {
    /// What tokens are signed by.
    pub const ALGORITHM: Algorithm = Algorithm::ES256;

    /// What an API is called in the claim `aud`, and asked for as `resource` (RFC 8707 §2): a URN of
    /// its id (RFC 9562 §4).
    pub fn audience(api: ApiId) -> String {
        api.uuid().urn().to_string()
    }
}

impl Parts {
    /// Replaces what `delta` puts and removes what is gone: the reader's side of a [`Delta`].
    pub fn apply(&mut self, delta: Delta) {
        self.read_again(&delta);
        for (kind, id) in delta.gone {
            self.remove(kind, id);
        }
        let put = delta.put;
        put_each(&mut self.organizations, put.organizations, |item| {
            item.id.uuid()
        });
        put_each(&mut self.apis, put.apis, |item| item.id.uuid());
        put_each(&mut self.versions, put.versions, |item| item.id.uuid());
        put_each(&mut self.upstreams, put.upstreams, |item| item.id.uuid());
        put_each(&mut self.products, put.products, |item| item.id.uuid());
        put_each(&mut self.plans, put.plans, |item| item.id.uuid());
        put_each(&mut self.applications, put.applications, |item| {
            item.id.uuid()
        });
        put_each(&mut self.credentials, put.credentials, |item| {
            item.id.uuid()
        });
        put_each(&mut self.subscriptions, put.subscriptions, |item| {
            item.id.uuid()
        });
        put_each(&mut self.certificates, put.certificates, |item| {
            item.id.uuid()
        });
        put_each(&mut self.hosts, put.hosts, |item| item.id.uuid());
        put_each(&mut self.ip_lists, put.ip_lists, |item| item.id.uuid());
        if put.settings.is_some() {
            self.settings = put.settings;
        }
        if put.mark.is_some() {
            self.mark = put.mark;
        }
    }

    fn remove(&mut self, kind: Kind, id: Uuid) {
        match kind {
            Kind::Organization => self.organizations.retain(|item| item.id.uuid() != id),
            Kind::Api => self.apis.retain(|item| item.id.uuid() != id),
            Kind::Version => self.versions.retain(|item| item.id.uuid() != id),
            Kind::Upstream => self.upstreams.retain(|item| item.id.uuid() != id),
            Kind::Product => self.products.retain(|item| item.id.uuid() != id),
            Kind::Plan => self.plans.retain(|item| item.id.uuid() != id),
            Kind::Application => self.applications.retain(|item| item.id.uuid() != id),
            Kind::Credential => self.credentials.retain(|item| item.id.uuid() != id),
            Kind::Subscription => self.subscriptions.retain(|item| item.id.uuid() != id),
            Kind::Settings => self.settings = None,
            Kind::Certificate => self.certificates.retain(|item| item.id.uuid() != id),
            Kind::Host => self.hosts.retain(|item| item.id.uuid() != id),
            Kind::IpList => self.ip_lists.retain(|item| item.id.uuid() != id),
        }
    }
}

fn put_each<T>(all: &mut Vec<T>, put: Vec<T>, id: impl Fn(&T) -> Uuid) {
    for item in put {
        match all.iter_mut().find(|old| id(old) == id(&item)) {
            Some(old) => *old = item,
            None => all.push(item),
        }
    }
}

#[cfg(test)]
mod tests;
