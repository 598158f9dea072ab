//! The kinds of objects in a state.

use serde::{Deserialize, Serialize};

/// The kinds of objects in a state; also what the change table names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Organization,
    Api,
    Version,
    Upstream,
    Product,
    Plan,
    Application,
    Credential,
    Subscription,
    Settings,
    Certificate,
    Host,
    IpList,
}

impl Kind {
    pub const ALL: [Self; 13] = [
        Self::Organization,
        Self::Api,
        Self::Version,
        Self::Upstream,
        Self::Product,
        Self::Plan,
        Self::Application,
        Self::Credential,
        Self::Subscription,
        Self::Settings,
        Self::Certificate,
        Self::Host,
        Self::IpList,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Api => "api",
            Self::Version => "version",
            Self::Upstream => "upstream",
            Self::Product => "product",
            Self::Plan => "plan",
            Self::Application => "application",
            Self::Credential => "credential",
            Self::Subscription => "subscription",
            Self::Settings => "settings",
            Self::Certificate => "certificate",
            Self::Host => "host",
            Self::IpList => "ip_list",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
