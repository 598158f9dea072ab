//! Policies in their forms and as YAML: what is typed is kept, what is wrong stands at its field.

use serde_json::{Value, json};

use domain::id::BatchId;
use domain::policy::PolicyKind;
use domain::traffic::Record;
use entity::store::traffic::write_batch;

use crate::looks::keep;
use crate::publishing::{home, join, version};
use crate::support::{App, Browser, call, each, publish};

/// The address of the policies of a version, and of the version in the management API.
async fn editor(owner: &mut Browser) -> (String, String) {
    publish(owner).await;
    let home = home(owner).await;
    let editor = version(owner, &home).await;
    let id = editor.rsplit('/').next().unwrap().to_owned();
    (format!("{editor}/policies"), format!("/versions/{id}"))
}

async fn policies(owner: &mut Browser, place: &str) -> Value {
    owner.api("GET", place, Value::Null).await["draft"]["policies"].clone()
}

#[tokio::test]
async fn every_kind_has_its_form() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (page, _) = editor(&mut owner).await;
        let mut chooser = owner.get(&page).await.ok(200);
        keep("policies-add", &chooser);
        for kind in PolicyKind::ALL {
            chooser = chooser
                .says(&format!("?add={}", kind.as_str()))
                .says(kind.about());
            let form = owner
                .get(&format!("{page}?add={}", kind.as_str()))
                .await
                .ok(200);
            keep(&format!("policy-{}", kind.as_str()), &form);
            let form = match kind.has_modes() {
                true => form.says("name=\"mode\""),
                false => form.hides("name=\"mode\""),
            };
            form.says("Save to draft").hides("as JSON");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (page, place) = editor(&mut owner).await;
        let new = format!("{page}?add=jwt");
        let typed = [
            ("do", "save"),
            ("mode", "observe"),
            ("issuers", "2"),
            ("issuers/0/issuer", "https://a.example"),
            ("issuers/0/audience", "orders\r\nbooks"),
            ("issuers/0/algorithms", "ES256"),
            ("issuers/0/skew", "6m"),
            ("issuers/1/issuer", "nowhere"),
            ("issuers/1/algorithms", "moon"),
            ("issuers/1/jwks", "{"),
            ("headers", "1"),
            ("headers/0/name", "Cookie"),
            ("headers/0/value", "sub"),
        ];
        let mut told = owner.post(&new, &typed).await.ok(422);
        keep("policy-problems", &told);
        for field in ["issuers/0/skew", "issuers/1/audience", "issuers/1/algorithms", "issuers/1/jwks", "headers/0"] {
            told = told.says(&format!("id=\"{field}-e\""));
        }
        for kept in ["value=\"6m\"", "value=\"nowhere\"", ">\norders\r\nbooks</textarea>", "value=\"Cookie\"", "value=\"moon\" checked"] {
            told = told.says(kept);
        }
        told.says("aria-describedby=\"issuers/0/skew-e issuers/0/skew-h\"").hides("id=\"issuers/0/issuer-e\"");
        // Lines are told by their number.
        let lines = [("do", "save"), ("allow", "10.0.0.0/8\r\n\r\n10.0.0.1/8")];
        owner.post(&format!("{page}?add=ip_filter"), &lines).await.ok(422).says("Line 3: Write a network");
        assert_eq!(policies(&mut owner, &place).await, json!([{ "key_auth": {} }]));

        let right = [
            ("do", "save"),
            ("allow", "10.0.0.0/8\r\n192.0.2.0/24 until 2026-12-31T00:00:00Z"),
        ];
        owner.post(&format!("{page}?add=ip_filter"), &right).await.to(&page);
        assert_eq!(
            policies(&mut owner, &place).await[1],
            json!({ "ip_filter": { "allow": ["10.0.0.0/8", { "net": "192.0.2.0/24", "until": "2026-12-31T00:00:00Z" }] } })
        );
        // What only the whole list can tell: another of the same name, or of the same kind.
        let again = owner.post(&format!("{page}?add=ip_filter"), &right).await.ok(422);
        again.says("id=\"name-e\"").says("names are unique at one place");
    })
    .await;
}

#[tokio::test]
async fn form_and_yaml_say_the_same() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (page, place) = editor(&mut owner).await;
        let new = format!("{page}?add=rate_limit");
        let form = [
            ("do", "yaml"),
            ("kind", "rate_limit"),
            ("limit", "many"),
            ("window", "1m"),
            ("by", "key"),
        ];
        let shown = owner.post(&new, &form).await.ok(200);
        keep("policy-yaml", &shown);
        let yaml = "rate_limit:\n  limit: many\n  window: 1m\n  by:\n  - key\n";
        shown
            .says(&format!(">\n{yaml}</textarea>"))
            .says("value=\"yaml\" aria-pressed=\"true\"");
        let back = [("do", "form"), ("kind", "rate_limit"), ("yaml", yaml)];
        let back = owner.post(&new, &back).await.ok(200);
        back.says("value=\"many\"").says("value=\"key\" checked");

        let saved = "# a comment\nrate_limit:\n  limt: 5\n  limit: 0\n  window: 60s\n";
        let told = owner
            .post(&new, &[("do", "save"), ("yaml", saved)])
            .await
            .ok(422);
        told.says("/limt: There is no such field.")
            .says("/limit: ")
            .says("# a comment");
        let unknown = owner
            .post(&new, &[("do", "form"), ("yaml", saved)])
            .await
            .ok(422);
        unknown.says("/limt: ").says("# a comment");
        for (text, words) in [
            ("rate_limit: {", "line 1"),
            (
                "quota: { limit: 1, period: day }",
                "Add a `quota` as a policy of its own.",
            ),
            ("", "Begin with `rate_limit:`"),
        ] {
            owner
                .post(&new, &[("do", "save"), ("yaml", text)])
                .await
                .ok(422)
                .says(words);
        }
        let right = "rate_limit: { limit: 5, window: 60s, mode: observe }";
        owner
            .post(&new, &[("do", "save"), ("yaml", right)])
            .await
            .to(&page);
        assert_eq!(
            policies(&mut owner, &place).await[1],
            json!({ "rate_limit": { "mode": "observe", "limit": 5, "window": "60s" } })
        );
    })
    .await;
}

#[tokio::test]
async fn rows_come_and_go_without_a_script() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (page, _) = editor(&mut owner).await;
        let new = format!("{page}?add=any_of");
        let shown = owner.get(&new).await.ok(200);
        shown
            .says("value=\"key_auth\" checked")
            .says("Way 2")
            .hides("Way 3")
            .says("value=\"add:of\"");
        let form = [
            ("do", "add:of"),
            ("of", "2"),
            ("of/0", "mtls"),
            ("of/1", "key_auth"),
            ("of/1/key_auth/query", "k"),
        ];
        let more = owner.post(&new, &form).await.ok(200);
        keep("policy-rows", &more);
        more.says("Way 3")
            .says("value=\"k\"")
            .says("value=\"mtls\" checked");
        let mut up = form;
        up[0] = ("do", "up:of/1");
        owner
            .post(&new, &up)
            .await
            .ok(200)
            .says("name=\"of/0/key_auth/query\" value=\"k\"");
        let mut less = form;
        less[0] = ("do", "remove:of/0");
        owner
            .post(&new, &less)
            .await
            .ok(200)
            .says("name=\"of/0/key_auth/query\" value=\"k\"")
            .hides("Way 2");
    })
    .await;
}

#[tokio::test]
async fn what_no_browser_sends_ends_in_a_sentence() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (page, place) = editor(&mut owner).await;
        let new = format!("{page}?add=jwt");
        let names: Vec<String> = (0..5000).map(|at| format!("x{at}")).collect();
        let mut flood: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
        flood.push(("do", "save"));
        owner
            .post(&new, &flood)
            .await
            .ok(422)
            .says("more than 4,000 fields");
        let long = "x".repeat(200_000);
        for (name, value, words) in [
            ("issuers", "99999999999999999999", "at most 100 rows"),
            (
                "issuers/7/issuer",
                "x",
                "The form has no field `issuers/7/issuer`.",
            ),
            ("moon", "x", "The form has no field `moon`."),
            ("yaml", "a: &a [*a]", "id=\"yaml-e\""),
            ("yaml", long.as_str(), "at most 192 KiB"),
        ] {
            let form = [("do", "save"), (name, value)];
            owner.post(&new, &form).await.ok(422).says(words);
        }
        for what in ["", "moon", "remove"] {
            owner.post(&new, &[("do", what)]).await.ok(400);
        }
        for what in [
            "add:",
            "remove:issuers/99",
            "up:of/0",
            "add:issuers/0/issuer/x/y",
        ] {
            owner.post(&new, &[("do", what)]).await.ok(200);
        }
        owner.post(&page, &[("do", "save")]).await.ok(400);
        // Places mean something else once the list was changed.
        let open = format!("{page}?policy=0");
        let stale = [
            ("do", "save"),
            ("kind", "key_auth"),
            ("etag", "1"),
            ("query", "k"),
        ];
        owner.post(&open, &stale).await.ok(422).says("value=\"k\"");
        assert_eq!(
            policies(&mut owner, &place).await,
            json!([{ "key_auth": {} }])
        );
    })
    .await;
}

#[tokio::test]
async fn what_observes_tells_whom_it_would_have_refused() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let shop = publish(&mut owner).await;
        let home = home(&mut owner).await;
        let editor = version(&mut owner, &home).await;
        let id = editor.rsplit('/').next().unwrap();
        let (page, open) = (format!("{editor}/observed"), format!("{editor}/policies?policy=1"));
        owner.get(&page).await.ok(200).says("Nothing observes");
        let limit = json!({ "rate_limit": { "name": "burst", "mode": "observe", "limit": 1, "window": "60s" } });
        let draft = json!({ "policies": [{ "key_auth": {} }, limit] });
        owner.api("PATCH", &format!("/versions/{id}/draft"), draft).await;
        owner.api("POST", &format!("/versions/{id}/publish"), json!({})).await;
        owner.get(&page).await.ok(200).says("Would have refused none");
        let application = json!({ "team": home.team, "name": "Kiosk" });
        let place = format!("/organizations/{}/applications", home.organization);
        let application = owner.api("POST", &place, application).await;
        let application = application["id"].as_str().unwrap();
        let place = format!("/applications/{application}/subscriptions");
        owner.api("POST", &place, json!({ "plan": shop.open })).await;
        let records: Vec<Record> = ["", "version/rate_limit/burst", "version/rate_limit/burst plan/cache/x"]
            .map(|observed_by| Record {
                version: id.parse().unwrap(),
                observed_by: observed_by.to_owned(),
                ..call(app.plane.clock.now(), home.organization.parse().unwrap(), application.parse().unwrap())
            })
            .to_vec();
        let batch = BatchId::from_name("batch", "observed");
        write_batch(&app.plane.databases.traffic, batch, &records).await.unwrap();
        for range in ["", "?range=1h", "?range=30d"] {
            let shown = owner.get(&format!("{page}{range}")).await.ok(200);
            keep("observed", &shown);
            let shown = shown.says("Would have refused 2").says("of 3 requests, from 1 application");
            let shown = shown.says("Kiosk").says("67 %").says("Would have answered 1");
            shown.says(&format!("href=\"{open}\""));
        }
        owner.get(&open).await.ok(200).says("Would have refused 2").says(&page);
        let mut viewer = join(&app, &mut owner, &home, "viewer").await;
        let shown = viewer.get(&page).await.ok(200);
        shown.says("Would have refused 2").hides("Enforce now");
    })
    .await;
}

#[tokio::test]
async fn who_may_not_change_them_reads_them_as_yaml() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (page, _) = editor(&mut owner).await;
        let home = home(&mut owner).await;
        let mut viewer = join(&app, &mut owner, &home, "viewer").await;
        viewer
            .get(&page)
            .await
            .ok(200)
            .says("Choose a policy to see it")
            .hides("?add=");
        let shown = viewer.get(&format!("{page}?policy=0")).await.ok(200);
        shown
            .says("key_auth: {}")
            .hides("name=\"do\"")
            .hides("<textarea");
        viewer
            .get(&format!("{page}?add=jwt"))
            .await
            .ok(200)
            .hides("name=\"do\"");
        viewer
            .post(&format!("{page}?add=mtls"), &[("do", "save")])
            .await
            .ok(403);
    })
    .await;
}
