//! What an organization's program is told: its messages are signed as Standard Webhooks says, which
//! somebody else's code finds as well.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use e2e::upstream::{Seen, Upstream};
use e2e::wait::until;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::product::Product;
use crate::scene::{self, home, text, until_status};

/// Messages are sent every 5 s.
const PATIENCE: Duration = Duration::from_secs(30);

const PYTHON: &str = "/usr/bin/python3";

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_told_of_its_subscription_by_signed_messages() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let product = Product::all_in_one(data.path()).await?;
    let (upstream, receiver) = (Upstream::start().await?, Upstream::start().await?);
    let open = scene::open(&product, &upstream, 1_000_000).await?;
    let (provider, consumer) = (&open.provider, &open.consumer);

    let (organization, _) = home(consumer).await?;
    let hooks = format!("/organizations/{organization}/webhooks");
    let url = json!({ "url": format!("{}/hook", receiver.url()) });
    let made = consumer.done("POST", &hooks, url).await?;
    let hook = format!("{hooks}/{}", text(&made, "/webhook/id")?);
    let first = text(&made, "/secret")?.to_owned();

    let path = format!("/applications/{}/subscriptions", open.application);
    let all = consumer.get(&path).await?;
    let subscription = text(&all, "/items/0/id")?.to_owned();
    let decide = |verb: &str| format!("/subscriptions/{subscription}/{verb}");

    let note = json!({ "note": "Not paid" });
    provider.done("POST", &decide("suspend"), note).await?;
    until_status(&open.caller, &open.url, 403).await?;
    let told = told(&receiver, "subscription.suspended").await?;
    assert!(is_signed(&first, &told, &told.body).await?);
    let mut changed = told.body.to_vec();
    changed.push(b' ');
    assert!(!is_signed(&first, &told, &changed).await?);
    let message: Value = serde_json::from_slice(&told.body)?;
    for (member, is) in [
        ("subscription", &*subscription),
        ("application", "Kiosk"),
        ("provider", "Lantern"),
        ("consumer", "Quayside"),
    ] {
        assert_eq!(message["data"][member], is, "{member} of {message}");
    }
    for nobody in ["Ines", "Tomas", ".example"] {
        assert!(!message.to_string().contains(nobody), "{message}");
    }

    // With another secret, the one before signs beside it for a day.
    let renewed = consumer
        .done("POST", &format!("{hook}/secret"), Value::Null)
        .await?;
    let second = text(&renewed, "/secret")?;
    let back = json!({ "note": "Paid" });
    provider.done("POST", &decide("resume"), back).await?;
    until_status(&open.caller, &open.url, 200).await?;
    let told = self::told(&receiver, "subscription.resumed").await?;
    assert!(is_signed(second, &told, &told.body).await?);
    assert!(is_signed(&first, &told, &told.body).await?);

    let deliveries = format!("{hook}/deliveries");
    let delivered = || async {
        let all = consumer.get(&deliveries).await.ok()?;
        let all = all["items"].as_array()?;
        let are = all.iter().all(|one| one["state"] == "delivered");
        (all.len() == 2 && are).then_some(())
    };
    until("both are delivered", PATIENCE, delivered).await
}

/// The message of a kind, when it has come.
async fn told(receiver: &Upstream, kind: &str) -> anyhow::Result<Seen> {
    let come = || async {
        receiver.seen().into_iter().find(|seen| {
            let message: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
            message["type"] == kind
        })
    };
    until(kind, PATIENCE, come).await
}

/// What Python says of it.
async fn is_signed(secret: &str, seen: &Seen, body: &[u8]) -> anyhow::Result<bool> {
    let script = format!("{}/tests/peers/webhook.py", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(PYTHON);
    command.args(["-B", &script, secret]);
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let field = seen.headers.get(name).with_context(|| name.to_owned())?;
        command.arg(field.to_str()?);
    }
    let mut peer = command.stdin(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut pipe = peer.stdin.take().context("its input")?;
    pipe.write_all(body).await?;
    drop(pipe);
    let status = tokio::time::timeout(PATIENCE, peer.wait()).await??;
    match status.code() {
        Some(0) => Ok(true),
        Some(2) => Ok(false),
        _ => anyhow::bail!("{script}: {status}"),
    }
}
