//! Kept answers of an API, taken out of the gateways over the management API, and in the portal.

use std::time::{Duration, Instant};

use e2e::browser::{Browser, Look};
use e2e::client::{Answer, Client};
use e2e::postgres::Postgres;
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
    let mut times = Vec::new();
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
        let took = began.elapsed();
        println!("{what} was gone {took:?} after it was asked for");
        times.push(took);
        until("it is kept again", Duration::from_secs(5), kept).await?;
    }
    times.sort_unstable();
    assert!(times[1] <= GONE, "{times:?}");

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

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_an_api_takes_it_out_in_the_portal() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let product = Product::all_in_one(folder.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 10_000).await?;
    let policies = json!([{ "key_auth": {} }, { "cache": { "ttl": "600s" } }]);
    open.publish(json!({ "policies": policies })).await?;
    let seen = || upstream.seen().len();
    let kept = || async {
        open.caller.get(&open.url).await.ok()?;
        let before = seen();
        let again = open.caller.get(&open.url).await.ok()?;
        (again.status == 200 && seen() == before).then_some(())
    };
    until("the answer is kept", PATIENCE, kept).await?;

    let version = format!("/versions/{}", open.version);
    let shown = open.provider.get(&version).await?;
    let api = text(&shown, "/api/id")?;
    let person = Browser::open(Look::default()).await?;
    scene::enter(&person, &product.portal, "ines@lantern.example").await?;
    let page = format!("{}/o/lantern/apis/{api}", product.portal);
    person.goto(&page).await?;
    // It says what is missing, and nothing is taken out.
    person.select("what", "One address").await?;
    person.press(TAKE_OUT).await?;
    person.text("[id='value-e']").await?;
    let before = seen();
    open.caller.get(&open.url).await?.expect(200)?;
    assert_eq!(seen(), before);

    let address = open.url.trim_start_matches("http://");
    for (what, value) in [
        ("One address", Some(address)),
        ("Everything of this API", None),
    ] {
        person.goto(&page).await?;
        person.select("what", what).await?;
        if let Some(value) = value {
            person.fill("value", value).await?;
        }
        let before = seen();
        person.press(TAKE_OUT).await?;
        person.shows("Every gateway takes it out").await?;
        let asked = || async {
            open.caller.get(&open.url).await.ok()?;
            (seen() > before).then_some(())
        };
        until("the upstream is asked again", PATIENCE, asked).await?;
        until("it is kept again", PATIENCE, kept).await?;
    }
    Ok(())
}

const TAKE_OUT: &str = "Take out of the caches";

/// Until an answer is gone from all gateways, in most cases (gateway.md, `cache`).
const GONE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(20);

/// Two gateways by the address of the same operation; to their clients they are one host.
struct Gateways {
    urls: [String; 2],
    caller: Client,
    /// Takes only what is kept.
    kept: Client,
    upstream: Upstream,
}

const HOST: &str = "api.example.com";

fn query(number: usize) -> String {
    format!("page={number}&tag=shelf-{number}&group=room-{number}")
}

impl Gateways {
    async fn get(&self, client: &Client, node: usize, number: usize) -> anyhow::Result<Answer> {
        let url = format!("{}?{}", self.urls[node], query(number));
        client.get(&url).await
    }

    /// How often the upstream was asked for it.
    fn asked_for(&self, number: usize) -> usize {
        let target = format!("/books?{}", query(number));
        let seen = self.upstream.seen();
        seen.iter().filter(|seen| seen.target == target).count()
    }

    /// Asks for it until it is given from what is kept.
    async fn keep(&self, node: usize, number: usize) -> anyhow::Result<()> {
        let kept = || async {
            self.get(&self.caller, node, number).await.ok()?;
            let given = self.get(&self.kept, node, number).await.ok()?;
            given.header("cache-status").contains("hit").then_some(())
        };
        until("the answer is kept", PATIENCE, kept).await
    }

    /// Returns when the gateway has it no more.
    async fn lose(&self, node: usize, number: usize) -> anyhow::Result<()> {
        let gone = || async {
            let answer = self.get(&self.kept, node, number).await.ok()?;
            (answer.status == 504).then_some(())
        };
        until("the answer is gone", PATIENCE, gone).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_purged_is_gone_from_all_gateways_within_half_a_second() -> anyhow::Result<()> {
    let Some(postgres) = Postgres::start().await? else {
        eprintln!("no PostgreSQL is installed: this journey needs one and was left out");
        return Ok(());
    };
    let (data, upstream) = (tempfile::tempdir()?, Upstream::start().await?);
    let product = Product::apart(data.path(), &postgres.url()).await?;
    let open = scene::open(&product, &upstream, 1_000_000).await?;
    let second = product.second_gateway().await?;
    let policies = json!([{ "key_auth": {} }, { "cache": { "ttl": "600s" } }]);
    open.publish(json!({ "policies": policies })).await?;
    let shown = open
        .provider
        .get(&format!("/versions/{}", open.version))
        .await?;
    let purge = format!("/apis/{}/cache/purge", text(&shown, "/api/id")?);
    let path = open.url.replace(&product.gateway, HOST);
    let caller = open.caller.clone().with("host", HOST)?;
    let gateways = Gateways {
        urls: [
            open.url.clone(),
            open.url.replace(&product.gateway, &second.ready.gateway),
        ],
        kept: caller.clone().with("cache-control", "only-if-cached")?,
        caller,
        upstream,
    };
    let (mut times, other) = (Vec::new(), 1000);
    for number in 0..10 {
        for node in [0, 1] {
            gateways.keep(node, number).await?;
            gateways.keep(node, other).await?;
        }
        let asked = [number, other].map(|number| gateways.asked_for(number));
        let (what, is_alone) = match number % 5 {
            0 => (json!({ "tag": format!("shelf-{number}") }), true),
            1 => (json!({ "tag": format!("room-{number}") }), true),
            2 => (json!({ "url": format!("{path}?{}", query(number)) }), true),
            3 => (json!({ "prefix": path }), false),
            _ => (json!({ "all": true }), false),
        };
        open.provider.done("POST", &purge, what.clone()).await?;
        let began = Instant::now();
        tokio::try_join!(gateways.lose(0, number), gateways.lose(1, number))?;
        let took = began.elapsed();
        println!("{what} was gone from both {took:?} after the answer");
        times.push(took);
        // Both ask anew, and what it does not name stays.
        for node in [0, 1] {
            for number in [number, other] {
                let answer = gateways.get(&gateways.caller, node, number).await?;
                answer.expect(200)?;
            }
        }
        assert_eq!(gateways.asked_for(number), asked[0] + 2, "{what}");
        if is_alone {
            assert_eq!(gateways.asked_for(other), asked[1], "{what}");
        }
    }
    times.sort_unstable();
    println!("half of them were gone within {:?}", times[times.len() / 2]);
    assert!(times[times.len() / 2] <= GONE, "{times:?}");
    assert_eq!(second.terminate().await?, 0);
    Ok(())
}
