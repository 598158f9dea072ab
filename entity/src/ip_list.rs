//! Lists of networks that policies of an organization name.

use chrono::{DateTime, Utc};
use domain::id::{IpListId, OrganizationId};
use domain::ip_list::{Entry, Source};
use domain::snapshot;
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, ExprTrait};

use crate::ip_list_content;
use crate::row::{RowError, read_json};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ip_list")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub description: String,
    /// How many there are in [`ip_list_content`].
    pub entries: i64,
    /// JSON of [`Source`].
    #[sea_orm(column_type = "Text", nullable)]
    pub source: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub source_tag: Option<String>,
    /// When it was last read well from its source.
    pub fetched_at: Option<DateTime<Utc>>,
    pub tried_at: Option<DateTime<Utc>>,
    /// Why that came to nothing.
    #[sea_orm(column_type = "Text", nullable)]
    pub problem: Option<String>,
    /// How often in a row.
    pub failures: i32,
    /// When it is tried again.
    pub next_at: Option<DateTime<Utc>>,
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
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: IpListId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    /// Those whose source is to be asked at `now`.
    pub fn due(now: DateTime<Utc>) -> Select<Self> {
        Self::find().filter(Column::NextAt.lte(now))
    }

    /// How many networks all lists of all organizations have.
    pub async fn networks<C: ConnectionTrait>(db: &C) -> Result<i64, DbErr> {
        // PostgreSQL gives a sum as a decimal number unless it is told otherwise.
        let sum = Expr::col((Entity, Column::Entries)).sum();
        let sum: Option<Option<i64>> = Self::find()
            .select_only()
            .expr_as(sum.cast_as(Alias::new("bigint")), "networks")
            .into_tuple()
            .one(db)
            .await?;
        Ok(sum.flatten().unwrap_or(0))
    }
}

impl Model {
    pub fn source(&self) -> Result<Option<Source>, RowError> {
        let source = self.source.as_deref();
        source
            .map(|text| read_json("ip_list.source", text))
            .transpose()
    }

    pub fn to_state(
        self,
        content: Option<ip_list_content::Model>,
    ) -> Result<snapshot::IpList, RowError> {
        let entries = match content {
            Some(content) => content.entries()?,
            None => Vec::new(),
        };
        let Self {
            id,
            organization_id,
            name,
            description: _,
            entries: _,
            source: _,
            source_tag: _,
            fetched_at: _,
            tried_at: _,
            problem: _,
            failures: _,
            next_at: _,
            created_at: _,
            updated_at: _,
            etag: _,
        } = self;
        Ok(snapshot::IpList {
            id: id.into(),
            organization: organization_id.into(),
            name,
            networks: entries.into_iter().map(Entry::listed).collect(),
        })
    }
}
