//! Sign-up and one's own account.

use chrono::Duration;
use domain::problem::Code;
use entity::{mail, mail_token};
use http::Method;
use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder};
use serde_json::json;

use crate::support::account::{sign_in, sign_up, signed_up, verify};
use crate::support::{Call, PASSWORD, each};

#[tokio::test]
async fn from_sign_up_to_sign_out() {
    each(async |app| {
        let mut client = app.client();
        let told = client
            .post("/sign-ups", sign_up("ines@fox.example"))
            .await
            .ok(202);
        client
            .post("/sessions", sign_in("ines@fox.example", PASSWORD))
            .await
            .refused(Code::CredentialsWrong);
        let token = app.mailed_token("account.verify", "ines@fox.example").await;
        let made = client
            .post("/sign-ups/verify", verify(&token))
            .await
            .ok(201)
            .json();
        assert_eq!(made["organization"], "foxglove-books");
        assert!(!client.has_cookie(), "the link signs nobody in");
        assert_eq!(
            app.mail_count().await,
            0,
            "the mail goes when its link is used"
        );
        client
            .post("/sign-ups/verify", verify(&token))
            .await
            .refused(Code::LinkUsed);

        client.get("/account").await.refused(Code::SignInRequired);
        let answer = client
            .post("/sessions", sign_in("Ines@FOX.example", PASSWORD))
            .await
            .ok(201);
        let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(
            cookie.contains("HttpOnly")
                && cookie.contains("SameSite=Lax")
                && cookie.contains("Path=/"),
            "{cookie}"
        );
        let account = client.get("/account").await.ok(200);
        assert_eq!(account.headers["cache-control"], "no-store");
        let account = account.json();
        assert_eq!(account["memberships"][0]["role"], "owner");
        assert_eq!(account["memberships"][0]["teams"][0]["role"], "maintainer");
        assert!(account.get("password_hash").is_none() && account.get("email_key").is_none());

        // A known address gets the same answer, and a mail of its own.
        let again = app
            .client()
            .post("/sign-ups", sign_up("ines@fox.example"))
            .await
            .ok(202);
        assert_eq!(again.essence(), told.essence());
        assert!(
            app.mailed("account.already_known", "ines@fox.example")
                .await
                .contains("/sign-in")
        );

        let mut copy = client.clone();
        client.delete("/sessions/current").await.ok(204);
        copy.get("/account").await.refused(Code::SignInRequired);
    })
    .await;
}

#[tokio::test]
async fn input_is_refused_with_pointers_and_changes_nothing() {
    each(async |app| {
        let mut client = app.client();
        let bad = json!({ "email": "no", "password": "short", "name": "", "organization": "\u{202e}x", "operator": true });
        let answer = client.post("/sign-ups", bad).await.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/email", "/name", "/organization", "/password"]);
        let common = json!({ "email": "a@b.example", "password": "passwordpassword", "name": "A", "organization": "B" });
        assert_eq!(client.post("/sign-ups", common).await.refused(Code::ValidationFailed).pointers(), ["/password"]);
        let own = json!({ "email": "a@b.example", "password": "foxglove books ltd", "name": "A", "organization": "Foxglove Books Ltd" });
        assert_eq!(client.post("/sign-ups", own).await.refused(Code::ValidationFailed).pointers(), ["/password"]);
        assert_eq!(app.mail_count().await, 0);

        let huge = json!({ "email": "a@b.example", "password": "x".repeat(1_000_000) });
        client.post("/sign-ups", huge.clone()).await.refused(Code::BodyTooLarge);
        client.post("/sessions", huge).await.refused(Code::BodyTooLarge);
        let plain = Call::new(Method::POST, "/sessions").text("text/plain", "{}");
        client.send(plain).await.refused(Code::MediaTypeUnsupported);
        let broken = Call::new(Method::POST, "/sessions").text("application/json", "{\"email\": ");
        client.send(broken).await.refused(Code::BadRequest);
        let typed = Call::new(Method::POST, "/sessions").text("application/json", "{\"email\": 7}");
        assert_eq!(client.send(typed).await.refused(Code::ValidationFailed).pointers(), ["/email"]);
    })
    .await;
}

#[tokio::test]
async fn mails_are_limited_by_kind_and_address_and_resent() {
    each(async |app| {
        let address = json!({ "email": "a@b.example" });
        for (path, body) in [
            ("/sign-ups", sign_up("a@b.example")),
            ("/sign-ups/resend", address.clone()),
            ("/password-resets", address.clone()),
        ] {
            // None of the others has used anything of this one up.
            for _ in 0..5 {
                app.client().post(path, body.clone()).await.ok(202);
            }
            let answer = app
                .client()
                .post(path, body)
                .await
                .refused(Code::TooManyAttempts);
            assert!(answer.headers.contains_key("retry-after"), "{path}");
        }
        app.advance(Duration::hours(1));
        app.client().post("/sign-ups/resend", address).await.ok(202);
        let token = app.mailed_token("account.verify", "a@b.example").await;
        app.client()
            .post("/sign-ups/verify", verify(&token))
            .await
            .ok(201);
        // An address that nobody has gets the same answer and no mail.
        let before = app.mail_count().await;
        app.client()
            .post("/sign-ups/resend", json!({ "email": "nobody@b.example" }))
            .await
            .ok(202);
        assert_eq!(app.mail_count().await, before);
    })
    .await;
}

#[tokio::test]
async fn nobody_confirms_the_sign_up_of_somebody_else() {
    each(async |app| {
        let email = "victim@fox.example";
        app.client().post("/sign-ups", sign_up(email)).await.ok(202);
        let own = app.mailed_token("account.verify", email).await;
        let theirs = "the strangers own password";
        let attack = json!({ "email": email, "password": theirs, "name": "Ines", "organization": "Foxglove Books" });
        app.advance(Duration::seconds(1));
        app.client().post("/sign-ups", attack).await.ok(202);
        app.client()
            .post("/sign-ups/resend", json!({ "email": email }))
            .await
            .ok(202);
        let resent = app.mailed_token("account.verify", email).await;

        let mut victim = app.client();
        let refused = victim
            .post("/sign-ups/verify", verify(&resent))
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(refused.pointers(), ["/password"]);
        for password in [theirs, PASSWORD] {
            app.client()
                .post("/sessions", sign_in(email, password))
                .await
                .refused(Code::CredentialsWrong);
        }
        // The own link is as good as ever, and what others guess at does not slow it down.
        victim
            .post("/sign-ups/verify", verify(&own))
            .await
            .ok(201);
        app.client()
            .post("/sessions", sign_in(email, PASSWORD))
            .await
            .ok(201);
        app.client()
            .post("/sessions", sign_in(email, theirs))
            .await
            .refused(Code::CredentialsWrong);

        // Guesses at a link's password are counted.
        let mut guesser = app.client();
        let other = "other@fox.example";
        guesser.post("/sign-ups", sign_up(other)).await.ok(202);
        let token = app.mailed_token("account.verify", other).await;
        let guess = json!({ "token": token, "password": "wrong wrong wrong" });
        for _ in 0..6 {
            guesser
                .post("/sign-ups/verify", guess.clone())
                .await
                .refused(Code::ValidationFailed);
        }
        guesser
            .post("/sign-ups/verify", verify(&token))
            .await
            .refused(Code::TooManyAttempts);
    })
    .await;
}

#[tokio::test]
async fn an_address_that_nobody_has_takes_the_same_work() {
    each(async |app| {
        let client = signed_up(&app, "ines@fox.example").await;
        app.client()
            .post("/sign-ups", sign_up("waits@fox.example"))
            .await
            .ok(202);
        let db = &app.plane.databases.main;
        let rows = async || {
            let links = mail_token::Entity::find().count(db).await.unwrap();
            let mails: Vec<usize> = mail::Entity::find()
                .order_by_asc(mail::Column::Id)
                .all(db)
                .await
                .unwrap()
                .iter()
                .map(|mail| mail.body.len())
                .collect();
            (links, mails)
        };
        let reset = |email: &str| ("/password-resets", json!({ "email": email }));
        let resend = |email: &str| ("/sign-ups/resend", json!({ "email": email }));
        let ask = |email: &str| ("/sign-ups", sign_up(email));
        for (path, body) in [
            reset("ines@fox.example"),
            reset("nobody@fox.example"),
            resend("waits@fox.example"),
            resend("nobody@fox.example"),
            ask("ines@fox.example"),
            ask("fresh@fox.example"),
        ] {
            let (links, mails) = rows().await;
            client.clone().post(path, body.clone()).await.ok(202);
            let (more_links, more_mails) = rows().await;
            assert_eq!(more_links, links + 1, "{path} {body}");
            assert_eq!(more_mails.len(), mails.len() + 1, "{path} {body}");
            assert!(*more_mails.last().unwrap() > 1000, "a whole letter, sealed");
        }
        // What nobody gets is not shown, and is gone with the next round of forgetting.
        let shown = app.mail_count().await;
        assert_eq!(shown, rows().await.1.len() - 2);
        app.advance(Duration::minutes(1));
        api::service::jobs::forget(&app.job()).await.unwrap();
        assert_eq!(rows().await.1.len(), shown);
    })
    .await;
}

#[tokio::test]
async fn links_end() {
    each(async |app| {
        app.client()
            .post("/sign-ups", sign_up("a@b.example"))
            .await
            .ok(202);
        let token = app.mailed_token("account.verify", "a@b.example").await;
        app.advance(Duration::hours(24));
        app.client()
            .post("/sign-ups/verify", verify(&token))
            .await
            .refused(Code::LinkUsed);
        app.client()
            .post("/sign-ups/verify", verify("guess"))
            .await
            .refused(Code::LinkUsed);
    })
    .await;
}

#[tokio::test]
async fn sign_up_follows_the_operators_mode() {
    each(async |app| {
        let ctx = app.job();
        let set = async |value: &str| {
            let input = domain::wire::platform::EditSetting {
                value: value.to_owned(),
            };
            api::service::settings::edit(&ctx, "sign_up", None, input)
                .await
                .unwrap();
        };
        set("invitation").await;
        app.client()
            .post("/sign-ups", sign_up("a@b.example"))
            .await
            .refused(Code::SignUpClosed);
        set("fox.example").await;
        app.client()
            .post("/sign-ups", sign_up("a@b.example"))
            .await
            .refused(Code::SignUpClosed);
        app.client()
            .post("/sign-ups", sign_up("a@fox.example"))
            .await
            .ok(202);
    })
    .await;
}

#[tokio::test]
async fn the_own_name_is_edited_and_nothing_else() {
    each(async |app| {
        let mut client = signed_up(&app, "ines@fox.example").await;
        let before = client.get("/account").await.ok(200);
        let more = json!({ "name": "Ines K.", "operator": true, "id": "x", "email": "root@x.example", "verified_at": null });
        let after = client.patch("/account", more).await.ok(200).json();
        assert_eq!(after["name"], "Ines K.");
        assert_eq!(after["operator"], false);
        assert_eq!(after["email"], "ines@fox.example");
        let stale = Call::new(Method::PATCH, "/account").json(json!({ "name": "Late" })).field("if-match", &before.etag());
        client.send(stale).await.refused(Code::PreconditionFailed);
        let odd = Call::new(Method::PATCH, "/account").json(json!({ "name": "Odd" })).field("if-match", "W/\"1\"");
        client.send(odd).await.refused(Code::PreconditionMalformed);
    })
    .await;
}
