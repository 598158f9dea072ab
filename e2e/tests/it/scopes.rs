//! What a plan grants to tokens of the platform's own endpoint, and what the gateway makes of that.

use anyhow::Context;
use e2e::client::{Answer, Client};
use e2e::upstream::Upstream;
use serde_json::{Value, json};

use crate::product::Product;
use crate::scene::{self, Open, text, until_status};

const READ: &str = "books:read";
const WRITE: &str = "books:write";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_its_plan_grants() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let product = Product::all_in_one(data.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 1_000_000).await?;
    let plan = grant(&open, &[READ]).await?;
    assert_eq!(plan["priority"], 10);

    // The whole version asks for one, an operation for another besides.
    let version = format!("/versions/{}", open.version);
    let shown = open.provider.get(&version).await?;
    let operations = shown["draft"]["operations"].as_array();
    let operations = operations.context("operations")?;
    let catalogue = operations
        .iter()
        .find(|one| one["template"] == "/catalogue")
        .context("an operation")?;
    let draft = json!({
        "policies": [{ "jwt": { "platform": true } }, { "scopes": { "all": [READ] } }],
        "operations": [{ "id": catalogue["id"], "policies": [{ "scopes": { "all": [WRITE] } }] }],
    });
    open.publish(draft).await?;

    let endpoint = Endpoint::of(&open).await?;
    let reader = Client::default().bearer(&endpoint.token("", READ).await?)?;
    until_status(&reader, &open.url, 200).await?;
    open.caller.get(&open.url).await?.expect(401)?;
    let root = open.url.strip_suffix("/books").context("its address")?;
    let catalogue = format!("{root}/catalogue");
    let refused = reader.get(&catalogue).await?.expect(403)?;
    assert_eq!(refused.json()?["code"], "scope_missing");
    endpoint.refuses("&scope=books:write").await?;

    // Granted now, it opens more; a token from before has what it had.
    grant(&open, &[READ, WRITE]).await?;
    let both = format!("{READ} {WRITE}");
    let all = endpoint
        .token("&scope=books:read+books:write", &both)
        .await?;
    let writer = Client::default().bearer(&all)?;
    until_status(&writer, &catalogue, 200).await?;
    writer.get(&open.url).await?.expect(200)?;
    reader.get(&catalogue).await?.expect(403)?;
    let narrow = endpoint.token("&scope=books:write", WRITE).await?;
    let narrow = Client::default().bearer(&narrow)?.get(&open.url).await?;
    assert_eq!(narrow.expect(403)?.json()?["code"], "scope_missing");

    grant(&open, &[READ]).await?;
    endpoint.refuses("&scope=books:write").await?;
    endpoint.token("", READ).await?;
    Ok(())
}

/// The plan with these scopes, and a priority.
async fn grant(open: &Open, scopes: &[&str]) -> anyhow::Result<Value> {
    let limit = json!({ "name": "minute", "limit": 1_000_000, "window": "60s" });
    let plan = json!({
        "name": "Free", "approval": "auto", "priority": 10, "scopes": scopes,
        "policies": [{ "rate_limit": limit }],
    });
    let path = format!("/plans/{}", open.plan);
    open.provider.done("PUT", &path, plan).await
}

/// The token endpoint, as a client of the application asks it.
struct Endpoint {
    url: String,
    form: String,
}

impl Endpoint {
    async fn of(open: &Open) -> anyhow::Result<Self> {
        let path = format!("/applications/{}/oauth-clients", open.application);
        let name = json!({ "name": "ci" });
        let made = open.consumer.done("POST", &path, name).await?;
        Ok(Self {
            url: text(&made, "/token_endpoint")?.to_owned(),
            form: format!(
                "grant_type=client_credentials&client_id={}&client_secret={}",
                text(&made, "/client_id")?,
                text(&made, "/client_secret")?
            ),
        })
    }

    async fn ask(&self, more: &str) -> anyhow::Result<Answer> {
        let client = Client::default().with("content-type", "application/x-www-form-urlencoded")?;
        let form = format!("{}{more}", self.form);
        client.send("POST", &self.url, form).await
    }

    /// A token that says to have these scopes.
    async fn token(&self, more: &str, scopes: &str) -> anyhow::Result<String> {
        let told = self.ask(more).await?.expect(200)?.json()?;
        assert_eq!(told["scope"], scopes, "{more}");
        Ok(text(&told, "/access_token")?.to_owned())
    }

    async fn refuses(&self, more: &str) -> anyhow::Result<()> {
        let told = self.ask(more).await?.expect(400)?.json()?;
        assert_eq!(told["error"], "invalid_scope", "{more}");
        Ok(())
    }
}
