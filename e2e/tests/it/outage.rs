//! What is promised when something is not there: the database, or from one moment to the next the
//! gateway itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use e2e::client::{Answer, Client};
use e2e::postgres::Postgres;
use e2e::upstream::Upstream;
use e2e::wait;
use serde_json::json;

use crate::product::Product;
use crate::scene::{self, Open, until_status};
use crate::takeover;

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

    let mut others = 1;
    let before = with_quota(&open, &mut others).await?;

    let life = Duration::from_secs(2);
    let load = until_killed(&open.caller, &open.url, life, product.kill_gateway()).await?;
    product.start_gateway().await?;
    let first = open.caller.get(&open.url).await?.expect(200)?;
    load.is_counted(before, used(&first, "month").context("a quota")? - 1)?;
    let (answered, sent) = (load.answered + others + 1, load.sent + others + 1);
    let late = load.late;
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
    // The database has of the quota what the node itself knew.
    let last = open.caller.get(&open.url).await?.expect(200)?;
    load.is_counted(before, used(&last, "month").context("a quota")? - 2)
}

/// The same of a gateway of a file, whose quota goes on from there each time.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_of_a_file_goes_on_with_its_quota() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let file = takeover::configuration(folder.path(), takeover::upstream().await?)?;
    let caller = Client::default().with("x-api-key", takeover::KEY)?;
    let mut known = 0;
    for life in [300, 555, 1_310] {
        let process = takeover::gateway(&data, &file, &[]).await?;
        let url = format!("{}/x/fast", process.ready.gateway);
        let first = caller.get(&url).await?.expect(200)?;
        let before = used(&first, "quota").context("a quota")?;
        ensure!(before > known, "{before} after {known}");
        let load = until_killed(&caller, &url, Duration::from_millis(life), process.kill()).await?;

        let process = takeover::gateway(&data, &file, &[]).await?;
        let url = format!("{}/x/fast", process.ready.gateway);
        let first = caller.get(&url).await?.expect(200)?;
        known = used(&first, "quota").context("a quota")?;
        load.is_counted(before, known - 1)?;
        ensure!(process.terminate().await? == 0);
    }
    Ok(())
}

/// What the quotas here admit.
const LIMIT: u64 = 1_000_000;

/// Gives the plan a quota, and waits until the gateway counts by it. What is used of it then;
/// `asked` grows by each call.
pub(crate) async fn with_quota(open: &Open, asked: &mut u64) -> anyhow::Result<u64> {
    let plan = json!({
        "name": "Free", "approval": "auto",
        "policies": [
            { "rate_limit": { "name": "minute", "limit": 1_000_000, "window": "60s" } },
            { "quota": { "name": "month", "limit": LIMIT, "period": "month" } },
        ],
    });
    let path = format!("/plans/{}", open.plan);
    open.provider.done("PUT", &path, plan).await?;
    for _ in 0..200 {
        let answer = open.caller.get(&open.url).await?.expect(200)?;
        *asked += 1;
        if let Some(used) = used(&answer, "month") {
            return Ok(used);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the plan's quota is not there")
}

/// How much of a quota was used when this was answered, with this one.
pub(crate) fn used(answer: &Answer, quota: &str) -> Option<u64> {
    let name = format!("\"{quota}\";");
    let mut items = answer.header("ratelimit").split(", ");
    let item = items.find_map(|item| item.strip_prefix(name.as_str()))?;
    let left = item.split(';').find_map(|part| part.strip_prefix("r="))?;
    LIMIT.checked_sub(left.parse().ok()?)
}

/// What callers had of a gateway until it was killed.
struct Load {
    answered: u64,
    /// Of these, within 100 ms before the end.
    late: u64,
    sent: u64,
}

impl Load {
    /// A quota had one count before it, and this one after the end.
    fn is_counted(&self, before: u64, after: u64) -> anyhow::Result<()> {
        let Self {
            answered,
            late,
            sent,
        } = self;
        let counted = after.saturating_sub(before);
        println!("{answered} answered, {late} in the last 100 ms, {counted} counted by the quota");
        ensure!(
            counted + late >= *answered && counted <= *sent,
            "{answered} answered, {late} in the last 100 ms, {counted} counted of {sent} sent"
        );
        Ok(())
    }
}

/// Four callers, until `kill`, which comes after a while.
async fn until_killed(
    caller: &Client,
    url: &str,
    life: Duration,
    kill: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Load> {
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(load(caller.clone(), url.to_owned(), stop.clone())))
        .collect();
    tokio::time::sleep(life).await;
    let killed = Instant::now();
    kill.await?;
    stop.store(true, Ordering::Relaxed);
    let (mut answered, mut late, mut sent) = (0, 0, 0);
    for caller in callers {
        let (times, asked) = caller.await?;
        answered += times.len() as u64;
        sent += asked;
        let moment = Duration::from_millis(100);
        late += times.iter().filter(|at| **at + moment > killed).count() as u64;
    }
    ensure!(answered > 50, "there was to be some load: {answered}");
    Ok(Load {
        answered,
        late,
        sent,
    })
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
