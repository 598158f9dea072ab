//! The main job as people do it: three browsers, the real binary, a real upstream, real mails.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use e2e::browser::{Browser, Look};
use e2e::client::{Answer, Client};
use e2e::process;
use e2e::upstream::Upstream;
use e2e::wait;
use fantoccini::Locator;

use crate::product::Product;
use crate::scene::{PASSWORD, until_status};

#[tokio::test(flavor = "multi_thread")]
async fn from_a_document_to_a_counted_call() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let story = Story::begin(data.path(), true).await?;
    story.publish().await?;
    story.subscribe().await?;
    let made = story.make_a_key().await?;
    ensure!(
        story.consumer.is_alive().await,
        "no island woke on the page of the key"
    );
    story.call(&made).await?;
    story.refuse(&made).await?;
    story.look_back().await?;
    audit_is_intact(data.path()).await
}

/// The same pages do the same work with scripts switched off.
#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_as_far_as_the_key() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let story = Story::begin(data.path(), false).await?;
    story.publish().await?;
    story.subscribe().await?;
    let made = story.make_a_key().await?;
    ensure!(!story.consumer.is_alive().await, "scripts were to be off");
    run(&made.curl).await?;
    Ok(())
}

/// Three people at their browsers.
struct Story {
    product: Product,
    upstream: Upstream,
    document: PathBuf,
    /// What the catalog calls the API of the document.
    title: &'static str,
    operator: Browser,
    provider: Browser,
    consumer: Browser,
}

/// What the page of a new key shows once.
struct Made {
    key: String,
    curl: String,
    /// Address of the application.
    application: String,
}

/// The document of the journey: a real one where `../shared` is, else our own.
fn document(data: &Path) -> anyhow::Result<(PathBuf, &'static str)> {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/openapi/petstore-3.0.yaml");
    if real.exists() {
        return Ok((real.canonicalize()?, "Petstore"));
    }
    let own = data.join("bookshop.yaml");
    std::fs::write(
        &own,
        include_str!("../../../domain/src/openapi/bookshop.yaml"),
    )?;
    Ok((own, "Bookshop"))
}

impl Story {
    /// The operator signs in by the first-run link and lets upstreams lie on this machine.
    async fn begin(data: &Path, javascript: bool) -> anyhow::Result<Self> {
        let product = Product::all_in_one(data).await?;
        let look = Look {
            javascript,
            ..Look::default()
        };
        let (operator, provider, consumer) = tokio::try_join!(
            Browser::open(look),
            Browser::open(look),
            Browser::open(look)
        )?;
        let (document, title) = document(data)?;
        let upstream = Upstream::start().await?;

        operator.goto(&product.first_run).await?;
        operator.fill("name", "Olga").await?;
        operator.fill("email", "olga@portunus.example").await?;
        operator.fill("password", PASSWORD).await?;
        operator.press("Make the operator").await?;
        sign_in(&operator, "olga@portunus.example").await?;
        operator
            .goto(&format!("{}/operator/settings", product.portal))
            .await?;
        operator.fill("upstream_allow", "127.0.0.0/8").await?;
        operator
            .follow("//form[@action='/operator/settings/upstream_allow']//button")
            .await?;
        operator.shows("Saved").await?;
        Ok(Self {
            product,
            upstream,
            document,
            title,
            operator,
            provider,
            consumer,
        })
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.product.portal)
    }

    /// Sign-up, the mail out of the operator's outbox, its link, sign-in.
    async fn join(
        &self,
        person: &Browser,
        name: &str,
        email: &str,
        organization: &str,
    ) -> anyhow::Result<()> {
        person.goto(&self.at("/sign-up")).await?;
        for (field, value) in [
            ("name", name),
            ("email", email),
            ("password", PASSWORD),
            ("organization", organization),
        ] {
            person.fill(field, value).await?;
        }
        person.press("Sign up").await?;
        person.shows("Look into your mail").await?;
        let link = self.mail_to(email).await?;
        person.goto(&link).await?;
        person.fill("password", PASSWORD).await?;
        person.press("Make my account").await?;
        sign_in(person, email).await
    }

    async fn mail_to(&self, email: &str) -> anyhow::Result<String> {
        self.operator.goto(&self.at("/operator/outbox")).await?;
        self.operator
            .follow(&format!("//tr[contains(., {email:?})]//button"))
            .await?;
        self.operator.text("pre.mail a").await
    }

    /// The provider: a second team, an upstream, the document, two plans, published.
    async fn publish(&self) -> anyhow::Result<()> {
        let provider = &self.provider;
        self.join(provider, "Ines", "ines@lantern.example", "Lantern")
            .await?;
        provider.goto(&self.at("/o/lantern/teams")).await?;
        provider.fill("name", "Storefront").await?;
        provider.press("Make the team").await?;
        provider.shows("Storefront").await?;

        let team = "/o/lantern/t/storefront";
        provider
            .goto(&self.at(&format!("{team}/upstreams/new")))
            .await?;
        provider.fill("name", "pets").await?;
        provider.fill("targets/0/url", &self.upstream.url()).await?;
        provider.press("Save").await?;

        provider
            .goto(&self.at(&format!("{team}/apis/import")))
            .await?;
        provider.attach("file", &self.document).await?;
        provider.press("Import").await?;
        provider.shows("Before this can be published").await?;
        provider.select("upstream", "pets").await?;
        provider.press("Save to draft").await?;
        provider.mark("visibility", "public").await?;
        provider.press("Publish revision 1").await?;
        provider.shows("Revision 1 is served").await?;

        provider.goto(&self.at(&format!("{team}/products"))).await?;
        provider.press(self.title).await?;
        let product = provider.place().await?;
        for (name, approval) in [("Standard", "manual"), ("Free", "auto")] {
            provider
                .goto(&self.at(&format!("{product}/plans/new")))
                .await?;
            provider.fill("name", name).await?;
            provider.mark("approval", approval).await?;
            provider.fill("limit", "5").await?;
            provider.fill("window", "60s").await?;
            provider.press("Make the plan").await?;
            provider.press("Publish").await?;
            provider.shows("Published").await?;
        }
        Ok(())
    }

    /// The developer finds it, reads its reference and asks; the provider approves with a note.
    async fn subscribe(&self) -> anyhow::Result<()> {
        let consumer = &self.consumer;
        self.join(consumer, "Tomas", "tomas@quayside.example", "Quayside")
            .await?;
        consumer.goto(&self.at("/apis")).await?;
        consumer.fill("q", &self.title.to_lowercase()).await?;
        consumer.enter("q").await?;
        consumer.press(self.title).await?;
        let api = consumer.place().await?;
        consumer.press("Reference").await?;
        consumer.shows("GET").await?;
        consumer.goto(&self.at(&api)).await?;
        consumer.press("Subscribe").await?;
        consumer.press("New application in").await?;
        consumer.fill("name", "Kiosk").await?;
        consumer.fill("description", "Orders from a table").await?;
        consumer.press("Make the application").await?;
        ensure!(
            consumer.place().await?.ends_with("/subscribe"),
            "back to what was begun"
        );
        consumer
            .click_path("//label[contains(., 'Standard')]")
            .await?;
        consumer.fill("reason", "Kiosks in 14 cafés").await?;
        consumer.press("Request the subscription").await?;
        consumer.shows("Pending").await?;

        let provider = &self.provider;
        provider.goto(&self.at("/o/lantern/approvals")).await?;
        provider.shows("Kiosks in 14 cafés").await?;
        provider.fill("note", "Welcome aboard").await?;
        // A tab says "Approved".
        provider
            .follow("//main//button[contains(., 'Approve')]")
            .await?;
        provider.shows("Nothing waits").await?;
        Ok(())
    }

    async fn make_a_key(&self) -> anyhow::Result<Made> {
        let consumer = &self.consumer;
        consumer.goto(&self.at("/home")).await?;
        consumer.press("Kiosk").await?;
        let application = consumer.place().await?;
        consumer.shows("Approved").await?;
        self.key_of(&application, "production").await
    }

    async fn key_of(&self, application: &str, name: &str) -> anyhow::Result<Made> {
        let consumer = &self.consumer;
        consumer
            .goto(&self.at(&format!("{application}/keys/new")))
            .await?;
        consumer.fill("name", name).await?;
        consumer.press("Make the key").await?;
        consumer.shows("Shown once").await?;
        let key = consumer.text(".once-key code").await?;
        // Nothing can be called before something is subscribed.
        let curl = consumer.text(".code:not(.code-line) pre").await;
        let curl = curl.unwrap_or_default();
        Ok(Made {
            key,
            curl,
            application: application.to_owned(),
        })
    }

    /// The prefilled curl, then five more within 12 s: the sixth is one too many. Then the ways to be refused.
    async fn call(&self, made: &Made) -> anyhow::Result<()> {
        let began = Instant::now();
        run(&made.curl).await?;
        let url = made
            .curl
            .split(['\'', '"', ' '])
            .find(|word| word.starts_with("http"))
            .context("an address in the curl")?;
        let gateway = Client::default();
        let caller = gateway.clone().with("x-api-key", &made.key)?;
        for _ in 0..4 {
            caller.get(url).await?.expect(200)?;
        }
        let sixth = caller.get(url).await?.expect(429)?;
        ensure!(
            began.elapsed() < Duration::from_secs(12),
            "too slow to tell"
        );
        for field in ["retry-after", "ratelimit", "ratelimit-policy"] {
            ensure!(
                !sixth.header(field).is_empty(),
                "no {field}: {:?}",
                sixth.headers
            );
        }
        problem(&sixth, "rate_limited")?;
        problem(&gateway.get(url).await?.expect(401)?, "key_missing")?;

        self.see_the_calls().await?;

        let consumer = &self.consumer;
        let other = made.application.rsplit_once('/').context("an address")?.0;
        consumer.goto(&self.at(&format!("{other}/new"))).await?;
        consumer.fill("name", "Other").await?;
        consumer.press("Make the application").await?;
        let other = self.key_of(&consumer.place().await?, "spare").await?;
        let stranger = gateway.with("x-api-key", &other.key)?;
        let refused = until_status(&stranger, url, 403).await?;
        problem(&refused, "not_subscribed")
    }

    /// Within 10 s of the last call: the light of the key turns green by itself, and both sides
    /// find the calls in their request log and dashboard.
    async fn see_the_calls(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let end = began + Duration::from_secs(10);
        let consumer = &self.consumer;
        wait::until("the light turns green", Duration::from_secs(10), || async {
            let light = consumer.window.find(Locator::Css(".light--on")).await;
            light.ok().map(|_| ())
        })
        .await?;
        // Six by the key; the provider counts the one without a key, too.
        for (person, place, words) in [
            (consumer, "/o/quayside/log", "rate_limited"),
            (&self.provider, "/o/lantern/log?side=answers", "key_missing"),
            (consumer, "/o/quayside/analytics?range=1h", "Requests\n6"),
            (
                &self.provider,
                "/o/lantern/analytics?side=answers&range=1h",
                "Requests\n7",
            ),
        ] {
            self.until_shown(person, place, words, end).await?;
        }
        println!(
            "both sides saw the calls after {} ms",
            began.elapsed().as_millis()
        );
        Ok(())
    }

    async fn until_shown(
        &self,
        person: &Browser,
        place: &str,
        words: &str,
        end: Instant,
    ) -> anyhow::Result<()> {
        loop {
            person.goto(&self.at(place)).await?;
            match person.shows(words).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// A revoked key is refused.
    async fn refuse(&self, made: &Made) -> anyhow::Result<()> {
        let consumer = &self.consumer;
        consumer.goto(&self.at(&made.application)).await?;
        consumer.press("Revoke").await?;
        consumer.fill("name", "production").await?;
        consumer.press("Revoke the key").await?;
        let url = made
            .curl
            .split(['\'', '"', ' '])
            .find(|word| word.starts_with("http"))
            .context("an address")?;
        let caller = Client::default().with("x-api-key", &made.key)?;
        problem(&until_status(&caller, url, 401).await?, "key_revoked")
    }

    /// The audit shows who did what.
    async fn look_back(&self) -> anyhow::Result<()> {
        self.provider.goto(&self.at("/o/lantern/audit")).await?;
        for words in [
            "Ines",
            "api.create",
            "version.publish",
            "subscription.approve",
        ] {
            self.provider.shows(words).await?;
        }
        self.consumer.goto(&self.at("/o/quayside/audit")).await?;
        for words in ["Tomas", "subscription.request", "credential.revoke"] {
            self.consumer.shows(words).await?;
        }
        Ok(())
    }
}

async fn sign_in(person: &Browser, email: &str) -> anyhow::Result<()> {
    ensure!(
        person.place().await?.starts_with("/sign-in"),
        "{}",
        person.describe().await
    );
    person.fill("email", email).await?;
    person.fill("password", PASSWORD).await?;
    person.press("Sign in").await
}

/// Runs what was copied, in a shell as a person would, and wants the upstream's body.
async fn run(curl: &str) -> anyhow::Result<()> {
    let command = format!("{curl} --silent --show-error --write-out '\\n%{{http_code}}'");
    let output = tokio::process::Command::new("sh")
        .arg("-c")
        .arg(&command)
        .output()
        .await?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        out.ends_with("\n200") && out.contains("doggie"),
        "{command}\n{out}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn problem(answer: &Answer, code: &str) -> anyhow::Result<()> {
    let body = answer.json()?;
    ensure!(
        answer
            .header("content-type")
            .starts_with("application/problem+json"),
        "{:?}",
        answer.headers
    );
    ensure!(body["code"] == code, "{body}");
    Ok(())
}

async fn audit_is_intact(data: &Path) -> anyhow::Result<()> {
    let data = data.join("data");
    let arguments = [
        "audit",
        "verify",
        "--data",
        data.to_str().context("a path")?,
    ];
    let (code, out, error) = process::run(&arguments, &[]).await?;
    ensure!(
        code == 0 && out.contains("intact"),
        "audit verify: {code} {out} {error}"
    );
    Ok(())
}
