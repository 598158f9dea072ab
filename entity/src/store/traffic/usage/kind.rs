//! What a row of usage sums up: whose traffic, and all of it or one line of a list.

use domain::key::Environment;
use sea_orm::Value;
use uuid::Uuid;

use crate::store::traffic::raw::environment_code;
use crate::store::traffic::scope::Whose;
use crate::store::traffic::sums::{self, Subject};

/// Whose traffic, and which part of it. The numbers are what stands in the column `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub(super) enum Kind {
    Provider = 10,
    ProviderOperations = 11,
    ProviderApplications = 12,
    Consumer = 20,
    ConsumerOperations = 21,
    ConsumerApplications = 22,
    Version = 30,
    VersionOperations = 31,
    VersionApplications = 32,
    /// All that it asked, which is its line among applications, too.
    Application = 40,
    ApplicationOperations = 41,
}

/// What a list has lines of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By version and operation.
    Operation,
    /// By application and consumer.
    Application,
}

impl By {
    /// The columns of a rollup that tell a line; `member` and `part` of a row of usage.
    pub(super) const fn columns(self) -> [&'static str; 2] {
        match self {
            Self::Operation => ["version", "operation"],
            Self::Application => ["application", "consumer"],
        }
    }
}

impl Kind {
    pub(super) const fn code(self) -> i16 {
        self as i16
    }

    /// Of rows that together are all of the traffic.
    pub(super) fn whole(whose: &Whose) -> Self {
        match whose {
            Whose::Provider(_) => Self::Provider,
            Whose::Consumer(_) => Self::Consumer,
            Whose::Versions(..) => Self::Version,
            Whose::Applications(..) => Self::Application,
        }
    }

    pub(super) fn list(whose: &Whose, by: By) -> Self {
        match (whose, by) {
            (Whose::Provider(_), By::Operation) => Self::ProviderOperations,
            (Whose::Provider(_), By::Application) => Self::ProviderApplications,
            (Whose::Consumer(_), By::Operation) => Self::ConsumerOperations,
            (Whose::Consumer(_), By::Application) => Self::ConsumerApplications,
            (Whose::Versions(..), By::Operation) => Self::VersionOperations,
            (Whose::Versions(..), By::Application) => Self::VersionApplications,
            (Whose::Applications(..), By::Operation) => Self::ApplicationOperations,
            (Whose::Applications(..), By::Application) => Self::Application,
        }
    }
}

/// Who called what, as a rollup tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) provider: Uuid,
    pub(super) consumer: Uuid,
    pub(super) version: Uuid,
    pub(super) operation: Uuid,
    pub(super) application: Uuid,
    pub(super) environment: Environment,
}

/// The key of a row, without its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UsageKey {
    /// The id of whoever `kind` says.
    pub(super) scope: Uuid,
    pub(super) kind: Kind,
    pub(super) member: Uuid,
    pub(super) part: Uuid,
    pub(super) environment: Environment,
}

impl UsageKey {
    /// Of all rows that a call counts in. Nobody asks for what is nobody's.
    pub(super) fn of(call: Call) -> impl Iterator<Item = Self> {
        let Call {
            provider,
            consumer,
            version,
            operation,
            application,
            environment,
        } = call;
        let whole = [Uuid::nil(); 2];
        let of_operation = [version, operation];
        let of_application = [application, consumer];
        let rows = [
            (provider, Kind::Provider, whole),
            (provider, Kind::ProviderOperations, of_operation),
            (provider, Kind::ProviderApplications, of_application),
            (consumer, Kind::Consumer, whole),
            (consumer, Kind::ConsumerOperations, of_operation),
            (consumer, Kind::ConsumerApplications, of_application),
            (version, Kind::Version, whole),
            (version, Kind::VersionOperations, of_operation),
            (version, Kind::VersionApplications, of_application),
            (application, Kind::Application, of_application),
            (application, Kind::ApplicationOperations, of_operation),
        ];
        let asked = rows.into_iter().filter(|(scope, ..)| !scope.is_nil());
        asked.map(move |(scope, kind, [member, part])| Self {
            scope,
            kind,
            member,
            part,
            environment,
        })
    }
}

impl Subject for UsageKey {
    const KEY: &'static [&'static str] = &["at", "scope", "kind", "member", "part", "environment"];
    const SUMS: &'static [&'static str] = sums::WITH_ERRORS;

    fn push(self, out: &mut Vec<Value>) {
        let Self {
            scope,
            kind,
            member,
            part,
            environment,
        } = self;
        out.extend([
            scope.into(),
            kind.code().into(),
            member.into(),
            part.into(),
            environment_code(environment).into(),
        ]);
    }
}
