//! What gateways are told of versions that go, and of those that are gone.

use domain::snapshot::{Deprecation, Kind, Parts};
use entity::database::{Databases, begin_write};
use entity::snapshot::{Changes, changes_since, load};
use entity::{change, organization, revision, version};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::world::{at, id, plant};

#[tokio::test]
async fn a_retired_version_stands_with_its_api() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        let mut parts: Parts = load(&db).await.unwrap().parts;
        assert_eq!(parts.versions[0].deprecation, None);
        let told = Deprecation {
            since: at(10),
            sunset: Some(at(20)),
            successor: Some(id("v2").into()),
            retires: true,
        };
        for (number, state) in ["deprecated", "retired"].into_iter().enumerate() {
            let tx = begin_write(&db).await.unwrap();
            version::Entity::update_many()
                .col_expr(version::Column::State, Expr::value(state))
                .col_expr(version::Column::DeprecatedAt, Expr::value(at(10)))
                .col_expr(version::Column::SunsetAt, Expr::value(at(20)))
                .col_expr(version::Column::SuccessorId, Expr::value(id("v2")))
                .col_expr(version::Column::RetireAtSunset, Expr::value(true))
                .filter(version::Column::Id.eq(id("v1")))
                .exec(&tx)
                .await
                .unwrap();
            for (kind, object) in [(Kind::Version, id("v1")), (Kind::Api, id("api"))] {
                change::append(&tx, kind, object, at(30)).await.unwrap();
            }
            tx.commit().await.unwrap();
            let since = 2 * number as u64;
            let Changes::Delta(delta) = changes_since(&db, since, None).await.unwrap() else {
                panic!("no delta");
            };
            parts.apply(*delta);
            let whole = load(&db).await.unwrap().parts;
            assert_eq!(parts.versions, whole.versions, "{state}");
            assert_eq!(parts.apis, whole.apis, "{state}");
            let served = parts
                .versions
                .iter()
                .find(|one| one.id.uuid() == id("v1"))
                .map(|one| one.deprecation.clone());
            let retired = parts
                .apis
                .iter()
                .flat_map(|api| &api.retired)
                .map(|one| (one.route.path.as_str(), &one.deprecation));
            let retired: Vec<_> = retired.collect();
            if state == "deprecated" {
                assert_eq!((served, retired), (Some(Some(told.clone())), vec![]));
            } else {
                assert_eq!((served, retired), (None, vec![("/provider/v1", &told)]));
            }
        }
        let overdue = async |now| version::Entity::overdue(at(now)).all(&db).await.unwrap();
        assert!(overdue(99).await.is_empty(), "it is retired already");
        version::Entity::update_many()
            .col_expr(version::Column::State, Expr::value("deprecated"))
            .filter(version::Column::Id.eq(id("v1")))
            .exec(&db)
            .await
            .unwrap();
        for (now, count) in [(19, 0), (20, 1), (21, 1)] {
            assert_eq!(overdue(now).await.len(), count, "{now}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_retired_version_keeps_its_cors_and_no_other_policy() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        version::Entity::update_many()
            .col_expr(version::Column::State, Expr::value("retired"))
            .filter(version::Column::Id.eq(id("v1")))
            .exec(&db)
            .await
            .unwrap();
        let row = revision::Entity::find()
            .filter(revision::Column::VersionId.eq(id("v1")))
            .one(&db)
            .await
            .unwrap();
        let mut made = row.unwrap().snapshot().unwrap();
        for (policies, origins) in [
            (r#"[{"key_auth":{}}]"#, None),
            (
                r#"[{"key_auth":{}},{"cors":{"origins":["https://app.test"]}}]"#,
                Some(vec!["https://app.test".to_owned()]),
            ),
        ] {
            made.policies = serde_json::from_str(policies).unwrap();
            let written = serde_json::to_string(&made).unwrap();
            revision::Entity::update_many()
                .col_expr(revision::Column::Snapshot, Expr::value(written))
                .filter(revision::Column::VersionId.eq(id("v1")))
                .exec(&db)
                .await
                .unwrap();
            let mut parts = load(&db).await.unwrap().parts;
            let kept = parts.apis[0].retired.remove(0).cors;
            assert_eq!(kept.map(|cors| cors.origins), origins, "{policies}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_retired_version_does_not_outlive_its_organizations_place() {
    crate::each(async |Databases { main: db, .. }| {
        plant(&db).await;
        version::Entity::update_many()
            .col_expr(version::Column::State, Expr::value("retired"))
            .filter(version::Column::Id.eq(id("v1")))
            .exec(&db)
            .await
            .unwrap();
        // What provider and consumer are granted.
        for (own, others, is_told) in [
            (r#"[{"path":"/provider"}]"#, "[]", true),
            (r#"[{"path":"/"}]"#, "[]", true),
            (r#"[{"path":"/provider/v1"}]"#, r#"[{"path":"/"}]"#, true),
            (r#"[{"path":"/provide"}]"#, "[]", false),
            ("[]", r#"[{"path":"/provider"}]"#, false),
            (
                r#"[{"path":"/provider"}]"#,
                r#"[{"path":"/provider/v1"}]"#,
                false,
            ),
            (r#"[{"hologram":1}]"#, "[]", false),
        ] {
            for (name, grants) in [("provider", own), ("consumer", others)] {
                organization::Entity::update_many()
                    .col_expr(organization::Column::Grants, Expr::value(grants))
                    .filter(organization::Column::Id.eq(id(name)))
                    .exec(&db)
                    .await
                    .unwrap();
            }
            let parts = load(&db).await.unwrap().parts;
            assert_eq!(
                parts.apis[0].retired.len(),
                usize::from(is_told),
                "{own} {others}"
            );
        }
    })
    .await;
}
