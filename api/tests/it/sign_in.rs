//! Signing in, sessions and their cookie.

use chrono::Duration;
use domain::problem::Code;
use http::Method;
use serde_json::json;

use crate::support::account::{sign_in, signed_up};
use crate::support::{App, Call, PASSWORD, each};

#[tokio::test]
async fn wrong_and_unknown_are_told_alike_and_back_off_ends() {
    each(async |app| {
        signed_up(&app, "ines@fox.example").await;
        let mut waits = Vec::new();
        for email in ["ines@fox.example", "nobody@fox.example"] {
            let mut essences = Vec::new();
            for _ in 0..6 {
                essences.push(
                    app.client()
                        .post("/sessions", sign_in(email, "wrong wrong wrong wrong"))
                        .await
                        .essence(),
                );
            }
            let refused = app
                .client()
                .post("/sessions", sign_in(email, PASSWORD))
                .await
                .refused(Code::TooManyAttempts);
            waits.push((
                essences,
                refused.headers["retry-after"].clone(),
                refused.essence(),
            ));
        }
        assert_eq!(waits[0], waits[1]);
        assert_eq!(waits[0].1, "1");
        app.advance(Duration::seconds(1));
        app.client()
            .post("/sessions", sign_in("ines@fox.example", PASSWORD))
            .await
            .ok(201);

        let mut one = app.client();
        for _ in 0..20 {
            one.post("/sessions", sign_in("other@fox.example", "x"))
                .await;
        }
        one.post("/sessions", sign_in("ines@fox.example", PASSWORD))
            .await
            .refused(Code::TooManyAttempts);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_at_once_are_no_more_than_guesses_in_turn() {
    each(async |app| {
        let client = signed_up(&app, "ines@fox.example").await;
        let mut answers = std::collections::BTreeMap::new();
        let guesses: Vec<_> = (0..40)
            .map(|_| {
                let mut client = app.client();
                let guess = sign_in("ines@fox.example", "wrong wrong wrong wrong");
                tokio::spawn(async move { client.post("/sessions", guess).await.status.as_u16() })
            })
            .collect();
        for guess in guesses {
            *answers.entry(guess.await.unwrap()).or_insert(0) += 1;
        }
        assert_eq!(answers, [(401, 6), (429, 34)].into());

        // The present password, asked for by a change, is guessed at under the same count.
        app.advance(Duration::hours(2));
        let mut client = client;
        client
            .post("/sessions", sign_in("ines@fox.example", PASSWORD))
            .await
            .ok(201);
        let guesses: Vec<_> = (0..19)
            .map(|_| {
                let mut client = client.clone();
                let guess = json!({ "current": "wrong wrong wrong", "password": "copper lantern rainy thursday" });
                tokio::spawn(async move {
                    client.post("/account/password", guess).await.status.as_u16()
                })
            })
            .collect();
        answers.clear();
        for guess in guesses {
            *answers.entry(guess.await.unwrap()).or_insert(0) += 1;
        }
        assert_eq!(answers, [(422, 6), (429, 13)].into());
    })
    .await;
}

#[tokio::test]
async fn sessions_end_by_time_by_hand_and_are_new_each_time() {
    each(async |app| {
        let mut first = signed_up(&app, "ines@fox.example").await;
        let mut second = app.client();
        let remembered =
            json!({ "email": "ines@fox.example", "password": PASSWORD, "remember": true });
        let answer = second.post("/sessions", remembered).await.ok(201);
        assert!(
            answer.headers["set-cookie"]
                .to_str()
                .unwrap()
                .contains("Max-Age=2592000")
        );
        let list = first.get("/sessions").await.ok(200).json();
        assert_eq!(list.as_array().unwrap().len(), 2);

        for _ in 0..3 {
            app.advance(Duration::minutes(20));
            first.get("/account").await.ok(200);
        }
        app.advance(Duration::minutes(31));
        first.get("/account").await.refused(Code::SignInRequired);
        second.get("/account").await.ok(200);

        let mut third = app.client();
        third
            .post("/sessions", sign_in("ines@fox.example", PASSWORD))
            .await
            .ok(201);
        for _ in 0..17 {
            app.advance(Duration::minutes(29));
            third.get("/account").await;
        }
        third.get("/account").await.refused(Code::SignInRequired);

        let mut fourth = app.client();
        fourth
            .post("/sessions", sign_in("ines@fox.example", PASSWORD))
            .await
            .ok(201);
        fourth.post("/sessions/end-others", json!({})).await.ok(204);
        second.get("/account").await.refused(Code::SignInRequired);
        fourth.get("/account").await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_cookie_from_another_site_changes_nothing() {
    each(async |app| {
        let mut client = signed_up(&app, "ines@fox.example").await;
        let edit = || {
            Call::new(Method::PATCH, "/account")
                .json(json!({ "name": "Mallory" }))
                .foreign()
        };
        client.send(edit()).await.refused(Code::CrossSite);
        client
            .send(edit().field("sec-fetch-site", "same-site"))
            .await
            .refused(Code::CrossSite);
        client
            .send(edit().field("origin", "http://localhost:8080"))
            .await
            .refused(Code::CrossSite);
        client
            .send(edit().field("origin", "http://localhost:3000"))
            .await
            .ok(200);
        client
            .send(Call::new(Method::GET, "/account").foreign())
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn two_hundred_sign_ins_do_not_stall_other_pages() {
    let app = App::new(migration::testing::TestDatabase::sqlite().await).await;
    let client = signed_up(&app, "ines@fox.example").await;
    let floods: Vec<_> = (0..200)
        .map(|n| {
            let mut client = app.client();
            tokio::spawn(async move {
                client
                    .post(
                        "/sessions",
                        sign_in(&format!("x{n}@y.example"), "wrong wrong wrong"),
                    )
                    .await
                    .status
            })
        })
        .collect();
    let started = std::time::Instant::now();
    for _ in 0..20 {
        client.clone().get("/account").await.ok(200);
    }
    let slowest = started.elapsed() / 20;
    assert!(
        slowest < std::time::Duration::from_millis(250),
        "{slowest:?} a page"
    );
    for flood in floods {
        let status = flood.await.unwrap().as_u16();
        assert!(status == 401 || status == 503, "{status}");
    }
}
