//! Members and their roles.

use domain::actor::OrganizationRole;
use domain::problem::Code;
use serde_json::json;

use crate::support::{PASSWORD, World, each};

#[tokio::test]
async fn the_last_owner_stays() {
    each(async |app| {
        let mut world = World::new(app).await;
        let own = format!(
            "/organizations/{}/members/{}",
            world.here.id, world.owner.id
        );
        world
            .owner
            .client
            .delete(&own)
            .await
            .refused(Code::LastOwner);
        world
            .owner
            .client
            .patch(&own, json!({ "role": "member" }))
            .await
            .refused(Code::LastOwner);
        let member = format!(
            "/organizations/{}/members/{}",
            world.here.id, world.member.id
        );
        world
            .owner
            .client
            .patch(&member, json!({ "role": "owner" }))
            .await
            .ok(200);
        world.owner.client.delete(&own).await.ok(204);
        world
            .owner
            .client
            .get(&format!("/organizations/{}", world.here.id))
            .await
            .refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn an_admin_is_not_above_owners() {
    each(async |app| {
        let mut world = World::new(app).await;
        let mut admin = world.app.person("admin", false).await;
        world
            .app
            .join(world.here, admin.id, OrganizationRole::Admin)
            .await;
        let path = |id| format!("/organizations/{}/members/{id}", world.here.id);
        admin
            .client
            .patch(&path(admin.id), json!({ "role": "owner" }))
            .await
            .refused(Code::Forbidden);
        admin
            .client
            .patch(&path(world.owner.id), json!({ "role": "member" }))
            .await
            .refused(Code::Forbidden);
        admin
            .client
            .delete(&path(world.owner.id))
            .await
            .refused(Code::Forbidden);
        admin
            .client
            .patch(&path(world.member.id), json!({ "role": "owner" }))
            .await
            .refused(Code::Forbidden);
        admin
            .client
            .patch(&path(world.member.id), json!({ "role": "admin" }))
            .await
            .ok(200);
        world
            .member
            .client
            .patch(&path(admin.id), json!({ "role": "member" }))
            .await
            .ok(200);
        // A role holds from the next request on.
        admin
            .client
            .patch(&path(world.member.id), json!({ "role": "member" }))
            .await
            .refused(Code::Forbidden);
    })
    .await;
}

#[tokio::test]
async fn losing_a_role_ends_sessions_and_leaves_the_teams() {
    each(async |app| {
        let mut world = World::new(app).await;
        let mut browser = world.app.client();
        browser
            .post(
                "/sessions",
                json!({ "email": world.member.email, "password": PASSWORD }),
            )
            .await
            .ok(201);
        browser.get("/account").await.ok(200);
        let path = format!(
            "/organizations/{}/members/{}",
            world.here.id, world.member.id
        );
        world.owner.client.delete(&path).await.ok(204);
        browser.get("/account").await.refused(Code::SignInRequired);
        let members = world
            .owner
            .client
            .get(&format!("/teams/{}/members", world.here.team))
            .await
            .ok(200)
            .json();
        assert_eq!(
            members["items"].as_array().unwrap().len(),
            1,
            "only the colleague is left"
        );
        world
            .owner
            .client
            .delete(&path)
            .await
            .refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_suspended_organization_is_read_only() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/operator/organizations/{}", world.here.id);
        world
            .operator
            .client
            .post(&format!("{path}/suspend"), json!({ "reason": "unpaid" }))
            .await
            .ok(200);
        world
            .operator
            .client
            .post(&format!("{path}/suspend"), json!({}))
            .await
            .refused(Code::IllegalTransition);
        let here = format!("/organizations/{}", world.here.id);
        assert_eq!(
            world.owner.client.get(&here).await.ok(200).json()["state"],
            "suspended"
        );
        world
            .owner
            .client
            .patch(&here, json!({ "name": "x" }))
            .await
            .refused(Code::Forbidden);
        world
            .operator
            .client
            .post(&format!("{path}/resume"), json!({}))
            .await
            .ok(200);
        world
            .owner
            .client
            .patch(&here, json!({ "name": "x" }))
            .await
            .ok(200);
    })
    .await;
}
