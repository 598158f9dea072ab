//! Writing what people edit: one at a time, nothing lost, nothing twice.

use entity::database::{Heard, begin_write, is_taken, listen};
use entity::{change, organization, subscription};
use migration::testing::TestDatabase;
use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel, PaginatorTrait};

use crate::world::{at, id, insert, organization, plant, subscription};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_that_read_and_then_write_lose_nothing() {
    crate::each(async |databases| {
        let db = databases.main;
        insert(&db, organization("one")).await;
        let tasks = (0..16).map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    let tx = begin_write(&db).await.unwrap();
                    let row = organization::Entity::by_slug("one")
                        .one(&tx)
                        .await
                        .unwrap()
                        .unwrap();
                    let etag = row.etag + 1;
                    let row = organization::ActiveModel {
                        etag: Set(etag),
                        ..row.into_active_model()
                    };
                    organization::Entity::update(row).exec(&tx).await.unwrap();
                    tx.commit().await.unwrap();
                }
            })
        });
        for task in futures::future::join_all(tasks).await {
            task.unwrap();
        }
        let row = organization::Entity::by_slug("one")
            .one(&db)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.etag, 1 + 16 * 5);
        assert_eq!(row.created_at, at(0), "microseconds survive");
    })
    .await;
}

#[tokio::test]
async fn an_application_has_one_open_subscription_per_product() {
    crate::each(async |databases| {
        let db = databases.main;
        plant(&db).await;
        for (name, state, refused) in [
            ("second", "pending", true),
            ("third", "suspended", true),
            ("fourth", "cancelled", false),
            ("fifth", "revoked", false),
        ] {
            let row = subscription(name, state).into_active_model();
            let outcome = subscription::Entity::insert(row)
                .exec_without_returning(&db)
                .await;
            assert_eq!(outcome.is_err(), refused, "{state}");
            assert!(
                outcome.err().is_none_or(|error| is_taken(&error)),
                "{state}"
            );
        }
        let open = subscription::Entity::open_of(id("application").into(), id("product").into());
        assert_eq!(open.all(&db).await.unwrap().len(), 1);
        let provider = subscription::Entity::at_provider(id("provider").into());
        assert_eq!(provider.count(&db).await.unwrap(), 3);
        let stranger =
            subscription::Entity::one_seen_by(id("stranger").into(), id("subscription").into());
        assert_eq!(stranger.one(&db).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_changes_nothing() {
    crate::each(async |databases| {
        let db = databases.main;
        let tx = begin_write(&db).await.unwrap();
        insert(&tx, organization("one")).await;
        change::append(&tx, domain::snapshot::Kind::Organization, id("one"), at(0))
            .await
            .unwrap();
        drop(tx);
        let tx = begin_write(&db).await.unwrap();
        assert_eq!(organization::Entity::find().count(&tx).await.unwrap(), 0);
        assert_eq!(change::newest(&tx).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_change_is_heard_when_it_is_committed() {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let databases = crate::open(&database).await;
    let mut listener = listen(&database.url).await.unwrap().unwrap();
    let tx = begin_write(&databases.main).await.unwrap();
    let number = change::append(&tx, domain::snapshot::Kind::Settings, id("x"), at(0))
        .await
        .unwrap();
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), listener.next()).await;
    assert!(early.is_err(), "heard before the commit");
    tx.commit().await.unwrap();
    assert_eq!(listener.next().await.unwrap(), Heard::Change(number));
    assert!(listen("sqlite://x").await.unwrap().is_none());
}
