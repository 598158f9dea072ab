//! The part of a version's editor that says which requests it takes.

use serde_json::{Value, json};

use crate::support::{App, each, publish};

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_selector_and_conditions_are_saved_and_shown() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let account = owner.api("GET", "/account", Value::Null).await;
        let membership = account["memberships"][0].clone();
        let organization = membership["organization"].as_str().unwrap();
        let place = format!("/organizations/{organization}/apis");
        let api = owner.api("GET", &place, Value::Null).await["items"][0].clone();
        let version = id(&api["versions"][0]).to_owned();
        let editor = format!(
            "/o/{}/t/{}/apis/{}/versions/{version}",
            membership["slug"].as_str().unwrap(),
            membership["teams"][0]["slug"].as_str().unwrap(),
            id(&api)
        );
        let shown = owner.get(&editor).await.ok(200);
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let draft = owner
            .api("GET", &format!("/versions/{version}"), Value::Null)
            .await["draft"]
            .clone();
        let path = draft["route"]["path"].as_str().unwrap();
        let upstream = id(&draft["upstream"]);
        let form = |by: &'static str, name: &'static str, when: &'static str| {
            vec![
                ("do", "save"),
                ("etag", &*etag),
                ("path", path),
                ("hosts", ""),
                ("strip_path", "yes"),
                ("encoded_slashes", "yes"),
                ("selector_by", by),
                ("selector_name", name),
                ("selector_value", ""),
                ("selector_default", "yes"),
                ("when", when),
                ("upstream", upstream),
                ("operations_mode", "open"),
            ]
        };
        for (by, name, when, words) in [
            ("header", "Cookie", "", "This field says something else."),
            (
                "",
                "",
                "method GET\nX-Beta yes",
                "X-Beta yes: Write method GET",
            ),
            (
                "",
                "",
                "header X-Beta ~ (",
                "The pattern is no regular expression",
            ),
        ] {
            let refused = owner.post(&editor, &form(by, name, when)).await.ok(422);
            // At its field, with what was typed still there.
            refused
                .says(words)
                .hides("route/when")
                .hides("route/selector");
        }
        let good = form(
            "header",
            "X-Api-Version",
            "method GET HEAD\r\nheader X-Beta = yes",
        );
        // What most never need is out of the way until it is set.
        owner
            .get(&editor)
            .await
            .ok(200)
            .says("<details class=\"fold\"><summary");
        owner.post(&editor, &good).await.to(&editor);
        owner
            .get(&editor)
            .await
            .ok(200)
            .says("<details open class=\"fold\"><summary");
        let saved = owner
            .api("GET", &format!("/versions/{version}"), Value::Null)
            .await;
        assert_eq!(
            saved["draft"]["route"],
            json!({
                "path": path,
                "strip_path": true,
                "encoded_slashes": true,
                "selector": { "header": "X-Api-Version", "default": true },
                "when": [
                    { "method": ["GET", "HEAD"] },
                    { "header": "X-Beta", "exact": "yes" },
                ],
            })
        );
        let shown = owner.get(&editor).await.ok(200);
        shown
            .says("value=\"X-Api-Version\"")
            .says("method GET HEAD\nheader X-Beta = yes");
        // Upstreams of some callers, a row each; an empty one is none.
        let shown = owner.get(&editor).await.ok(200);
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let mut rows = form("header", "X-Api-Version", "");
        rows.retain(|(name, _)| *name != "etag");
        rows.extend([
            ("etag", &*etag),
            ("upstreams/0/upstream", ""),
            ("upstreams/1/upstream", upstream),
            ("upstreams/1/plan", "Gold plan"),
        ]);
        let refused = owner.post(&editor, &rows).await.ok(422);
        refused.says("id=\"upstreams/1/plan-e\"");
        rows.pop();
        rows.push(("upstreams/1/plan", "gold"));
        owner.post(&editor, &rows).await.to(&editor);
        owner.get(&editor).await.ok(200).says("value=\"gold\"");
        let saved = owner
            .api("GET", &format!("/versions/{version}"), Value::Null)
            .await;
        let chosen = &saved["draft"]["upstreams"];
        assert_eq!(chosen[0]["when"], json!({ "plan": "gold" }));
        assert_eq!(id(&chosen[0]["upstream"]), upstream);
    })
    .await;
}
