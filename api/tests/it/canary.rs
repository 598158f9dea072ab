//! Secrets that are handed out or typed in are nowhere in the database's files.

use migration::testing::TestDatabase;
use serde_json::json;

use crate::support::account::{sign_in, signed_up};
use crate::support::{App, PASSWORD};

#[tokio::test]
async fn nothing_secret_lies_in_the_files() {
    let app = App::new(TestDatabase::sqlite().await).await;
    let mut client = signed_up(&app, "ines@fox.example").await;
    let mut secrets = vec![PASSWORD.to_owned()];
    let signed_in = client
        .post("/sessions", sign_in("ines@fox.example", PASSWORD))
        .await
        .ok(201);
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().to_owned();
    secrets.push(cookie.split(['=', ';']).nth(1).unwrap().to_owned());
    let token = json!({ "name": "ci", "scopes": ["apis:read"], "expires_in_days": 1 });
    let made = client.post("/tokens", token).await.ok(201).json();
    secrets.push(made["value"].as_str().unwrap().to_owned());
    client
        .post("/password-resets", json!({ "email": "ines@fox.example" }))
        .await
        .ok(202);
    secrets.push(app.mailed_token("account.reset", "ines@fox.example").await);
    let home = client.get("/account").await.ok(200).json();
    let organization = home["memberships"][0]["organization"]
        .as_str()
        .unwrap()
        .to_owned();
    let invite = json!({ "email": "guest@x.example" });
    client
        .post(
            &format!("/organizations/{organization}/invitations"),
            invite,
        )
        .await
        .ok(201);
    secrets.push(app.mailed_token("invitation", "guest@x.example").await);
    let link = api::service::first_run::prepare(&app.job())
        .await
        .unwrap()
        .unwrap();
    secrets.push(link.rsplit('/').next().unwrap().to_owned());

    let mut files = 0;
    for entry in std::fs::read_dir(app.database.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in &secrets {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "a secret lies in the database");
        }
        files += 1;
    }
    assert!(files >= 2, "there was nothing to look at");
}
