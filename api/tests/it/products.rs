//! Products and plans.

use domain::actor::TeamRole;
use domain::problem::Code;
use serde_json::json;

use crate::support::shop::id;
use crate::support::{World, each};

#[tokio::test]
async fn a_team_bundles_its_own_versions_an_admin_any() {
    each(async |app| {
        let world = World::new(app).await;
        let maintainer = world.app.person("maintainer", false).await;
        world.app.join(world.here, maintainer.id, domain::actor::OrganizationRole::Member).await;
        world.app.join_team(world.here, maintainer.id, TeamRole::Maintainer).await;
        let mut owner = world.owner.client.clone();
        let teams = format!("/organizations/{}/teams", world.here.id);
        let other = id(&owner.post(&teams, json!({ "name": "Other" })).await.ok(201).json());
        let import = json!({ "team": other, "document": crate::support::shop::BOOKS });
        let theirs = owner.post(&format!("/organizations/{}/apis/import", world.here.id), import).await.ok(201).json();
        let theirs = id(&theirs["version"]["summary"]);
        let (_, own) = world.imported(&maintainer, world.here).await;

        let mut client = maintainer.client.clone();
        let products = format!("/organizations/{}/products", world.here.id);
        let body = |versions: &[&str]| json!({ "team": world.here.team, "name": "Bundle", "versions": versions });
        let answer = client.post(&products, body(&[&own, &theirs])).await.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/versions/1"]);
        let product = id(&client.post(&products, body(&[&own])).await.ok(201).json());
        let path = format!("/products/{product}");
        owner.patch(&path, json!({ "versions": [own, theirs] })).await.ok(200);
        // What an admin put in may stay when a maintainer edits.
        let kept = client.patch(&path, json!({ "versions": [own, theirs], "name": "Both" })).await.ok(200).json();
        assert_eq!(kept["versions"].as_array().unwrap().len(), 2);
        client.delete(&path).await.ok(204);
        client.get(&path).await.refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn plans_go_forward_only_and_carry_what_plans_may() {
    each(async |app| {
        let world = World::new(app).await;
        let (_, version) = world.imported(&world.owner, world.here).await;
        let mut client = world.owner.client.clone();
        let made = client.post(&format!("/versions/{version}/publish"), json!({})).await.ok(200).json();
        let plans = format!("/products/{}/plans", id(&made["products"][0]));
        let wrong = json!({
            "name": "P",
            "policies": [{ "key_auth": {} }, { "rate_limit": { "limit": 5, "window": "25h" } }],
            "price": { "amount": 5, "currency": "eur", "per": "month" },
            "priority": 101,
            "max_subscriptions": 0,
            "organizations": ["nowhere"],
        });
        let answer = client.post(&plans, wrong).await.refused(Code::ValidationFailed);
        let expected = ["/policies/0/key_auth", "/policies/1/rate_limit/window", "/priority", "/max_subscriptions", "/price/currency", "/organizations/0"];
        assert_eq!(answer.pointers(), expected);
        let body = json!({
            "name": "Standard",
            "terms": "Be kind.",
            "priority": -7,
            "policies": [{ "rate_limit": { "limit": 60, "window": "60s" } }, { "quota": { "limit": 1000, "period": "month" } }],
            "price": { "amount": 900, "currency": "EUR", "per": "month" },
        });
        let plan = client.post(&plans, body.clone()).await.ok(201).json();
        assert_eq!((plan["state"].as_str(), plan["slug"].as_str(), plan["terms"]["revision"].as_u64()), (Some("draft"), Some("standard"), Some(1)));
        assert_eq!(plan["priority"], -7);
        assert!(plan["overshoot"].as_str().unwrap().contains("at most 62 requests"));
        let path = format!("/plans/{}", id(&plan));
        client.post(&format!("{path}/close"), json!({})).await.refused(Code::IllegalTransition);
        client.post(&format!("{path}/publish"), json!({})).await.ok(200);
        client.post(&format!("{path}/publish"), json!({})).await.refused(Code::IllegalTransition);
        let mut edited = body.clone();
        edited["terms"] = json!("Be kinder.");
        assert_eq!(client.put(&path, edited).await.ok(200).json()["terms"]["revision"], 2);
        client.post(&format!("{path}/deprecate"), json!({})).await.ok(200);
        assert_eq!(client.post(&format!("{path}/close"), json!({})).await.ok(200).json()["state"], "closed");
        client.put(&path, body).await.refused(Code::Conflict);
        world.member.client.clone().post(&plans, json!({ "name": "M" })).await.refused(Code::Forbidden);
    })
    .await;
}
