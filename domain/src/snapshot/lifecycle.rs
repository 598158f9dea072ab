//! What gateways know of versions that are on their way out, and of those that are gone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Route;
use crate::id::VersionId;
use crate::policy::Cors;

/// That a version will go, and when: what its answers say in `Deprecation`, `Sunset` and `Link`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecation {
    pub since: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<VersionId>,
    /// From its sunset on it answers `version_retired`, whoever notes that when.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retires: bool,
}

impl Deprecation {
    /// When the version answers for the last time; `None` while nobody has said so.
    pub fn end(&self) -> Option<DateTime<Utc>> {
        self.sunset.filter(|_| self.retires)
    }
}

/// A version that is retired: what its place answers, as long as no other version answers there.
/// It stands with its API, where former releases do not look: to them it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    pub id: VersionId,
    /// `v1`
    pub slug: String,
    /// Number of its last revision.
    pub revision: u32,
    pub route: Route,
    pub deprecation: Deprecation,
    /// Its own `cors`: pages that it allowed may read that it is gone. Those of its API and
    /// organization stand with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
}
