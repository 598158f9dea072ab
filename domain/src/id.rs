//! Typed identifiers: a UUID that knows what it identifies, so that a plan's id cannot be passed
//! where an application's is wanted.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The id of a `K`. Written as a lower-case hyphenated UUID everywhere.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// The zero id: stands for "absent" in rollup keys, where NULL would not be unique.
    pub const NIL: Self = Self::from_uuid(Uuid::nil());

    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            kind: PhantomData,
        }
    }

    /// A version 7 UUID (RFC 9562 §5.7): ids made later sort later, which keeps B-trees dense.
    pub fn from_parts(now: DateTime<Utc>, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// A stable id for something that only has a name, as in a declarative file: the first
    /// 16 bytes of a SHA-256 as a version 8 UUID (RFC 9562 §5.8).
    pub fn from_name(kind: &str, name: &str) -> Self {
        use sha2::Digest;
        let mut hash = sha2::Sha256::new();
        hash.update(kind.as_bytes());
        hash.update([0]);
        hash.update(name.as_bytes());
        let digest = hash.finalize();
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    pub const fn uuid(self) -> Uuid {
        self.uuid
    }

    pub fn is_nil(self) -> bool {
        self.uuid.is_nil()
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K> Default for Id<K> {
    fn default() -> Self {
        Self::NIL
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uuid)
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uuid)
    }
}

impl<K> FromStr for Id<K> {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self::from_uuid)
    }
}

impl<K> From<Uuid> for Id<K> {
    fn from(uuid: Uuid) -> Self {
        Self::from_uuid(uuid)
    }
}

impl<K> From<Id<K>> for Uuid {
    fn from(id: Id<K>) -> Self {
        id.uuid
    }
}

impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.uuid.serialize(serializer)
    }
}

impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}

impl<K> utoipa::PartialSchema for Id<K> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .into()
    }
}

impl<K> utoipa::ToSchema for Id<K> {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Id")
    }
}

impl<K> schemars::JsonSchema for Id<K> {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Id")
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Uuid::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Markers: what an [`Id`] identifies. They are never constructed.
pub mod of {
    pub enum Organization {}
    pub enum Team {}
    pub enum User {}
    pub enum Invitation {}
    pub enum Session {}
    pub enum Token {}
    pub enum Api {}
    pub enum Version {}
    pub enum Revision {}
    pub enum Operation {}
    pub enum Upstream {}
    pub enum Product {}
    pub enum Plan {}
    pub enum Application {}
    pub enum Credential {}
    pub enum Subscription {}
    pub enum Event {}
    pub enum Mail {}
    pub enum Audit {}
    pub enum Node {}
    pub enum Record {}
    pub enum Batch {}
    pub enum Certificate {}
    pub enum Host {}
    pub enum Webhook {}
    pub enum Delivery {}
    pub enum IpList {}
}

pub type OrganizationId = Id<of::Organization>;
pub type TeamId = Id<of::Team>;
pub type UserId = Id<of::User>;
pub type InvitationId = Id<of::Invitation>;
pub type SessionId = Id<of::Session>;
pub type TokenId = Id<of::Token>;
pub type ApiId = Id<of::Api>;
pub type VersionId = Id<of::Version>;
pub type RevisionId = Id<of::Revision>;
pub type OperationId = Id<of::Operation>;
pub type UpstreamId = Id<of::Upstream>;
pub type ProductId = Id<of::Product>;
pub type PlanId = Id<of::Plan>;
pub type ApplicationId = Id<of::Application>;
pub type CredentialId = Id<of::Credential>;
pub type SubscriptionId = Id<of::Subscription>;
pub type EventId = Id<of::Event>;
pub type MailId = Id<of::Mail>;
pub type AuditId = Id<of::Audit>;
pub type NodeId = Id<of::Node>;
pub type RecordId = Id<of::Record>;
pub type BatchId = Id<of::Batch>;
pub type CertificateId = Id<of::Certificate>;
pub type HostId = Id<of::Host>;
pub type WebhookId = Id<of::Webhook>;
pub type DeliveryId = Id<of::Delivery>;
pub type IpListId = Id<of::IpList>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_made_later_sort_later() {
        let early = ApiId::from_parts(DateTime::from_timestamp(1, 0).unwrap(), [0xff; 10]);
        let late = ApiId::from_parts(DateTime::from_timestamp(2, 0).unwrap(), [0; 10]);
        assert!(early < late);
    }

    #[test]
    fn a_name_has_one_id_per_kind() {
        assert_eq!(ApiId::from_name("api", "x"), ApiId::from_name("api", "x"));
        assert_ne!(ApiId::from_name("api", "x"), ApiId::from_name("plan", "x"));
    }

    #[test]
    fn text_round_trip() {
        let id = PlanId::from_name("plan", "free");
        assert_eq!(id.to_string().parse::<PlanId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<PlanId>(&json).unwrap(), id);
        assert!("not an id".parse::<PlanId>().is_err());
    }
}
