//! The main job over the management API alone: from a document to a counted call.

use std::time::{Duration, Instant};

use anyhow::Context;
use e2e::client::{Answer, Client};
use e2e::process;
use e2e::upstream::Upstream;
use e2e::wait;
use serde_json::{Value, json};

use crate::product::{Product, pairs};
use crate::scene::{DOCUMENT, Person, home, join, operator, text};

#[tokio::test(flavor = "multi_thread")]
async fn from_a_document_to_a_counted_call_all_in_one() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let product = Product::all_in_one(data.path()).await?;
    main_job(&product).await?;
    verify_audit(&data.path().join("data"), &product).await
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_document_to_a_counted_call_as_two_processes() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let Some(database) = migration::testing::TestDatabase::postgres().await else {
        eprintln!(
            "PORTUNUS_TEST_POSTGRES is not set: the two-process journey needs it and was left out"
        );
        return Ok(());
    };
    let product = Product::apart(data.path(), &database.url).await?;
    main_job(&product).await?;
    verify_audit(&data.path().join("verify"), &product).await
}

async fn verify_audit(data: &std::path::Path, product: &Product) -> anyhow::Result<()> {
    let arguments = [
        "audit",
        "verify",
        "--data",
        data.to_str().context("a path")?,
    ];
    let (code, out, error) = process::run(&arguments, &pairs(&product.environment)).await?;
    anyhow::ensure!(
        code == 0 && out.contains("intact"),
        "audit verify: {code} {out} {error}"
    );
    Ok(())
}

async fn main_job(product: &Product) -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
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
    let (version, plan) = publish(&provider, &upstream).await?;
    let consumer = join(
        &product.portal,
        &operator,
        "tomas@quayside.example",
        "Tomas",
        "Quayside",
    )
    .await?;
    let (application, subscription) = subscribe(&consumer, &provider, &version, &plan).await?;

    let key = consumer
        .done(
            "POST",
            &format!("/applications/{application}/credentials"),
            json!({ "name": "production", "environment": "live" }),
        )
        .await?;
    let value = text(&key, "/key")?.to_owned();
    let gateway = Client::default();
    let called = gateway.clone().with("x-api-key", &value)?;
    let url = format!("{}/lantern/bookshop/v1/books", product.gateway);

    let first = wait::until(
        "the first call is let through",
        Duration::from_secs(5),
        || async {
            called
                .get(&url)
                .await
                .ok()
                .filter(|answer| answer.status == 200)
        },
    )
    .await?;
    assert!(first.text.contains("doggie"), "{}", first.text);
    assert!(
        first.header("ratelimit").contains("r="),
        "{:?}",
        first.headers
    );
    let seen = upstream.seen();
    let last = seen.last().context("a request")?;
    assert_eq!(last.target, "/books");
    assert!(
        last.headers.get("x-api-key").is_none(),
        "the key never reaches the upstream"
    );
    assert!(last.headers.contains_key("x-portunus-application"));

    for _ in 0..4 {
        called.get(&url).await?.expect(200)?;
    }
    let sixth = called.get(&url).await?.expect(429)?;
    assert!(
        !sixth.header("retry-after").is_empty() && !sixth.header("ratelimit-policy").is_empty()
    );
    problem(&sixth, "rate_limited")?;
    problem(&gateway.get(&url).await?.expect(401)?, "key_missing")?;

    not_subscribed(&consumer, &url).await?;
    counted(&provider, &consumer, &application).await?;

    let credential = text(&key, "/credential/id")?;
    consumer
        .done(
            "POST",
            &format!("/credentials/{credential}/revoke"),
            json!({}),
        )
        .await?;
    let revoked = Instant::now();
    wait::until("the key stops working", Duration::from_secs(3), || async {
        called
            .get(&url)
            .await
            .ok()
            .filter(|answer| answer.status == 401)
    })
    .await?;
    let took = revoked.elapsed();
    println!(
        "a revoked key stopped working {} ms after the answer",
        took.as_millis()
    );
    assert!(took < Duration::from_millis(500), "{took:?}");

    strangers(&provider, &consumer, &subscription).await
}

/// Imports, points at the upstream, publishes for everybody, and offers a manual and an automatic plan.
async fn publish(provider: &Person, upstream: &Upstream) -> anyhow::Result<(Value, String)> {
    let (organization, team) = home(provider).await?;
    let target = json!({ "team": team, "name": "shop", "settings": { "targets": [{ "url": upstream.url() }] } });
    let made = provider
        .done(
            "POST",
            &format!("/organizations/{organization}/upstreams"),
            target,
        )
        .await?;
    let imported = provider
        .done(
            "POST",
            &format!("/organizations/{organization}/apis/import"),
            json!({ "team": team, "document": DOCUMENT }),
        )
        .await?;
    let version = text(&imported, "/version/summary/id")?.to_owned();
    provider
        .done(
            "PATCH",
            &format!("/versions/{version}/draft"),
            json!({ "upstream": text(&made, "/id")? }),
        )
        .await?;
    let published = provider
        .done(
            "POST",
            &format!("/versions/{version}/publish"),
            json!({ "visibility": "public" }),
        )
        .await?;
    let product = text(&published, "/products/0/id")?.to_owned();
    let limit = json!([{ "rate_limit": { "name": "minute", "limit": 5, "window": "60s" } }]);
    let mut manual = String::new();
    for (name, approval) in [("Standard", "manual"), ("Free", "auto")] {
        let input = json!({ "name": name, "approval": approval, "policies": limit });
        let plan = provider
            .done("POST", &format!("/products/{product}/plans"), input)
            .await?;
        let id = text(&plan, "/id")?;
        provider
            .done("POST", &format!("/plans/{id}/publish"), json!({}))
            .await?;
        if approval == "manual" {
            manual = id.to_owned();
        }
    }
    Ok((published, manual))
}

/// Finds the API, makes an application, asks for the manual plan; the provider approves.
async fn subscribe(
    consumer: &Person,
    provider: &Person,
    version: &Value,
    plan: &str,
) -> anyhow::Result<(String, String)> {
    let found = consumer.get("/catalog?q=bookshop").await?;
    assert!(found.to_string().contains("bookshop"), "{found} {version}");
    let (organization, team) = home(consumer).await?;
    let input = json!({ "team": team, "name": "Kiosk", "description": "Order books from a table" });
    let application = consumer
        .done(
            "POST",
            &format!("/organizations/{organization}/applications"),
            input,
        )
        .await?;
    let application = text(&application, "/id")?.to_owned();
    let input = json!({ "plan": plan, "reason": "Kiosks in 14 cafés" });
    let asked = consumer
        .done(
            "POST",
            &format!("/applications/{application}/subscriptions"),
            input.clone(),
        )
        .await?;
    assert_eq!(asked["state"], "pending");
    let twice = consumer
        .call(
            "POST",
            &format!("/applications/{application}/subscriptions"),
            input,
        )
        .await?;
    assert_eq!(twice.status, 409, "{}", twice.text);

    let (provider_organization, _) = home(provider).await?;
    let inbox = provider
        .get(&format!("/organizations/{provider_organization}/approvals"))
        .await?;
    assert_eq!(inbox["pending"], 1, "{inbox}");
    let subscription = text(&asked, "/id")?.to_owned();
    let itself = consumer
        .call(
            "POST",
            &format!("/subscriptions/{subscription}/approve"),
            json!({}),
        )
        .await?;
    assert!(
        matches!(itself.status, 403 | 404),
        "a consumer does not approve: {}",
        itself.text
    );
    let approved = provider
        .done(
            "POST",
            &format!("/subscriptions/{subscription}/approve"),
            json!({ "note": "Welcome" }),
        )
        .await?;
    assert_eq!(approved["state"], "approved");
    Ok((application, subscription))
}

fn problem(answer: &Answer, code: &str) -> anyhow::Result<()> {
    let body = answer.json()?;
    anyhow::ensure!(
        answer
            .header("content-type")
            .starts_with("application/problem+json"),
        "{:?}",
        answer.headers
    );
    anyhow::ensure!(body["code"] == code, "{body}");
    anyhow::ensure!(
        body["request_id"].as_str().is_some_and(|id| !id.is_empty()),
        "{body}"
    );
    Ok(())
}

async fn not_subscribed(consumer: &Person, url: &str) -> anyhow::Result<()> {
    let (organization, team) = home(consumer).await?;
    let input = json!({ "team": team, "name": "Other" });
    let other = consumer
        .done(
            "POST",
            &format!("/organizations/{organization}/applications"),
            input,
        )
        .await?;
    let path = format!("/applications/{}/credentials", text(&other, "/id")?);
    let key = consumer
        .done("POST", &path, json!({ "name": "x", "environment": "live" }))
        .await?;
    let caller = Client::default().with("x-api-key", text(&key, "/key")?)?;
    let refused = wait::until("the new key is known", Duration::from_secs(5), || async {
        caller
            .get(url)
            .await
            .ok()
            .filter(|answer| answer.status == 403)
    })
    .await?;
    problem(&refused, "not_subscribed")
}

/// Both sides see the calls in dashboard and log within 10 s.
async fn counted(provider: &Person, consumer: &Person, application: &str) -> anyhow::Result<()> {
    let start = Instant::now();
    let (organization, _) = home(provider).await?;
    let path = format!("/applications/{application}/usage?range=1h");
    wait::until(
        "the consumer's dashboard counts",
        Duration::from_secs(10),
        || async {
            let usage = consumer.get(&path).await.ok()?;
            (usage.to_string().contains("\"requests\"") && total(&usage) >= 6).then_some(())
        },
    )
    .await?;
    let log = format!("/organizations/{organization}/requests?side=provider");
    wait::until(
        "the provider's log has them",
        Duration::from_secs(10),
        || async {
            let found = provider.get(&log).await.ok()?;
            (found["items"].as_array()?.len() >= 6).then_some(())
        },
    )
    .await?;
    println!(
        "the calls stood in dashboard and log after {} ms",
        start.elapsed().as_millis()
    );
    Ok(())
}

fn total(usage: &Value) -> u64 {
    usage
        .pointer("/totals/requests")
        .or(usage.pointer("/requests"))
        .and_then(Value::as_u64)
        .unwrap_or(0)
}

/// What is not theirs is not there.
async fn strangers(provider: &Person, consumer: &Person, subscription: &str) -> anyhow::Result<()> {
    let (organization, _) = home(provider).await?;
    for path in [
        format!("/organizations/{organization}"),
        format!("/organizations/{organization}/apis"),
        format!("/organizations/{organization}/audit"),
    ] {
        assert_eq!(
            consumer.call("GET", &path, Value::Null).await?.status,
            404,
            "{path}"
        );
    }
    let seen = provider
        .get(&format!("/subscriptions/{subscription}"))
        .await?;
    assert_eq!(text(&seen, "/application/name")?, "Kiosk");
    let audit = provider
        .get(&format!("/organizations/{organization}/audit"))
        .await?;
    let actions: Vec<_> = audit["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row["action"].as_str())
        .collect();
    assert!(
        actions.iter().any(|action| action.contains("approve")),
        "{actions:?}"
    );
    Ok(())
}
