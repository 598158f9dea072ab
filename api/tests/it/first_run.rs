//! The first operator.

use domain::problem::Code;
use serde_json::json;

use crate::support::account::sign_in;
use crate::support::{App, PASSWORD, each};

#[tokio::test]
async fn of_two_first_runs_one_wins() {
    each(async |app| {
        let link = api::service::first_run::prepare(&app.job()).await.unwrap().unwrap();
        let old = link.rsplit('/').next().unwrap().to_owned();
        let link = api::service::first_run::prepare(&app.job()).await.unwrap().unwrap();
        let token = link.rsplit('/').next().unwrap().to_owned();
        let body = |token: &str, email: &str| json!({ "token": token, "email": email, "name": "Op", "password": PASSWORD });
        app.client().post("/setup", body(&old, "old@x.example")).await.refused(Code::LinkUsed);
        let (mut a, mut b) = (app.client(), app.client());
        let (a, b) = tokio::join!(a.post("/setup", body(&token, "a@x.example")), b.post("/setup", body(&token, "b@x.example")));
        let mut statuses = [a.status.as_u16(), b.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 410]);
        assert_eq!(api::service::first_run::prepare(&app.job()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_operator_of_the_environment_is_made_once() {
    let make = async |database| {
        let app = App::with(database, |settings| {
            let given = api::settings::FirstOperator {
                email: "op@x.example".into(),
                password: PASSWORD.into(),
            };
            settings.first_operator = Some(given);
        })
        .await;
        for _ in 0..2 {
            assert_eq!(
                api::service::first_run::prepare(&app.job()).await.unwrap(),
                None
            );
        }
        let mut client = app.client();
        client
            .post("/sessions", sign_in("op@x.example", PASSWORD))
            .await
            .ok(201);
        assert_eq!(
            client.get("/account").await.ok(200).json()["operator"],
            true
        );
    };
    migration::testing::each_backend(make).await;
}
