//! APIs in the catalog: who sees them, and how a version is matched.

use serde::{Deserialize, Serialize};

/// Decides who sees an API and who may request it. The gateway asks only for a subscription.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// The owning team.
    #[default]
    Private,
    /// The organization.
    Internal,
    /// Everyone, also readers without an account.
    Public,
}

impl Visibility {
    pub const ALL: [Self; 3] = [Self::Private, Self::Internal, Self::Public];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|visibility| visibility.as_str() == text)
    }
}

/// Whether a version answers only what its document lists.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Operations {
    /// 404 and 405 for what is not in the document.
    #[default]
    Listed,
    /// Everything passes; what is not listed is logged as `other`.
    Open,
}

impl Operations {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Open => "open",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "listed" => Some(Self::Listed),
            "open" => Some(Self::Open),
            _ => None,
        }
    }
}
