//! Versions of APIs: their lifecycle and which revision is current.

use chrono::{DateTime, Utc};
use domain::id::{ApiId, OrganizationId, VersionId};
use domain::lifecycle::VersionState;
use domain::policy::Cors;
use domain::snapshot;
use sea_orm::entity::prelude::*;

use crate::revision;
use crate::row::{RowError, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub api_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub slug: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub enabled: bool,
    pub current_revision_id: Option<Uuid>,
    pub deprecated_at: Option<DateTime<Utc>>,
    pub sunset_at: Option<DateTime<Utc>>,
    pub successor_id: Option<Uuid>,
    /// It is retired by itself at its sunset.
    pub retire_at_sunset: bool,
    /// Shown with the deprecation.
    #[sea_orm(column_type = "Text")]
    pub message: String,
    pub created_at: DateTime<Utc>,
    pub published_at: Option<DateTime<Utc>>,
    pub etag: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::organization::Entity",
        from = "Column::OrganizationId",
        to = "super::organization::Column::Id"
    )]
    Organization,
    #[sea_orm(
        belongs_to = "super::api::Entity",
        from = "Column::ApiId",
        to = "super::api::Column::Id"
    )]
    Api,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl Related<super::api::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Api.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: VersionId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    pub fn of_api(api: ApiId) -> Select<Self> {
        Self::find().filter(Column::ApiId.eq(api.uuid()))
    }

    pub fn by_slug_of_api(api: ApiId, slug: &str) -> Select<Self> {
        Self::of_api(api).filter(Column::Slug.eq(slug))
    }

    /// Those that gateways answer for, of all organizations. One in a state that is not known is
    /// among them: it keeps its place, and answers that it cannot be read.
    pub fn served() -> Select<Self> {
        let others = VersionState::ALL
            .into_iter()
            .filter(|state| !state.is_served());
        Self::find()
            .filter(Column::State.is_not_in(others.map(VersionState::as_str)))
            .filter(Column::CurrentRevisionId.is_not_null())
    }

    /// Those that answered once and say now that they are gone, of all organizations.
    pub fn retired() -> Select<Self> {
        Self::find()
            .filter(Column::State.eq(VersionState::Retired.as_str()))
            .filter(Column::CurrentRevisionId.is_not_null())
    }

    /// Those whose sunset has come, where that was to be their end.
    pub fn overdue(now: DateTime<Utc>) -> Select<Self> {
        Self::find()
            .filter(Column::State.eq(VersionState::Deprecated.as_str()))
            .filter(Column::RetireAtSunset.eq(true))
            .filter(Column::SunsetAt.lte(now))
    }
}

impl Model {
    pub fn state(&self) -> Result<VersionState, RowError> {
        read_word("version.state", &self.state, VersionState::parse)
    }

    /// What is said about its end; `None` while nothing is.
    pub fn deprecation(&self) -> Result<Option<snapshot::Deprecation>, RowError> {
        let is_told = matches!(
            self.state()?,
            VersionState::Deprecated | VersionState::Retired
        );
        Ok(is_told.then(|| snapshot::Deprecation {
            since: self.deprecated_at.unwrap_or(self.created_at),
            sunset: self.sunset_at,
            successor: self.successor_id.map(Into::into),
            retires: self.retire_at_sunset,
        }))
    }

    /// What its place answers once it is retired; `None` while it is not. Of a revision that cannot
    /// be read its place is enough.
    pub fn to_retired(
        self,
        current: &revision::Model,
    ) -> Result<Option<snapshot::Retired>, RowError> {
        if self.state()? != VersionState::Retired {
            return Ok(None);
        }
        let revision = current.snapshot();
        let revision = revision.or_else(|error| current.place().ok_or(error))?;
        let cors = Cors::among(&revision.policies).cloned();
        Ok(self.deprecation()?.map(|deprecation| snapshot::Retired {
            id: self.id.into(),
            slug: self.slug,
            revision: revision.number,
            route: revision.route,
            deprecation,
            cors,
        }))
    }

    /// `current` is the revision that `current_revision_id` names. What cannot be read keeps its place,
    /// where that can be.
    pub fn to_state(self, current: Option<revision::Model>) -> Result<snapshot::Version, RowError> {
        let current = current.ok_or_else(|| RowError {
            column: "version.current_revision_id",
            reason: "it names a revision that is not there".to_owned(),
        })?;
        let (revision, unreadable) = match current.snapshot() {
            Ok(revision) => (revision, None),
            Err(error) => match current.place() {
                Some(place) => (place, Some(error.to_string())),
                None => return Err(error),
            },
        };
        let (deprecation, unreadable) = match self.deprecation() {
            Ok(told) => (told, unreadable),
            Err(error) => (None, Some(error.to_string())),
        };
        let Self {
            id,
            organization_id: _,
            api_id,
            slug,
            state: _,
            enabled,
            current_revision_id: _,
            deprecated_at: _,
            sunset_at: _,
            successor_id: _,
            retire_at_sunset: _,
            message: _,
            created_at: _,
            published_at: _,
            etag: _,
        } = self;
        Ok(snapshot::Version {
            id: id.into(),
            api: api_id.into(),
            slug,
            enabled,
            revision,
            document: None,
            deprecation,
            unreadable,
        })
    }
}
