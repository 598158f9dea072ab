//! Scopes of tokens: what a token may do at most.

/// Resource families that a token's scopes speak of: `<resource>:read|write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    Account,
    Organizations,
    Teams,
    Apis,
    Upstreams,
    Certificates,
    Products,
    Applications,
    Subscriptions,
    Traffic,
    Audit,
    Platform,
}

impl Resource {
    pub const ALL: [Self; 12] = [
        Self::Account,
        Self::Organizations,
        Self::Teams,
        Self::Apis,
        Self::Upstreams,
        Self::Certificates,
        Self::Products,
        Self::Applications,
        Self::Subscriptions,
        Self::Traffic,
        Self::Audit,
        Self::Platform,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Organizations => "organizations",
            Self::Teams => "teams",
            Self::Apis => "apis",
            Self::Upstreams => "upstreams",
            Self::Certificates => "certificates",
            Self::Products => "products",
            Self::Applications => "applications",
            Self::Subscriptions => "subscriptions",
            Self::Traffic => "traffic",
            Self::Audit => "audit",
            Self::Platform => "platform",
        }
    }
}

/// What a token may do at most; `write` includes `read`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    pub resource: Resource,
    pub write: bool,
}

impl Scope {
    /// Reads `apis:write`.
    pub fn parse(text: &str) -> Option<Self> {
        let (resource, access) = text.split_once(':')?;
        let resource = Resource::ALL
            .into_iter()
            .find(|known| known.as_str() == resource)?;
        match access {
            "read" => Some(Self {
                resource,
                write: false,
            }),
            "write" => Some(Self {
                resource,
                write: true,
            }),
            _ => None,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let access = if self.write { "write" } else { "read" };
        write!(f, "{}:{access}", self.resource.as_str())
    }
}
