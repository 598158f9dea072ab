//! A forgotten and a changed password.

use chrono::Duration;
use domain::problem::Code;
use serde_json::json;

use crate::support::account::{sign_in, signed_up};
use crate::support::{PASSWORD, each};

#[tokio::test]
async fn a_reset_ends_sessions_and_tells_the_owner() {
    each(async |app| {
        let mut client = signed_up(&app, "ines@fox.example").await;
        let known = app
            .client()
            .post("/password-resets", json!({ "email": "ines@fox.example" }))
            .await
            .ok(202);
        let before = app.mail_count().await;
        let unknown = app
            .client()
            .post("/password-resets", json!({ "email": "nobody@fox.example" }))
            .await
            .ok(202);
        assert_eq!(known.essence(), unknown.essence());
        assert_eq!(app.mail_count().await, before);

        let token = app.mailed_token("account.reset", "ines@fox.example").await;
        let mut other = app.client();
        let weak = json!({ "token": token, "password": "short" });
        other
            .post("/password-resets/complete", weak)
            .await
            .refused(Code::ValidationFailed);
        let new = "copper lantern rainy thursday";
        let answer = other
            .post(
                "/password-resets/complete",
                json!({ "token": token, "password": new }),
            )
            .await
            .ok(204);
        assert!(!answer.headers.contains_key("set-cookie"));
        other
            .post(
                "/password-resets/complete",
                json!({ "token": token, "password": new }),
            )
            .await
            .refused(Code::LinkUsed);
        client.get("/account").await.refused(Code::SignInRequired);
        app.mailed("account.password_changed", "ines@fox.example")
            .await;
        app.client()
            .post("/sessions", sign_in("ines@fox.example", PASSWORD))
            .await
            .refused(Code::CredentialsWrong);
        app.client()
            .post("/sessions", sign_in("ines@fox.example", new))
            .await
            .ok(201);

        app.client()
            .post("/password-resets", json!({ "email": "ines@fox.example" }))
            .await
            .ok(202);
        let token = app.mailed_token("account.reset", "ines@fox.example").await;
        app.advance(Duration::minutes(60));
        app.client()
            .post(
                "/password-resets/complete",
                json!({ "token": token, "password": new }),
            )
            .await
            .refused(Code::LinkUsed);
    })
    .await;
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    each(async |app| {
        let mut client = signed_up(&app, "ines@fox.example").await;
        let mut other = app.client();
        other
            .post("/sessions", sign_in("ines@fox.example", PASSWORD))
            .await
            .ok(201);
        let new = "copper lantern rainy thursday";
        let wrong = json!({ "current": "not this one at all", "password": new });
        assert_eq!(
            client
                .post("/account/password", wrong)
                .await
                .refused(Code::ValidationFailed)
                .pointers(),
            ["/current"]
        );
        client
            .post(
                "/account/password",
                json!({ "current": PASSWORD, "password": new }),
            )
            .await
            .ok(204);
        client.get("/account").await.ok(200);
        other.get("/account").await.refused(Code::SignInRequired);
        app.mailed("account.password_changed", "ines@fox.example")
            .await;
    })
    .await;
}
