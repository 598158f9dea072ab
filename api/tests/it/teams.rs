//! Teams of an organization.

use domain::actor::{OrganizationRole, TeamRole};
use domain::problem::Code;
use serde_json::json;

use crate::support::{World, each};

#[tokio::test]
async fn made_edited_deleted_by_those_who_may() {
    each(async |app| {
        let mut world = World::new(app).await;
        let teams = format!("/organizations/{}/teams", world.here.id);
        world
            .member
            .client
            .post(&teams, json!({ "name": "Payments" }))
            .await
            .refused(Code::Forbidden);
        let made = world
            .owner
            .client
            .post(&teams, json!({ "name": "Payments" }))
            .await
            .ok(201)
            .json();
        assert_eq!(made["slug"], "payments");
        let again = world
            .owner
            .client
            .post(&teams, json!({ "name": "Payments" }))
            .await
            .ok(201)
            .json();
        assert_eq!(again["slug"], "payments-2");
        let taken = world
            .owner
            .client
            .post(&teams, json!({ "name": "P", "slug": "payments" }))
            .await;
        assert_eq!(taken.refused(Code::AlreadyExists).pointers(), ["/slug"]);

        let path = format!("/teams/{}", made["id"].as_str().unwrap());
        assert_eq!(
            world.member.client.get(&path).await.ok(200).json()["role"],
            json!(null)
        );
        world
            .member
            .client
            .patch(&path, json!({ "name": "Mine" }))
            .await
            .refused(Code::Forbidden);
        let edited = world
            .owner
            .client
            .patch(&path, json!({ "name": "Money", "description": "a\r\nb" }))
            .await
            .ok(200)
            .json();
        assert_eq!(
            (edited["name"].as_str(), edited["description"].as_str()),
            (Some("Money"), Some("a\nb"))
        );
        world.owner.client.delete(&path).await.ok(204);
        world.owner.client.get(&path).await.refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn maintainers_run_their_own_team_only() {
    each(async |app| {
        let mut world = World::new(app).await;
        let mut lead = world.app.person("lead", false).await;
        world
            .app
            .join(world.here, lead.id, OrganizationRole::Member)
            .await;
        world
            .app
            .join_team(world.here, lead.id, TeamRole::Maintainer)
            .await;
        let own = format!("/teams/{}", world.here.team);
        lead.client
            .patch(&own, json!({ "name": "Ours" }))
            .await
            .ok(200);
        let teams = format!("/organizations/{}/teams", world.here.id);
        let other = world
            .owner
            .client
            .post(&teams, json!({ "name": "Other" }))
            .await
            .ok(201)
            .json();
        let other = format!("/teams/{}", other["id"].as_str().unwrap());
        lead.client
            .patch(&other, json!({ "name": "Ours too" }))
            .await
            .refused(Code::Forbidden);
        let member = format!("{own}/members/{}", world.member.id);
        lead.client
            .put(&member, json!({ "role": "developer" }))
            .await
            .ok(200);
        let stranger = format!("{own}/members/{}", world.stranger.id);
        lead.client
            .put(&stranger, json!({ "role": "viewer" }))
            .await
            .refused(Code::NotFound);
        lead.client.delete(&own).await.refused(Code::Forbidden);
    })
    .await;
}
