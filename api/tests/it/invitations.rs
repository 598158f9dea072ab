//! Invitations to organization and team.

use chrono::Duration;
use domain::actor::{OrganizationRole, TeamRole};
use domain::problem::Code;
use serde_json::json;

use crate::support::{PASSWORD, World, each};

#[tokio::test]
async fn a_new_person_accepts_and_is_in() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/invitations", world.here.id);
        let body = json!({ "email": "new@x.example", "role": "member", "team": world.here.team, "team_role": "developer" });
        let made = world.owner.client.post(&path, body).await.ok(201);
        let token = world.app.mailed_token("invitation", "new@x.example").await;
        assert!(!made.text.contains(&token), "the link goes to the mail address only");
        let mut guest = world.app.client();
        let offer = guest.post("/invitations/preview", json!({ "token": token })).await.ok(200).json();
        assert_eq!((offer["organization"].as_str(), offer["new_account"].as_bool()), (Some("here"), Some(true)));
        let none = guest.post("/invitations/accept", json!({ "token": token })).await.refused(Code::ValidationFailed);
        assert_eq!(none.pointers(), ["/name", "/password"]);
        let answer = json!({ "token": token, "name": "New", "password": PASSWORD });
        guest.post("/invitations/accept", answer.clone()).await.ok(200);
        guest.post("/invitations/accept", answer).await.refused(Code::LinkUsed);
        assert!(!guest.has_cookie());
        guest.post("/sessions", json!({ "email": "new@x.example", "password": PASSWORD })).await.ok(201);
        let account = guest.get("/account").await.ok(200).json();
        assert_eq!(account["memberships"][0]["role"], "member");
        assert_eq!(account["memberships"][0]["teams"][0]["role"], "developer");
        let waiting = world.owner.client.get(&path).await.ok(200).json();
        assert_eq!(waiting["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn an_existing_account_joins_with_its_own_address_only() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/invitations", world.here.id);
        world
            .owner
            .client
            .post(&path, json!({ "email": world.stranger.email }))
            .await
            .ok(201);
        let token = world
            .app
            .mailed_token("invitation", &world.stranger.email)
            .await;
        world
            .member
            .client
            .post("/invitations/accept", json!({ "token": token }))
            .await
            .refused(Code::Conflict);
        world
            .stranger
            .client
            .post("/invitations/accept", json!({ "token": token }))
            .await
            .ok(200);
        world
            .stranger
            .client
            .get(&format!("/organizations/{}", world.here.id))
            .await
            .ok(200);
        let again = world
            .owner
            .client
            .post(&path, json!({ "email": world.stranger.email }))
            .await;
        again.refused(Code::AlreadyExists);
    })
    .await;
}

#[tokio::test]
async fn never_to_more_than_the_inviter_is() {
    each(async |app| {
        let mut world = World::new(app).await;
        let mut admin = world.app.person("admin", false).await;
        world
            .app
            .join(world.here, admin.id, OrganizationRole::Admin)
            .await;
        let path = format!("/organizations/{}/invitations", world.here.id);
        let invite = |role: &str| json!({ "email": "n@x.example", "role": role });
        admin
            .client
            .post(&path, invite("owner"))
            .await
            .refused(Code::Forbidden);
        world
            .member
            .client
            .post(&path, invite("member"))
            .await
            .refused(Code::Forbidden);
        admin.client.post(&path, invite("admin")).await.ok(201);
        let token = world.app.mailed_token("invitation", "n@x.example").await;
        // The inviter is put down meanwhile: the offer ends with that.
        let demoted = format!("/organizations/{}/members/{}", world.here.id, admin.id);
        world
            .owner
            .client
            .patch(&demoted, json!({ "role": "member" }))
            .await
            .ok(200);
        world
            .app
            .client()
            .post("/invitations/preview", json!({ "token": token }))
            .await
            .refused(Code::LinkUsed);

        // A maintainer invites plain members into the own team.
        let mut lead = world.app.person("lead", false).await;
        world
            .app
            .join(world.here, lead.id, OrganizationRole::Member)
            .await;
        world
            .app
            .join_team(world.here, lead.id, TeamRole::Maintainer)
            .await;
        lead.client
            .post(
                &path,
                json!({ "email": "t@x.example", "team": world.here.team }),
            )
            .await
            .ok(201);
        lead.client
            .post(
                &path,
                json!({ "email": "u@x.example", "role": "admin", "team": world.here.team }),
            )
            .await
            .refused(Code::Forbidden);
        lead.client
            .post(&path, invite("member"))
            .await
            .refused(Code::Forbidden);
        let foreign = json!({ "email": "v@x.example", "team": world.there.team });
        let answer = world
            .owner
            .client
            .post(&path, foreign)
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/team"]);
    })
    .await;
}

#[tokio::test]
async fn who_lost_the_team_invites_nobody_into_it() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/invitations", world.here.id);
        let mut lead = world.app.person("lead", false).await;
        world
            .app
            .join(world.here, lead.id, OrganizationRole::Member)
            .await;
        world
            .app
            .join_team(world.here, lead.id, TeamRole::Maintainer)
            .await;
        let body = json!({ "email": "second@x.example", "team": world.here.team, "team_role": "maintainer" });
        lead.client.post(&path, body).await.ok(201);
        let token = world.app.mailed_token("invitation", "second@x.example").await;
        let mut guest = world.app.client();
        guest
            .post("/invitations/preview", json!({ "token": token }))
            .await
            .ok(200);
        // Out of the team, still in the organization.
        let place = format!("/teams/{}/members/{}", world.here.team, lead.id);
        world.owner.client.delete(&place).await.ok(204);
        guest
            .post("/invitations/preview", json!({ "token": token }))
            .await
            .refused(Code::LinkUsed);
        let answer = json!({ "token": token, "name": "Second", "password": PASSWORD });
        guest
            .post("/invitations/accept", answer)
            .await
            .refused(Code::LinkUsed);
    })
    .await;
}

#[tokio::test]
async fn resent_withdrawn_and_over() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/invitations", world.here.id);
        let made = world
            .owner
            .client
            .post(&path, json!({ "email": "n@x.example" }))
            .await
            .ok(201)
            .json();
        let one = format!("/invitations/{}", made["id"].as_str().unwrap());
        let old = world.app.mailed_token("invitation", "n@x.example").await;
        world
            .owner
            .client
            .post(&format!("{one}/resend"), json!({}))
            .await
            .ok(200);
        let new = world.app.mailed_token("invitation", "n@x.example").await;
        let mut guest = world.app.client();
        guest
            .post("/invitations/preview", json!({ "token": old }))
            .await
            .refused(Code::LinkUsed);
        guest
            .post("/invitations/preview", json!({ "token": new }))
            .await
            .ok(200);
        world.app.advance(Duration::days(7));
        guest
            .post("/invitations/preview", json!({ "token": new }))
            .await
            .refused(Code::LinkUsed);
        world
            .owner
            .client
            .post(&format!("{one}/resend"), json!({}))
            .await
            .ok(200);
        let new = world.app.mailed_token("invitation", "n@x.example").await;
        world.owner.client.delete(&one).await.ok(204);
        guest
            .post("/invitations/preview", json!({ "token": new }))
            .await
            .refused(Code::LinkUsed);
        assert_eq!(world.app.mail_count().await, 0);
    })
    .await;
}
