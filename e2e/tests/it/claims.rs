//! Tokens of a real identity provider in the place of keys: whose they are is said over the
//! management API, and saying so of somebody else's client gains nothing.

use std::time::Duration;

use anyhow::Context;
use e2e::client::Client;
use e2e::upstream::Upstream;
use e2e::wait::until;
use serde_json::json;

use crate::issuer::Issuer;
use crate::product::Product;
use crate::scene::{self, Person, home, join, text, until_status};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_an_issuer_calls_as_its_application() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let product = Product::all_in_one(folder.path()).await?;
    let upstream = Upstream::start().await?;
    let issuer = Issuer::start("0", &folder.path().join("keys.json"), "1").await?;
    let open = scene::open(&product, &upstream, 1000).await?;
    let (provider, consumer) = (&open.provider, &open.consumer);

    let jwt = json!({ "issuers": [{ "issuer": issuer.address, "audience": ["shop"] }] });
    let ways = json!([{ "any_of": { "of": [{ "key_auth": {} }, { "jwt": jwt }] } }]);
    let version = format!("/versions/{}", open.version);
    let draft = json!({ "policies": ways });
    provider
        .done("PATCH", &format!("{version}/draft"), draft)
        .await?;
    let publish = format!("{version}/publish");
    provider
        .done("POST", &publish, json!({ "note": "Tokens" }))
        .await?;

    // Who is subscribed is told whose tokens are taken.
    let application = &open.application;
    let issuers = consumer
        .get(&format!("/applications/{application}/issuers"))
        .await?;
    assert_eq!(issuers[0]["issuer"], issuer.address.as_str(), "{issuers}");

    let token = issuer.token("shop", "read").await?;
    let caller = Client::default().bearer(&token)?;
    let unknown = until_status(&caller, &open.url, 403).await?;
    assert_eq!(unknown.json()?["code"], "not_subscribed");

    // Somebody else says first that the client is theirs, without a subscription.
    let operator = Person::sign_in(&product.portal, "ops@portunus.example").await?;
    let other = join(
        &product.portal,
        &operator,
        "mara@magpie.example",
        "Mara",
        "Magpie",
    )
    .await?;
    let (organization, team) = home(&other).await?;
    let made = json!({ "team": team, "name": "Nest" });
    let path = format!("/organizations/{organization}/applications");
    let nest = text(&other.done("POST", &path, made).await?, "/id")?.to_owned();
    let client = json!({ "name": "idp", "issuer": issuer.address, "client_id": "mobile" });
    let add = |application: &str| format!("/applications/{application}/clients");
    other.done("POST", &add(&nest), client.clone()).await?;
    let own = consumer
        .done("POST", &add(application), client.clone())
        .await?;
    until_status(&caller, &open.url, 200).await?;
    assert_eq!(called_as(&upstream), *application);

    // The dashboards and logs are those of the application.
    let used = || async {
        let path = format!("/credentials/{}", text(&own, "/id").ok()?);
        consumer.get(&path).await.ok()?["last_used_at"]
            .as_str()
            .map(str::to_owned)
    };
    until("its use is counted", Duration::from_secs(15), used).await?;

    // Withdrawn, it calls no more; added again, it does.
    let revoke = format!("/credentials/{}/revoke", text(&own, "/id")?);
    consumer.done("POST", &revoke, json!({})).await?;
    let refused = until_status(&caller, &open.url, 403).await?;
    assert_eq!(
        refused.json()?["code"],
        "not_subscribed",
        "only the other's is left"
    );
    consumer.done("POST", &add(application), client).await?;
    until_status(&caller, &open.url, 200).await?;

    // Where both are subscribed, the one that said it first counts: the other learns nothing.
    let plan = json!({ "plan": open.plan });
    let path = format!("/applications/{nest}/subscriptions");
    other.done("POST", &path, plan).await?;
    let theirs = || async {
        caller.get(&open.url).await.ok()?;
        (called_as(&upstream) == nest).then_some(())
    };
    until("the earlier claim counts", Duration::from_secs(10), theirs).await?;
    issuer.stop().await
}

fn called_as(upstream: &Upstream) -> String {
    let seen = upstream.seen();
    let header = seen
        .last()
        .and_then(|seen| seen.headers.get("x-portunus-application"));
    header
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oauth_client_of_the_platform_calls_with_its_token() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let product = Product::all_in_one(folder.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 1000).await?;
    let jwt = json!({ "platform": true, "forward": true });
    let ways = json!([{ "any_of": { "of": [{ "key_auth": {} }, { "jwt": jwt }] } }]);
    let version = format!("/versions/{}", open.version);
    let draft = json!({ "policies": ways });
    open.provider
        .done("PATCH", &format!("{version}/draft"), draft)
        .await?;
    open.provider
        .done(
            "POST",
            &format!("{version}/publish"),
            json!({ "note": "Tokens" }),
        )
        .await?;

    let path = format!("/applications/{}/oauth-clients", open.application);
    let made = open
        .consumer
        .done("POST", &path, json!({ "name": "ci" }))
        .await?;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        text(&made, "/client_id")?,
        text(&made, "/client_secret")?
    );
    let client = Client::default().with("content-type", "application/x-www-form-urlencoded")?;
    let endpoint = text(&made, "/token_endpoint")?;
    let answer = client.send("POST", endpoint, form).await?.expect(200)?;
    let token = text(&answer.json()?, "/access_token")?.to_owned();

    let caller = Client::default().bearer(&token)?;
    until_status(&caller, &open.url, 200).await?;
    assert_eq!(called_as(&upstream), open.application);
    let seen = upstream.seen();
    let fields = &seen.last().context("a request")?.headers;
    assert!(
        !fields.contains_key("authorization"),
        "what counts for other APIs, too, is never sent on: {fields:?}"
    );
    assert!(token.starts_with("ptn_at_"), "{token}");
    let bare = Client::default().bearer(&token["ptn_at_".len()..])?;
    bare.get(&open.url).await?.expect(401)?;
    let (head, rest) = token.split_once('.').context("a token")?;
    let forged = Client::default().bearer(&format!("{head}.{}x", &rest[..rest.len() - 1]))?;
    forged.get(&open.url).await?.expect(401)?;

    let revoke = format!("/credentials/{}/revoke", text(&made, "/credential/id")?);
    open.consumer.done("POST", &revoke, json!({})).await?;
    let refused = until_status(&caller, &open.url, 401).await?;
    assert_eq!(refused.json()?["code"], "token_invalid");
    Ok(())
}
