//! From an application to a key: the developer's way, and who may not go it.

mod keys;

use crate::support::{App, Browser, Shop, each, publish};

/// The workspace of a member's own team.
async fn team(browser: &mut Browser) -> String {
    let home = browser.get("/home").await.ok(200);
    home.between("Make an <a href=\"", "/applications\"")
}

/// Makes an application and gives the address of its page.
async fn application(browser: &mut Browser, team: &str, name: &str) -> String {
    let new = format!("{team}/applications/new");
    browser.get(&new).await.ok(200);
    let made = browser
        .post(&new, &[("name", name), ("description", "Reads books")])
        .await
        .ok(303);
    made.header("location").to_owned()
}

async fn subscribe(
    browser: &mut Browser,
    shop: &Shop,
    application: &str,
    plan: &str,
) -> crate::support::Answer {
    let id = application.rsplit('/').next().unwrap();
    let form = [
        ("application", id),
        ("plan", plan),
        ("reason", "For our shelves"),
        ("accept_terms", "yes"),
    ];
    browser
        .post(&format!("{}/subscribe", shop.page), &form)
        .await
}

#[tokio::test]
async fn from_an_application_to_a_key_that_is_shown_once() {
    each(async |app: App| {
        let shop = publish(&mut app.member("storefront").await).await;
        let mut developer = app.member("lantern").await;
        let team = team(&mut developer).await;
        developer
            .get(&team)
            .await
            .ok(200)
            .says("No application yet");
        // The plan first: the page says what is missing and leads back.
        let ask = format!("{}/subscribe?plan={}", shop.page, shop.open);
        let first = developer
            .get(&ask)
            .await
            .ok(200)
            .says("First an application");
        first.says(&format!(
            "{team}/applications/new?next={}/subscribe",
            shop.page
        ));
        let home = application(&mut developer, &team, "Lantern iOS").await;
        developer
            .get(&home)
            .await
            .ok(200)
            .says("No key yet")
            .says("No successful call yet");

        developer.get(&ask).await.ok(200).says("Lantern iOS");
        subscribe(&mut developer, &shop, &home, &shop.open)
            .await
            .to(&home);
        developer
            .get(&home)
            .await
            .ok(200)
            .says("Approved")
            .says("Free");

        let new = format!("{home}/keys/new");
        developer.get(&new).await.ok(200);
        let bad = [
            ("name", ""),
            ("environment", "live"),
            ("cidrs", "not a network"),
        ];
        developer
            .post(&new, &bad)
            .await
            .ok(422)
            .says("id=\"name-e\"")
            .says("id=\"cidrs-e\"")
            .says("not a network");
        let form = [
            ("name", "production"),
            ("environment", "live"),
            ("expires", "90"),
            ("cidrs", "203.0.113.0/24"),
        ];
        let made = developer
            .post(&new, &form)
            .await
            .ok(200)
            .says("Your key is ready");
        assert_eq!(made.header("cache-control"), "no-store");
        let key = made.between("once-key\"><code>ptn_live_", "</code>");
        let made = made.says(&format!("API_KEY=ptn_live_{key}")).says("curl ");
        made.says("http://localhost:8080/");
        let page = developer
            .get(&home)
            .await
            .ok(200)
            .says("production")
            .says("203.0.113.0/24");
        page.hides(&key).says(&format!("ptn_live_{}", &key[..8]));
    })
    .await;
}

#[tokio::test]
async fn a_request_waits_and_can_be_withdrawn_paused_and_cancelled() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let shop = publish(&mut owner).await;
        let mut developer = app.member("lantern").await;
        let team = team(&mut developer).await;
        let home = application(&mut developer, &team, "Lantern iOS").await;
        let id = home.rsplit('/').next().unwrap().to_owned();
        // Without a plan, and without the terms.
        let page = format!("{}/subscribe", shop.page);
        developer
            .post(&page, &[("application", &id)])
            .await
            .ok(422)
            .says("Choose a plan");
        let no_terms = [
            ("application", id.as_str()),
            ("plan", shop.manual.as_str()),
            ("reason", "Shelves & </textarea><b>more"),
        ];
        developer
            .post(&page, &no_terms)
            .await
            .ok(422)
            .says("Shelves &amp; &lt;/textarea&gt;&lt;b&gt;more")
            .hides("</textarea><b>");
        subscribe(&mut developer, &shop, &home, &shop.manual)
            .await
            .to(&home);
        let waiting = developer
            .get(&format!("{team}/subscriptions"))
            .await
            .ok(200)
            .says("Pending");
        let verbs = format!("{team}/subscriptions/");
        let withdraw = waiting.between(&format!("action=\"{verbs}"), "\"");
        assert!(withdraw.ends_with("/withdraw"), "{withdraw}");
        let withdraw = format!("{verbs}{withdraw}");
        // The owner sees that somebody waits.
        owner.get("/home").await.ok(200).says("1 request waits");
        developer
            .post(&withdraw, &[("next", &home)])
            .await
            .to(&home);
        developer.get(&home).await.ok(200).says("Withdrawn");

        subscribe(&mut developer, &shop, &home, &shop.open)
            .await
            .to(&home);
        let page = developer.get(&home).await.ok(200);
        let pause = page.between(&format!("action=\"{team}/subscriptions/"), "/pause\"");
        let pause = pause.rsplit("subscriptions/").next().unwrap().to_owned();
        developer
            .post(&format!("{team}/subscriptions/{pause}/pause"), &[])
            .await
            .ok(303);
        developer
            .get(&home)
            .await
            .ok(200)
            .says("Paused")
            .says("Resume calls");
        let cancel = format!("{team}/subscriptions/{pause}/cancel");
        developer
            .get(&cancel)
            .await
            .ok(200)
            .says("Cancel the subscription");
        developer.post(&cancel, &[]).await.ok(303);
        developer.get(&home).await.ok(200).says("Cancelled");
        // What the provider may do is not there for the consumer.
        developer
            .post(&format!("{team}/subscriptions/{pause}/revoke"), &[])
            .await
            .ok(404);
    })
    .await;
}

#[tokio::test]
async fn another_tenants_things_are_not_there() {
    each(async |app: App| {
        let mut developer = app.member("lantern").await;
        let team = team(&mut developer).await;
        let home = application(&mut developer, &team, "Lantern iOS").await;
        let mut stranger = app.member("stranger").await;
        let own = self::team(&mut stranger).await;
        let id = home.rsplit('/').next().unwrap();
        for path in [
            home.clone(),
            format!("{own}/applications/{id}"),
            format!("{home}/keys/new"),
            format!("{team}/applications"),
            format!("{team}/log"),
            format!("{team}/analytics"),
            format!("{own}/applications/not-an-id"),
        ] {
            stranger.get(&path).await.ok(404).hides("Lantern iOS");
        }
        let own_name = [("name", "x")];
        stranger
            .post(&format!("{own}/applications/{id}/keys/new"), &own_name)
            .await
            .ok(404);
        stranger
            .post(&format!("{own}/applications/{id}/disable"), &[])
            .await
            .ok(404);
        let mut nobody = app.browser();
        nobody.get(&home).await.ok(303);
        nobody.post(&format!("{home}/disable"), &[]).await.ok(401);
    })
    .await;
}

#[tokio::test]
async fn figures_and_log_without_traffic_teach() {
    each(async |app: App| {
        let mut developer = app.member("lantern").await;
        let team = team(&mut developer).await;
        for range in ["1h", "24h", "7d", "30d"] {
            let page = developer
                .get(&format!("{team}/analytics?range={range}"))
                .await
                .ok(200);
            page.says("No calls in this time").says("Calls to our APIs");
        }
        developer
            .get(&format!("{team}/log?side=answers&status=4xx"))
            .await
            .ok(200)
            .says("<i>status=</i>");
        developer
            .get(&format!("{team}/log?status=many"))
            .await
            .ok(422)
            .says("id=\"status-e\"");
        developer
            .get(&format!("{team}/analytics?range=forever"))
            .await
            .ok(422);
        developer
            .get(&format!("{team}/log/not-an-id"))
            .await
            .ok(404);
    })
    .await;
}
