//! What `log_detail` kept: found by its record alone, bounded for each provider, and gone in time.

use chrono::TimeDelta;
use domain::id::OrganizationId;
use domain::traffic::detail::{Body, Field, Message, Seen};
use domain::traffic::{Detail, Record};
use entity::request_detail;
use entity::store::traffic::{
    DETAIL_SHARE, Kept, detail, prune, write_batch, write_batch_with_details,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use crate::traffic::{at, batch, record};
use crate::world::id;

fn seen(text: &str) -> Seen {
    Seen {
        request: Message {
            fields: Some(vec![Field {
                name: "a".into(),
                value: "\u{fffd}\"é".into(),
                masked: false,
            }]),
            ..Message::default()
        },
        answer: Message {
            body: Some(Body {
                text: Some(text.into()),
                bytes: 5,
                ..Body::default()
            }),
            ..Message::default()
        },
    }
}

#[tokio::test]
async fn it_is_found_by_its_own_record_alone() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let own = record(1);
        let details = [Detail::of(&own, seen("own\0"))];
        let records = [own.clone()];
        for is_new in [true, false] {
            let written = write_batch_with_details(&db, batch("one"), &records, &details).await;
            assert_eq!(written.unwrap(), is_new.then_some(0));
        }
        assert_eq!(request_detail::Entity::find().count(&db).await.unwrap(), 1);
        assert_eq!(detail(&db, &own).await.unwrap(), Some(seen("own\0")));
        let stranger: OrganizationId = id("stranger").into();
        for other in [
            Record {
                at: at(2),
                ..own.clone()
            },
            Record {
                request_id: "x".into(),
                ..own.clone()
            },
            Record {
                node: "x".into(),
                ..own.clone()
            },
            Record {
                provider: stranger,
                ..own.clone()
            },
            Record {
                consumer: stranger,
                ..own.clone()
            },
            Record {
                version: id("x").into(),
                ..own.clone()
            },
            Record {
                application: id("x").into(),
                ..own.clone()
            },
        ] {
            assert_eq!(detail(&db, &other).await.unwrap(), None, "{other:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_provider_has_so_much_and_the_oldest_go() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let stranger: OrganizationId = id("stranger").into();
        let of = |number: i64, text: &str| Detail::of(&record(number), seen(text));
        let theirs = Detail {
            provider: stranger,
            ..of(0, "theirs")
        };
        let most = DETAIL_SHARE.0;
        let write = async |name: &str, details: &[Detail]| {
            let written = write_batch_with_details(&db, batch(name), &[], details).await;
            written.unwrap()
        };
        let count = async |provider: OrganizationId| {
            let of_it = request_detail::Column::Provider.eq(provider.uuid());
            let found = request_detail::Entity::find().filter(of_it);
            i64::try_from(found.count(&db).await.unwrap()).unwrap()
        };
        let own = record(0).provider;
        assert_eq!(write("theirs", &[theirs]).await, Some(0));
        let all: Vec<Detail> = (0..most).map(|number| of(number, "x")).collect();
        assert_eq!(write("all", &all).await, Some(0));
        assert_eq!(count(own).await, most);
        let left = most / 10 * 9;
        let gone = u64::try_from(most + 1 - left).unwrap();
        assert_eq!(write("more", &[of(most, "x")]).await, Some(gone));
        assert_eq!(count(own).await, left);
        assert!(detail(&db, &record(most)).await.unwrap().is_some());
        assert!(detail(&db, &record(most - left)).await.unwrap().is_none());
        assert!(
            detail(&db, &record(most - left + 1))
                .await
                .unwrap()
                .is_some()
        );
        // What was taken out is not counted any more.
        let again: Vec<Detail> = (0..most - left)
            .map(|number| of(most + 1 + number, "x"))
            .collect();
        assert_eq!(write("again", &again).await, Some(0));
        assert_eq!((count(own).await, count(stranger).await), (most, 1));
    })
    .await;
}

#[tokio::test]
async fn it_goes_before_its_record_does() {
    crate::each(async |databases| {
        let db = databases.traffic;
        let day = 86_400;
        let records: Vec<Record> = (0..5).map(|number| record(number * day)).collect();
        let details: Vec<Detail> = records
            .iter()
            .map(|record| Detail::of(record, seen("x")))
            .collect();
        write_batch_with_details(&db, batch("one"), &records, &details)
            .await
            .unwrap();
        let now = at(5 * day);
        assert_eq!(prune(&db, &Kept::default(), now).await.unwrap().details, 2);
        // Where records are kept for less, so is this.
        let short = Kept {
            requests: TimeDelta::days(2),
            ..Kept::default()
        };
        assert_eq!(prune(&db, &short, now).await.unwrap().details, 1);
        write_batch(&db, batch("two"), &records[..1]).await.unwrap();
        assert!(detail(&db, &records[0]).await.unwrap().is_none());
        assert!(detail(&db, &records[4]).await.unwrap().is_some());
    })
    .await;
}
