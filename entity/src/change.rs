//! Change rows: what gateways must hear of, in order.

use chrono::{DateTime, Utc};
use domain::snapshot::{Kind, Mark};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, DatabaseTransaction, DbBackend, QueryOrder, QuerySelect, Statement};

use crate::database::CHANGE_CHANNEL;
use crate::row::{signed, to_micros, unsigned};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "change")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    #[sea_orm(column_type = "Text")]
    pub kind: String,
    pub object_id: Uuid,
    pub at: DateTime<Utc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    fn mark(&self) -> Mark {
        Mark {
            object: self.object_id,
            at: to_micros(self.at),
        }
    }
}

impl Entity {
    /// What came after `number`, in order.
    pub fn after(number: u64) -> Select<Self> {
        Self::find()
            .filter(Column::Number.gt(signed(number)))
            .order_by_asc(Column::Number)
    }
}

/// Appends a change and says its number. On PostgreSQL listeners hear it at the commit. `tx` must
/// come from [`crate::database::begin_write`]: its lock is what makes number order commit order.
pub async fn append(
    tx: &DatabaseTransaction,
    kind: Kind,
    id: Uuid,
    at: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let row = ActiveModel {
        number: ActiveValue::NotSet,
        kind: ActiveValue::Set(kind.as_str().to_owned()),
        object_id: ActiveValue::Set(id),
        at: ActiveValue::Set(at),
    };
    let number = Entity::insert(row).exec(tx).await?.last_insert_id;
    if tx.get_database_backend() == DbBackend::Postgres {
        let notify = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT pg_notify($1, $2)",
            [CHANGE_CHANNEL.into(), number.to_string().into()],
        );
        tx.execute_raw(notify).await?;
    }
    Ok(unsigned(number))
}

/// The highest number there ever was, and what stands there; 0 before the first change.
pub async fn last<C: ConnectionTrait>(db: &C) -> Result<(u64, Option<Mark>), DbErr> {
    let newest = Entity::find().order_by_desc(Column::Number).limit(1);
    let newest = newest.one(db).await?;
    Ok(newest.map_or((0, None), |row| (unsigned(row.number), Some(row.mark()))))
}

/// What stands at a number; `None` when it is not kept any more, or was never there.
pub async fn mark<C: ConnectionTrait>(db: &C, number: u64) -> Result<Option<Mark>, DbErr> {
    let row = Entity::find_by_id(signed(number)).one(db).await?;
    Ok(row.map(|row| row.mark()))
}

/// The highest number there ever was; 0 before the first change.
pub async fn newest<C: ConnectionTrait>(db: &C) -> Result<u64, DbErr> {
    let number: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::Number.max(), "number")
        .into_tuple()
        .one(db)
        .await?;
    Ok(unsigned(number.flatten().unwrap_or(0)))
}

/// Removes what is older than `before`, but never the newest: the state number is read from it.
/// Readers that are further behind load everything.
pub async fn prune<C: ConnectionTrait>(db: &C, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let newest = signed(newest(db).await?);
    let result = Entity::delete_many()
        .filter(Column::At.lt(before))
        .filter(Column::Number.lt(newest))
        .exec(db)
        .await?;
    Ok(result.rows_affected)
}
