//! State machines of versions, plans and applications; those of subscription and credential have
//! rooms of their own. An illegal move is an error, never a silent no-op.

use serde::{Deserialize, Serialize};

/// A step that the present state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {what} that is {from} cannot {step}")]
pub struct IllegalTransition {
    pub what: &'static str,
    pub from: &'static str,
    pub step: &'static str,
}

/// Where a version stands. Retired is terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    Draft,
    Published,
    Unpublished,
    Deprecated,
    Retired,
}

/// What may be done to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionStep {
    Publish,
    Unpublish,
    Deprecate,
    /// Takes the deprecation back; what is served stays as it is.
    Restore,
    Retire,
}

impl VersionState {
    pub const ALL: [Self; 5] = [
        Self::Draft,
        Self::Published,
        Self::Unpublished,
        Self::Deprecated,
        Self::Retired,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Unpublished => "unpublished",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Publishing what is published makes the next revision current.
    pub const fn step(self, step: VersionStep) -> Result<Self, IllegalTransition> {
        use VersionState as S;
        use VersionStep as T;
        match (self, step) {
            (S::Draft | S::Published | S::Unpublished | S::Deprecated, T::Publish) => {
                Ok(S::Published)
            }
            (S::Published | S::Deprecated, T::Unpublish) => Ok(S::Unpublished),
            // Of what is deprecated, it changes what is said about its end.
            (S::Published | S::Deprecated, T::Deprecate) => Ok(S::Deprecated),
            (S::Deprecated, T::Restore) => Ok(S::Published),
            (S::Deprecated, T::Retire) => Ok(S::Retired),
            (from, step) => Err(IllegalTransition {
                what: "version",
                from: from.as_str(),
                step: match step {
                    T::Publish => "be published",
                    T::Unpublish => "be unpublished",
                    T::Deprecate => "be deprecated",
                    T::Restore => "have its deprecation taken back",
                    T::Retire => "be retired",
                },
            }),
        }
    }

    /// Whether gateways answer for it.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Published | Self::Deprecated)
    }
}

/// Where a plan stands. Closed ends what is subscribed to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    Draft,
    Published,
    Deprecated,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanStep {
    Publish,
    Deprecate,
    Close,
}

impl PlanState {
    pub const ALL: [Self; 4] = [Self::Draft, Self::Published, Self::Deprecated, Self::Closed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Deprecated => "deprecated",
            Self::Closed => "closed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub const fn step(self, step: PlanStep) -> Result<Self, IllegalTransition> {
        use PlanState as S;
        use PlanStep as T;
        match (self, step) {
            (S::Draft, T::Publish) => Ok(S::Published),
            (S::Published, T::Deprecate) => Ok(S::Deprecated),
            (S::Deprecated, T::Close) => Ok(S::Closed),
            (from, step) => Err(IllegalTransition {
                what: "plan",
                from: from.as_str(),
                step: match step {
                    T::Publish => "be published",
                    T::Deprecate => "be deprecated",
                    T::Close => "be closed",
                },
            }),
        }
    }

    /// Whether new subscriptions may be requested.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Published)
    }

    /// Whether existing subscriptions are effective.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Published | Self::Deprecated)
    }
}

/// Applications and organizations are switched, not staged.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationState {
    #[default]
    Active,
    Disabled,
}

impl ApplicationState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retired_is_terminal() {
        for step in [
            VersionStep::Publish,
            VersionStep::Unpublish,
            VersionStep::Deprecate,
            VersionStep::Restore,
            VersionStep::Retire,
        ] {
            assert!(VersionState::Retired.step(step).is_err());
        }
    }

    #[test]
    fn a_version_is_deprecated_before_it_is_retired() {
        use VersionState as S;
        use VersionStep as T;
        for (from, step, to) in [
            (S::Draft, T::Deprecate, None),
            (S::Unpublished, T::Deprecate, None),
            (S::Published, T::Deprecate, Some(S::Deprecated)),
            (S::Deprecated, T::Deprecate, Some(S::Deprecated)),
            (S::Published, T::Restore, None),
            (S::Unpublished, T::Restore, None),
            (S::Deprecated, T::Restore, Some(S::Published)),
            (S::Published, T::Retire, None),
            (S::Deprecated, T::Retire, Some(S::Retired)),
        ] {
            assert_eq!(from.step(step).ok(), to, "{from:?} {step:?}");
        }
    }

    #[test]
    fn a_plan_goes_forward_only() {
        let table = [
            (
                PlanState::Draft,
                PlanStep::Publish,
                Some(PlanState::Published),
            ),
            (PlanState::Draft, PlanStep::Close, None),
            (PlanState::Published, PlanStep::Publish, None),
            (
                PlanState::Published,
                PlanStep::Deprecate,
                Some(PlanState::Deprecated),
            ),
            (PlanState::Published, PlanStep::Close, None),
            (PlanState::Deprecated, PlanStep::Publish, None),
            (
                PlanState::Deprecated,
                PlanStep::Close,
                Some(PlanState::Closed),
            ),
            (PlanState::Closed, PlanStep::Publish, None),
        ];
        for (from, step, to) in table {
            assert_eq!(from.step(step).ok(), to, "{from:?} {step:?}");
        }
        let error = PlanState::Closed.step(PlanStep::Publish).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a plan that is closed cannot be published"
        );
    }
}
