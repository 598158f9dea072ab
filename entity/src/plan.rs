//! Plans: under which limits and approval a product may be used.

use chrono::{DateTime, Utc};
use domain::id::{OrganizationId, PlanId, ProductId};
use domain::lifecycle::PlanState;
use domain::plan::Approval;
use domain::policy::{Kept, Policy};
use domain::snapshot;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_json, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "plan")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub organization_id: Uuid,
    pub product_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub slug: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub description: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    #[sea_orm(column_type = "Text")]
    pub approval: String,
    /// Empty: nothing to accept.
    #[sea_orm(column_type = "Text")]
    pub terms: String,
    /// Raised when the terms change.
    pub terms_revision: i32,
    /// Shown and exported; empty when there is none.
    #[sea_orm(column_type = "Text")]
    pub price: String,
    #[sea_orm(column_type = "Text")]
    pub policies: String,
    /// JSON list of scopes that tokens of its subscribers may have; `None`: none.
    #[sea_orm(column_type = "Text", nullable)]
    pub scopes: Option<String>,
    /// Open subscriptions that one application may hold with this provider.
    pub max_per_application: Option<i32>,
    /// Open subscriptions to this plan.
    pub max_subscriptions: Option<i32>,
    /// JSON list of ids of the organizations that may see and request it; empty: all.
    #[sea_orm(column_type = "Text")]
    pub organizations: String,
    /// Where requests wait, those of the highest go first: -100 to 100.
    pub priority: i32,
    pub position: i32,
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
        belongs_to = "super::product::Entity",
        from = "Column::ProductId",
        to = "super::product::Column::Id"
    )]
    Product,
}

impl Related<super::organization::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Organization.def()
    }
}

impl Related<super::product::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Product.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    pub fn in_org(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::OrganizationId.eq(organization.uuid()))
    }

    /// The one with this id, if it is of `organization`.
    pub fn one_in_org(organization: OrganizationId, id: PlanId) -> Select<Self> {
        Self::in_org(organization).filter(Column::Id.eq(id.uuid()))
    }

    /// In the order that the provider chose.
    pub fn of_product(product: ProductId) -> Select<Self> {
        Self::find()
            .filter(Column::ProductId.eq(product.uuid()))
            .order_by_asc(Column::Position)
            .order_by_asc(Column::Id)
    }

    /// Those that may be subscribed to.
    pub fn published_of_product(product: ProductId) -> Select<Self> {
        Self::of_product(product).filter(Column::State.eq(PlanState::Published.as_str()))
    }
}

impl Model {
    pub fn state(&self) -> Result<PlanState, RowError> {
        read_word("plan.state", &self.state, PlanState::parse)
    }

    pub fn approval(&self) -> Result<Approval, RowError> {
        read_word("plan.approval", &self.approval, Approval::parse)
    }

    pub fn policies(&self) -> Result<Vec<Policy>, RowError> {
        read_json("plan.policies", &self.policies)
    }

    /// The same as far as this release can read them, for whoever only looks at them.
    pub fn kept(&self) -> Kept {
        Kept::read(&self.policies)
    }

    /// What it grants beside the calls themselves.
    pub fn scopes(&self) -> Result<Vec<String>, RowError> {
        let read = |text: &String| read_json("plan.scopes", text);
        Ok(self
            .scopes
            .as_ref()
            .map(read)
            .transpose()?
            .unwrap_or_default())
    }

    pub fn to_state(self) -> Result<snapshot::Plan, RowError> {
        let state = self.state()?;
        let policies = self.policies()?;
        let Self {
            id,
            organization_id: _,
            product_id,
            slug,
            name: _,
            description: _,
            state: _,
            approval: _,
            terms: _,
            terms_revision: _,
            price: _,
            max_per_application: _,
            max_subscriptions: _,
            organizations: _,
            policies: _,
            scopes: _,
            priority,
            position: _,
            created_at: _,
            published_at: _,
            etag: _,
        } = self;
        Ok(snapshot::Plan {
            id: id.into(),
            product: product_id.into(),
            slug,
            state,
            // What is out of bounds was not written by us, and counts as far as it may.
            priority: priority.clamp(-100, 100) as i8,
            policies,
        })
    }
}
