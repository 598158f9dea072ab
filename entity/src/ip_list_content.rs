//! What stands in lists of networks.

use domain::ip_list::Entry;
use sea_orm::entity::prelude::*;

use crate::row::{RowError, read_json};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ip_list_content")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub list_id: Uuid,
    /// JSON list of [`Entry`], in the order of addresses.
    #[sea_orm(column_type = "Text")]
    pub entries: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::ip_list::Entity",
        from = "Column::ListId",
        to = "super::ip_list::Column::Id"
    )]
    List,
}

impl Related<super::ip_list::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::List.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub fn entries(&self) -> Result<Vec<Entry>, RowError> {
        read_json("ip_list_content.entries", &self.entries)
    }
}
