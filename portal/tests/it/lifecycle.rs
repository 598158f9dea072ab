//! How the end of a version is announced, changed, taken back and reached by forms, and what readers
//! see of it.

use serde_json::{Value, json};

use crate::publishing::{first, home, id, version};
use crate::support::{App, each, publish};

#[tokio::test]
async fn a_version_is_deprecated_and_retired_by_forms() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let shop = publish(&mut owner).await;
        let home = home(&mut owner).await;
        let editor = version(&mut owner, &home).await;
        let (ask, end) = (format!("{editor}/deprecate"), format!("{editor}/retire"));
        let api = first(&mut owner, &home, "apis").await;
        let next = json!({ "slug": "v2", "from": api["versions"][0]["id"] });
        let place = format!("/apis/{}/versions", id(&api));
        let next = owner.api("POST", &place, next).await;
        let next = id(&next["summary"]).to_owned();

        owner
            .get(&editor)
            .await
            .ok(200)
            .says(&format!("href=\"{ask}\""))
            .hides(&end);
        let shown = owner.get(&ask).await.ok(200).says("Nobody is subscribed.");
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let wrong = [
            ("do", "deprecate"),
            ("etag", etag.as_str()),
            ("sunset_at", "soon"),
        ];
        owner
            .post(&ask, &wrong)
            .await
            .ok(422)
            .says("id=\"sunset_at-e\"");
        let form = [
            ("do", "deprecate"),
            ("etag", etag.as_str()),
            ("message", "Ask <us>."),
            ("successor", next.as_str()),
        ];
        owner.post(&ask, &form).await.to(&editor);
        owner.post(&ask, &form).await.ok(422);
        owner
            .get(&editor)
            .await
            .ok(200)
            .says("Deprecated")
            .says("Ask &lt;us&gt;.")
            .says(&format!("href=\"{end}\""));
        app.browser()
            .get(&shop.page)
            .await
            .ok(200)
            .says("is deprecated since")
            .hides("?version=v2");

        // Shown before the announcement was made.
        let stale = [("do", "undeprecate"), ("etag", etag.as_str())];
        let page = owner.post(&ask, &stale).await.ok(422);
        let page = page.says("Somebody else").says("Ask &lt;us&gt;.");
        let etag = page.between("name=\"etag\" value=\"", "\"");
        let back = [("do", "undeprecate"), ("etag", etag.as_str())];
        owner.post(&ask, &back).await.to(&editor);
        let page = app.browser().get(&shop.page).await;
        page.ok(200).hides("is deprecated since");
        owner.post(&ask, &[("do", "deprecate")]).await.to(&editor);
        let asked = owner
            .get(&end)
            .await
            .ok(200)
            .says("No step brings it back.");
        let title = asked.between("<h1>Retire ", "?</h1>");
        owner.post(&end, &[("name", "another")]).await.ok(422);
        let wrong = [("name", title.as_str()), ("etag", etag.as_str())];
        let page = owner.post(&end, &wrong).await.ok(422);
        let etag = page.between("name=\"etag\" value=\"", "\"");
        owner
            .post(&end, &[("name", title.as_str()), ("etag", etag.as_str())])
            .await
            .to(&editor);
        owner
            .get(&editor)
            .await
            .ok(200)
            .says("It is gone for good")
            .hides("value=\"publish\"")
            .hides(&ask);
        app.browser().get(&shop.page).await.ok(404);
        let kept = owner
            .api("GET", &format!("/apis/{}", id(&api)), Value::Null)
            .await;
        let states = kept["versions"].as_array().unwrap().iter();
        assert!(
            states
                .map(|one| &one["state"])
                .any(|state| state == "retired")
        );
    })
    .await;
}
