//! An API that somebody published, made over the management API with the session of a browser.

use domain::openapi::BOOKSHOP;
use serde_json::{Value, json};

use super::Browser;

/// What tests ask of it.
pub(crate) struct Shop {
    /// Address of its page.
    pub(crate) page: String,
    /// Id of a plan that is approved at once.
    pub(crate) open: String,
    /// Id of a plan that is approved by hand, with terms.
    pub(crate) manual: String,
}

fn id(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no id in {value}"))
        .to_owned()
}

/// Publishes the bookshop for everyone, with two plans.
pub(crate) async fn publish(owner: &mut Browser) -> Shop {
    let account = owner.api("GET", "/account", Value::Null).await;
    let membership = &account["memberships"][0];
    let (organization, team) = (id(&membership["organization"]), &membership["teams"][0]);
    let upstream = json!({
        "team": team["team"],
        "name": "books",
        "settings": { "targets": [{ "url": "https://93.184.216.34/bookshop" }] },
    });
    let upstream = owner
        .api(
            "POST",
            &format!("/organizations/{organization}/upstreams"),
            upstream,
        )
        .await;
    let import = json!({ "team": team["team"], "document": BOOKSHOP });
    let made = owner
        .api(
            "POST",
            &format!("/organizations/{organization}/apis/import"),
            import,
        )
        .await;
    let version = id(&made["version"]["summary"]["id"]);
    let draft = json!({ "upstream": upstream["id"] });
    owner
        .api("PATCH", &format!("/versions/{version}/draft"), draft)
        .await;
    let publish = json!({ "visibility": "public", "note": "The first shelf" });
    let made_public = owner
        .api("POST", &format!("/versions/{version}/publish"), publish)
        .await;
    let product = id(&made_public["products"][0]["id"]);
    let open = plan(
        owner,
        &product,
        json!({ "name": "Free", "approval": "auto" }),
    )
    .await;
    let manual = json!({
        "name": "Standard",
        "approval": "manual",
        "terms": "Be **kind**.",
        "policies": [{ "rate_limit": { "limit": 5, "window": "1m" } }, { "quota": { "limit": 1000, "period": "month" } }],
    });
    let manual = plan(owner, &product, manual).await;
    Shop {
        page: format!("/apis/{}/bookshop", membership["slug"].as_str().unwrap()),
        open,
        manual,
    }
}

async fn plan(owner: &mut Browser, product: &str, body: Value) -> String {
    let made = owner
        .api("POST", &format!("/products/{product}/plans"), body)
        .await;
    let plan = id(&made["id"]);
    owner
        .api("POST", &format!("/plans/{plan}/publish"), json!({}))
        .await;
    plan
}
