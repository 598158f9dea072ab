//! Revisions: immutable snapshots of versions.

use chrono::{DateTime, Utc};
use domain::id::{RevisionId, VersionId};
use domain::policy::take_unreadable;
use domain::problem::Invalid;
use domain::snapshot;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_json};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub version_id: Uuid,
    pub number: i32,
    pub document_id: Option<Uuid>,
    /// JSON of `domain::snapshot::Revision`.
    #[sea_orm(column_type = "Text")]
    pub snapshot: String,
    #[sea_orm(column_type = "Text")]
    pub note: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::version::Entity",
        from = "Column::VersionId",
        to = "super::version::Column::Id"
    )]
    Version,
    #[sea_orm(
        belongs_to = "super::document::Entity",
        from = "Column::DocumentId",
        to = "super::document::Column::Id"
    )]
    Document,
}

impl Related<super::version::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Version.def()
    }
}

impl Related<super::document::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Document.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// Newest first.
    pub fn of_version(version: VersionId) -> Select<Self> {
        Self::find()
            .filter(Column::VersionId.eq(version.uuid()))
            .order_by_desc(Column::Number)
    }

    /// The one with this id, if it is of `version`.
    pub fn one_of_version(version: VersionId, id: RevisionId) -> Select<Self> {
        Self::find_by_id(id.uuid()).filter(Column::VersionId.eq(version.uuid()))
    }
}

impl Model {
    pub fn snapshot(&self) -> Result<snapshot::Revision, RowError> {
        read_json("revision.snapshot", &self.snapshot)
    }

    /// The same as far as this release can read it, for whoever only looks at it; and what it cannot
    /// read, with pointers into it: `/policies/0`, and none where only its place is left.
    pub fn kept(&self) -> Result<(snapshot::Revision, Vec<Invalid>), RowError> {
        let error = match self.snapshot() {
            Ok(made) => return Ok((made, Vec::new())),
            Err(error) => error,
        };
        if let Some(read) = without_unreadable(&self.snapshot) {
            return Ok(read);
        }
        let message = format!("This revision cannot be read: {}.", error.reason);
        let place = self.place().ok_or(error)?;
        Ok((place, vec![Invalid::new("", message)]))
    }

    /// Where it answers, if that can be read.
    pub fn place(&self) -> Option<snapshot::Revision> {
        snapshot::Revision::place(self.id.into(), self.number.unsigned_abs(), &self.snapshot)
    }
}

/// A revision without those of its policies that cannot be read; `None` where that is not all.
fn without_unreadable(written: &str) -> Option<(snapshot::Revision, Vec<Invalid>)> {
    let mut written: serde_json::Value = serde_json::from_str(written).ok()?;
    let mut found = take_unreadable(written.get_mut("policies")?, "/policies");
    let operations = written.get_mut("operations")?.as_array_mut()?;
    for (index, operation) in operations.iter_mut().enumerate() {
        if let Some(policies) = operation.get_mut("policies") {
            let at = format!("/operations/{index}/policies");
            found.extend(take_unreadable(policies, &at));
        }
    }
    let made = serde_json::from_value(written).ok()?;
    (!found.is_empty()).then_some((made, found))
}
