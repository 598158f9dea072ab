//! Credentials on an application's page: made, rolled, revoked, and those that nobody here knows.

use sea_orm::ConnectionTrait;

use super::{application, team};
use crate::support::{App, each};

#[tokio::test]
async fn keys_are_rolled_and_revoked() {
    each(async |app: App| {
        let mut developer = app.member("lantern").await;
        let team = team(&mut developer).await;
        let home = application(&mut developer, &team, "Lantern iOS").await;
        let form = [("name", "production"), ("environment", "test")];
        developer
            .post(&format!("{home}/keys/new"), &form)
            .await
            .ok(200)
            .says("ptn_test_");
        let page = developer.get(&home).await.ok(200);
        let key = page.between(&format!("action=\"{home}/keys/"), "/roll\"");
        developer
            .post(&format!("{home}/keys/{key}/roll"), &[("overlap", "never")])
            .await
            .ok(400);
        let rolled = developer
            .post(&format!("{home}/keys/{key}/roll"), &[("overlap", "24h")])
            .await
            .ok(200);
        rolled
            .says("Your key is ready")
            .says("production still works until 22 Nov 2026, 12:00 UTC.");
        developer.get(&home).await.ok(200).says("Retiring in");

        let revoke = format!("{home}/keys/{key}/revoke");
        developer
            .get(&revoke)
            .await
            .ok(200)
            .says("never works again");
        developer
            .post(&revoke, &[("name", "wrong")])
            .await
            .ok(422)
            .says("id=\"name-e\"");
        developer
            .post(&revoke, &[("name", "production")])
            .await
            .to(&home);
        developer.get(&home).await.ok(200).says("Revoked");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_rolled_at_a_time_of_ones_own() {
    each(async |app: App| {
        let mut developer = app.member("lantern").await;
        let team = team(&mut developer).await;
        let home = application(&mut developer, &team, "Lantern iOS").await;
        let form = [
            ("name", "production"),
            ("environment", "live"),
            ("expires", "30"),
        ];
        let new = format!("{home}/keys/new");
        developer.post(&new, &form).await.ok(200);
        for (retires_at, said) in [
            ("2026-12-01", "still works until 1 Dec 2026, 00:00 UTC."),
            // Not beyond its own expiry, which is that of the key before it.
            ("2027-02-01", "still works until 21 Dec 2026, 12:00 UTC."),
        ] {
            let page = developer.get(&home).await.ok(200);
            let key = page.between(&format!("action=\"{home}/keys/"), "/roll\"");
            let roll = format!("{home}/keys/{key}/roll");
            page.says(&format!("href=\"{roll}\""));
            developer
                .get(&roll)
                .await
                .ok(200)
                .says("Roll production")
                .says("name=\"retires_at\"");
            for wrong in ["", "soon", "2026-11-20", "2027-11-20"] {
                developer
                    .post(&roll, &[("retires_at", wrong)])
                    .await
                    .ok(422)
                    .says("id=\"retires_at-e\"")
                    .says(wrong);
            }
            let rolled = developer.post(&roll, &[("retires_at", retires_at)]).await;
            rolled.ok(200).says("Your key is ready").says(said);
            let again = developer.post(&roll, &[("overlap", "now")]).await;
            again
                .ok(422)
                .says("A key that is retiring cannot be rolled.");
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_newer_release_made_is_listed_and_can_be_revoked() {
    each(async |app: App| {
        let mut developer = app.member("lantern").await;
        let team = team(&mut developer).await;
        let home = application(&mut developer, &team, "Lantern iOS").await;
        let form = [("name", "production"), ("environment", "live")];
        let made = developer.post(&format!("{home}/keys/new"), &form).await;
        made.ok(200);
        let page = developer.get(&home).await.ok(200);
        let key = page.between(&format!("action=\"{home}/keys/"), "/roll\"");
        let sql = "UPDATE credential SET kind = 'hologram'";
        let db = &app.plane.databases.main;
        db.execute_unprepared(sql).await.unwrap();
        developer
            .get(&home)
            .await
            .ok(200)
            .says("Of a newer kind")
            .says("not usable in this one")
            .hides("/roll\"");
        let revoke = format!("{home}/keys/{key}/revoke");
        let asked = developer.get(&revoke).await.ok(200);
        asked.says("A newer release made it");
        developer
            .post(&revoke, &[("name", "production")])
            .await
            .to(&home);
        let page = developer.get(&home).await.ok(200);
        page.says("Revoked").hides("Of a newer kind");
    })
    .await;
}

#[tokio::test]
async fn a_password_is_made_or_taken_as_it_is_given() {
    each(async |app: App| {
        let mut developer = app.member("lantern").await;
        let team = team(&mut developer).await;
        let home = application(&mut developer, &team, "Lantern iOS").await;
        let new = format!("{home}/passwords/new");
        developer.get(&new).await.ok(200).says("Or its hash");
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let form = |user: &'static str, password: &'static str, hash: &'static str| {
            [
                ("name", "production"),
                ("environment", "live"),
                ("user", user),
                ("password", password),
                ("argon2id", hash),
            ]
        };
        let made = developer.post(&new, &form("made", "", "")).await.ok(200);
        made.says("Your password is ready").says("ptn_pw_");
        developer
            .post(&new, &form("chosen", "violet anchor seldom", ""))
            .await
            .to(&format!("{home}#claims"));
        developer
            .post(&new, &form("imported", "", hash))
            .await
            .to(&format!("{home}#claims"));
        let page = developer.get(&home).await.ok(200);
        page.says("made").says("chosen").says("imported");
        // Nothing secret is written back into the page.
        developer
            .post(&new, &form("weak", "password1", ""))
            .await
            .ok(422)
            .says("id=\"password-e\"")
            .hides("password1");
        developer
            .post(&new, &form("both", "violet anchor seldom", hash))
            .await
            .ok(422)
            .says("id=\"argon2id-e\"")
            .hides("violet anchor")
            .hides("c29tZXNhbHQ");
        developer
            .post(&new, &form("chosen", "", hash))
            .await
            .ok(422)
            .says("id=\"user-e\"");
    })
    .await;
}
