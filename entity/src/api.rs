//! APIs: entries of the catalog.

use chrono::{DateTime, Utc};
use domain::actor::{Actor, OrganizationRole};
use domain::api::Visibility;
use domain::id::{ApiId, OrganizationId, TeamId};
use domain::label::Label;
use domain::policy::{Kept, Policy};
use domain::snapshot;
use sea_orm::Condition;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_json, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub team_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub slug: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub summary: String,
    /// Markdown.
    #[sea_orm(column_type = "Text")]
    pub description: String,
    #[sea_orm(column_type = "Text")]
    pub category: String,
    /// JSON list of text.
    #[sea_orm(column_type = "Text")]
    pub tags: String,
    /// JSON list of [`Label`].
    #[sea_orm(column_type = "Text")]
    pub labels: String,
    #[sea_orm(column_type = "Text")]
    pub visibility: String,
    /// JSON list of policies.
    #[sea_orm(column_type = "Text")]
    pub policies: String,
    /// [`search_text`] of the fields that the catalog searches.
    #[sea_orm(column_type = "Text")]
    pub search: String,
    /// JSON list of [`snapshot::Purged`].
    #[sea_orm(column_type = "Text", nullable)]
    pub purges: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
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
        belongs_to = "super::team::Entity",
        from = "Column::TeamId",
        to = "super::team::Column::Id"
    )]
    Team,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl Related<super::team::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Team.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: ApiId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    pub fn by_slug_in_org(organization: OrganizationId, slug: &str) -> Select<Self> {
        Self::in_org(organization).filter(Column::Slug.eq(slug))
    }

    pub fn in_team(team: TeamId) -> Select<Self> {
        Self::find().filter(Column::TeamId.eq(team.uuid()))
    }

    /// What the catalog shows to `actor`: public ones, internal ones of the actor's organizations,
    /// private ones of the actor's teams; admins and owners see all of their organization. The
    /// operator sees no more than others.
    pub fn visible_to(actor: &Actor) -> Select<Self> {
        let mut any = Condition::any().add(Column::Visibility.eq(Visibility::Public.as_str()));
        let memberships = actor.person().map(|person| person.memberships.as_slice());
        for membership in memberships.unwrap_or_default() {
            let mut own =
                Condition::any().add(Column::Visibility.eq(Visibility::Internal.as_str()));
            if membership.role >= OrganizationRole::Admin {
                own = own.add(Column::Visibility.eq(Visibility::Private.as_str()));
            } else {
                let teams = membership.teams.iter().map(|(team, _)| team.uuid());
                own = own.add(Column::TeamId.is_in(teams));
            }
            any = any.add(
                Condition::all()
                    .add(Column::OrganizationId.eq(membership.organization.uuid()))
                    .add(own),
            );
        }
        Self::find().filter(any)
    }
}

impl Model {
    pub fn visibility(&self) -> Result<Visibility, RowError> {
        read_word("api.visibility", &self.visibility, Visibility::parse)
    }

    pub fn tags(&self) -> Result<Vec<String>, RowError> {
        read_json("api.tags", &self.tags)
    }

    pub fn labels(&self) -> Result<Vec<Label>, RowError> {
        read_json("api.labels", &self.labels)
    }

    pub fn policies(&self) -> Result<Vec<Policy>, RowError> {
        read_json("api.policies", &self.policies)
    }

    /// The same as far as this release can read them, for whoever only looks at them.
    pub fn kept(&self) -> Kept {
        Kept::read(&self.policies)
    }

    pub fn purges(&self) -> Result<Vec<snapshot::Purged>, RowError> {
        let text = self.purges.as_deref().unwrap_or("[]");
        read_json("api.purges", text)
    }

    /// `retired` are its versions that are, in the order of ids. What cannot be read is told in it.
    pub fn to_state(self, retired: Vec<snapshot::Retired>) -> snapshot::Api {
        let mut unreadable = None;
        let policies = self.policies();
        let policies = policies.unwrap_or_else(|error| left_out(error, &mut unreadable));
        let labels = self.labels();
        let labels = labels.unwrap_or_else(|error| left_out(error, &mut unreadable));
        let purges = self.purges();
        let purges = purges.unwrap_or_else(|error| left_out(error, &mut unreadable));
        let Self {
            id,
            organization_id,
            team_id: _,
            slug,
            name: _,
            summary: _,
            description: _,
            category: _,
            tags: _,
            labels: _,
            visibility: _,
            policies: _,
            search: _,
            purges: _,
            created_at: _,
            updated_at: _,
            etag: _,
        } = self;
        snapshot::Api {
            id: id.into(),
            organization: organization_id.into(),
            slug,
            policies,
            labels,
            purges,
            retired,
            unreadable,
        }
    }
}

/// Nothing in the place of what cannot be read; why is noted.
fn left_out<T>(error: RowError, why: &mut Option<String>) -> Vec<T> {
    *why = Some(error.to_string());
    Vec::new()
}

/// What the catalog's search looks into: lower case of any alphabet, which SQLite's own LIKE lacks.
pub fn search_text<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let parts: Vec<String> = parts.into_iter().map(str::to_lowercase).collect();
    parts.join("\n")
}
