//! The kinds of policies, the stages that order them, and the places that carry them.

use serde::{Deserialize, Serialize};

/// The named stages that order policies; never a number (design.md "gateway").
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Edge,
    Identity,
    Access,
    Allowance,
    Contract,
    Answer,
    Shape,
}

/// Where a policy may be attached.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AttachPoint {
    Organization,
    Api,
    Version,
    Operation,
    Plan,
}

impl Stage {
    pub const ALL: [Self; 7] = [
        Self::Edge,
        Self::Identity,
        Self::Access,
        Self::Allowance,
        Self::Contract,
        Self::Answer,
        Self::Shape,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Identity => "identity",
            Self::Access => "access",
            Self::Allowance => "allowance",
            Self::Contract => "contract",
            Self::Answer => "answer",
            Self::Shape => "shape",
        }
    }
}

impl AttachPoint {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Api => "api",
            Self::Version => "version",
            Self::Operation => "operation",
            Self::Plan => "plan",
        }
    }
}

macro_rules! kinds {
    ($($variant:ident $text:literal $stage:ident $adds:literal $plan:literal)*) => {
        /// The kind of a policy, without its settings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum PolicyKind { $($variant,)* }

        impl PolicyKind {
            /// In the order of the variants: a kind as a number is its place here.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            pub const fn stage(self) -> Stage {
                match self { $(Self::$variant => Stage::$stage,)* }
            }

            /// Kinds marked "all" in gateway.md §8 add up over the attach points; of the others
            /// the nearest wins.
            pub const fn adds_up(self) -> bool {
                match self { $(Self::$variant => $adds,)* }
            }

            /// Whether a plan may carry it; every other place carries all.
            const fn fits_plan(self) -> bool {
                match self { $(Self::$variant => $plan,)* }
            }
        }
    };
}

// The table: variant, written name, stage, whether it adds up, whether a plan may carry it.
kinds! {
    KeyAuth "key_auth" Identity false false
    Jwt "jwt" Identity false false
    Mtls "mtls" Identity false false
    AnyOf "any_of" Identity false false
    Scopes "scopes" Access true true
    RateLimit "rate_limit" Allowance true true
    Quota "quota" Allowance true true
    IpFilter "ip_filter" Edge true true
    Compress "compress" Edge false false
    AuthGuard "auth_guard" Edge true false
    Concurrency "concurrency" Allowance true true
    Redirect "redirect" Answer false false
    Mock "mock" Answer false false
    Fault "fault" Answer false false
    Cache "cache" Answer false false
    Rewrite "rewrite" Shape false false
    Transform "transform" Shape false false
    Cors "cors" Edge false false
    RequestLimits "request_limits" Edge false true
    SecurityHeaders "security_headers" Edge false false
    JsonThreat "json_threat" Contract false false
    Validate "validate" Contract false false
    Expression "expression" Access true true
}

impl PolicyKind {
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }

    /// Of these the second at one place could only undo the first.
    pub const fn is_single(self) -> bool {
        matches!(
            self,
            Self::Cors
                | Self::SecurityHeaders
                | Self::Redirect
                | Self::Mock
                | Self::Compress
                | Self::JsonThreat
                | Self::Validate
                | Self::Cache
        )
    }

    pub const fn fits(self, point: AttachPoint) -> bool {
        self.fits_plan() || !matches!(point, AttachPoint::Plan)
    }
}
