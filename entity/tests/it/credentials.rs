//! Which credentials there is something to tell of, and by which indexes they are found.

use chrono::{DateTime, Utc};
use entity::credential::{Column, Entity};
use entity::database::Databases;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryResult, QueryTrait,
};

use crate::world::{at, id, plant};

#[tokio::test]
async fn ends_are_told_of_until_they_are_noted_and_anew_when_they_change() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        let ended = async |now| Entity::ended(at(now)).all(&db).await.unwrap().len();
        let ending = async |now, until| {
            let found = Entity::ending(at(now), at(until)).all(&db).await;
            found.unwrap().len()
        };
        let change = async |column: Column, to: Option<DateTime<Utc>>| {
            let changed = Entity::update_many().col_expr(column, Expr::value(to));
            let changed = changed.filter(Column::Id.eq(id("key"))).exec(&db).await;
            assert_eq!(changed.unwrap().rows_affected, 1);
        };
        // It expires at 1000.
        for (now, wanted) in [(999, 0), (1000, 1)] {
            assert_eq!(ended(now).await, wanted, "{now}");
        }
        for (now, until, wanted) in [(0, 999, 0), (0, 1000, 1), (1000, 2000, 0)] {
            assert_eq!(ending(now, until).await, wanted, "{now} to {until}");
        }
        Entity::note_ahead([id("key")]).exec(&db).await.unwrap();
        assert_eq!(ending(0, 1000).await, 0);
        change(Column::ExpiresAt, Some(at(1500))).await;
        assert_eq!(ending(0, 1500).await, 1);
        assert_eq!(ended(1500).await, 1);
        Entity::note_end([id("key")]).exec(&db).await.unwrap();
        assert_eq!(ended(1500).await, 0);
        // As a former release would roll it.
        change(Column::RetiresAt, Some(at(1700))).await;
        assert_eq!(ended(1700).await, 0, "it ended at its expiry");
        change(Column::RetiresAt, Some(at(1200))).await;
        assert_eq!((ended(1199).await, ended(1200).await), (0, 1));
        assert_eq!(ending(0, 1500).await, 0, "who rolled it knows");
        change(Column::RevokedAt, Some(at(1200))).await;
        assert_eq!(ended(1500).await, 0);
        change(Column::RevokedAt, None).await;
        change(Column::RetiresAt, None).await;
        change(Column::ExpiresAt, None).await;
        assert_eq!(ended(9999).await, 0, "it has no end any more");
    })
    .await;
}

/// Else each look at what is due would read all credentials that ever ended.
#[tokio::test]
async fn what_is_due_is_found_by_index() {
    crate::each(async |Databases { main: db, .. }| {
        if db.get_database_backend() != DbBackend::Sqlite {
            // Its planner reads a table as small as a test's from the beginning.
            return;
        }
        let ended = Entity::ended(at(0)).build(DbBackend::Sqlite);
        let ending = Entity::ending(at(0), at(1)).build(DbBackend::Sqlite);
        for (mut asked, index) in [
            (ended, "INDEX credential_by_end "),
            (ending, "INDEX credential_by_expiry "),
        ] {
            asked.sql = format!("EXPLAIN QUERY PLAN {}", asked.sql);
            let rows = db.query_all_raw(asked).await.unwrap();
            let detail = |row: &QueryResult| row.try_get::<String>("", "detail").unwrap();
            let plan: Vec<String> = rows.iter().map(detail).collect();
            assert!(plan.len() == 1 && plan[0].contains(index), "{plan:?}");
        }
    })
    .await;
}
