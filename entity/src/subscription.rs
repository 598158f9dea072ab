//! Subscriptions: contracts between an application and a plan.

use chrono::{DateTime, Utc};
use domain::id::{ApplicationId, OrganizationId, PlanId, ProductId, SubscriptionId};
use domain::snapshot;
use domain::subscription::SubscriptionState;
use sea_orm::Condition;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub provider_id: Uuid,
    pub consumer_id: Uuid,
    pub application_id: Uuid,
    pub product_id: Uuid,
    pub plan_id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    pub paused: bool,
    /// Why the consumer asks.
    #[sea_orm(column_type = "Text")]
    pub reason: String,
    /// What the provider says to it.
    #[sea_orm(column_type = "Text")]
    pub decision_note: String,
    pub requested_by: Option<Uuid>,
    pub requested_at: DateTime<Utc>,
    pub decided_by: Option<Uuid>,
    pub decided_at: Option<DateTime<Utc>>,
    pub approved_at: Option<DateTime<Utc>>,
    pub starts_at: Option<DateTime<Utc>>,
    pub ends_at: Option<DateTime<Utc>>,
    /// The revision of the terms that was accepted.
    pub terms_revision: Option<i32>,
    pub updated_at: DateTime<Utc>,
    pub etag: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::application::Entity",
        from = "Column::ApplicationId",
        to = "super::application::Column::Id"
    )]
    Application,
    #[sea_orm(
        belongs_to = "super::product::Entity",
        from = "Column::ProductId",
        to = "super::product::Column::Id"
    )]
    Product,
    #[sea_orm(
        belongs_to = "super::plan::Entity",
        from = "Column::PlanId",
        to = "super::plan::Column::Id"
    )]
    Plan,
}

impl Related<super::application::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Application.def()
    }
}

impl Related<super::product::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Product.def()
    }
}

impl Related<super::plan::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Plan.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Those that the organization provides.
    pub fn at_provider(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::ProviderId.eq(organization.uuid()))
    }

    /// Those that the organization's applications hold.
    pub fn at_consumer(organization: OrganizationId) -> Select<Self> {
        Self::find().filter(Column::ConsumerId.eq(organization.uuid()))
    }

    /// The one with this id, if `organization` is one of its two sides.
    pub fn one_seen_by(organization: OrganizationId, id: SubscriptionId) -> Select<Self> {
        let either = Condition::any()
            .add(Column::ProviderId.eq(organization.uuid()))
            .add(Column::ConsumerId.eq(organization.uuid()));
        Self::find_by_id(id.uuid()).filter(either)
    }

    pub fn of_application(application: ApplicationId) -> Select<Self> {
        Self::find().filter(Column::ApplicationId.eq(application.uuid()))
    }

    /// The open one of an application and a product; there is at most one.
    pub fn open_of(application: ApplicationId, product: ProductId) -> Select<Self> {
        let open = SubscriptionState::ALL
            .into_iter()
            .filter(|state| state.is_open());
        Self::of_application(application)
            .filter(Column::ProductId.eq(product.uuid()))
            .filter(Column::State.is_in(open.map(SubscriptionState::as_str)))
    }

    pub fn pending_at_provider(organization: OrganizationId) -> Select<Self> {
        Self::at_provider(organization)
            .filter(Column::State.eq(SubscriptionState::Pending.as_str()))
    }

    pub fn of_plan(plan: PlanId) -> Select<Self> {
        Self::find().filter(Column::PlanId.eq(plan.uuid()))
    }

    /// Those whose end has come but whose state does not say so yet; of all organizations.
    pub fn overdue(now: DateTime<Utc>) -> Select<Self> {
        let ending = [SubscriptionState::Approved, SubscriptionState::Suspended];
        Self::find()
            .filter(Column::EndsAt.lte(now))
            .filter(Column::State.is_in(ending.map(SubscriptionState::as_str)))
    }
}

/// What a gateway has no answer of its own for: these are not in its state.
pub(crate) const UNKNOWN_TO_GATEWAYS: [SubscriptionState; 3] = [
    SubscriptionState::Rejected,
    SubscriptionState::Withdrawn,
    SubscriptionState::Cancelled,
];

impl Entity {
    /// Those that gateways hold, of all organizations.
    pub fn in_state() -> Select<Self> {
        Self::find()
            .filter(Column::State.is_not_in(UNKNOWN_TO_GATEWAYS.map(SubscriptionState::as_str)))
    }
}

impl Model {
    pub fn state(&self) -> Result<SubscriptionState, RowError> {
        read_word("subscription.state", &self.state, SubscriptionState::parse)
    }

    pub fn to_state(self) -> Result<snapshot::Subscription, RowError> {
        let state = self.state()?;
        let Self {
            id,
            provider_id: _,
            consumer_id: _,
            application_id,
            product_id,
            plan_id,
            state: _,
            paused,
            reason: _,
            decision_note: _,
            requested_by: _,
            requested_at: _,
            decided_by: _,
            decided_at: _,
            approved_at,
            starts_at,
            ends_at,
            terms_revision: _,
            updated_at: _,
            etag: _,
        } = self;
        Ok(snapshot::Subscription {
            id: id.into(),
            application: application_id.into(),
            product: product_id.into(),
            plan: plan_id.into(),
            state,
            paused,
            approved_at,
            starts_at,
            ends_at,
        })
    }
}
