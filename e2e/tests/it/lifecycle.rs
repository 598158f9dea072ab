//! A version on its way out: its callers are told where to go, and then told that it is gone.

use std::time::Duration;

use e2e::upstream::Upstream;
use e2e::wait::until;
use serde_json::json;

use crate::product::Product;
use crate::scene::{self, text};

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_a_version_hear_of_its_end() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let product = Product::all_in_one(folder.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 10_000).await?;
    let version = format!("/versions/{}", open.version);
    let shown = open.provider.get(&version).await?;
    let versions = format!("/apis/{}/versions", text(&shown, "/api/id")?);
    let next = json!({ "slug": "v2", "from": open.version });
    let next = open.provider.done("POST", &versions, next).await?;
    let next = text(&next, "/summary/id")?.to_owned();
    open.provider
        .done("POST", &format!("/versions/{next}/publish"), json!({}))
        .await?;

    let told = json!({ "successor": next, "message": "Prices are in cents now." });
    open.provider
        .done("POST", &format!("{version}/deprecate"), told)
        .await?;
    let told = || async {
        let answer = open.caller.get(&open.url).await.ok()?;
        (answer.status == 200 && answer.header("deprecation").starts_with('@')).then_some(answer)
    };
    let answer = until("the answer says so", Duration::from_secs(10), told).await?;
    let successor = "/bookshop?version=v2>; rel=\"successor-version\"";
    assert!(
        answer.header("link").contains(successor),
        "{:?}",
        answer.headers
    );

    open.provider
        .done("POST", &format!("{version}/retire"), json!({}))
        .await?;
    let gone = scene::until_status(&open.caller, &open.url, 410).await?;
    assert_eq!(gone.json()?["code"], "version_retired");
    assert!(
        gone.header("link").contains(successor),
        "{:?}",
        gone.headers
    );

    // Its place is free for the version that comes after it.
    let draft = open.provider.get(&version).await?["draft"]["route"].clone();
    let place = json!({ "route": draft });
    open.provider
        .done("PATCH", &format!("/versions/{next}/draft"), place)
        .await?;
    open.provider
        .done("POST", &format!("/versions/{next}/publish"), json!({}))
        .await?;
    let answer = scene::until_status(&open.caller, &open.url, 200).await?;
    assert_eq!(answer.header("deprecation"), "");
    Ok(())
}
