//! Whose traffic is read, and over which time.

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ApplicationId, OperationId, OrganizationId, PlanId, VersionId};
use domain::key::Environment;
use sea_orm::Condition;
use sea_orm::sea_query::{Expr, ExprTrait};
use uuid::Uuid;

use super::raw::environment_code;

/// On which side of a call the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The organization's APIs were called.
    Provider(OrganizationId),
    /// The organization's applications called.
    Consumer(OrganizationId),
}

/// Whose traffic dashboards sum up: there are rows for each of these, and for nothing between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Calls to all APIs of the organization.
    Provider(OrganizationId),
    /// Calls by all applications of the organization.
    Consumer(OrganizationId),
    /// Calls to some versions, which the caller knows to be this organization's.
    Versions(OrganizationId, Vec<VersionId>),
    /// Calls by some applications, which the caller knows to be this organization's.
    Applications(OrganizationId, Vec<ApplicationId>),
}

impl Whose {
    pub const fn side(&self) -> Side {
        match self {
            Self::Provider(organization) | Self::Versions(organization, _) => {
                Side::Provider(*organization)
            }
            Self::Consumer(organization) | Self::Applications(organization, _) => {
                Side::Consumer(*organization)
            }
        }
    }

    /// The same, for the log and what else is kept by request's key.
    pub fn scope(&self, environment: Option<Environment>) -> Scope {
        let (versions, applications) = match self {
            Self::Provider(_) | Self::Consumer(_) => (None, None),
            Self::Versions(_, versions) => (Some(versions.clone()), None),
            Self::Applications(_, applications) => (None, Some(applications.clone())),
        };
        Scope {
            versions,
            applications,
            environment,
            ..Scope::of(self.side())
        }
    }

    /// Whose rows of usage these are.
    pub(super) fn ids(&self) -> Vec<Uuid> {
        match self {
            Self::Provider(organization) | Self::Consumer(organization) => {
                vec![organization.uuid()]
            }
            Self::Versions(_, versions) => versions.iter().map(|id| id.uuid()).collect(),
            Self::Applications(_, applications) => {
                applications.iter().map(|id| id.uuid()).collect()
            }
        }
    }
}

/// Whose traffic. Every list narrows; `None` does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub side: Side,
    pub versions: Option<Vec<VersionId>>,
    pub applications: Option<Vec<ApplicationId>>,
    pub operation: Option<OperationId>,
    pub plan: Option<PlanId>,
    pub environment: Option<Environment>,
}

impl Scope {
    pub fn provider(organization: OrganizationId) -> Self {
        Self::of(Side::Provider(organization))
    }

    pub fn consumer(organization: OrganizationId) -> Self {
        Self::of(Side::Consumer(organization))
    }

    fn of(side: Side) -> Self {
        Self {
            side,
            versions: None,
            applications: None,
            operation: None,
            plan: None,
            environment: None,
        }
    }

    /// As a condition on the columns that log and rollups have in common.
    pub(super) fn condition(&self) -> Condition {
        let Self {
            side,
            versions,
            applications,
            operation,
            plan,
            environment,
        } = self;
        let mut all = Condition::all().add(match side {
            Side::Provider(organization) => Expr::col("provider").eq(organization.uuid()),
            Side::Consumer(organization) => Expr::col("consumer").eq(organization.uuid()),
        });
        if let Some(versions) = versions {
            all = all.add(Expr::col("version").is_in(versions.iter().map(|id| id.uuid())));
        }
        if let Some(applications) = applications {
            all = all.add(Expr::col("application").is_in(applications.iter().map(|id| id.uuid())));
        }
        if let Some(operation) = operation {
            all = all.add(Expr::col("operation").eq(operation.uuid()));
        }
        if let Some(plan) = plan {
            all = all.add(Expr::col("plan").eq(plan.uuid()));
        }
        if let Some(environment) = environment {
            all = all.add(Expr::col("environment").eq(environment_code(*environment)));
        }
        all
    }
}

/// Whether minutes or hours answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    Minute,
    Hour,
}

impl Resolution {
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Minute => "rollup_minute",
            Self::Hour => "rollup_hour",
        }
    }

    /// Tables that sum up what dashboards ask, and are kept as long.
    pub(super) const fn usage(self) -> &'static [&'static str] {
        match self {
            Self::Minute => &["usage_minute"],
            Self::Hour => &["usage_hour", "usage_day"],
        }
    }

    /// The table that sums up variants of upstreams.
    pub(super) const fn variants(self) -> &'static str {
        match self {
            Self::Minute => "variant_minute",
            Self::Hour => "variant_hour",
        }
    }

    /// The table that counts what policies in observe mode would have refused.
    pub(super) const fn observed(self) -> &'static str {
        match self {
            Self::Minute => "observed_minute",
            Self::Hour => "observed_hour",
        }
    }

    const fn micros(self) -> i64 {
        match self {
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
        }
    }

    /// The start of the minute or hour that a time in microseconds lies in.
    pub(super) const fn floor(self, micros: i64) -> i64 {
        micros.div_euclid(self.micros()) * self.micros()
    }
}

/// A stretch of time in steps. `from` is inside, `to` is not; both are cut to the resolution, so
/// that neighbours share nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Width of a point; a multiple of the resolution.
    pub step: TimeDelta,
    pub resolution: Resolution,
}

impl Stretch {
    /// The stretch of the same length before this one, as one point. It ends where this one begins,
    /// cut to `resolution`, so that nothing is counted in both.
    pub fn before(&self, resolution: Resolution) -> Self {
        let length = self.to - self.from;
        let end = resolution.floor(self.from.timestamp_micros());
        let to = DateTime::from_timestamp_micros(end).unwrap_or(self.from);
        Self {
            from: to - length,
            to,
            step: length,
            resolution,
        }
    }

    /// In microseconds since 1970: from, to, step. `to` is the end of the step that it lies in.
    pub(super) fn micros(&self) -> (i64, i64, i64) {
        let step = self.step.num_microseconds().unwrap_or(i64::MAX);
        let step = std::cmp::max(step, self.resolution.micros());
        let from = self.resolution.floor(self.from.timestamp_micros());
        let to = self.to.timestamp_micros();
        let to = to + (step - (to - from).rem_euclid(step)) % step;
        (from, to, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_before_shares_nothing_and_is_as_long() {
        let to = DateTime::from_timestamp(1_790_000_100, 0).unwrap();
        for (length, step) in [
            (3600, 60),
            (86_400, 900),
            (604_800, 3600),
            (2_592_000, 86_400),
        ] {
            for resolution in [Resolution::Minute, Resolution::Hour] {
                let now = Stretch {
                    from: to - TimeDelta::seconds(length),
                    to,
                    step: TimeDelta::seconds(step),
                    resolution: Resolution::Minute,
                };
                let (from, _, _) = now.micros();
                let (before_from, before_to, _) = now.before(resolution).micros();
                assert!(before_to <= from, "{length} {resolution:?}");
                assert_eq!(
                    before_to - before_from,
                    length * 1_000_000,
                    "{length} {resolution:?}"
                );
            }
        }
    }
}
