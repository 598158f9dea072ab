//! The audit: what it holds, who reads it, and that its chain tells of tampering.

use api::service::audit::{self, Chain};
use domain::problem::Code;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::{PASSWORD, World, each};

#[tokio::test]
async fn changes_leave_rows_with_before_and_after() {
    each(async |app| {
        let mut world = World::new(app).await;
        let here = format!("/organizations/{}", world.here.id);
        let answer = world
            .owner
            .client
            .patch(&here, json!({ "name": "New name" }))
            .await
            .ok(200);
        let request = answer.headers["x-request-id"].to_str().unwrap();
        let page = world
            .owner
            .client
            .get(&format!("{here}/audit?action=organization"))
            .await
            .ok(200)
            .json();
        let row = &page["items"][0];
        assert_eq!(row["action"], "organization.edit");
        assert_eq!(
            (&row["before"]["name"], &row["after"]["name"]),
            (&json!("here"), &json!("New name"))
        );
        assert_eq!(row["actor_email"], "owner@owner.example");
        assert_eq!(row["request_id"], request);
        assert!(row["address"].as_str().unwrap().starts_with("198."));
        world
            .member
            .client
            .get(&format!("{here}/audit"))
            .await
            .refused(Code::Forbidden);

        world
            .owner
            .client
            .patch(&here, json!({ "name": "Newer" }))
            .await
            .ok(200);
        let lines = world
            .owner
            .client
            .get(&format!("{here}/audit.jsonl"))
            .await
            .ok(200);
        assert_eq!(lines.headers["content-type"], "application/jsonl");
        let rows: Vec<Value> = lines
            .text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let sequences: Vec<i64> = rows
            .iter()
            .map(|row| row["sequence"].as_i64().unwrap())
            .collect();
        assert_eq!(sequences, [1, 2, 3][..sequences.len()]);
        let none = world
            .owner
            .client
            .get(&format!("{here}/audit?action=org%25"))
            .await
            .ok(200)
            .json();
        assert_eq!(none["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn tampering_breaks_the_chain() {
    each(async |app| {
        let mut world = World::new(app).await;
        let here = format!("/organizations/{}", world.here.id);
        for n in 0..5 {
            world
                .owner
                .client
                .patch(&here, json!({ "name": format!("n{n}") }))
                .await
                .ok(200);
        }
        let verdict = format!("{here}/audit/verdict");
        let whole = world.owner.client.get(&verdict).await.ok(200).json();
        assert_eq!(
            (whole["intact"].as_bool(), whole["rows"].as_i64()),
            (Some(true), Some(5))
        );
        let db = &world.app.plane.databases.main;
        // Erasing a person from beside the chain leaves it whole.
        db.execute_unprepared("UPDATE audit_person SET name = '', email = '', address = ''")
            .await
            .unwrap();
        assert_eq!(
            world.owner.client.get(&verdict).await.ok(200).json()["intact"],
            true
        );
        db.execute_unprepared(
            "UPDATE audit SET after = '{\"name\":\"forged\"}' WHERE sequence = 3",
        )
        .await
        .unwrap();
        let broken = world.owner.client.get(&verdict).await.ok(200).json();
        assert_eq!(
            (broken["intact"].as_bool(), broken["broken_at"].as_i64()),
            (Some(false), Some(3))
        );
        entity::audit::Entity::delete_many()
            .filter(entity::audit::Column::Sequence.eq(2))
            .exec(db)
            .await
            .unwrap();
        assert_eq!(
            world.owner.client.get(&verdict).await.ok(200).json()["broken_at"],
            2
        );
    })
    .await;
}

/// Verdicts of both chains: whether whole, and where not.
async fn verdicts(world: &World) -> [(bool, Option<i64>); 2] {
    let ctx = world.app.job();
    let mut found = Vec::new();
    for chain in [Chain::Platform, Chain::Organization(world.here.id)] {
        let verdict = audit::verify(&ctx, chain).await.unwrap();
        found.push((verdict.intact, verdict.broken_at));
    }
    found.try_into().unwrap()
}

#[tokio::test]
async fn what_is_taken_away_is_missed_and_stays_missed() {
    const WHOLE: (bool, Option<i64>) = (true, None);
    let broken = |at: i64| (false, Some(at));
    // What somebody does to the tables, what is found at once, and what after further changes.
    let here = "(SELECT id FROM organization WHERE slug = 'here')";
    for (what, statements, platform, organization, later) in [
        (
            "the last row",
            vec![format!(
                "DELETE FROM audit WHERE chain = {here} AND sequence = 3"
            )],
            WHOLE,
            broken(3),
            [WHOLE, broken(3)],
        ),
        (
            "the last row, and the end put back without the key",
            vec![
                format!("DELETE FROM audit WHERE chain = {here} AND sequence = 3"),
                format!(
                    "UPDATE audit_head SET sequence = 2, hash = (SELECT hash FROM audit WHERE chain = {here} AND sequence = 2) WHERE chain = {here}"
                ),
            ],
            WHOLE,
            broken(3),
            [WHOLE, broken(3)],
        ),
        (
            "a whole chain",
            vec![format!("DELETE FROM audit WHERE chain = {here}")],
            WHOLE,
            broken(1),
            [WHOLE, broken(1)],
        ),
        (
            "a whole chain with all that tells of it beside",
            vec![
                format!("DELETE FROM audit WHERE chain = {here}"),
                format!("DELETE FROM audit_person WHERE chain = {here}"),
                format!("DELETE FROM audit_head WHERE chain = {here}"),
            ],
            WHOLE,
            broken(1),
            [WHOLE, broken(1)],
        ),
        (
            "the platform's chain with its end",
            vec![
                format!("DELETE FROM audit WHERE chain <> {here}"),
                format!("DELETE FROM audit_person WHERE chain <> {here}"),
                format!("DELETE FROM audit_head WHERE chain <> {here}"),
            ],
            broken(1),
            broken(1),
            [broken(1), broken(1)],
        ),
        (
            "all rows",
            vec!["DELETE FROM audit".to_owned()],
            broken(1),
            broken(1),
            [broken(1), broken(1)],
        ),
        (
            "all rows of all tables of the audit",
            vec![
                "DELETE FROM audit".to_owned(),
                "DELETE FROM audit_person".to_owned(),
                "DELETE FROM audit_head".to_owned(),
            ],
            broken(1),
            broken(1),
            [broken(1), broken(1)],
        ),
    ] {
        each(async |app| {
            let mut world = World::new(app).await;
            let here = format!("/organizations/{}", world.here.id);
            for n in 0..3 {
                let name = json!({ "name": format!("n{n}") });
                world.owner.client.patch(&here, name).await.ok(200);
            }
            assert_eq!(verdicts(&world).await, [WHOLE, WHOLE], "{what}");
            let db = &world.app.plane.databases.main;
            for statement in &statements {
                db.execute_unprepared(statement).await.unwrap();
            }
            assert_eq!(verdicts(&world).await, [platform, organization], "{what}");
            let known = audit::chains(&world.app.job()).await.unwrap();
            assert!(known.contains(&Chain::Platform), "{what}");
            assert!(
                known.contains(&Chain::Organization(world.here.id)),
                "{what}"
            );

            // Changes go on, and cover nothing up.
            world.app.advance(chrono::Duration::minutes(1));
            let name = json!({ "name": "later" });
            world.owner.client.patch(&here, name).await.ok(200);
            assert_eq!(verdicts(&world).await, later, "{what}, later");
        })
        .await;
    }
}

#[tokio::test]
async fn the_chain_of_an_organization_begins_in_that_of_the_platform() {
    each(async |app| {
        let ctx = app.job();
        let whole = audit::verify(&ctx, Chain::Platform).await.unwrap();
        assert_eq!((whole.intact, whole.rows), (true, 0), "nothing yet");
        crate::support::account::signed_up(&app, "ines@fox.example").await;
        for chain in audit::chains(&ctx).await.unwrap() {
            let verdict = audit::verify(&ctx, chain).await.unwrap();
            assert!(verdict.intact && verdict.rows > 0, "{chain:?}");
        }
        // The organization goes with its chain: the platform's still tells of it.
        let db = &app.plane.databases.main;
        let begun = audit::chains(&ctx).await.unwrap();
        for table in ["audit", "audit_head", "audit_person"] {
            let chain = "(SELECT id FROM organization)";
            let statement = format!("DELETE FROM {table} WHERE chain = {chain}");
            db.execute_unprepared(&statement).await.unwrap();
        }
        db.execute_unprepared("DELETE FROM organization")
            .await
            .unwrap();
        assert_eq!(audit::chains(&ctx).await.unwrap(), begun);
        let gone = audit::verify(&ctx, begun[1]).await.unwrap();
        assert_eq!(gone.broken_at, Some(1));
    })
    .await;
}

#[tokio::test]
async fn refusals_are_kept_and_secrets_are_not() {
    each(async |app| {
        let mut world = World::new(app).await;
        let here = format!("/organizations/{}", world.here.id);
        world
            .member
            .client
            .patch(&here, json!({ "name": "x" }))
            .await
            .refused(Code::Forbidden);
        world
            .member
            .client
            .patch(&here, json!({ "name": "x" }))
            .await
            .refused(Code::Forbidden);
        let page = world
            .operator
            .client
            .get("/operator/audit?action=request.refuse")
            .await
            .ok(200)
            .json();
        assert_eq!(
            page["items"].as_array().unwrap().len(),
            1,
            "one row a minute for a caller in a loop"
        );
        assert_eq!(page["items"][0]["after"]["code"], "forbidden");

        let mut nobody = world.app.client();
        for _ in 0..3 {
            nobody.get("/account").await.refused(Code::SignInRequired);
        }
        let db = &world.app.plane.databases.main;
        let counts = entity::refusal_count::Entity::find().all(db).await.unwrap();
        assert_eq!(counts.iter().map(|row| row.count).collect::<Vec<_>>(), [3]);

        let mut browser = world.app.client();
        browser
            .post(
                "/sessions",
                json!({ "email": world.owner.email, "password": PASSWORD }),
            )
            .await
            .ok(201);
        let all = world
            .operator
            .client
            .get("/operator/audit.jsonl")
            .await
            .ok(200)
            .text;
        assert!(
            all.contains("session.create") && !all.contains(PASSWORD) && !all.contains("argon2")
        );
    })
    .await;
}
