//! A policy through its form in a real browser, with and without scripts: problems at the fields,
//! rows, YAML and back; and what was saved holds for the next call.

use std::time::Duration;

use anyhow::ensure;
use e2e::browser::{Browser, Look};
use e2e::upstream::Upstream;
use e2e::wait;
use fantoccini::Locator;
use serde_json::json;

use crate::product::Product;
use crate::scene::{self, text, until_status};

const INES: &str = "ines@lantern.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_edited_in_its_form() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let product = Product::all_in_one(data.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 100).await?;
    let (organization, _) = scene::home(&open.provider).await?;
    let apis = open
        .provider
        .get(&format!("/organizations/{organization}/apis"))
        .await?;
    let (api, version) = (
        text(&apis, "/items/0/id")?,
        text(&apis, "/items/0/versions/0/id")?,
    );
    let page = format!(
        "{}/o/lantern/apis/{api}/versions/{version}/policies",
        product.portal
    );
    for javascript in [true, false] {
        let look = Look {
            javascript,
            ..Look::default()
        };
        let person = Browser::open(look).await?;
        edit(&person, &page, &product.portal).await?;
    }
    let place = format!("/versions/{version}");
    let stored = open.provider.get(&place).await?;
    let issuer = json!({ "issuer": "https://b.example", "audience": ["books"], "skew": "5s" });
    let jwt = json!({ "jwt": { "optional": true, "issuers": [issuer] } });
    ensure!(stored["draft"]["policies"][1] == jwt, "{stored}");

    // A filter that lets nobody in, by its form; the gateway does as it says.
    let person = Browser::open(Look::default()).await?;
    scene::enter(&person, &product.portal, INES).await?;
    person.goto(&format!("{page}?policy=1")).await?;
    person.press("Remove").await?;
    person.press("request_limits").await?;
    person.fill("query", "0").await?;
    person.press("Save to draft").await?;
    open.provider
        .done(
            "POST",
            &format!("{place}/publish"),
            json!({ "visibility": "public" }),
        )
        .await?;
    until_status(&open.caller, &format!("{}?a=b", open.url), 414).await?;
    until_status(&open.caller, &open.url, 200).await?;
    Ok(())
}

async fn edit(person: &Browser, page: &str, portal: &str) -> anyhow::Result<()> {
    scene::enter(person, portal, INES).await?;
    person.goto(page).await?;
    person
        .shows("Refuse what does not fit the OpenAPI document")
        .await?;
    // The second time it is there already.
    let described = person.describe().await;
    if described.contains("a token of") {
        person.goto(&format!("{page}?policy=1")).await?;
        person.press("Remove").await?;
    }
    person.press("jwt").await?;
    person.press("Add an issuer").await?;
    person.fill("issuers/0/issuer", "https://a.example").await?;
    person.fill("issuers/0/skew", "soon").await?;
    // Enter saves, as in every form.
    person.enter("issuers/0/skew").await?;
    let told = person.text("[id='issuers/0/skew-e']").await?;
    ensure!(told.contains("Write a duration"), "{told}");
    let told = person.text("[id='issuers/0/audience-e']").await?;
    ensure!(told.contains("Name 1 to 10 audiences"), "{told}");
    person.fill("issuers/0/skew", "5s").await?;
    person.fill("issuers/0/audience", "books").await?;
    person.press("Add an issuer").await?;
    person.fill("issuers/1/issuer", "https://b.example").await?;
    person.mark("optional", "on").await?;
    // By the keyboard: it lies under the bar that stays on top.
    let remove = "//button[@title='Remove Issuer 2']";
    let remove = person.window.find(Locator::XPath(remove)).await?;
    remove.send_keys("\u{e007}").await?;
    wait::until("one issuer", Duration::from_secs(5), || async {
        let shown = person.describe().await;
        (!shown.contains("Issuer 2")).then_some(())
    })
    .await?;
    person.press("YAML").await?;
    let yaml = "jwt:\n  optional: true\n  issuers:\n  - issuer: https://b.example\n    audience: books\n    skew: 5s\n";
    person.fill("yaml", yaml).await?;
    person.press("Save to draft").await?;
    person.shows("/issuers/0/audience: Write a list.").await?;
    person
        .fill("yaml", &yaml.replace("books", "[books]"))
        .await?;
    person.follow("//button[normalize-space(.)='Form']").await?;
    let shown = person.text("[id='issuers/0/audience']").await?;
    ensure!(shown.contains("books"), "{shown}");
    person.press("Save to draft").await?;
    person.shows("a token of https://b.example").await
}
