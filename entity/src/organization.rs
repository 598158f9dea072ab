//! Organizations: the tenants.

use chrono::{DateTime, Utc};
use domain::id::{OrganizationId, UserId};
use domain::organization::{ClientAddresses, OrganizationState};
use domain::policy::{Kept, Policy};
use domain::route::Grant;
use domain::snapshot;
use sea_orm::entity::prelude::*;
use sea_orm::{JoinType, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use crate::organization_member;
use crate::row::{RowError, read_json, read_word};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "organization")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(unique, column_type = "Text")]
    pub slug: String,
    #[sea_orm(column_type = "Text")]
    pub name: String,
    #[sea_orm(column_type = "Text")]
    pub state: String,
    /// JSON list of [`Granted`]: the prefixes and hosts that its versions may answer at.
    #[sea_orm(column_type = "Text")]
    pub grants: String,
    /// How much of a client's address the records of its APIs keep.
    #[sea_orm(column_type = "Text")]
    pub client_addresses: String,
    /// JSON list of policies.
    #[sea_orm(column_type = "Text")]
    pub policies: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Option<Uuid>,
    /// Raised with every update; what `ETag` and `If-Match` speak of.
    pub etag: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An element of `grants`; [`Grant`] without its organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// `/acme`; `/` is everything that nobody else was granted.
    pub path: String,
    /// Empty: any host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl Entity {
    pub fn by_slug(slug: &str) -> Select<Self> {
        Self::find().filter(Column::Slug.eq(slug))
    }

    /// Those that the user belongs to, by name.
    pub fn of_user(user: UserId) -> Select<Self> {
        Self::find()
            .join_rev(
                JoinType::InnerJoin,
                organization_member::Relation::Organization.def(),
            )
            .filter(organization_member::Column::UserId.eq(user.uuid()))
            .order_by_asc(Column::Name)
            .order_by_asc(Column::Id)
    }
}

impl Model {
    pub fn organization_id(&self) -> OrganizationId {
        self.id.into()
    }

    pub fn state(&self) -> Result<OrganizationState, RowError> {
        read_word("organization.state", &self.state, OrganizationState::parse)
    }

    /// Nothing is kept by a word that is not known.
    pub fn client_addresses(&self) -> ClientAddresses {
        ClientAddresses::parse(&self.client_addresses).unwrap_or(ClientAddresses::Dropped)
    }

    pub fn policies(&self) -> Result<Vec<Policy>, RowError> {
        read_json("organization.policies", &self.policies)
    }

    /// The same as far as this release can read them, for whoever only looks at them.
    pub fn kept(&self) -> Kept {
        Kept::read(&self.policies)
    }

    /// What the operator granted, as the rules of routes want it.
    pub fn grants(&self) -> Result<Vec<Grant>, RowError> {
        let granted: Vec<Granted> = read_json("organization.grants", &self.grants)?;
        let organization = self.organization_id();
        Ok(granted
            .into_iter()
            .map(|Granted { path, hosts }| Grant {
                organization,
                path,
                hosts,
            })
            .collect())
    }

    /// What cannot be read is told in it. A state that is not known is taken for a suspended one.
    pub fn to_state(self) -> snapshot::Organization {
        let (suspended, unknown) = match self.state() {
            Ok(state) => (state == OrganizationState::Suspended, None),
            Err(error) => (true, Some(error)),
        };
        let client_addresses = self.client_addresses();
        let (policies, unread) = match self.policies() {
            Ok(policies) => (policies, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let Self {
            id,
            slug,
            name: _,
            state: _,
            grants: _,
            client_addresses: _,
            policies: _,
            created_at: _,
            created_by: _,
            etag: _,
        } = self;
        snapshot::Organization {
            id: id.into(),
            slug,
            suspended,
            client_addresses,
            policies,
            unreadable: unknown.or(unread).map(|error| error.to_string()),
        }
    }
}
