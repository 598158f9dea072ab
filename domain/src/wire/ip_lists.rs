//! Lists of networks that policies of an organization name.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::versions::present;
use crate::id::{IpListId, OrganizationId};
use crate::ip_list::{Entry, Source};

/// A list, without what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IpList {
    pub id: IpListId,
    pub organization: OrganizationId,
    /// What policies name it by; unique in the organization.
    pub name: String,
    pub description: String,
    /// How many networks there are in it.
    pub entries: u64,
    /// Where it is fetched from; absent: people write it. Without its query for those who may not
    /// edit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<Fetch>,
    /// What has policies that name it, in words: `1 API`, `2 versions`.
    pub named_by: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// For `If-Match`.
    pub etag: i64,
}

/// How it goes with a list's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fetch {
    /// When what is in the list was last found to be what the source has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<DateTime<Utc>>,
    /// Why the last try came to nothing; what was there before is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateIpList {
    /// 1 to 40 of a-z, 0-9, _ and -.
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// At most 100,000; none where it has a source.
    #[serde(default)]
    pub entries: Vec<Entry>,
    #[serde(default)]
    pub source: Option<Source>,
}

/// Absent fields stay as they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EditIpList {
    /// Not while a policy names it.
    pub name: Option<String>,
    pub description: Option<String>,
    /// `null` removes it: what was fetched last stays, and people go on from there.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Source>)]
    pub source: Option<Option<Source>>,
}

/// A page of what stands in a list, in the order of addresses.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, utoipa::IntoParams,
)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct EntriesPaging {
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u16>,
    #[serde(
        deserialize_with = "super::blank",
        skip_serializing_if = "Option::is_none"
    )]
    pub after: Option<String>,
    /// A network or an address, for what holds it and what it holds; else a part of a network's text
    /// or of a note.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub find: String,
}

/// Puts networks into a list, in the place of entries of the same networks. None may have ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddEntries {
    pub entries: Vec<Entry>,
}

/// Takes networks out of a list. Those that are not in it do no harm.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveEntries {
    pub networks: Vec<String>,
}

/// Reads a text into a list: one network per line, `until` with a time behind one that ends, `#` or
/// `;` before a comment. At most 8 MiB.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportEntries {
    pub text: String,
    /// In the place of all that is there, and not beside it.
    #[serde(default)]
    pub replace: bool,
}
