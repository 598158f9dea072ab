//! The people of the journeys and what they do over the management API.

use std::time::Duration;

use anyhow::Context;
use e2e::browser::Browser;
use e2e::client::{Answer, Client};
use e2e::upstream::Upstream;
use e2e::wait;
use serde_json::{Value, json};

use crate::product::Product;

pub(crate) const DOCUMENT: &str = include_str!("../../../domain/src/openapi/bookshop.yaml");
pub(crate) const PASSWORD: &str = "a long pass phrase of words";

/// Somebody with an account (or none yet), and the portal's address.
#[derive(Clone)]
pub(crate) struct Person {
    client: Client,
    portal: String,
}

impl Person {
    pub(crate) fn anonymous(portal: &str) -> Self {
        Self {
            client: Client::default(),
            portal: portal.to_owned(),
        }
    }

    /// The same person with the same session, at another portal of the installation.
    pub(crate) fn at(&self, portal: &str) -> Self {
        Self {
            client: self.client.clone(),
            portal: portal.to_owned(),
        }
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        body: Value,
    ) -> anyhow::Result<Answer> {
        let url = format!("{}/api/v1{path}", self.portal);
        match body {
            Value::Null => self.client.send(method, &url, "").await,
            body => self.client.json(method, &url, &body).await,
        }
    }

    /// A call that must succeed; its body as JSON, null where there is none.
    pub(crate) async fn done(
        &self,
        method: &str,
        path: &str,
        body: Value,
    ) -> anyhow::Result<Value> {
        let answer = self.call(method, path, body).await?;
        anyhow::ensure!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.text
        );
        if answer.text.is_empty() {
            Ok(Value::Null)
        } else {
            answer.json()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.done("GET", path, Value::Null).await
    }

    /// Signs in; the session's cookie goes with every later call.
    pub(crate) async fn sign_in(portal: &str, email: &str) -> anyhow::Result<Self> {
        let person = Self::anonymous(portal);
        let input = json!({ "email": email, "password": PASSWORD, "remember": false });
        let answer = person.call("POST", "/sessions", input).await?;
        anyhow::ensure!(
            answer.status < 300,
            "sign-in of {email}: {} {}",
            answer.status,
            answer.text
        );
        let cookie = answer
            .header("set-cookie")
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        let client = Client::default()
            .with("cookie", &cookie)?
            .with("sec-fetch-site", "same-origin")?;
        Ok(Self {
            client,
            portal: portal.to_owned(),
        })
    }
}

/// The first operator, by the link of the console.
pub(crate) async fn operator(portal: &str, link: &str) -> anyhow::Result<Person> {
    let token = link.rsplit('/').next().context("a token")?;
    let input = json!({ "token": token, "email": "ops@portunus.example", "name": "Ops", "password": PASSWORD });
    Person::anonymous(portal)
        .done("POST", "/setup", input.clone())
        .await?;
    let again = Person::anonymous(portal)
        .call("POST", "/setup", input)
        .await?;
    anyhow::ensure!(again.status == 410, "the link is good once: {}", again.text);
    Person::sign_in(portal, "ops@portunus.example").await
}

/// The token in the newest mail to `email`, read in the operator's outbox.
pub(crate) async fn mailed_token(
    operator: &Person,
    email: &str,
    page: &str,
) -> anyhow::Result<String> {
    let mail = wait::until("the mail", Duration::from_secs(10), || async {
        let outbox = operator.get("/operator/mails").await.ok()?;
        let mails = outbox["mails"]
            .as_array()
            .or(outbox["items"].as_array())?
            .clone();
        mails.into_iter().find(|mail| mail["recipient"] == email)
    })
    .await?;
    let id = mail["id"].as_str().context("an id")?;
    let shown = operator
        .done("POST", &format!("/operator/mails/{id}/show"), json!({}))
        .await?;
    let text = shown["text"].as_str().context("a text")?;
    let marker = format!("/{page}/");
    let (_, rest) = text
        .split_once(marker.as_str())
        .with_context(|| text.to_owned())?;
    let token: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    Ok(token)
}

/// Signs up, verifies by the mail, signs in.
pub(crate) async fn join(
    portal: &str,
    operator: &Person,
    email: &str,
    name: &str,
    organization: &str,
) -> anyhow::Result<Person> {
    let input =
        json!({ "email": email, "password": PASSWORD, "name": name, "organization": organization });
    Person::anonymous(portal)
        .done("POST", "/sign-ups", input)
        .await?;
    let token = mailed_token(operator, email, "verify").await?;
    let link = json!({ "token": token, "password": PASSWORD });
    Person::anonymous(portal)
        .done("POST", "/sign-ups/verify", link)
        .await?;
    Person::sign_in(portal, email).await
}

/// The organization and the first team of somebody who just signed up.
pub(crate) async fn home(person: &Person) -> anyhow::Result<(String, String)> {
    let organizations = person.get("/organizations").await?;
    let organization = organizations["items"][0]["id"]
        .as_str()
        .context("an organization")?
        .to_owned();
    let teams = person
        .get(&format!("/organizations/{organization}/teams"))
        .await?;
    let team = teams["items"][0]["id"]
        .as_str()
        .context("a team")?
        .to_owned();
    Ok((organization, team))
}

/// `value[key]` as text.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .with_context(|| format!("{pointer} of {value}"))
}

/// An API that one person offers and another may call: published, subscribed, with a key.
pub(crate) struct Open {
    pub(crate) provider: Person,
    pub(crate) consumer: Person,
    pub(crate) version: String,
    pub(crate) plan: String,
    pub(crate) application: String,
    pub(crate) credential: String,
    /// Sends the key with each call.
    pub(crate) caller: Client,
    pub(crate) url: String,
}

/// Makes one on a plan that approves at once and admits `limit` a minute, and waits until the
/// gateway lets a call through: that call is counted as the first.
pub(crate) async fn open(
    product: &Product,
    upstream: &Upstream,
    limit: u64,
) -> anyhow::Result<Open> {
    let operator = operator(&product.portal, &product.first_run).await?;
    let allow = json!({ "value": "127.0.0.0/8" });
    operator
        .done("PUT", "/operator/settings/upstream_allow", allow)
        .await?;
    let provider = join(
        &product.portal,
        &operator,
        "ines@lantern.example",
        "Ines",
        "Lantern",
    )
    .await?;
    let (organization, team) = home(&provider).await?;
    let post =
        async |person: &Person, path: &str, body: Value| person.done("POST", path, body).await;
    let settings = json!({ "targets": [{ "url": upstream.url() }] });
    let made = json!({ "team": team, "name": "shop", "settings": settings });
    let made = post(
        &provider,
        &format!("/organizations/{organization}/upstreams"),
        made,
    )
    .await?;
    let document = json!({ "team": team, "document": DOCUMENT });
    let imported = post(
        &provider,
        &format!("/organizations/{organization}/apis/import"),
        document,
    )
    .await?;
    let version_id = text(&imported, "/version/summary/id")?.to_owned();
    let version = format!("/versions/{version_id}");
    provider
        .done(
            "PATCH",
            &format!("{version}/draft"),
            json!({ "upstream": text(&made, "/id")? }),
        )
        .await?;
    let published = post(
        &provider,
        &format!("{version}/publish"),
        json!({ "visibility": "public" }),
    )
    .await?;
    let offer = format!("/products/{}/plans", text(&published, "/products/0/id")?);
    let policies = json!([{ "rate_limit": { "name": "minute", "limit": limit, "window": "60s" } }]);
    let plan = post(
        &provider,
        &offer,
        json!({ "name": "Free", "approval": "auto", "policies": policies }),
    )
    .await?;
    let plan = text(&plan, "/id")?;
    post(&provider, &format!("/plans/{plan}/publish"), json!({})).await?;

    let consumer = join(
        &product.portal,
        &operator,
        "tomas@quayside.example",
        "Tomas",
        "Quayside",
    )
    .await?;
    let (organization, team) = home(&consumer).await?;
    let made = json!({ "team": team, "name": "Kiosk" });
    let made = post(
        &consumer,
        &format!("/organizations/{organization}/applications"),
        made,
    )
    .await?;
    let application = text(&made, "/id")?.to_owned();
    post(
        &consumer,
        &format!("/applications/{application}/subscriptions"),
        json!({ "plan": plan }),
    )
    .await?;
    let key = json!({ "name": "production", "environment": "live" });
    let key = post(
        &consumer,
        &format!("/applications/{application}/credentials"),
        key,
    )
    .await?;
    let caller = Client::default().with("x-api-key", text(&key, "/key")?)?;
    let url = format!("{}/lantern/bookshop/v1/books", product.gateway);
    until_status(&caller, &url, 200).await?;
    let credential = text(&key, "/credential/id")?.to_owned();
    Ok(Open {
        provider,
        consumer,
        version: version_id,
        plan: plan.to_owned(),
        application,
        credential,
        caller,
        url,
    })
}

impl Open {
    /// Changes the draft of the version, and publishes it.
    pub(crate) async fn publish(&self, draft: Value) -> anyhow::Result<()> {
        let version = format!("/versions/{}", self.version);
        let provider = &self.provider;
        provider
            .done("PATCH", &format!("{version}/draft"), draft)
            .await?;
        let note = json!({ "note": "Other policies" });
        provider
            .done("POST", &format!("{version}/publish"), note)
            .await?;
        Ok(())
    }
}

/// Signs in, in a browser.
pub(crate) async fn enter(person: &Browser, portal: &str, email: &str) -> anyhow::Result<()> {
    person.goto(&format!("{portal}/sign-in")).await?;
    person.fill("email", email).await?;
    person.fill("password", PASSWORD).await?;
    person.press("Sign in").await
}

/// Calls until the answer has this status.
pub(crate) async fn until_status(
    caller: &Client,
    url: &str,
    status: u16,
) -> anyhow::Result<Answer> {
    let what = format!("the answer {status}");
    wait::until(&what, Duration::from_secs(10), || async {
        caller
            .get(url)
            .await
            .ok()
            .filter(|answer| answer.status == status)
    })
    .await
}
