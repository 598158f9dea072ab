//! What those who publish do on their pages, what those who may only look see there, and the
//! questions before steps that many feel.

use axum::http::Method;
use domain::openapi::BOOKSHOP;
use serde_json::{Value, json};

use crate::looks::keep;
use crate::support::{Answer, App, Browser, PASSWORD, each, publish};

/// The one team of somebody who signed up: its address and id, and the organization's id.
pub(crate) struct Home {
    pub(crate) organization: String,
    pub(crate) team: String,
    pub(crate) base: String,
}

pub(crate) async fn home(browser: &mut Browser) -> Home {
    let account = browser.api("GET", "/account", Value::Null).await;
    let membership = &account["memberships"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (slug, team) = (text(&membership["slug"]), &membership["teams"][0]);
    Home {
        organization: text(&membership["organization"]),
        team: text(&team["team"]),
        base: format!("/o/{slug}/t/{}", text(&team["slug"])),
    }
}

/// Somebody who joins the team with a role.
pub(crate) async fn join(app: &App, owner: &mut Browser, home: &Home, role: &str) -> Browser {
    let email = format!("{role}@team.example");
    let invitation = json!({ "email": email, "team": home.team, "team_role": role });
    let place = format!("/organizations/{}/invitations", home.organization);
    owner.api("POST", &place, invitation).await;
    let mut browser = app.browser();
    let link = app.mailed("invitation", &email).await;
    browser.get(&link).await.ok(200);
    let form = [("name", role), ("password", PASSWORD)];
    browser.post(&link, &form).await.to("/sign-in?done=joined");
    browser.sign_in(&email, PASSWORD).await.to("/home");
    browser
}

/// The newest of something of the organization, over the management API.
pub(crate) async fn first(browser: &mut Browser, home: &Home, what: &str) -> Value {
    let place = format!("/organizations/{}/{what}", home.organization);
    browser.api("GET", &place, Value::Null).await["items"][0].clone()
}

pub(crate) fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

/// The address of the only version's editor.
pub(crate) async fn version(browser: &mut Browser, home: &Home) -> String {
    let api = first(browser, home, "apis").await;
    let version = id(&api["versions"][0]).to_owned();
    format!("{}/apis/{}/versions/{version}", home.base, id(&api))
}

pub(crate) async fn upload(browser: &mut Browser, path: &str, parts: &[(&str, &str)]) -> Answer {
    let mut body = String::new();
    for (name, text) in parts {
        body.push_str(&format!(
            "--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
        ));
    }
    body.push_str("--x--\r\n");
    let headers = [
        ("content-type", "multipart/form-data; boundary=x"),
        ("sec-fetch-site", "same-origin"),
    ];
    browser.ask(Method::POST, path, &headers, &body).await
}

#[tokio::test]
async fn a_plan_keeps_what_its_form_does_not_show() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let product = first(&mut owner, &home, "products").await;
        let named = json!({
            "name": "Gold",
            "policies": [
                { "rate_limit": { "name": "minute", "limit": 5, "window": "60s", "by": ["application"] } },
                { "rate_limit": { "name": "day", "limit": 4321, "window": "24h" } },
                { "quota": { "name": "monthly", "limit": 77777, "period": "month" } },
            ],
        });
        let place = format!("/products/{}/plans", id(&product));
        let plan = owner.api("POST", &place, named).await;
        let page = format!("{}/products/{}/plans/{}", home.base, id(&product), id(&plan));
        let shown = owner.get(&page).await.ok(200);
        let shown = shown.says("5 a minute").says("4,321 a day").says("77,777 a month");
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let form = [("do", "save"), ("etag", &etag), ("name", "Gold")];
        owner.post(&page, &form).await.to(&page);
        // Each limit has the whole form of its kind.
        let open = format!("{page}/policies?policy=0");
        let shown = owner.get(&open).await.ok(200).says("value=\"5\"").says("value=\"minute\"");
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let form = [
            ("do", "save"),
            ("etag", etag.as_str()),
            ("name", "minute"),
            ("limit", "7"),
            ("window", "60s"),
            ("by", "application"),
        ];
        owner.post(&open, &form).await.to(&format!("{page}/policies"));
        let place = format!("/plans/{}", id(&plan));
        let kept = owner.api("GET", &place, Value::Null).await;
        assert_eq!(
            kept["policies"],
            json!([
                { "rate_limit": { "name": "minute", "limit": 7, "window": "60s", "by": ["application"] } },
                { "rate_limit": { "name": "day", "limit": 4321, "window": "24h" } },
                { "quota": { "name": "monthly", "limit": 77777, "period": "month" } },
            ])
        );
        // The same form again: somebody changed it meanwhile.
        owner.post(&open, &form).await.ok(422).says("value=\"7\"");
        let limits = [("do", "save"), ("body", "10"), ("headers", "0")];
        let new = format!("{page}/policies?add=request_limits");
        owner.post(&new, &limits).await.ok(422).says("id=\"headers-e\"");
        let cors = [("do", "save"), ("origins", "*")];
        owner
            .post(&format!("{page}/policies?add=cors"), &cors)
            .await
            .ok(422)
            .says("This kind of policy cannot stand here.");
        owner.post(&open, &[("do", "remove")]).await.to(&format!("{page}/policies"));
        owner.get(&page).await.ok(200).hides("7 a minute").says("4,321 a day");
    })
    .await;
}

#[tokio::test]
async fn beside_a_limit_stands_how_far_several_gateways_may_exceed_it() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let product = first(&mut owner, &home, "products").await;
        let limit = json!({ "limit": 100, "window": "60s", "scope": "cluster" });
        let body = json!({
            "name": "Gold",
            "policies": [{ "rate_limit": limit }, { "quota": { "limit": 1000, "period": "month" } }],
        });
        let place = format!("/products/{}/plans", id(&product));
        let plan = owner.api("POST", &place, body).await;
        let page = format!("{}/products/{}/plans/{}", home.base, id(&product), id(&plan));
        // No gateway has reported: it is told for two.
        let rate = "2 nodes together admit at most 12 more; 62 more once Redis is lost.";
        let quota = "With 2 gateway nodes the quota may be exceeded by at most 166 requests.";
        let shown = owner.get(&page).await.ok(200);
        keep("plan-bounds", &shown);
        shown.says(rate).says(quota);
        let mut reader = join(&app, &mut owner, &home, "viewer").await;
        reader.get(&page).await.ok(200).says(rate).says(quota);

        let api = first(&mut owner, &home, "apis").await;
        let body = json!({ "policies": [{ "rate_limit": limit }] });
        owner.api("PATCH", &format!("/apis/{}", id(&api)), body).await;
        let chain = format!("{}/policies", version(&mut owner, &home).await);
        let shown = owner.get(&chain).await.ok(200);
        keep("chain-bounds", &shown);
        shown.says(rate).hides(quota);
    })
    .await;
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let product = first(&mut owner, &home, "products").await;
        let new = format!("{}/products/{}/plans/new", home.base, id(&product));
        let form = [
            ("name", ""),
            ("limit", "many"),
            ("price", "free"),
            ("max_per_application", "0"),
            ("priority", "first"),
            ("organizations", "nobody-of-that-name"),
        ];
        let told = owner.post(&new, &form).await.ok(422);
        let told = told.says("id=\"name-e\"").says("id=\"limit-e\"");
        told.says("id=\"price-e\"")
            .says("id=\"max_per_application-e\"")
            .says("id=\"priority-e\"");

        let editor = version(&mut owner, &home).await;
        let form = [("do", "save"), ("limit", "many"), ("window", "48h")];
        owner
            .post(&format!("{editor}/policies?add=rate_limit"), &form)
            .await
            .ok(422)
            .says("id=\"limit-e\"")
            .says("id=\"window-e\"");
        for path in [
            format!("{}/apis/import", home.base),
            format!("{editor}/document"),
        ] {
            upload(
                &mut owner,
                &path,
                &[("team", &home.team), ("document", " ")],
            )
            .await
            .ok(422)
            .says("Choose a file or paste a document.");
        }
    })
    .await;
}

#[tokio::test]
async fn who_may_not_change_it_sees_what_it_is() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let shop = publish(&mut owner).await;
        let home = home(&mut owner).await;
        let upstream = first(&mut owner, &home, "upstreams").await;
        let product = first(&mut owner, &home, "products").await;
        let editor = version(&mut owner, &home).await;
        let plan = format!(
            "{}/products/{}/plans/{}",
            home.base,
            id(&product),
            shop.manual
        );
        let upstream = format!("{}/upstreams/{}", home.base, id(&upstream));
        for role in ["viewer", "developer"] {
            let mut reader = join(&app, &mut owner, &home, role).await;
            for (page, words) in [
                (&upstream, "https://93.184.216.34/bookshop"),
                (&plan, "5 a minute"),
                (&editor, "Upstream of test keys"),
            ] {
                let shown = reader.get(page).await.ok(200).says(words);
                shown.hides("name=\"do\"").hides("<textarea");
            }
            let new = format!("{}/upstreams/new", home.base);
            reader.get(&new).await.ok(403);
            reader.get(&format!("{editor}/unpublish")).await.ok(403);
            reader.get(&format!("{plan}/close")).await.ok(403);
            let api = reader.get(&shop.page).await.ok(200);
            let ask = reader
                .get(&format!("{}/subscribe", shop.page))
                .await
                .ok(200);
            if role == "viewer" {
                api.says("ask a maintainer of a team").hides("/subscribe");
                ask.says("Ask a maintainer of a team");
            } else {
                api.says("/subscribe").hides("ask a maintainer");
                ask.says("First an application");
            }
        }
        app.browser()
            .get(&shop.page)
            .await
            .ok(200)
            .says("/subscribe");
    })
    .await;
}

#[tokio::test]
async fn a_first_import_leads_to_an_upstream_and_back() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let home = home(&mut owner).await;
        let import = format!("{}/apis/import", home.base);
        owner.get("/home").await.ok(200).says(&import);
        let parts = [("team", home.team.as_str()), ("document", BOOKSHOP)];
        let made = upload(&mut owner, &import, &parts).await.ok(303);
        let editor = made.header("location").to_owned();
        let next = format!("{}/upstreams/new?next={editor}", home.base);
        owner
            .get(&editor)
            .await
            .ok(200)
            .says("Before this can be published")
            .says(&format!("href=\"{next}\">"));
        owner
            .get(&next)
            .await
            .ok(200)
            .says(&format!("name=\"next\" value=\"{editor}\""));
        let form = [
            ("do", "save"),
            ("team", home.team.as_str()),
            ("next", editor.as_str()),
            ("name", "books"),
            ("targets/0/url", "https://93.184.216.34/bookshop"),
        ];
        let new = format!("{}/upstreams/new", home.base);
        owner.post(&new, &form).await.to(&editor);
        let upstream = first(&mut owner, &home, "upstreams").await;
        let chosen = format!("<option value=\"{}\" selected", id(&upstream));
        owner.get(&editor).await.ok(200).says(&chosen);
        // Elsewhere is nowhere to go on to.
        let mut away = form;
        away[2] = ("next", "https://evil.example");
        away[3] = ("name", "more-books");
        let made = owner.post(&new, &away).await.ok(303);
        assert!(made.header("location").starts_with(&home.base));
        owner.get("/home").await.ok(200).hides(&import);
    })
    .await;
}

#[tokio::test]
async fn steps_that_many_feel_ask_first() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let shop = publish(&mut owner).await;
        let home = home(&mut owner).await;
        let product = first(&mut owner, &home, "products").await;
        let editor = version(&mut owner, &home).await;
        let application = json!({ "team": home.team, "name": "Kiosk" });
        let place = format!("/organizations/{}/applications", home.organization);
        let application = owner.api("POST", &place, application).await;
        let subscribe = json!({ "plan": shop.open });
        let place = format!("/applications/{}/subscriptions", id(&application));
        owner.api("POST", &place, subscribe).await;
        let plan = format!(
            "{}/products/{}/plans/{}",
            home.base,
            id(&product),
            shop.open
        );
        let kiosk = format!("{}/applications/{}", home.base, id(&application));

        let name = "Bookshop v1";
        let title = owner.get(&editor).await.ok(200).between("<h1>", "</h1>");
        assert!(title.contains("v1"), "{title}");
        let name = if title == name {
            name.to_owned()
        } else {
            title
        };
        owner.post(&plan, &[("do", "deprecate")]).await.to(&plan);
        for (page, step, old, name, done) in [
            (
                &editor,
                "switch-off",
                "disable",
                name.as_str(),
                "Switched off",
            ),
            (
                &editor,
                "unpublish",
                "unpublish",
                name.as_str(),
                "Unpublished",
            ),
            (&plan, "close", "close", "Free", "Closed"),
            (
                &kiosk,
                "disable",
                "",
                "Kiosk",
                "The application is disabled",
            ),
        ] {
            let ask = format!("{page}/{step}");
            if old.is_empty() {
                owner.post(&ask, &[]).await.ok(422);
            } else {
                // One click does nothing any more.
                owner.post(page, &[("do", old)]).await.ok(400);
            }
            owner
                .get(page)
                .await
                .ok(200)
                .says(&format!("href=\"{ask}\""));
            owner
                .get(&ask)
                .await
                .ok(200)
                .says(&format!("Type {name} to confirm"))
                .says("1 subscription is open now.");
            owner
                .post(&ask, &[("name", "another")])
                .await
                .ok(422)
                .says("id=\"name-e\"");
            owner.get(page).await.ok(200).hides(done);
            owner.post(&ask, &[("name", name)]).await.to(page);
            owner.get(page).await.ok(200).says(done);
        }
    })
    .await;
}

#[tokio::test]
async fn requests_are_decided_and_found_again_by_state() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let shop = publish(&mut owner).await;
        let home = home(&mut owner).await;
        let application = json!({ "team": home.team, "name": "Kiosk" });
        let place = format!("/organizations/{}/applications", home.organization);
        let application = owner.api("POST", &place, application).await;
        let wish = json!({ "plan": shop.manual, "accept_terms": 1, "reason": "Shelves" });
        let place = format!("/applications/{}/subscriptions", id(&application));
        let wish = owner.api("POST", &place, wish).await;

        let inbox = format!("{}/approvals", home.base);
        let waiting = owner.get(&inbox).await.ok(200);
        waiting
            .says("<title>(1) Approvals")
            .says("Waiting (1)")
            .says("<dt>Rate</dt>")
            .says("<dt>Quota</dt>")
            .says("<dt>Versions</dt>");
        let decided = format!("{inbox}?done=approve&of={}", id(&wish));
        owner
            .post(&format!("{inbox}/{}", id(&wish)), &[("do", "approve")])
            .await
            .to(&decided);
        owner
            .get(&decided)
            .await
            .ok(200)
            .says("Approved: Kiosk may call")
            .says("Nothing waits")
            .says("<title>Approvals");
        owner
            .get(&format!("{inbox}?state=approved"))
            .await
            .ok(200)
            .says("Kiosk")
            .says("value=\"suspend\"");
        owner
            .get(&format!("{inbox}?state=rejected"))
            .await
            .ok(200)
            .hides("Kiosk");
        // The consumer's own page says what the plan allows.
        owner
            .get(&format!("{}/applications/{}", home.base, id(&application)))
            .await
            .ok(200)
            .says("5 a minute")
            .says("1,000 a month");
    })
    .await;
}

#[tokio::test]
async fn the_log_is_narrowed_by_time_api_application_and_environment() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let api = first(&mut owner, &home, "apis").await;
        let application = json!({ "team": home.team, "name": "Kiosk" });
        let place = format!("/organizations/{}/applications", home.organization);
        let application = owner.api("POST", &place, application).await;
        let log = format!("{}/log", home.base);
        let calls = owner.get(&log).await.ok(200);
        for field in ["since", "api", "application", "environment"] {
            assert!(calls.body.contains(&format!("id=\"{field}\"")), "{field}");
        }
        let kiosk = id(&application);
        calls.says(&format!("<option value=\"{kiosk}\">Kiosk</option>"));
        let narrowed = format!(
            "{log}?side=answers&since=24h&api={}&environment=test&min_ms=5",
            id(&api)
        );
        let answers = owner.get(&narrowed).await.ok(200);
        let name = api["name"].as_str().unwrap();
        answers
            .says("<i>since=</i>")
            .says(&format!("<i>api=</i>{name}"))
            .says("<i>environment=</i>")
            // What the form has no field for survives it.
            .says("name=\"min_ms\" value=\"5\"")
            .says("name=\"side\" value=\"answers\"")
            .hides("name=\"since\" value=\"24h\"");
        owner.get(&format!("{log}?since=ever")).await.ok(422);
        // The figures of one application, from its own page.
        let figures = format!("{}/analytics?application={kiosk}", home.base);
        owner
            .get(&figures)
            .await
            .ok(200)
            .says("<i>application=</i>Kiosk");
        app.member("stranger")
            .await
            .get("/apis")
            .await
            .says("Workspaces");
        app.browser().get("/apis").await.hides("Workspaces");
        let mut stranger = app.member("other").await;
        let place = self::home(&mut stranger).await.base;
        let foreign = format!("{place}/analytics?application={kiosk}");
        stranger.get(&foreign).await.ok(404);
    })
    .await;
}
