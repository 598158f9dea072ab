//! Clients of identity providers and certificates as credentials.

use chrono::Duration;
use domain::key::KeyDigest;
use domain::problem::Code;
use serde_json::json;

use crate::support::shop::id;
use crate::support::{World, each};

const CERTIFICATE: &str = include_str!("../../../gateway/tests/it/tls/friend.pem");
const OTHER: &str = include_str!("../../../gateway/tests/it/tls/stranger.pem");
/// Of thirty days.
const SHORT: &str = include_str!("certificates/short.pem");
const KEY: &str = include_str!("../../../gateway/tests/it/tls/friend.key");
const ENDED: &str = include_str!("certificates/expired.pem");

#[tokio::test]
async fn a_client_is_found_by_what_its_tokens_say() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Mobile").await;
        let path = format!("/applications/{application}/clients");
        let body = json!({ "name": "idp", "issuer": "https://login.example", "client_id": "mobile", "environment": "test", "cidrs": ["10.0.0.0/8"] });
        let made = client.post(&path, body.clone()).await.ok(201).json();
        assert_eq!(made["kind"], "client");
        assert_eq!(made["display_id"], "mobile");
        assert_eq!(made["client"], json!({ "issuer": "https://login.example", "client_id": "mobile" }));
        let state = entity::snapshot::load(&world.app.plane.databases.main).await.unwrap();
        let wanted = KeyDigest::of_client("https://login.example", "mobile");
        assert!(state.parts.credentials[0].digest.matches(&wanted));

        // Not twice in an organization; another one may say the same.
        let again = client.post(&path, body.clone()).await.refused(Code::ValidationFailed);
        assert_eq!(again.pointers(), ["/client_id"]);
        let second = world.application(&world.owner, world.here, "Second").await;
        let elsewhere = format!("/applications/{second}/clients");
        let again = client.post(&elsewhere, body.clone()).await.refused(Code::ValidationFailed);
        assert!(again.text.contains("Mobile"), "{}", again.text);
        let theirs = world.application(&world.stranger, world.there, "Theirs").await;
        let theirs = format!("/applications/{theirs}/clients");
        world.stranger.client.clone().post(&theirs, body.clone()).await.ok(201);

        // Once withdrawn it may come back, here or elsewhere.
        let one = format!("/credentials/{}", id(&made));
        client.post(&format!("{one}/roll"), json!({ "overlap": "1h" })).await.refused(Code::IllegalTransition);
        client.post(&format!("{one}/revoke"), json!({})).await.ok(200);
        client.post(&elsewhere, body).await.ok(201);

        for (wrong, pointers) in [
            (json!({ "name": "", "issuer": "", "client_id": "" }), &["/name", "/issuer", "/client_id"][..]),
            (json!({ "name": "a", "issuer": "https://a b", "client_id": "x\u{7}", "cidrs": ["x"] }), &["/cidrs/0", "/issuer", "/client_id"]),
            (json!({ "name": "a", "issuer": "x".repeat(501), "client_id": "x".repeat(501), "expires_at": "2020-01-01T00:00:00Z" }), &["/expires_at", "/issuer", "/client_id"]),
        ] {
            let refused = client.post(&path, wrong).await.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), pointers);
        }
        let body = json!({ "name": "b", "issuer": "https://b", "client_id": "b" });
        world.member.client.clone().post(&path, body.clone()).await.refused(Code::Forbidden);
        world.stranger.client.clone().post(&path, body).await.refused(Code::NotFound);
        let audit = client.get(&format!("/organizations/{}/audit", world.here.id)).await.ok(200);
        assert!(audit.text.contains("\"kind\":\"client\""));
    })
    .await;
}

#[tokio::test]
async fn certificates_are_claimed_by_a_name() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Mobile").await;
        let path = format!("/applications/{application}/certificates");
        let body = json!({ "name": "mesh", "certificate_name": "san:dns:Orders.example.com" });
        let made = client.post(&path, body).await.ok(201).json();
        let name = "san:dns:orders.example.com";
        assert_eq!(
            (&made["kind"], &made["expires_at"]),
            (&json!("certificate"), &json!(null))
        );
        assert_eq!(
            (&made["certificate_name"], &made["display_id"]),
            (&json!(name), &json!(name))
        );
        let state = entity::snapshot::load(&world.app.plane.databases.main)
            .await
            .unwrap();
        let wanted = domain::certificate::CertificateName::parse(name)
            .unwrap()
            .digest();
        assert!(state.parts.credentials[0].digest.matches(&wanted));

        // Not twice in an organization, however it is written; another one may say the same.
        let again = json!({ "name": "again", "certificate_name": name });
        let refused = client
            .post(&path, again.clone())
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(refused.pointers(), ["/certificate_name"]);
        let theirs = world
            .application(&world.stranger, world.there, "Theirs")
            .await;
        let theirs = format!("/applications/{theirs}/certificates");
        world
            .stranger
            .client
            .clone()
            .post(&theirs, again)
            .await
            .ok(201);

        for (wrong, pointers) in [
            (
                json!({ "name": "a", "certificate_name": "orders" }),
                &["/certificate_name"][..],
            ),
            (
                json!({ "name": "a", "certificate_name": "san:dns:*.example.com" }),
                &["/certificate_name"],
            ),
            (
                json!({ "name": "a", "certificate_name": "x".repeat(70_000) }),
                &["/certificate_name"],
            ),
            (
                json!({ "name": "a", "certificate_name": "san:dns:b", "certificate": CERTIFICATE }),
                &["/certificate"],
            ),
            (json!({ "name": "a" }), &["/certificate"]),
        ] {
            let refused = client
                .post(&path, wrong)
                .await
                .refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), pointers);
        }
        // Listed as it was made.
        let all = client
            .get(&format!("/applications/{application}/credentials"))
            .await
            .ok(200);
        assert!(all.text.contains(name), "{}", all.text);
    })
    .await;
}

#[tokio::test]
async fn a_certificate_is_found_by_its_fingerprint_and_ends_with_itself() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let application = world.application(&world.owner, world.here, "Mobile").await;
        let path = format!("/applications/{application}/certificates");
        let body = json!({ "name": "tls", "certificate": CERTIFICATE });
        let made = client.post(&path, body.clone()).await.ok(201).json();
        assert_eq!(made["kind"], "certificate");
        assert_eq!(made["expires_at"], made["certificate"]["not_after"]);
        assert!(made["display_id"].as_str().unwrap().contains("CN="), "{made}");
        let print = made["certificate"]["fingerprint"].as_str().unwrap().replace(':', "");
        let print = KeyDigest::from_hex(&print).unwrap();
        let state = entity::snapshot::load(&world.app.plane.databases.main).await.unwrap();
        assert!(state.parts.credentials[0].digest.matches(&KeyDigest::of_certificate(&print.0)));

        let again = client.post(&path, body).await.refused(Code::ValidationFailed);
        assert_eq!(again.pointers(), ["/certificate"]);
        let beside = json!({ "name": "next", "certificate": OTHER, "expires_at": world.app.plane.clock.now() + Duration::days(1) });
        client.post(&path, beside).await.ok(201);

        for wrong in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ENDED, &format!("{CERTIFICATE}{KEY}"), &"x".repeat(70_000)] {
            let body = json!({ "name": "a", "certificate": wrong });
            let refused = client.post(&path, body).await.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), ["/certificate"]);
            assert!(!refused.text.contains("PRIVATE"), "{}", refused.text);
        }
        let late = json!({ "name": "a", "certificate": SHORT, "expires_at": world.app.plane.clock.now() + Duration::days(60) });
        let refused = client.post(&path, late).await.refused(Code::ValidationFailed);
        assert_eq!(refused.pointers(), ["/expires_at"]);
    })
    .await;
}
