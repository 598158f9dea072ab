//! The kinds of policies, the stages that order them, and the places that carry them.

use serde::{Deserialize, Serialize};

use super::Mode;

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

    /// What its policies do, in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Edge => "Addresses, sizes and browsers, before anybody is known",
            Self::Identity => "Who calls",
            Self::Access => "What that caller may do",
            Self::Allowance => "How much of it",
            Self::Contract => "What is sent",
            Self::Answer => "Answers in the upstream's place",
            Self::Shape => "What the upstream and the client get",
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
    ($($variant:ident $text:literal $stage:ident $adds:literal $plan:literal $about:literal)*) => {
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

            /// What it does, in a few words for whoever chooses one.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
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

// The table: variant, written name, stage, whether it adds up, whether a plan may carry it, and what
// it does.
kinds! {
    KeyAuth "key_auth" Identity false false "Callers show an API key"
    Jwt "jwt" Identity false false "Callers show a signed token of an identity provider"
    Oauth2Introspection "oauth2_introspection" Identity false false "Callers show a token that its server is asked about"
    BasicAuth "basic_auth" Identity false false "Callers show a user name and a password"
    HttpSignature "http_signature" Identity false false "Callers sign their requests"
    Mtls "mtls" Identity false false "Callers show a TLS certificate"
    AnyOf "any_of" Identity false false "Several ways to say who calls"
    Scopes "scopes" Access true true "What a token must allow"
    RateLimit "rate_limit" Allowance true true "So many requests in each window"
    Quota "quota" Allowance true true "So many requests a day, week or month"
    IpFilter "ip_filter" Edge true true "Which networks may call"
    Compress "compress" Edge false false "Smaller answers for clients that take them"
    AuthGuard "auth_guard" Edge true false "Addresses that guess, and user names that are guessed at, are not heard for a while"
    Concurrency "concurrency" Allowance true true "So many requests at a time"
    Redirect "redirect" Answer false false "Send the client elsewhere"
    Mock "mock" Answer false false "Answers in the upstream's place, fixed or from the document"
    Fault "fault" Answer false false "Delays and failures on purpose"
    Cache "cache" Answer false false "Keep answers and give them again"
    Rewrite "rewrite" Shape false false "Another path and query for the upstream"
    Transform "transform" Shape false false "Change header fields and bodies of requests and answers"
    Cors "cors" Edge false false "Which sites' pages may read the answers"
    RequestLimits "request_limits" Edge false true "How large requests may be"
    SecurityHeaders "security_headers" Edge false false "Tell browsers to be careful"
    JsonThreat "json_threat" Contract false false "Refuse JSON that is built to hurt"
    Validate "validate" Contract false false "Refuse what does not fit the OpenAPI document"
    Expression "expression" Access true true "A condition that must hold"
    ExtAuth "ext_auth" Access true false "Another server decides"
    ThreatPatterns "threat_patterns" Contract false false "Look for what attacks look like"
    LogDetail "log_detail" Edge false false "Keep header fields and bodies in the request log, masked"
    Mirror "mirror" Shape false false "Copies of the requests for another upstream"
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
                | Self::ThreatPatterns
                | Self::LogDetail
                | Self::Mirror
        )
    }

    /// The mode of one that names none.
    pub const fn usual_mode(self) -> Mode {
        if matches!(self, Self::ThreatPatterns) {
            Mode::Observe
        } else {
            Mode::Enforce
        }
    }

    /// Whether one in observe mode decides what it would do; the others then do nothing.
    pub const fn observes(self) -> bool {
        !matches!(
            self,
            Self::SecurityHeaders | Self::Compress | Self::LogDetail
        )
    }

    /// Whether it can be put into observe mode. One that only looks on has nothing to enforce.
    pub const fn has_modes(self) -> bool {
        !matches!(self, Self::LogDetail)
    }

    pub const fn fits(self, point: AttachPoint) -> bool {
        self.fits_plan() || !matches!(point, AttachPoint::Plan)
    }
}
