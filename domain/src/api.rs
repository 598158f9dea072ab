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
/// What gateways take out of the answers that they keep of an API. Addresses are
/// `host/path?query` as clients write them, without a scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Purge {
    /// Everything.
    All(bool),
    /// All that is kept of one address: every caller's, every variant.
    Url(String),
    /// All addresses that begin so: `shop.example.com/v1/pets`, on the border of a segment unless
    /// it ends with a slash.
    Prefix(String),
    /// All that the upstream put this group or key on.
    Tag(String),
}

impl Purge {
    /// Longest text, in bytes.
    pub const LONGEST: usize = 2000;

    /// What is wrong with it, as a sentence.
    pub fn check(&self) -> Option<&'static str> {
        let text = match self {
            Self::All(true) => return None,
            Self::All(false) => return Some("Say true, or what is to be taken out."),
            Self::Url(text) | Self::Prefix(text) | Self::Tag(text) => text,
        };
        let is_line =
            (1..=Self::LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
        (!is_line).then_some("Write 1 to 2000 bytes on one line.")
    }
}
