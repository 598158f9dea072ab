//! Policies of an organization and of an API, on the same pages as those of versions and plans; and
//! what becomes of a form when somebody else was quicker.

use serde_json::{Value, json};

use crate::looks::keep;
use crate::publishing::{Home, first, home, id, join, version};
use crate::support::{App, Browser, each, publish};

/// The organization's page and its place in the management API, then those of its only API.
async fn places(owner: &mut Browser, home: &Home) -> [(String, String); 2] {
    let slug = home.base.split('/').nth(2).unwrap();
    let api = first(owner, home, "apis").await;
    let api = id(&api);
    [
        (
            format!("/o/{slug}/policies"),
            format!("/organizations/{}/policies", home.organization),
        ),
        (
            format!("{}/apis/{api}/policies", home.base),
            format!("/apis/{api}"),
        ),
    ]
}

#[tokio::test]
async fn an_organization_and_an_api_have_pages_of_their_policies() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let places = places(&mut owner, &home).await;
        for (page, words) in [
            (&places[0].0, "Every call of all APIs"),
            (&places[1].0, "All versions of the API"),
        ] {
            let shown = owner.get(page).await.ok(200);
            shown
                .says(words)
                .says("nothing has to be published")
                .says("?add=validate")
                .says("No policies");
        }
        for (page, place) in &places {
            let form = owner.get(&format!("{page}?add=cors")).await.ok(200);
            form.says(&format!("action=\"{page}?add=cors\""))
                .says("Save, live at once");
            let wrong = [("do", "save"), ("origins", "nowhere")];
            let told = owner.post(&format!("{page}?add=cors"), &wrong).await;
            told.ok(422).says("id=\"origins-e\"").says("nowhere");
            let right = [("do", "save"), ("origins", "https://a.example")];
            owner
                .post(&format!("{page}?add=cors"), &right)
                .await
                .to(page);
            let stored = owner.api("GET", place, Value::Null).await;
            assert_eq!(
                stored["policies"],
                json!([{ "cors": { "origins": ["https://a.example"] } }])
            );
            // What only the whole list can tell.
            let yaml = "cors: { origins: ['*'] }";
            let again = [("do", "save"), ("yaml", yaml)];
            let told = owner.post(&format!("{page}?add=cors"), &again).await;
            told.ok(422).says("One place carries one policy");
        }
        let limit = [("do", "save"), ("limit", "9"), ("window", "1s")];
        let organization = &places[0].0;
        let add = format!("{organization}?add=rate_limit");
        owner.post(&add, &limit).await.to(organization);

        // Each says what the nearer ones add, and they lead to each other.
        let shown = owner.get(organization).await.ok(200);
        keep("policies-organization", &shown);
        shown
            .says(&format!(
                "href=\"/o/storefront-and-co/apis/{}",
                api(&places)
            ))
            .says("in place of <code>cors</code>");
        let shown = owner.get(&places[1].0).await.ok(200);
        keep("policies-api", &shown);
        let editor = version(&mut owner, &home).await;
        shown
            .says("Policies (1)")
            .says(&format!("href=\"{editor}/policies?kind=key_auth"));
        let shown = owner.get(&format!("{editor}/policies")).await.ok(200);
        keep("policies-inherited", &shown);
        shown
            .says(&format!("href=\"{organization}?kind=rate_limit"))
            .says(&format!("href=\"{}?kind=cors", places[1].0));
        let opened = format!("{organization}?kind=rate_limit&name=rate_limit");
        let opened = owner.get(&opened).await.ok(200);
        opened
            .says("name=\"was\" value=\"rate_limit\"")
            .says(&format!("action=\"{organization}?policy=1\""));
        let settings = organization.replace("/policies", "/settings");
        owner
            .get(&settings)
            .await
            .ok(200)
            .says(&format!("href=\"{organization}\""));
        let remove = [("do", "remove"), ("kind", "cors"), ("was", "cors")];
        owner
            .post(&format!("{organization}?policy=0"), &remove)
            .await
            .to(organization);
        let left = owner.api("GET", &places[0].1, Value::Null).await;
        assert_eq!(
            left["policies"],
            json!([{ "rate_limit": { "limit": 9, "window": "1s" } }])
        );
    })
    .await;
}

/// The id of the API.
fn api(places: &[(String, String); 2]) -> &str {
    places[1].1.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn who_may_not_change_them_reads_them() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let places = places(&mut owner, &home).await;
        for (page, _) in &places {
            let form = [("do", "save"), ("origins", "https://a.example")];
            owner
                .post(&format!("{page}?add=cors"), &form)
                .await
                .to(page);
        }
        let mut viewer = join(&app, &mut owner, &home, "viewer").await;
        for (page, _) in &places {
            let shown = viewer.get(page).await.ok(200);
            shown.says("Choose a policy to see it").hides("?add=");
            let shown = viewer.get(&format!("{page}?policy=0")).await.ok(200);
            shown.says("https://a.example").hides("name=\"do\"");
            for (address, form) in [
                ("?add=mtls", [("do", "save"), ("kind", "mtls")]),
                ("?policy=0", [("do", "remove"), ("kind", "cors")]),
                ("?policy=7", [("do", "save"), ("kind", "cors")]),
            ] {
                let refused = viewer.post(&format!("{page}{address}"), &form).await;
                refused.ok(403);
            }
        }
        // A maintainer of a team changes its APIs, and not the organization.
        let mut maintainer = join(&app, &mut owner, &home, "maintainer").await;
        let form = [("do", "save"), ("kind", "mtls")];
        let add = |page: &str| format!("{page}?add=mtls");
        maintainer.post(&add(&places[0].0), &form).await.ok(403);
        maintainer
            .post(&add(&places[1].0), &form)
            .await
            .to(&places[1].0);
    })
    .await;
}

/// A policy whose form somebody has open, as it was sent then.
fn typed<'a>(act: &'a str, etag: &'a str) -> [(&'a str, &'a str); 7] {
    [
        ("do", act),
        ("kind", "rate_limit"),
        ("was", "a"),
        ("etag", etag),
        ("name", "b"),
        ("limit", "777"),
        ("window", "2s"),
    ]
}

#[tokio::test]
async fn what_was_typed_outlives_what_others_change() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let places = places(&mut owner, &home).await;
        let [(organization, organization_place), (api, api_place)] = &places;
        let a = json!({ "rate_limit": { "name": "a", "limit": 1, "window": "1s" } });
        let other = json!({ "quota": { "limit": 1, "period": "day" } });
        for (page, place, method) in [
            (organization, organization_place, "PUT"),
            (api, api_place, "PATCH"),
        ] {
            let set = async |owner: &mut Browser, policies: Value| {
                let body = json!({ "policies": policies });
                owner.api(method, place, body).await;
            };
            let stored = async |owner: &mut Browser| {
                owner.api("GET", place, Value::Null).await["policies"].clone()
            };
            set(&mut owner, json!([other, a])).await;
            let open = format!("{page}?policy=1");
            let shown = owner.get(&open).await.ok(200);
            let etag = shown.between("name=\"etag\" value=\"", "\"");

            // It stands elsewhere now, and is found there.
            set(&mut owner, json!([a, other])).await;
            let told = owner.post(&open, &typed("save", &etag)).await.ok(422);
            keep("policy-changed", &told);
            let fresh = told.between("name=\"etag\" value=\"", "\"");
            told.says("Somebody changed something here")
                .says("value=\"777\"")
                .says("name=\"was\" value=\"a\"")
                .says(&format!("action=\"{page}?policy=0\""));
            assert_ne!(fresh, etag);
            assert_eq!(stored(&mut owner).await, json!([a, other]));
            let removed = owner.post(&open, &typed("remove", &etag)).await.ok(422);
            removed.says("Somebody changed something here");
            owner.post(&open, &typed("save", &fresh)).await.to(page);
            let b = json!({ "rate_limit": { "name": "b", "limit": 777, "window": "2s" } });
            assert_eq!(stored(&mut owner).await, json!([b, other]));

            // It is gone: removed, or renamed as just now.
            for act in ["save", "remove", "yaml"] {
                let told = owner.post(&open, &typed(act, &fresh)).await.ok(422);
                keep("policy-gone", &told);
                told.says("removed, replaced or renamed")
                    .says("value=\"777\"")
                    .says(&format!("action=\"{page}?add=rate_limit\""))
                    .hides("name=\"was\"");
            }
            for address in ["?policy=0", "?policy=99", "?policy=99&add=quota"] {
                set(&mut owner, json!([other])).await;
                let address = format!("{page}{address}");
                let told = owner.post(&address, &typed("save", &fresh)).await;
                told.ok(422).says("removed, replaced or renamed");
                assert_eq!(stored(&mut owner).await, json!([other]));
            }
            // Saved then, it is a new one.
            let shown = owner.post(&open, &typed("save", &fresh)).await.ok(422);
            let fresh = shown.between("name=\"etag\" value=\"", "\"");
            let new = [
                ("do", "save"),
                ("kind", "rate_limit"),
                ("etag", fresh.as_str()),
                ("name", "b"),
                ("limit", "777"),
                ("window", "2s"),
            ];
            let add = format!("{page}?add=rate_limit");
            owner.post(&add, &new).await.to(page);
            assert_eq!(stored(&mut owner).await, json!([other, b]));
            // Sent twice, it is there once.
            owner
                .post(&add, &new)
                .await
                .ok(422)
                .says("names are unique at one place");
            assert_eq!(stored(&mut owner).await, json!([other, b]));
        }
    })
    .await;
}

#[tokio::test]
async fn long_texts_are_told_at_their_field() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let places = places(&mut owner, &home).await;
        let (page, place) = &places[0];
        let add = format!("{page}?add=rate_limit");
        let with =
            |comment: &str| format!("# {comment}\nrate_limit: {{ limit: 5, window: 60s }}\n");
        // Sent it is three times as long as it is.
        let fits = with(&"é".repeat(90_000));
        let form = [("do", "save"), ("yaml", fits.as_str())];
        owner.post(&add, &form).await.to(page);
        let long = with(&"é".repeat(100_000));
        let form = [
            ("do", "save"),
            ("kind", "rate_limit"),
            ("yaml", long.as_str()),
        ];
        let told = owner.post(&add, &form).await.ok(422);
        told.says("id=\"yaml-e\"")
            .says("at most 192 KiB")
            .says("ééé");
        let longest = with(&"é".repeat(300_000));
        let form = [("do", "save"), ("yaml", longest.as_str())];
        for address in [&add, &format!("{page}?policy=0")] {
            let told = owner.post(address, &form).await.ok(422);
            told.says("id=\"yaml-e\"").says("longer than a form may be");
        }
        owner.post(page, &form).await.ok(413);
        let mut viewer = join(&app, &mut owner, &home, "viewer").await;
        viewer.post(&add, &form).await.ok(413);
        let stored = owner.api("GET", place, Value::Null).await;
        assert_eq!(stored["policies"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn things_are_found_in_their_own_organization_alone() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let name = json!({ "name": "Elsewhere" });
        owner.api("POST", "/organizations", name).await;
        let product = first(&mut owner, &home, "products").await;
        let product = id(&product).to_owned();
        let plans = format!("/products/{product}/plans");
        let plan = owner.api("GET", &plans, Value::Null).await;
        let plan = plan["items"].as_array().or(plan.as_array()).unwrap()[0].clone();
        let plan = id(&plan);
        let api = first(&mut owner, &home, "apis").await;
        let api = id(&api);
        let save = [("do", "save"), ("name", "x"), ("kind", "quota")];
        for below in [
            format!("/products/{product}/plans/{plan}"),
            format!("/products/{product}/plans/{plan}/close"),
            format!("/products/{product}/plans/{plan}/policies"),
            format!("/products/{product}/plans/new"),
            format!("/products/{product}"),
            format!("/apis/{api}"),
            format!("/apis/{api}/policies"),
        ] {
            owner.get(&format!("{}{below}", home.base)).await.ok(200);
            let elsewhere = format!("/o/elsewhere{below}");
            owner.get(&elsewhere).await.ok(404);
            owner.post(&elsewhere, &save).await.ok(404);
        }
        // Nor under another product.
        let other = format!("{}/products/{api}/plans/{plan}", home.base);
        owner.get(&other).await.ok(404);
    })
    .await;
}

#[tokio::test]
async fn what_was_chosen_or_written_can_be_taken_back() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let places = places(&mut owner, &home).await;
        let (page, place) = &places[1];
        let add = format!("{page}?add=transform");
        let shown = owner.get(&add).await.ok(200);
        keep("policy-unset", &shown);
        shown.says("Not set");
        let form = [
            ("do", "save"),
            ("request", "on"),
            ("request/remove", "X-A"),
            ("request/body", "on"),
            ("request/body/remove", "/a"),
            ("request/body/to", ""),
            ("response:json", ""),
        ];
        owner.post(&add, &form).await.to(page);
        let stored = owner.api("GET", place, Value::Null).await;
        assert_eq!(
            stored["policies"],
            json!([{ "transform": { "request": { "remove": ["X-A"], "body": { "remove": ["/a"] } } } }])
        );
    })
    .await;
}

#[tokio::test]
async fn each_place_says_of_its_limits_how_far_several_gateways_may_exceed_them() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let [(organization, _), (api, _)] = places(&mut owner, &home).await;
        let editor = version(&mut owner, &home).await;
        let document = owner.get(&format!("{editor}/document")).await.ok(200);
        let operation = document.between(&format!("{editor}/operations/"), "/");
        let product = first(&mut owner, &home, "products").await;
        let products = format!("{}/products/{}", home.base, id(&product));
        let place = format!("/products/{}/plans", id(&product));
        let plan = owner.api("POST", &place, json!({ "name": "Gold" })).await;
        // No gateway has reported: it is told for two.
        let rate = "2 nodes together admit at most 12 more; 62 more once Redis is lost.";
        for page in [
            organization,
            api,
            format!("{editor}/policies"),
            format!("{editor}/operations/{operation}/policies"),
            format!("{products}/plans/{}/policies", id(&plan)),
        ] {
            let limit = |scope: &'static str| {
                let kept = [("do", "save"), ("limit", "100"), ("window", "60s")];
                kept.into_iter().chain([("name", scope), ("scope", scope)])
            };
            let add = format!("{page}?add=rate_limit");
            for scope in ["node", "cluster"] {
                let form: Vec<_> = limit(scope).collect();
                owner.post(&add, &form).await.to(&page);
            }
            let stages = |shown: &str| {
                let list = shown.split("class=\"editor-main\"").next().unwrap();
                list.matches(rate).count()
            };
            let shown = owner.get(&page).await.ok(200);
            assert_eq!(stages(&shown.body), 1, "{page}: of the one of the cluster");
            // Also beside a form that comes back.
            let wrong = [("do", "save"), ("limit", "many")];
            let shown = owner.post(&add, &wrong).await.ok(422);
            assert_eq!(stages(&shown.body), 1, "{page}");
        }
    })
    .await;
}
