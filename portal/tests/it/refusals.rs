//! What forms refuse is counted and audited as what the management API refuses.

use domain::problem::Code;
use entity::refusal_count;
use sea_orm::EntityTrait;

use crate::{
    operator::operator,
    support::{App, PASSWORD, each},
};

async fn count(app: &App, code: Code) -> i64 {
    let rows = refusal_count::Entity::find()
        .all(&app.plane.databases.main)
        .await
        .unwrap();
    let of_code = rows.iter().filter(|row| row.code == code.as_str());
    of_code.map(|row| row.count).sum()
}

#[tokio::test]
async fn strangers_are_counted() {
    each(async |app: App| {
        let mut browser = app.browser();
        for expected in 1..=3 {
            browser.sign_in("nobody@x.example", PASSWORD).await.ok(422);
            assert_eq!(count(&app, Code::CredentialsWrong).await, expected);
        }
        // More than an account has free.
        for _ in 0..4 {
            browser.sign_in("nobody@x.example", PASSWORD).await;
        }
        assert!(count(&app, Code::TooManyAttempts).await > 0);

        let form = [("password", PASSWORD)];
        let link = "/reset/AAAAAAAAAAAAAAAAAAAAAA";
        browser.post(link, &form).await;
        assert_eq!(count(&app, Code::LinkUsed).await, 1);
    })
    .await;
}

#[tokio::test]
async fn the_signed_in_are_audited() {
    each(async |app: App| {
        let mut ops = operator(&app).await;
        ops.sign_in("ops@ops.example", "not it").await.ok(422);
        ops.get("/operator/audit?action=request.refuse")
            .await
            .ok(200)
            .says("request.refuse")
            .says("credentials_wrong");
        assert_eq!(count(&app, Code::CredentialsWrong).await, 0);
    })
    .await;
}
