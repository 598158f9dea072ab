//! Kept answers of an API, taken out of the gateways over the management API.

use std::time::{Duration, Instant};

use e2e::upstream::Upstream;
use e2e::wait::until;
use serde_json::json;

use crate::product::Product;
use crate::scene::{self, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_an_api_takes_out_what_is_kept_of_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let product = Product::all_in_one(folder.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 10_000).await?;
    let version = format!("/versions/{}", open.version);
    let draft = json!({ "policies": [{ "key_auth": {} }, { "cache": { "ttl": "600s" } }] });
    open.provider
        .done("PATCH", &format!("{version}/draft"), draft)
        .await?;
    open.provider
        .done(
            "POST",
            &format!("{version}/publish"),
            json!({ "note": "Kept" }),
        )
        .await?;
    let seen = || upstream.seen().len();
    let kept = || async {
        open.caller.get(&open.url).await.ok()?;
        let before = seen();
        let again = open.caller.get(&open.url).await.ok()?;
        (again.status == 200 && seen() == before).then_some(())
    };
    until("the answer is kept", Duration::from_secs(10), kept).await?;

    let shown = open.provider.get(&version).await?;
    let api = text(&shown, "/api/id")?.to_owned();
    let path = format!("/apis/{api}/cache/purge");
    let address = open.url.trim_start_matches("http://");
    for what in [
        json!({ "url": address }),
        json!({ "prefix": address }),
        json!({ "all": true }),
    ] {
        let before = seen();
        let began = Instant::now();
        open.provider.done("POST", &path, what.clone()).await?;
        let asked = || async {
            open.caller.get(&open.url).await.ok()?;
            (seen() > before).then_some(())
        };
        until("the upstream is asked again", Duration::from_secs(5), asked).await?;
        println!(
            "{what} was gone {} ms after it was asked for",
            began.elapsed().as_millis()
        );
        until("it is kept again", Duration::from_secs(5), kept).await?;
    }

    // What names nothing of it leaves it there.
    open.provider
        .done("POST", &path, json!({ "tag": "none" }))
        .await?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let before = seen();
    open.caller.get(&open.url).await?.expect(200)?;
    assert_eq!(seen(), before);
    Ok(())
}
