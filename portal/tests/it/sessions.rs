//! The session cookie: what it looks like, when it ends, and what it does not survive.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Request, header},
};
use migration::testing::TestDatabase;
use tower::ServiceExt;

use crate::support::{App, PASSWORD, each};

fn cookies(headers: &HeaderMap) -> Vec<&str> {
    headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect()
}

#[tokio::test]
async fn the_cookie_follows_the_scheme_and_is_new_at_each_sign_in() {
    each(async |app: App| {
        let mut browser = app.member("ines").await;
        let first = browser.cookies["portunus"].clone();
        let again = browser
            .sign_in("ines@ines.example", PASSWORD)
            .await
            .to("/home");
        let lines = cookies(&again.headers);
        assert_eq!(lines.len(), 1, "{lines:?}");
        for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(lines[0].contains(part), "{part} in {}", lines[0]);
        }
        assert!(
            !lines[0].contains("Secure") && !lines[0].contains("Max-Age"),
            "{}",
            lines[0]
        );
        assert_ne!(browser.cookies["portunus"], first);
        // The old one died with it.
        let mut old = app.browser();
        old.cookies.insert("portunus".into(), first);
        old.get("/home").await.ok(303);
        assert!(
            old.cookies.is_empty(),
            "a cookie that opens nothing is taken away"
        );

        let form = [
            ("email", "ines@ines.example"),
            ("password", PASSWORD),
            ("remember", "yes"),
        ];
        let kept = app.browser().post("/sign-in", &form).await.to("/home");
        assert!(cookies(&kept.headers)[0].contains("Max-Age=2592000"));
    })
    .await;
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_the_host() {
    let app = App::at("https://portal.example", TestDatabase::sqlite().await).await;
    let wrong = app
        .browser()
        .sign_in("nobody@x.example", PASSWORD)
        .await
        .ok(422);
    assert!(
        cookies(&wrong.headers).is_empty(),
        "no session without a sign-in"
    );
    let mut browser = app.browser();
    browser
        .cookies
        .insert("__Host-portunus".into(), "AAAAAAAAAAAAAAAAAAAAAA".into());
    let answer = browser.get("/apis").await.ok(200);
    assert!(cookies(&answer.headers)[0].starts_with("__Host-portunus="));
}

#[tokio::test]
async fn a_session_ends_by_idling_and_by_age() {
    each(async |app: App| {
        let minutes = |count| app.plane.clock.advance(chrono::Duration::minutes(count));
        let mut browser = app.member("ines").await;
        // Used every twenty minutes it lives, for eight hours in all.
        for _ in 0..23 {
            minutes(20);
            browser.get("/home").await.ok(200);
        }
        minutes(21);
        browser.get("/home").await.ok(303);

        let mut idle = app.browser();
        idle.sign_in("ines@ines.example", PASSWORD)
            .await
            .to("/home");
        minutes(31);
        idle.get("/home").await.ok(303);
    })
    .await;
}

#[tokio::test]
async fn signing_out_ends_it_on_the_server() {
    each(async |app: App| {
        let mut browser = app.member("ines").await;
        let mut copy = browser.clone();
        browser.post("/sign-out", &[]).await.to("/sign-in?done=out");
        assert!(browser.cookies.is_empty());
        copy.get("/home").await.ok(303);
        copy.ask(Method::GET, "/api/v1/account", &[], "")
            .await
            .ok(401);
    })
    .await;
}

#[tokio::test]
async fn other_devices_can_be_signed_out() {
    each(async |app: App| {
        let mut here = app.member("ines").await;
        let mut there = app.browser();
        there
            .sign_in("ines@ines.example", PASSWORD)
            .await
            .to("/home");
        let list = here.get("/account/sessions").await.ok(200).says("this one");
        let other = list.between("action=\"/account/sessions/", "/end\"");
        // "end-others" comes first in no row; ids are what rows have.
        assert_eq!(other.len(), 36, "{other}");
        here.post(&format!("/account/sessions/{other}/end"), &[])
            .await
            .to("/account/sessions");
        there.get("/home").await.ok(303);
        there
            .sign_in("ines@ines.example", PASSWORD)
            .await
            .to("/home");
        here.post("/account/sessions/end-others", &[])
            .await
            .to("/account/sessions");
        there.get("/home").await.ok(303);
        here.get("/home").await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn two_cookies_of_one_name_are_none() {
    each(async |app: App| {
        let browser = app.member("ines").await;
        let value = &browser.cookies["portunus"];
        let doubled = format!("portunus={value}; portunus=AAAAAAAAAAAAAAAAAAAAAA");
        let answer = app
            .browser()
            .ask(Method::GET, "/home", &[("cookie", &doubled)], "")
            .await;
        answer.ok(303);
    })
    .await;
}

#[tokio::test]
async fn the_management_api_shares_the_session_and_refuses_other_sites() {
    each(async |app: App| {
        let mut browser = app.member("ines").await;
        browser
            .ask(Method::GET, "/api/v1/account", &[], "")
            .await
            .ok(200)
            .says("ines@ines.example");
        let json = ("content-type", "application/json");
        for site in [None, Some("same-site"), Some("cross-site"), Some("none")] {
            let mut headers = vec![json];
            headers.extend(site.map(|site| ("sec-fetch-site", site)));
            let answer = browser
                .ask(
                    Method::PATCH,
                    "/api/v1/account",
                    &headers,
                    "{\"name\":\"X\"}",
                )
                .await;
            answer.ok(403).says("cross_site");
        }
        browser.get("/account").await.ok(200).says("value=\"ines\"");
        browser
            .ask(Method::GET, "/api/openapi.json", &[], "")
            .await
            .ok(200)
            .says("Portunus management API");
    })
    .await;
}

#[tokio::test]
async fn cookies_of_other_services_sign_nobody_out() {
    each(async |app: App| {
        let browser = app.member("ines").await;
        let ours = format!("portunus={}", browser.cookies["portunus"]);
        let theirs = HeaderValue::from_bytes(b"other=caf\xe9").unwrap();
        let both = [ours.as_bytes(), b"; other=caf\xe9\xff"].concat();
        let ours = HeaderValue::from_str(&ours).unwrap();
        for lines in [
            vec![HeaderValue::from_bytes(&both).unwrap()],
            vec![ours.clone(), theirs.clone()],
            vec![theirs, ours],
        ] {
            for path in ["/home", "/api/v1/account"] {
                let mut request = Request::get(path).body(Body::empty()).unwrap();
                for line in &lines {
                    let headers = request.headers_mut();
                    headers.append(header::COOKIE, line.clone());
                }
                let answer = app.router.clone().oneshot(request).await.unwrap();
                assert_eq!(answer.status(), 200, "{path} {lines:?}");
                assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
            }
        }
    })
    .await;
}
