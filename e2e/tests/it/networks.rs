//! A list of networks that an organization keeps on its page: what is put in and taken out there holds
//! for the next call, and nothing is published for it.

use std::time::Instant;

use anyhow::ensure;
use e2e::browser::{Browser, Look};
use e2e::upstream::Upstream;
use serde_json::{Value, json};

use crate::product::Product;
use crate::scene::{self, home, text, until_status};

#[tokio::test(flavor = "multi_thread")]
async fn a_network_in_a_list_is_refused_until_it_is_taken_out() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let product = Product::all_in_one(data.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 1_000_000).await?;
    let person = Browser::open(Look::default()).await?;
    scene::enter(&person, &product.portal, "ines@lantern.example").await?;

    let page = format!("{}/o/lantern/ip-lists/new", product.portal);
    person.goto(&page).await?;
    person.fill("name", "scanners").await?;
    person.press("Make the list").await?;
    person.shows("Nothing in it").await?;

    let filter = json!({ "deny_lists": ["scanners"] });
    let policies = json!([{ "key_auth": {} }, { "ip_filter": filter }]);
    open.publish(json!({ "policies": policies })).await?;
    open.caller.get(&open.url).await?.expect(200)?;

    for _ in 0..2 {
        person
            .fill("networks", "127.0.0.0/8 # this machine")
            .await?;
        person.press("Put them in").await?;
        let began = Instant::now();
        person.shows("this machine").await?;
        let refused = until_status(&open.caller, &open.url, 403).await?;
        println!(
            "a network was refused {} ms after it was put in",
            began.elapsed().as_millis()
        );
        assert_eq!(refused.json()?["code"], "ip_denied");
        person
            .follow("//button[@aria-label='Remove 127.0.0.0/8']")
            .await?;
        person.shows("Nothing in it").await?;
        until_status(&open.caller, &open.url, 200).await?;
    }

    // A policy names it, so it stays.
    let (organization, _) = home(&open.provider).await?;
    let lists = format!("/organizations/{organization}/ip-lists");
    let all = open.provider.get(&lists).await?;
    let list = format!("{lists}/{}", text(&all, "/items/0/id")?);
    let kept = open.provider.call("DELETE", &list, Value::Null).await?;
    ensure!(kept.status == 409, "{} {}", kept.status, kept.text);
    ensure!(kept.json()?["code"] == "conflict", "{}", kept.text);
    // Nobody else has such a list.
    let theirs = open.consumer.call("DELETE", &list, Value::Null).await?;
    ensure!(theirs.status == 404, "{} {}", theirs.status, theirs.text);
    Ok(())
}
