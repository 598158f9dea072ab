//! What is promised when something is not there: the database, or from one moment to the next the
//! gateway itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use e2e::client::Client;
use e2e::postgres::Postgres;
use e2e::upstream::Upstream;
use e2e::wait;
use serde_json::json;

use crate::product::Product;
use crate::scene::{self, Open, until_status};

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_answers_without_its_database() -> anyhow::Result<()> {
    let Some(postgres) = Postgres::start().await? else {
        eprintln!("no PostgreSQL is installed: this journey needs one and was left out");
        return Ok(());
    };
    let (data, upstream) = (tempfile::tempdir()?, Upstream::start().await?);
    let mut product = Product::apart(data.path(), &postgres.url()).await?;
    let open = scene::open(&product, &upstream, 100_000).await?;
    counts(&open, 1).await?;

    postgres.stop().await?;
    for _ in 0..50 {
        open.caller.get(&open.url).await?.expect(200)?;
    }
    Client::default().get(&open.url).await?.expect(401)?;

    product.end_gateway().await?;
    product.start_gateway().await?;
    for _ in 0..50 {
        open.caller.get(&open.url).await?.expect(200)?;
    }

    // What was answered meanwhile is counted once the database is back, and changes arrive again.
    postgres.start_again().await?;
    counts(&open, 101).await?;
    let path = format!("/credentials/{}/revoke", open.credential);
    let back = Duration::from_secs(20);
    wait::until("the portal finds its database", back, || async {
        let answer = open.consumer.call("POST", &path, json!({})).await.ok()?;
        (answer.status < 300).then_some(())
    })
    .await?;
    until_status(&open.caller, &open.url, 401).await?;
    Ok(())
}

/// Waits until the consumer's dashboard shows this many answers of the upstream.
pub(crate) async fn counts(open: &Open, wanted: u64) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let found = stored(open).await;
        match found {
            Ok(found) if found == wanted => return Ok(()),
            _ if start.elapsed() > Duration::from_secs(30) => {
                anyhow::bail!("{wanted} requests were to be counted: {found:?}")
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Requests in the dashboard of the application.
async fn stored(open: &Open) -> anyhow::Result<u64> {
    let usage = open
        .consumer
        .get(&format!(
            "/applications/{}/usage?range=1h",
            open.application
        ))
        .await?;
    usage
        .pointer("/totals/requests")
        .and_then(serde_json::Value::as_u64)
        .with_context(|| usage.to_string())
}

/// `kill -9` under load: what was answered longer ago than 100 ms is stored, and nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_loses_what_it_answered_in_its_last_moment_at_most() -> anyhow::Result<()>
{
    let Some(database) = migration::testing::TestDatabase::postgres().await else {
        eprintln!("PORTUNUS_TEST_POSTGRES is not set: this journey needs it and was left out");
        return Ok(());
    };
    let (data, upstream) = (tempfile::tempdir()?, Upstream::start().await?);
    let mut product = Product::apart(data.path(), &database.url).await?;
    let open = scene::open(&product, &upstream, 1_000_000).await?;
    counts(&open, 1).await?;

    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(load(open.caller.clone(), open.url.clone(), stop.clone())))
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let killed = Instant::now();
    product.kill_gateway().await?;
    stop.store(true, Ordering::Relaxed);
    let (mut answered, mut late, mut sent) = (1, 0, 1);
    for caller in callers {
        let (times, asked) = caller.await?;
        answered += times.len() as u64;
        sent += asked;
        let moment = Duration::from_millis(100);
        late += times.iter().filter(|at| **at + moment > killed).count() as u64;
    }
    ensure!(answered > 500, "there was to be some load: {answered}");

    product.start_gateway().await?;
    let stored = settled(&open).await?;
    println!(
        "{answered} answered, {stored} stored after the replay, {late} answered in the last 100 ms, {sent} sent"
    );
    ensure!(
        stored + late >= answered,
        "{answered} answered, {stored} stored, {late} in the last 100 ms"
    );
    ensure!(
        stored <= sent,
        "{stored} stored of {sent}: something is stored twice"
    );
    let unique = log_ids(&open).await?;
    ensure!(
        unique == stored,
        "the log has {unique} requests, the dashboard {stored}"
    );
    Ok(())
}

/// Calls until told to stop or until the gateway is gone: when each answer came, and how many were asked.
async fn load(caller: Client, url: String, stop: Arc<AtomicBool>) -> (Vec<Instant>, u64) {
    let (mut times, mut asked) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        asked += 1;
        match caller.get(&url).await {
            Ok(answer) if answer.status == 200 => times.push(Instant::now()),
            _ => break,
        }
    }
    (times, asked)
}

/// The count once it has not moved for two seconds: the spool is replayed.
async fn settled(open: &Open) -> anyhow::Result<u64> {
    let (mut last, mut since) = (stored(open).await?, Instant::now());
    while since.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = stored(open).await?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(last)
}

/// How many different requests the request log holds, read page by page.
async fn log_ids(open: &Open) -> anyhow::Result<u64> {
    let (organization, _) = scene::home(&open.provider).await?;
    let base = format!("/organizations/{organization}/requests?side=provider&limit=100");
    let mut ids = std::collections::HashSet::new();
    let mut path = base.clone();
    loop {
        let page = open.provider.get(&path).await?;
        let items = page["items"].as_array().context("items")?;
        for item in items {
            let id = item["request_id"].as_str().context("a request id")?;
            ensure!(ids.insert(id.to_owned()), "{id} is in the log twice");
        }
        match page["next"].as_str() {
            Some(next) => path = format!("{base}&after={next}"),
            None => return Ok(ids.len() as u64),
        }
    }
}
