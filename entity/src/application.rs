//! Applications: consumers' programs.

use chrono::{DateTime, Utc};
use domain::id::{ApplicationId, OrganizationId, TeamId};
use domain::label::Label;
use domain::lifecycle::ApplicationState;
use domain::snapshot;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_json, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "application")]
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
    pub description: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// JSON list of [`Label`]; none: it has none.
    #[sea_orm(column_type = "Text", nullable)]
    pub labels: Option<String>,
    pub created_at: DateTime<Utc>,
    pub created_by: Option<Uuid>,
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
    pub fn one_in_org(organization: OrganizationId, id: ApplicationId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    pub fn in_team(team: TeamId) -> Select<Self> {
        Self::find().filter(Column::TeamId.eq(team.uuid()))
    }
}

impl Model {
    pub fn state(&self) -> Result<ApplicationState, RowError> {
        read_word("application.state", &self.state, ApplicationState::parse)
    }

    pub fn labels(&self) -> Result<Vec<Label>, RowError> {
        let text = self.labels.as_deref().unwrap_or("[]");
        read_json("application.labels", text)
    }

    pub fn to_state(self) -> Result<snapshot::Application, RowError> {
        let (state, labels) = (self.state()?, self.labels()?);
        let Self {
            id,
            organization_id,
            team_id: _,
            slug: _,
            name: _,
            description: _,
            state: _,
            labels: _,
            created_at: _,
            created_by: _,
            etag: _,
        } = self;
        Ok(snapshot::Application {
            id: id.into(),
            organization: organization_id.into(),
            state,
            labels,
        })
    }
}
