//! Accounts through the pages, as somebody without JavaScript uses them.

use domain::wire::accounts::Link;

use crate::support::{App, PASSWORD, each};

#[tokio::test]
async fn an_account_comes_into_being_with_the_link() {
    each(async |app: App| {
        let mut browser = app.browser();
        browser
            .get("/sign-up")
            .await
            .ok(200)
            .says("Make an account");
        let form = [
            ("email", "ines@lantern.example"),
            ("password", PASSWORD),
            ("name", "Ines Keller"),
            ("organization", "Lantern Reader"),
        ];
        let sent = browser
            .post("/sign-up", &form)
            .await
            .ok(200)
            .says("We have sent a mail");
        assert!(
            sent.body.contains("value=\"ines@lantern.example\""),
            "it can be asked for again"
        );
        browser
            .post("/sign-up/resend", &[("email", "ines@lantern.example")])
            .await
            .ok(200);
        // Nobody yet.
        browser
            .sign_in("ines@lantern.example", PASSWORD)
            .await
            .ok(422);

        let link = app.mailed("account.verify", "ines@lantern.example").await;
        let shown = browser.get(&link).await.ok(200);
        assert_eq!(shown.header("referrer-policy"), "no-referrer");
        // What it would make, for a reader who did not ask for it.
        shown
            .says("Ines Keller")
            .says("Lantern Reader")
            .says("do not go on");
        // Looking at the link used nothing up, nor does another password.
        browser
            .post(&link, &[("password", "some other long password")])
            .await
            .ok(422)
            .says("not the password that was chosen");
        browser
            .post(&link, &[("password", PASSWORD)])
            .await
            .to("/sign-in?done=verified");
        browser
            .get("/sign-in?done=verified")
            .await
            .ok(200)
            .says("Your account is made");
        browser
            .get(&link)
            .await
            .ok(410)
            .says("link_used")
            .says("Send a new link");

        browser
            .sign_in("ines@lantern.example", PASSWORD)
            .await
            .to("/home");
        let home = browser.get("/home").await.ok(200);
        assert_eq!(home.header("cache-control"), "no-store");
        let home = home.says("Ines Keller").says("Lantern Reader");
        let place = home.between("<td><a href=\"", "\"");
        browser.get(&place).await.ok(200).says("Teams");
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_what_was_typed_stays() {
    each(async |app: App| {
        let mut browser = app.browser();
        let form = [
            ("email", "no address"),
            ("password", "short"),
            ("name", "Ines"),
            ("organization", "Lantern"),
        ];
        let again = browser.post("/sign-up", &form).await.ok(422);
        let again = again
            .says("id=\"email-e\"")
            .says("id=\"password-e\"")
            .says("value=\"Lantern\"");
        again.hides("value=\"short\"").hides("id=\"name-e\"");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_pair_says_nothing_and_next_stays_here() {
    each(async |app: App| {
        app.member("ines").await;
        let mut browser = app.browser();
        let wrong = browser
            .sign_in("ines@ines.example", "not the password")
            .await
            .ok(422);
        let unknown = browser
            .sign_in("nobody@ines.example", "not the password")
            .await
            .ok(422);
        let wrong = wrong
            .says("The address or the password is wrong.")
            .hides("not the password");
        assert_eq!(
            wrong.body.replace("ines@ines.example", ""),
            unknown.body.replace("nobody@ines.example", ""),
        );
        for (next, place) in [
            ("/account", "/account"),
            ("//evil.example", "/home"),
            ("https://evil.example", "/home"),
        ] {
            let mut browser = app.browser();
            let form = [
                ("email", "ines@ines.example"),
                ("password", PASSWORD),
                ("next", next),
            ];
            browser.post("/sign-in", &form).await.to(place);
        }
        // Whoever must sign in first comes back to where they wanted to go.
        let led = browser.get("/account/tokens").await.ok(303);
        assert_eq!(led.header("location"), "/sign-in?next=%2Faccount%2Ftokens");
        browser.post("/account/password", &[]).await.ok(401);
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_password() {
    each(async |app: App| {
        let mut old = app.member("ines").await;
        let mut browser = app.browser();
        let known = browser
            .post("/reset", &[("email", "ines@ines.example")])
            .await
            .ok(200);
        let unknown = browser
            .post("/reset", &[("email", "nobody@ines.example")])
            .await
            .ok(200);
        assert_eq!(
            known.body,
            unknown.body.clone(),
            "no page tells who has an account"
        );
        let link = app.mailed("account.reset", "ines@ines.example").await;
        browser.get(&link).await.ok(200);
        browser
            .post(&link, &[("password", "short")])
            .await
            .ok(422)
            .says("id=\"password-e\"");
        let new = "seldom brick anchored violets";
        browser
            .post(&link, &[("password", new)])
            .await
            .to("/sign-in?done=password");
        // All sessions ended, and nobody was signed in.
        old.get("/home").await.ok(303);
        browser.get("/home").await.ok(303);
        browser.sign_in("ines@ines.example", new).await.to("/home");
    })
    .await;
}

#[tokio::test]
async fn the_first_run_makes_the_operator_once() {
    each(async |app: App| {
        let ctx = api::Ctx::job(&app.plane, "test");
        let link = api::service::first_run::prepare(&ctx)
            .await
            .unwrap()
            .unwrap();
        let path = link.trim_start_matches("http://localhost:3000").to_owned();
        let mut browser = app.browser();
        browser.get(&path).await.ok(200).says("Set up the portal");
        let form = [
            ("email", "op@portal.example"),
            ("name", "Olga"),
            ("password", PASSWORD),
        ];
        browser.post(&path, &form).await.to("/sign-in?done=setup");
        browser.get(&path).await.ok(410);
        browser
            .sign_in("op@portal.example", PASSWORD)
            .await
            .to("/home");
        browser
            .get("/home")
            .await
            .ok(200)
            .says("href=\"/operator\"");
        let token = Link { token: "x".into() };
        assert!(
            format!("{token:?}").len() < 10,
            "links say nothing in a log"
        );
    })
    .await;
}

#[tokio::test]
async fn profile_password_and_tokens() {
    each(async |app: App| {
        let mut browser = app.member("ines").await;
        let profile = browser.get("/account").await.ok(200);
        let etag = profile.between("name=\"etag\" value=\"", "\"");
        let saved = [("etag", etag.as_str()), ("name", "Ines <b>Keller</b>")];
        browser
            .post("/account", &saved)
            .await
            .to("/account?saved=1");
        browser
            .get("/account")
            .await
            .ok(200)
            .says("Ines &lt;b&gt;Keller")
            .hides("<b>Keller");
        // Somebody else's window, still with the old tag.
        browser.post("/account", &saved).await.ok(422);

        let wrong = [
            ("current", "not it"),
            ("password", "seldom brick anchored violets"),
        ];
        browser
            .post("/account/password", &wrong)
            .await
            .ok(422)
            .says("id=\"current-e\"");

        let none = [("name", "job"), ("expires_in_days", "30")];
        browser
            .post("/account/tokens", &none)
            .await
            .ok(422)
            .says("Choose at least one scope");
        let form = [
            ("name", "job"),
            ("expires_in_days", "30"),
            ("scopes", "apis:read"),
            ("scopes", "account:read"),
        ];
        let made = browser.post("/account/tokens", &form).await.ok(200);
        assert_eq!(made.header("cache-control"), "no-store");
        let token = made.between("once-key\"><code>ptn_pat_", "</code>");
        let list = browser
            .get("/account/tokens")
            .await
            .ok(200)
            .says("job")
            .says("apis:read");
        let list = list.hides(&token);
        let revoke = list.between("action=\"/account/tokens/", "/revoke\"");
        let bearer = format!("Bearer ptn_pat_{token}");
        let account = [("authorization", bearer.as_str())];
        let mut program = app.browser();
        program
            .ask(http("GET"), "/api/v1/account", &account, "")
            .await
            .ok(200);
        browser
            .post(&format!("/account/tokens/{revoke}/revoke"), &[])
            .await
            .to("/account/tokens");
        program
            .ask(http("GET"), "/api/v1/account", &account, "")
            .await
            .ok(401);
    })
    .await;
}

fn http(method: &str) -> axum::http::Method {
    method.parse().unwrap()
}
