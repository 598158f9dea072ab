//! The form of an upstream: all that it can hold, what is wrong at its field, and the one step of
//! blue and green.

use domain::id::BatchId;
use domain::traffic::{Cached, Record};
use serde_json::{Value, json};

use crate::support::{App, Browser, call, each, publish};

/// The address of the only upstream's page, and the management API's path of it.
pub(crate) async fn upstream(owner: &mut Browser) -> (String, String) {
    let account = owner.api("GET", "/account", Value::Null).await;
    let membership = &account["memberships"][0];
    let organization = membership["organization"].as_str().unwrap();
    let place = format!("/organizations/{organization}/upstreams");
    let found = owner.api("GET", &place, Value::Null).await["items"][0].clone();
    let id = found["id"].as_str().unwrap();
    let base = format!(
        "/o/{}/t/{}",
        membership["slug"].as_str().unwrap(),
        membership["teams"][0]["slug"].as_str().unwrap()
    );
    (format!("{base}/upstreams/{id}"), format!("/upstreams/{id}"))
}

/// The id of one more upstream of the organization.
async fn another(owner: &mut Browser) -> String {
    let account = owner.api("GET", "/account", Value::Null).await;
    let membership = &account["memberships"][0];
    let organization = membership["organization"].as_str().unwrap();
    let made = json!({
        "team": membership["teams"][0]["team"],
        "name": "candidate",
        "settings": { "targets": [{ "url": "https://93.184.216.34/candidate" }] },
    });
    let place = format!("/organizations/{organization}/upstreams");
    let made = owner.api("POST", &place, made).await;
    made["id"].as_str().unwrap().to_owned()
}

/// A form with the tag that the page has now.
pub(crate) async fn save(
    owner: &mut Browser,
    page: &str,
    more: &[(&str, &str)],
) -> crate::support::Answer {
    let shown = owner.get(page).await.ok(200);
    let etag = shown.between("name=\"etag\" value=\"", "\"");
    let mut form = vec![("do", "save"), ("etag", &*etag), ("name", "books")];
    form.extend(more);
    owner.post(page, &form).await
}

const TARGETS: [(&str, &str); 7] = [
    ("targets/0/url", "https://93.184.216.34/blue"),
    ("targets/0/weight", "3"),
    ("targets/0/region", "eu-west"),
    ("targets/0/variant", "blue"),
    ("targets/2/url", "https://93.184.216.34/green"),
    ("targets/2/tier", "1"),
    ("targets/2/variant", "green"),
];

#[tokio::test]
async fn all_of_it_is_saved_and_shown_again() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let (page, api) = upstream(&mut owner).await;
        let other = another(&mut owner).await;
        owner
            .get(&page)
            .await
            .ok(200)
            .says("placeholder=\"30s\"")
            .says("<details class=\"fold\"><summary")
            .hides("<details open class=\"fold\"");
        let mut form = TARGETS.to_vec();
        form.extend([
            ("balance/algorithm", "least_requests"),
            ("balance/slow_start", "30s"),
            ("balance/sticky/cookie", "at"),
            ("health/active", "yes"),
            ("health/active/kind", "http"),
            ("health/active/path", "/healthz"),
            ("health/active/statuses", "200 204"),
            ("health/passive/failures", "3"),
            ("retries/tries", "3"),
            ("hedge/after", "200ms"),
            ("hedge/max", "2"),
            ("mirror/upstream", &other),
            ("mirror/sample", "10"),
            ("breaker/in_flight", "500"),
            ("fallback", "answer"),
            ("fallback/answer/status", "503"),
            ("fallback/answer/body", "{}"),
            ("timeouts/total", "90s"),
            ("protocol", "http2"),
            ("split/variants/0/name", ""),
            ("split/live", "blue"),
        ]);
        save(&mut owner, &page, &form).await.to(&page);
        let settings = owner.api("GET", &api, Value::Null).await["settings"].clone();
        for (pointer, value) in [
            ("/targets/0/weight", json!(3)),
            ("/targets/1/url", json!("https://93.184.216.34/green")),
            ("/targets/1/tier", json!(1)),
            ("/targets/0/region", json!("eu-west")),
            ("/health/active/kind", json!("http")),
            ("/hedge", json!({ "after": "200ms", "max": 2 })),
            ("/mirror/upstream", json!(other)),
            ("/mirror/sample", json!(10)),
            ("/mirror/timeout", json!("10s")),
            ("/balance/algorithm", json!("least_requests")),
            ("/balance/slow_start", json!("30s")),
            ("/balance/sticky/cookie", json!("at")),
            ("/health/active/path", json!("/healthz")),
            ("/health/active/statuses", json!([200, 204])),
            ("/health/active/interval", json!("5s")),
            ("/health/passive/failures", json!(3)),
            ("/retries/tries", json!(3)),
            ("/breaker/in_flight", json!(500)),
            ("/fallback/answer/status", json!(503)),
            ("/timeouts/total", json!("90s")),
            ("/timeouts/connect", json!("2s")),
            ("/protocol", json!("http2")),
            ("/split/live", json!("blue")),
        ] {
            assert_eq!(settings.pointer(pointer), Some(&value), "{pointer}");
        }
        let shown = owner.get(&page).await.ok(200);
        shown
            .says("value=\"/healthz\"")
            .says("value=\"200 204\"")
            .says("value=\"eu-west\"")
            .says("value=\"200ms\"")
            .says(&format!("<option value=\"{other}\" selected"))
            .says("<option value=\"least_requests\" selected")
            .says("<details open class=\"fold\"><summary")
            .says("Switch to green");
        // In one step, and back; only what it says changes.
        for live in ["green", "blue"] {
            let shown = owner.get(&page).await.ok(200);
            let etag = shown.between("name=\"etag\" value=\"", "\"");
            let step = [("do", "switch"), ("etag", &*etag), ("live", live)];
            owner.post(&page, &step).await.to(&page);
            let mut now = owner.api("GET", &api, Value::Null).await["settings"].clone();
            assert_eq!(now["split"]["live"], live);
            now["split"]["live"] = "blue".into();
            assert_eq!(now, settings);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let (page, api) = upstream(&mut owner).await;
        let other = another(&mut owner).await;
        let before = owner.api("GET", &api, Value::Null).await;
        for (field, value, words) in [
            ("timeouts/idle", "60", "Write a duration like"),
            ("health/panic", "101", "Use 0 to 100 percent."),
            ("retries/tries", "9", "Use 1 to 5 tries."),
            (
                "retries/statuses",
                "404",
                "Use up to 100 codes of 500 to 599.",
            ),
            ("targets/0/weight", "2000", "Use a weight of 0 to 1000."),
            ("targets/2/url", "ftp://x", "Use http or https."),
            (
                "targets/2/region",
                "EU",
                "Use 1 to 32 lower-case letters, digits and hyphens.",
            ),
            (
                "health/active/service",
                "pets.Pets",
                "With kind grpc, enter a name",
            ),
            ("hedge/after", "200", "Write a duration like"),
            ("hedge/after", "p20", "or a percentile of p50 to p99"),
            (
                "hedge/after",
                "30s",
                "Use less than the time-out of the first byte.",
            ),
            ("mirror/sample", "101", "Use 1 to 100 percent."),
            (
                "split/live",
                "red",
                "Give a target with a weight this variant.",
            ),
            ("split/variants/0/share", "x", "Write a whole number"),
        ] {
            let mut form = TARGETS.to_vec();
            form.retain(|(name, _)| *name != field);
            form.extend([
                (
                    "split/variants/0/name",
                    if field.contains("share") { "blue" } else { "" },
                ),
                ("split/live", "blue"),
                ("health/active", "yes"),
                ("mirror/upstream", &other),
            ]);
            form.retain(|(name, _)| *name != field);
            form.push((field, value));
            let refused = save(&mut owner, &page, &form).await.ok(422);
            let at = refused.between(&format!("id=\"{field}-e\""), "</p>");
            assert!(at.contains(words), "{field}: {at}");
            let typed = format!("name=\"{field}\"");
            refused.says(&typed).says(&format!("value=\"{value}\""));
        }
        assert_eq!(owner.api("GET", &api, Value::Null).await, before);
    })
    .await;
}

#[tokio::test]
async fn variants_stand_side_by_side_where_there_are_any() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let account = owner.api("GET", "/account", Value::Null).await;
        let membership = &account["memberships"][0];
        let organization = membership["organization"].as_str().unwrap();
        let apis = format!("/organizations/{organization}/apis");
        let api = owner.api("GET", &apis, Value::Null).await["items"][0].clone();
        let version = api["versions"][0]["id"].as_str().unwrap();
        let base = format!("/o/{}", membership["slug"].as_str().unwrap());
        let plain = call(
            app.plane.clock.now(),
            organization.parse().unwrap(),
            Default::default(),
        );
        let record = |variant: &str, status, total_us| Record {
            version: version.parse().unwrap(),
            variant: variant.to_owned(),
            status,
            total_us,
            cached: match variant {
                "stable" => Cached::Stored,
                "" => Cached::None,
                _ => Cached::Hit,
            },
            ..plain.clone()
        };
        let traffic = &app.plane.databases.traffic;
        let write = async |name: &str, records: &[Record]| {
            let batch = BatchId::from_name("batch", name);
            entity::store::traffic::write_batch(traffic, batch, records)
                .await
                .unwrap();
        };
        write("one", &[record("", 200, 1000)]).await;
        let answers = format!("{base}/analytics?side=answers&range=1h");
        let of_version = format!("{answers}&version={version}");
        for page in [&answers, &of_version] {
            owner
                .get(page)
                .await
                .ok(200)
                .hides("id=\"variants\"")
                .hides("Cache hits")
                .hides("id=\"cache\"");
        }
        let more = [
            record("canary", 500, 90_000),
            record("canary", 200, 90_000),
            record("stable", 200, 2000),
        ];
        write("two", &more).await;
        let of_api = format!("{answers}&api={}", api["id"].as_str().unwrap());
        for page in [&answers, &of_version, &of_api] {
            let shown = owner.get(page).await.ok(200);
            let table = shown.between("id=\"variants\"", "</table>");
            for words in ["canary", "stable", "50 %", "91 ms", "v1"] {
                assert!(table.contains(words), "{words} is not in {table}");
            }
            let shown = shown.says("Cache hits").says("67 %");
            let course = shown.between("id=\"cache\"", "</section>");
            for words in ["Share of cache hits", "2 hits", "1 asked of the upstream"] {
                assert!(course.contains(words), "{words} is not in {course}");
            }
        }
        owner.get(&of_version).await.ok(200).says("Bookshop v1");
        // From the caller's side nothing is told of them.
        let calls = format!("{base}/analytics?side=calls&range=1h&version={version}");
        owner.get(&calls).await.ok(200).hides("canary");
        let other = format!("{answers}&version=00000000-0000-0000-0000-000000000001");
        owner.get(&other).await.ok(404);
    })
    .await;
}

#[tokio::test]
async fn grpc_health_checks_are_chosen_and_need_http2() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let (page, api) = upstream(&mut owner).await;
        let mut form = vec![
            ("targets/0/url", "https://93.184.216.34"),
            ("health/active", "yes"),
            ("health/active/kind", "grpc"),
            ("health/active/service", "pets.Pets"),
        ];
        let refused = save(&mut owner, &page, &form).await.ok(422);
        let at = refused.between("id=\"health/active/kind-e\"", "</p>");
        assert!(at.contains("set protocol to http2"), "{at}");
        refused
            .says("<option value=\"grpc\" selected")
            .says("value=\"pets.Pets\"");
        form.push(("protocol", "http2"));
        save(&mut owner, &page, &form).await.to(&page);
        let settings = owner.api("GET", &api, Value::Null).await["settings"].clone();
        let active = &settings["health"]["active"];
        assert_eq!(
            (&active["kind"], &active["service"]),
            (&json!("grpc"), &json!("pets.Pets"))
        );
    })
    .await;
}
