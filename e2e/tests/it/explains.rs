//! `portunus explain` against a running platform: what is left is what the gateway beside it has
//! counted, and a request of the log is found by its id.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use e2e::client::Client;
use e2e::process::{self, Portunus};
use e2e::wait;
use serde_json::Value;

/// A command beside the running process; its output must be JSON.
async fn told(arguments: &[&str], token: &str) -> anyhow::Result<Value> {
    let (code, out, error) = process::run(arguments, &[("PORTUNUS_TOKEN", token)]).await?;
    anyhow::ensure!(code == 0, "{arguments:?}: {code} {out} {error}");
    // A log entry shows the display id of its key (gateway.md §1), and never more.
    let shown = out.match_indices("ptn_").map(|(at, _)| &out[at..]);
    let length = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let most = "ptn_test_".len() + 8;
    anyhow::ensure!(
        shown
            .map(length)
            .all(|end| end.is_some_and(|end| end <= most)),
        "a key in {out}"
    );
    Ok(serde_json::from_str(&out)?)
}

async fn token(data: &str, email: &str) -> anyhow::Result<String> {
    let arguments = [
        "token",
        "--data",
        data,
        "--user",
        email,
        "--expires",
        "1h",
        "--scope",
        "apis:read",
        "--scope",
        "upstreams:read",
        "--scope",
        "traffic:read",
    ];
    let (code, out, error) = process::run(&arguments, &[]).await?;
    anyhow::ensure!(code == 0, "token: {code} {error}");
    Ok(out.trim().to_owned())
}

/// What is left of the limits that this process knows, by policy.
fn left(answer: &Value) -> Vec<(String, u64)> {
    let steps = answer["now"]["steps"].as_array();
    let steps = steps.into_iter().flatten();
    steps
        .filter_map(|step| {
            let left = step["limit"]["left"].as_u64()?;
            Some((step["policy"].as_str()?.to_owned(), left))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_platform_explains() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let free = "127.0.0.1:0";
    let addresses = [
        "--portal",
        free,
        "--gateway",
        free,
        "--admin",
        free,
        "--demo",
    ];
    let portunus = Portunus::start("up", &data, &addresses, &[]).await?;
    let outcome = explained(&portunus, &data).await;
    portunus.terminate().await?;
    outcome
}

async fn explained(portunus: &Portunus, data: &Path) -> anyhow::Result<()> {
    let data = data.to_str().context("a path")?;
    let demo = portunus.ready.demo.as_ref().context("a demo")?;
    let key = demo["key"].as_str().context("a key")?;
    let call = demo["call"].as_str().context("a call")?;
    let target = call
        .strip_prefix(portunus.ready.gateway.as_str())
        .context("an address of the gateway")?;
    let owner = demo["users"]
        .as_array()
        .and_then(|users| users.iter().find(|user| user["role"] == "owner"))
        .context("an owner")?;
    let token = token(data, owner["email"].as_str().context("an address")?).await?;
    let portal = portunus.ready.portal.as_str();
    let field = format!("X-Api-Key: {key}");
    let question = ["explain", "--from", portal, "--json", target, "-H", &field];

    let gateway = Client::default().with("x-api-key", key)?;
    gateway.get(call).await?.expect(200)?;
    let before = told(&question, &token).await?;
    assert_eq!(before["now"]["verdict"]["forwarded"], true, "{before}");
    assert!(
        before["now"]["upstream"]["targets"][0]["url"].is_string(),
        "{before}"
    );
    assert!(
        !left(&before).is_empty(),
        "the demo's plan has limits: {before}"
    );
    // The demo has traffic of its own for a while. If explaining took one, each round would be two
    // apart, as a call lies between the questions.
    let answer = wait::until(
        "explaining takes nothing",
        Duration::from_secs(30),
        || async {
            let before = left(&told(&question, &token).await.ok()?);
            let answer = gateway.get(call).await.ok()?.expect(200).ok()?;
            let after = left(&told(&question, &token).await.ok()?);
            let mut both = before.iter().zip(&after);
            let is_quiet = both.all(|((_, before), (_, after))| before.saturating_sub(*after) <= 1);
            (is_quiet && before.len() == after.len()).then_some(answer)
        },
    )
    .await?;

    let by_database = ["explain", "--data", data, "--json", target, "-H", &field];
    let same = told(&by_database, "").await?;
    assert_eq!(same["now"]["verdict"]["forwarded"], true, "{same}");
    assert_eq!(same["now"]["route"], before["now"]["route"]);
    let without = ["explain", "--data", data, "--json", target];
    let refused = told(&without, "").await?;
    assert_eq!(refused["now"]["verdict"]["code"], "key_missing");

    let id = answer.header("x-request-id").to_owned();
    let past = ["explain", "--from", portal, "--json", "--request-id", &id];
    let found = wait::until("the record is stored", Duration::from_secs(15), || async {
        told(&past, &token).await.ok()
    })
    .await?;
    assert_eq!(found["past"]["line"]["request_id"], id.as_str());
    assert_eq!(found["past"]["line"]["status"], 200);
    assert_eq!(found["now"]["verdict"]["forwarded"], true, "{found}");
    Ok(())
}
