//! Plans: under which limits and approval a product may be used.

mod scope;

use serde::{Deserialize, Serialize};

pub use scope::{MAX_SCOPE, MAX_SCOPES, check_scopes, is_scope};

/// Which of a plan's requests come first where they wait for the same as those of other plans, and
/// may not all wait; 0 unless set.
pub const PRIORITIES: std::ops::RangeInclusive<i8> = -100..=100;

/// What is said of a priority outside of [`PRIORITIES`].
pub const PRIORITY: &str = "Use -100 to 100; 0 is the usual one.";

/// Whether it is the usual one, which is not written.
pub fn is_usual(priority: &i8) -> bool {
    *priority == 0
}

/// Who says yes to a subscription.
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
pub enum Approval {
    /// Approved at once.
    Auto,
    /// A maintainer of the product's team, or an admin or owner of its organization.
    #[default]
    Manual,
}

impl Approval {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Manual => "manual",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "manual" => Some(Self::Manual),
            _ => None,
        }
    }
}
