//! Two gateways with a Redis between them: what one keeps the other gives, and what is purged is gone
//! from both.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use e2e::client::{Answer, Client};
use e2e::postgres::Postgres;
use e2e::redis::Redis;
use e2e::upstream::Upstream;
use e2e::wait::until;
use serde_json::json;

use crate::product::Product;
use crate::scene::{self, text};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn what_one_gateway_keeps_another_gives_until_it_is_purged() -> anyhow::Result<()> {
    let Some(postgres) = Postgres::start().await? else {
        eprintln!("no PostgreSQL is installed: this journey needs one and was left out");
        return Ok(());
    };
    let Some(redis) = Redis::start().await? else {
        eprintln!("no Redis is installed: this journey needs one and was left out");
        return Ok(());
    };
    let (data, upstream) = (tempfile::tempdir()?, Upstream::start().await?);
    let address = redis.url();
    let more = [("PORTUNUS_REDIS_URL", address.as_str())];
    let product = Product::apart_with(data.path(), &postgres.url(), &more).await?;
    let open = scene::open(&product, &upstream, 1_000_000).await?;
    let second = product.second_gateway().await?;
    let cache = json!({ "ttl": "600s", "second_level": "redis" });
    let policies = json!([{ "key_auth": {} }, { "cache": cache }]);
    open.publish(json!({ "policies": policies })).await?;

    // To their clients they are one host.
    let caller = open.caller.clone().with("host", "api.example.com")?;
    let nodes = Nodes {
        second: open.url.replace(&product.gateway, &second.ready.gateway),
        first: open.url.clone(),
        kept: caller.clone().with("cache-control", "only-if-cached")?,
        caller,
        upstream,
        asked: AtomicUsize::new(0),
    };
    let number = nodes.shared().await?;
    let again = nodes.get(&nodes.caller, &nodes.second, number).await?;
    let said = again.header("cache-status");
    assert!(said.contains("hit") && !said.contains("detail"), "{said}");
    assert_eq!(nodes.asked_for(number), 1);

    let version = format!("/versions/{}", open.version);
    let shown = open.provider.get(&version).await?;
    let purge = format!("/apis/{}/cache/purge", text(&shown, "/api/id")?);
    let all = json!({ "all": true });
    open.provider.done("POST", &purge, all).await?;
    for node in [&nodes.first, &nodes.second] {
        // Neither in its memory nor in Redis: that is asked, and the upstream is not.
        let gone = || async {
            let answer = nodes.get(&nodes.kept, node, number).await.ok()?;
            (answer.status == 504).then_some(answer)
        };
        let answer = until("the answer is gone", PATIENCE, gone).await?;
        assert_eq!(answer.json()?["code"], "not_cached");
    }
    assert_eq!(nodes.asked_for(number), 1);
    nodes.get(&nodes.caller, &nodes.second, number).await?;
    assert_eq!(nodes.asked_for(number), 2);

    // What is new is shared again.
    nodes.shared().await?;
    assert_eq!(second.terminate().await?, 0);
    Ok(())
}

/// Both gateways, by the address of the same operation.
struct Nodes {
    first: String,
    second: String,
    caller: Client,
    /// Takes only what is kept.
    kept: Client,
    upstream: Upstream,
    /// What was asked for so far, by number.
    asked: AtomicUsize,
}

impl Nodes {
    async fn get(&self, client: &Client, node: &str, number: usize) -> anyhow::Result<Answer> {
        client.get(&format!("{node}?page={number}")).await
    }

    /// How often the upstream was asked for it.
    fn asked_for(&self, number: usize) -> usize {
        let target = format!("/books?page={number}");
        let seen = self.upstream.seen();
        seen.iter().filter(|seen| seen.target == target).count()
    }

    /// Asks the first for something new until the second gives what that has kept: its number. Before
    /// they know of the policy and have found Redis, it does not.
    async fn shared(&self) -> anyhow::Result<usize> {
        let one = || async {
            let number = self.asked.fetch_add(1, Relaxed);
            let kept = self.get(&self.caller, &self.first, number).await.ok()?;
            if !kept.header("cache-status").contains("stored") {
                return None;
            }
            let given = || async {
                let given = self.get(&self.kept, &self.second, number).await.ok()?;
                let said = given.header("cache-status");
                said.contains("detail=second-level").then_some(())
            };
            let moment = Duration::from_secs(1);
            until("the other gives it", moment, given).await.ok()?;
            // One that did not know of the policy may have asked the upstream, too.
            (self.asked_for(number) == 1).then_some(number)
        };
        until("an answer is shared", PATIENCE, one).await
    }
}
