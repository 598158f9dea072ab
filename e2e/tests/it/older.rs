//! Two releases on one database: the older one made it and filled it, this one migrates it, both serve
//! and write beside each other, and either takes over from the other.
//!
//! The older one is an executable that was kept: `make test-older OLDER=…`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use e2e::client::{Answer, Client};
use e2e::process::{self, Portunus};
use e2e::upstream::Upstream;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::outage::{used, with_quota};
use crate::product::{Product, pairs};
use crate::scene::{self, DOCUMENT, Open, home, text};
use crate::steady::Load;
use crate::takeover::{self, FREE, address};

const PATH: &str = "/lantern/bookshop/v1/books";
const PATIENCE: Duration = Duration::from_secs(20);
/// A database that is away.
const AWAY: &str = "postgres://nobody@127.0.0.1:1/none";

/// What this release can say of a version and the one before could not: `timeouts`. Put something
/// newer here and into [`FILE`] with each release.
fn newer_timeouts() -> Value {
    json!({ "first_byte": "2m" })
}

/// The same in a file, by which an older release is asked whether it knows it.
const FILE: &str = "portunus: 1
upstreams: { u: { targets: [{ url: 'http://127.0.0.1:9' }] } }
apis: { x: { versions: { v1: { match: { path: /x }, upstream: u, timeouts: { first_byte: 2m } } } } }
";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an older release, named by PORTUNUS_OLDER_BIN: make test-older OLDER=…"]
async fn an_older_release_works_beside_this_one_and_each_takes_over_from_the_other()
-> anyhow::Result<()> {
    let older = process::older()?;
    migration::testing::each_empty_backend(async |database| {
        journey(&older, &database.url).await.unwrap();
    })
    .await;
    Ok(())
}

/// `up` migrates as it takes over, while the older one serves.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an older release, named by PORTUNUS_OLDER_BIN: make test-older OLDER=…"]
async fn all_in_one_an_older_release_is_taken_over_and_takes_over() -> anyhow::Result<()> {
    let (older, this) = (process::older()?, process::binary()?);
    let folder = tempfile::tempdir()?;
    let product = Product::all_in_one_by(older.clone(), folder.path()).await?;
    takeover::journey(product, &[this.clone(), older, this]).await
}

async fn journey(older: &Path, url: &str) -> anyhow::Result<()> {
    let (folder, upstream) = (tempfile::tempdir()?, Upstream::start().await?);
    let mut both = Both::begin(older, folder.path(), url, &upstream).await?;
    both.keys().await?;
    both.newer(folder.path()).await?;
    both.quotas().await?;

    // The older ones can also begin anew on the schema of this release.
    both.product.end_gateway().await?;
    both.product.start_gateway().await?;
    both.product.portal_again().await?;
    both.keys().await?;
    both.quotas().await?;
    both.dashboards().await?;

    both.take_overs().await?;
    both.dashboards().await?;
    both.directories(folder.path()).await?;
    both.dashboards().await?;
    both.kill().await?;
    both.audit(folder.path()).await?;
    for entry in std::fs::read_dir(folder.path())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let log = std::fs::read_to_string(&path)?;
            ensure!(!log.contains("panicked"), "{}: {log}", path.display());
        }
    }
    Ok(())
}

/// The older release's portal and gateway, and those of this one beside them.
struct Both {
    older: PathBuf,
    this: PathBuf,
    /// Begins as the older release's; its gateway is taken over.
    product: Product,
    portal: Portunus,
    gateway: Portunus,
    open: Open,
    /// Calls that were answered with 200.
    answered: u64,
    /// Those of them from before there was a quota.
    uncounted: u64,
}

impl Both {
    async fn begin(
        older: &Path,
        folder: &Path,
        url: &str,
        upstream: &Upstream,
    ) -> anyhow::Result<Self> {
        let (older, this) = (older.to_owned(), process::binary()?);
        let drain = [("PORTUNUS_DRAIN", "5s")];
        let mut product = Product::apart_by(older.clone(), folder, url, &drain).await?;
        let open = scene::open(&product, upstream, 1_000_000).await?;
        let mut answered = 1;
        let counted = with_quota(&open, &mut answered).await?;
        let uncounted = answered - counted;
        product.executable.clone_from(&this);
        println!("this release: {}", product.migrate().await?.trim());
        let (portal, gateway) = (
            product.second_portal().await?,
            product.second_gateway().await?,
        );
        product.executable.clone_from(&older);
        let again = product.migrate().await?;
        println!("the older one: {}", again.trim());
        ensure!(again.starts_with("0 migrations"), "{again}");
        Ok(Self {
            older,
            this,
            product,
            portal,
            gateway,
            open,
            answered,
            uncounted,
        })
    }

    /// Of the older release, and of this one.
    fn portals(&self) -> [String; 2] {
        [
            self.product.portal.clone(),
            self.portal.ready.portal.clone(),
        ]
    }

    fn gateways(&self) -> [String; 2] {
        [
            self.product.gateway.clone(),
            self.gateway.ready.gateway.clone(),
        ]
    }

    fn urls(&self) -> [String; 2] {
        self.gateways().map(|gateway| format!("{gateway}{PATH}"))
    }

    /// Calls until the answer has this status.
    async fn until(&mut self, caller: &Client, url: &str, status: u16) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let answer = caller.get(url).await?;
            self.answered += u64::from(answer.status == 200);
            if answer.status == status {
                return Ok(());
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "{url}: not {status}: {answer:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn call(&mut self, url: &str) -> anyhow::Result<Answer> {
        let answer = self.open.caller.get(url).await?.expect(200)?;
        self.answered += 1;
        Ok(answer)
    }

    /// A key that a portal issues: its id, and the key.
    async fn key(&self, portal: &str) -> anyhow::Result<(String, String)> {
        let path = format!("/applications/{}/credentials", self.open.application);
        let key = json!({ "name": "another", "environment": "live" });
        let made = self
            .open
            .consumer
            .at(portal)
            .done("POST", &path, key)
            .await?;
        let id = text(&made, "/credential/id")?;
        Ok((id.to_owned(), text(&made, "/key")?.to_owned()))
    }

    /// What either portal issues works at both gateways, until the other portal revokes it.
    async fn keys(&mut self) -> anyhow::Result<()> {
        let [older, this] = self.portals();
        for (issues, revokes) in [(&older, &this), (&this, &older)] {
            let (id, key) = self.key(issues).await?;
            let caller = Client::default().with("x-api-key", &key)?;
            for url in self.urls() {
                self.until(&caller, &url, 200).await?;
            }
            let path = format!("/credentials/{id}/revoke");
            let consumer = self.open.consumer.at(revokes);
            consumer.done("POST", &path, json!({})).await?;
            for url in self.urls() {
                self.until(&caller, &url, 401).await?;
            }
        }
        Ok(())
    }

    /// What only this release can say costs its own object at the older gateway, and nothing else.
    async fn newer(&mut self, folder: &Path) -> anyhow::Result<()> {
        let file = folder.join("newer.yaml");
        std::fs::write(&file, FILE)?;
        let check = [OsStr::new("check"), file.as_os_str()];
        let (code, _, error) = process::run_by(&self.this, &check, &[]).await?;
        ensure!(code == 0, "{error}");
        let (code, ..) = process::run_by(&self.older, &check, &[]).await?;
        if code == 0 {
            println!("The older release knows all that is tried: nothing is unreadable to it.");
            return Ok(());
        }
        let [older_portal, portal] = self.portals();
        let provider = self.open.provider.at(&portal);
        let version = library(&provider).await?;
        let [older, this] = self
            .gateways()
            .map(|at| format!("{at}/lantern/library/v1/books"));
        let caller = self.open.caller.clone();
        // Nobody subscribed to it.
        for url in [&older, &this] {
            self.until(&caller, url, 403).await?;
        }
        let shown = provider.get(&version).await?;
        let readable = shown.pointer("/draft/route").context("a route")?;
        let mut route = readable.clone();
        route["timeouts"] = newer_timeouts();
        let draft = format!("{version}/draft");
        let note = json!({ "note": "Longer" });
        let publish = format!("{version}/publish");
        provider
            .done("PATCH", &draft, json!({ "route": route }))
            .await?;
        provider.done("POST", &publish, note.clone()).await?;
        self.until(&caller, &older, 500).await?;
        self.until(&caller, &this, 403).await?;
        let metrics = format!("{}/metrics", self.product.gateway_admin()?);
        let metrics = Client::default().get(&metrics).await?.expect(200)?.text;
        let told = "portunus_config_unreadable{kind=\"version\"} 1";
        ensure!(metrics.contains(told), "{metrics}");

        // The older portal shows it, and overwrites nothing of it.
        let before = self.open.provider.at(&older_portal);
        before.get(&version).await?;
        let change = json!({ "route": readable });
        let answer = before.call("PATCH", &draft, change.clone()).await?;
        ensure!(answer.status == 409, "{answer:?}");
        self.keys().await?;
        for url in self.urls() {
            self.call(&url).await?;
        }
        provider.done("PATCH", &draft, change).await?;
        provider.done("POST", &publish, note).await?;
        self.until(&caller, &older, 403).await
    }

    /// Either gateway comes to know each call that was answered by one of them, and counts none twice.
    async fn quotas(&mut self) -> anyhow::Result<()> {
        for url in self.urls() {
            let start = Instant::now();
            loop {
                let answer = self.call(&url).await?;
                let used = used(&answer, "month").context("a quota")?;
                let wanted = self.answered - self.uncounted;
                if used == wanted {
                    break;
                }
                let is_over = used > wanted || start.elapsed() > PATIENCE;
                ensure!(!is_over, "{url}: {used} of {wanted}");
                sleep(Duration::from_millis(500)).await;
            }
        }
        Ok(())
    }

    /// Calls that were answered with 200, as a portal shows them.
    async fn shown(&self, portal: &str) -> anyhow::Result<u64> {
        let path = format!("/applications/{}/usage?range=1h", self.open.application);
        let usage = self.open.consumer.at(portal).get(&path).await?;
        let of = |name: &str| usage["totals"][name].as_u64();
        let shown = of("requests").zip(of("errors"));
        let (requests, errors) = shown.with_context(|| usage.to_string())?;
        Ok(requests - errors)
    }

    /// Either portal shows the traffic of both gateways.
    async fn dashboards(&self) -> anyhow::Result<()> {
        for portal in self.portals() {
            let start = Instant::now();
            loop {
                let shown = self.shown(&portal).await?;
                if shown == self.answered {
                    break;
                }
                let is_over = shown > self.answered || start.elapsed() > PATIENCE;
                ensure!(!is_over, "{portal}: {shown} of {}", self.answered);
                sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Either release takes over from the other, under load.
    async fn take_overs(&mut self) -> anyhow::Result<()> {
        let (_, key) = self.key(&self.portal.ready.portal).await?;
        let caller = Client::default().with("x-api-key", &key)?;
        let [url, _] = self.urls();
        self.until(&caller, &url, 200).await?;
        let front = address(&self.product.gateway)?;
        for executable in [self.this.clone(), self.older.clone(), self.this.clone()] {
            let load = Load::begin(front, &key, PATH);
            sleep(Duration::from_secs(1)).await;
            self.product.executable = executable;
            self.product.take_over().await?;
            sleep(Duration::from_secs(1)).await;
            let (answered, slowest) = load.end().await?;
            println!("{answered} requests over a take-over, the slowest took {slowest:?}");
            self.answered += answered;
            self.quotas().await?;
        }
        Ok(())
    }

    /// Each release begins in the directory that the other left. Without a database it may serve the
    /// other's state or wait; either way nothing of the directory is lost.
    async fn directories(&mut self, folder: &Path) -> anyhow::Result<()> {
        let [url, _] = self.urls();
        for (leaves, begins) in [
            (self.this.clone(), self.older.clone()),
            (self.older.clone(), self.this.clone()),
        ] {
            self.product.end_gateway().await?;
            self.product.executable = leaves;
            self.product.start_gateway().await?;
            self.call(&url).await?;
            self.product.end_gateway().await?;
            self.alone(folder, &begins).await?;
            self.product.executable = begins;
            self.product.start_gateway().await?;
            self.call(&url).await?;
            self.quotas().await?;
        }
        Ok(())
    }

    /// A gateway whose database is away.
    async fn alone(&mut self, folder: &Path, executable: &Path) -> anyhow::Result<()> {
        let mut environment = pairs(&self.product.environment);
        environment.push(("PORTUNUS_DATABASE_URL", AWAY));
        let data = folder.join("gateway");
        let addresses = ["--gateway", FREE, "--admin", FREE];
        let start = Portunus::start_by(executable, "gateway", &data, &addresses, &environment);
        match timeout(PATIENCE, start).await {
            Ok(started) => {
                let started = started?;
                let url = format!("{}{PATH}", started.ready.gateway);
                self.call(&url).await?;
                println!("{} serves the other's state", executable.display());
                ensure!(started.terminate().await? == 0);
            }
            Err(_) => println!("{} waits for the database", executable.display()),
        }
        Ok(())
    }

    /// Rows of both releases are one chain, by either's count.
    async fn audit(&self, folder: &Path) -> anyhow::Result<()> {
        let data = folder.join("migrate");
        let words = ["audit", "verify", "--data"].map(OsStr::new);
        let arguments = [&words[..], &[data.as_os_str()]].concat();
        for executable in [&self.older, &self.this] {
            let environment = pairs(&self.product.environment);
            let (code, said, error) = process::run_by(executable, &arguments, &environment).await?;
            ensure!(code == 0 && said.contains("intact"), "{said}{error}");
        }
        Ok(())
    }

    /// What this release had not told anybody when it was killed, the older one may not find: it is
    /// no more than that of a moment, and nothing is counted twice.
    async fn kill(&mut self) -> anyhow::Result<()> {
        const LAST: u64 = 20;
        let [url, _] = self.urls();
        // What was counted before is in the database by then.
        sleep(Duration::from_secs(2)).await;
        let before = self.answered;
        for _ in 0..LAST {
            self.call(&url).await?;
        }
        self.product.kill_gateway().await?;
        self.product.executable.clone_from(&self.older);
        self.product.start_gateway().await?;
        let [portal, _] = self.portals();
        let start = Instant::now();
        loop {
            let answer = self.call(&url).await?;
            let used = used(&answer, "month").context("a quota")? + self.uncounted;
            let shown = self.shown(&portal).await?;
            let most = self.answered;
            ensure!(used.max(shown) <= most, "{used}, {shown} of {most}");
            if used.min(shown) >= before {
                return Ok(());
            }
            let is_over = start.elapsed() > PATIENCE;
            ensure!(!is_over, "{used}, {shown} of {before} to {most}");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// A second API of the provider's, published, that nobody subscribed to: the path of its version.
async fn library(provider: &scene::Person) -> anyhow::Result<String> {
    let (organization, team) = home(provider).await?;
    let of = format!("/organizations/{organization}");
    let upstreams = provider.get(&format!("{of}/upstreams")).await?;
    let document = DOCUMENT.replacen("title: Bookshop", "title: Library", 1);
    let import = json!({ "team": team, "document": document });
    let imported = provider
        .done("POST", &format!("{of}/apis/import"), import)
        .await?;
    let version = format!("/versions/{}", text(&imported, "/version/summary/id")?);
    let draft = json!({ "upstream": text(&upstreams, "/items/0/id")? });
    provider
        .done("PATCH", &format!("{version}/draft"), draft)
        .await?;
    let public = json!({ "visibility": "public" });
    provider
        .done("POST", &format!("{version}/publish"), public)
        .await?;
    Ok(version)
}
