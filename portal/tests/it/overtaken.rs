//! Forms over something that somebody else has changed meanwhile: nothing is lost, nothing is
//! overwritten unseen, and the next save counts.

use serde_json::json;

use crate::publishing::{first, home, id, version};
use crate::support::{App, Browser, each, publish};

type Form = &'static [(&'static str, &'static str)];

/// Sends the form with a stale tag, and then as the page gave it back.
async fn overtaken(owner: &mut Browser, page: &str, form: Form, theirs: &str) {
    let with = |etag: &str| -> Vec<(String, String)> {
        let form = form
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        form.chain([("etag".to_owned(), etag.to_owned())]).collect()
    };
    let send = async |owner: &mut Browser, etag: &str| {
        let form = with(etag);
        let form: Vec<(&str, &str)> = form
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        owner.post(page, &form).await
    };
    for _ in 0..2 {
        let told = send(owner, "0").await.ok(422);
        let told = told
            .says("Somebody else changed this")
            .says("Mine")
            .says(theirs);
        let etag = told.between("name=\"etag\" value=\"", "\"");
        assert_ne!(etag, "0");
    }
    let told = send(owner, "0").await.ok(422);
    let etag = told.between("name=\"etag\" value=\"", "\"");
    send(owner, &etag).await.to(page);
    owner
        .get(page)
        .await
        .ok(200)
        .says("Mine")
        .hides("Somebody else");
}

#[tokio::test]
async fn forms_say_what_stands_there_now() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let api = first(&mut owner, &home, "apis").await;
        let place = format!("/apis/{}", id(&api));
        owner
            .api(
                "PATCH",
                &place,
                json!({ "name": "Theirs <1>", "labels": [{ "name": "tier", "value": "gold" }] }),
            )
            .await;
        let page = format!("{}/apis/{}", home.base, id(&api));
        let form: Form = &[
            ("do", "save"),
            ("name", "Mine"),
            ("visibility", "public"),
            ("labels", "tier=silver"),
        ];
        overtaken(&mut owner, &page, form, "It says now: Theirs &lt;1&gt;").await;
        let stored = owner.api("GET", &place, serde_json::Value::Null).await;
        assert_eq!(
            stored["labels"],
            json!([{ "name": "tier", "value": "silver" }])
        );

        let product = first(&mut owner, &home, "products").await;
        let place = format!("/products/{}", id(&product));
        owner
            .api("PATCH", &place, json!({ "description": "Theirs" }))
            .await;
        let page = format!("{}/products/{}", home.base, id(&product));
        let form: Form = &[("do", "save"), ("name", "Mine")];
        overtaken(&mut owner, &page, form, "It says now: Theirs").await;

        let plans = format!("/products/{}/plans", id(&product));
        let plan = owner.api("POST", &plans, json!({ "name": "Theirs" })).await;
        let page = format!(
            "{}/products/{}/plans/{}",
            home.base,
            id(&product),
            id(&plan)
        );
        let form: Form = &[("do", "save"), ("name", "Mine"), ("approval", "auto")];
        overtaken(&mut owner, &page, form, "It says now: Theirs").await;
        // Nobody was quicker, and yet the price is none.
        let etag = owner
            .get(&page)
            .await
            .ok(200)
            .between("name=\"etag\" value=\"", "\"");
        let comma = [
            ("do", "save"),
            ("name", "Mine"),
            ("approval", "auto"),
            ("price", "49,90"),
            ("etag", &*etag),
        ];
        owner
            .post(&page, &comma)
            .await
            .ok(422)
            .says("Write an amount like 49 or 49.90.");
    })
    .await;
}

#[tokio::test]
async fn an_operation_has_a_page_of_its_policies() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let editor = version(&mut owner, &home).await;
        let document = owner.get(&format!("{editor}/document")).await.ok(200);
        let operation = document.between(&format!("{editor}/operations/"), "/");
        let page = format!("{editor}/operations/{operation}/policies");
        document
            .says(&format!("href=\"{page}\""))
            .says("none of its own");
        let shown = owner.get(&page).await.ok(200);
        crate::looks::keep("policies-operation", &shown);
        shown.says("?add=cache");
        let add = format!("{page}?add=cache");
        owner.get(&add).await.ok(200).says("Save to draft");
        let wrong = [("do", "save"), ("ttl", "soon")];
        owner.post(&add, &wrong).await.ok(422).says("id=\"ttl-e\"");
        owner
            .post(&add, &[("do", "save"), ("ttl", "30s")])
            .await
            .to(&page);
        // What only the whole list can tell, and what only the service knows.
        owner
            .post(&add, &[("do", "save"), ("ttl", "5s")])
            .await
            .ok(422)
            .says("One place carries one policy");
        let filter = format!("{page}?add=ip_filter");
        let unknown = [("do", "save"), ("deny_lists", "nowhere")];
        owner
            .post(&filter, &unknown)
            .await
            .ok(422)
            .says("has no list of this name")
            .says("id=\"deny_lists-e\"");
        let id = editor.rsplit('/').next().unwrap();
        let draft = owner
            .api("GET", &format!("/versions/{id}"), serde_json::Value::Null)
            .await;
        let all = draft["draft"]["operations"].as_array().unwrap();
        let own = all
            .iter()
            .find(|one| one["id"] == operation.as_str())
            .unwrap();
        assert_eq!(own["policies"], json!([{ "cache": { "ttl": "30s" } }]));
        let shown = owner.get(&page).await.ok(200);
        shown
            .says("this operation")
            .says(&format!("{page}?kind=cache"));
        owner
            .get(&format!("{editor}/document"))
            .await
            .ok(200)
            .says("1 policy");
        let random = "0190dead-0000-7000-8000-000000000000";
        owner
            .get(&format!("{editor}/operations/{random}/policies"))
            .await
            .ok(404);
        let remove = [("do", "remove"), ("kind", "cache"), ("was", "cache")];
        owner
            .post(&format!("{page}?policy=0"), &remove)
            .await
            .to(&page);
    })
    .await;
}

#[tokio::test]
async fn numbers_in_a_form_are_no_rows() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let page = format!("{}/policies", version(&mut owner, &home).await);
        let add = format!("{page}?add=rewrite");
        let names: Vec<[String; 2]> = (0..12)
            .map(|row| ["name", "value"].map(|of| format!("set_query/{row}/{of}")))
            .collect();
        let mut form = vec![("do", "save"), ("set_query", "12")];
        let values: Vec<String> = (80..92).map(|number| number.to_string()).collect();
        for ([name, value], number) in names.iter().zip(&values) {
            form.push((name, number));
            form.push((value, number));
        }
        owner.post(&add, &form).await.to(&page);
        // More rows than can be shown may still be looked at as YAML.
        let add = format!("{page}?add=any_of");
        let mut many = vec![("of".to_owned(), "8")];
        for row in 0..8 {
            many.push((format!("of/{row}"), "jwt"));
            many.push((format!("of/{row}/jwt/issuers"), "100"));
        }
        for (what, status, words) in [
            ("save", 422, "more rows than can be shown"),
            ("yaml", 200, "name=\"yaml\""),
        ] {
            let own = many.iter().map(|(name, value)| (name.as_str(), *value));
            let form: Vec<(&str, &str)> = own.chain([("do", what)]).collect();
            owner.post(&add, &form).await.ok(status).says(words);
        }
    })
    .await;
}
