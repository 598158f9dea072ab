//! What `log_detail` keeps of a call: the provider reads it with secrets masked, nobody else does, and
//! the secrets are nowhere.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::browser::{Browser, Look};
use e2e::upstream::Upstream;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::product::Product;
use crate::scene::{self, Open, Person, home, join};

const SECRET: &str = "neither-said-nor-kept-7391";
const NOTE: &str = "A present, no invoice";

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_a_call_are_masked_on_its_page() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let product = Product::all_in_one(data.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 1_000_000).await?;
    let policies = json!([{ "key_auth": {} }, { "log_detail": {} }]);
    open.publish(json!({ "policies": policies })).await?;

    let (lantern, _) = home(&open.provider).await?;
    let requests = format!("/organizations/{lantern}/requests");
    let ordered = || order(&open, &requests);
    let found = until("details of a call", Duration::from_secs(20), ordered).await?;
    let (request, detail) = found;

    let seen = upstream.seen();
    let sent = seen.iter().rfind(|seen| seen.target == "/orders");
    let sent = String::from_utf8_lossy(&sent.context("an order")?.body).into_owned();
    assert_eq!(
        sent.matches(SECRET).count(),
        2,
        "the upstream gets all of it"
    );
    let body = &detail["request"]["body"];
    let shown = body["text"].as_str().context("a text")?;
    assert!(shown.contains(NOTE), "{shown}");
    assert!(shown.contains(r#""password":"***""#), "{shown}");
    assert_eq!(body["masked"], 2, "{body}");
    let fields = detail["request"]["headers"].as_array();
    let key = fields.context("header fields")?.iter().find(|field| {
        let name = field["name"].as_str().unwrap_or_default();
        name.eq_ignore_ascii_case("x-api-key")
    });
    assert_eq!(key.context("the key's field")?["value"], "***");
    let answer = detail["answer"]["body"]["text"].as_str();
    assert!(
        answer.is_some_and(|text| text.contains("doggie")),
        "{detail}"
    );

    // On the page of the provider, and on nobody else's.
    let page = format!("{}/o/lantern/log/{request}?side=answers", product.portal);
    let provider = Browser::open(Look::default()).await?;
    scene::enter(&provider, &product.portal, "ines@lantern.example").await?;
    provider.goto(&page).await?;
    for words in [NOTE, "***", "2 values masked"] {
        provider.shows(words).await?;
    }
    let described = provider.describe().await;
    ensure!(!described.contains(SECRET), "{described}");
    let consumer = Browser::open(Look::default()).await?;
    scene::enter(&consumer, &product.portal, "tomas@quayside.example").await?;
    consumer.goto(&page).await?;
    let described = consumer.describe().await;
    ensure!(!described.contains(NOTE), "{described}");

    strangers(&product, &open, &format!("{requests}/{request}"), &request).await?;
    let (mut notes, mut secrets) = (0, 0);
    search(data.path(), &mut |bytes: &[u8]| {
        notes += usize::from(holds(bytes, NOTE));
        secrets += usize::from(holds(bytes, SECRET));
    })?;
    ensure!(notes > 0, "what is kept is on the disk");
    ensure!(secrets == 0, "the secret is in {secrets} files");
    Ok(())
}

/// Calls, and gives the id of the request with what was kept of it; `None` where that was nothing.
async fn order(open: &Open, requests: &str) -> Option<(String, Value)> {
    let url = format!("{}/orders", open.url.strip_suffix("/books")?);
    let order = json!({ "note": NOTE, "password": SECRET, "deliver_to": { "pin": SECRET } });
    let answer = open.caller.json("POST", &url, &order).await.ok()?;
    let id = answer.header("x-request-id");
    let stored = || async {
        let list = format!("{requests}?side=provider");
        let all = open.provider.get(&list).await.ok()?;
        let lines = all["items"].as_array()?;
        let line = lines.iter().find(|line| line["request_id"] == id)?;
        let record = line["id"].as_str()?.to_owned();
        let path = format!("{requests}/{record}");
        let mut entry = open.provider.get(&path).await.ok()?;
        let detail = entry["inside"]["detail"].take();
        detail.is_object().then_some((record, detail))
    };
    // The gateway may not have heard of the policy when it was called.
    let moment = Duration::from_secs(3);
    until("what was kept", moment, stored).await.ok()
}

/// The consumer sees the request, which is its own, without that; others see nothing.
async fn strangers(
    product: &Product,
    open: &Open,
    theirs: &str,
    request: &str,
) -> anyhow::Result<()> {
    let (quayside, _) = home(&open.consumer).await?;
    let own = format!("/organizations/{quayside}/requests/{request}");
    let entry = open.consumer.get(&own).await?;
    ensure!(entry.get("inside").is_none(), "{entry}");
    ensure!(!entry.to_string().contains(NOTE), "{entry}");

    let operator = Person::sign_in(&product.portal, "ops@portunus.example").await?;
    let email = "mara@magpie.example";
    let other = join(&product.portal, &operator, email, "Mara", "Magpie").await?;
    let (magpie, _) = home(&other).await?;
    let nest = format!("/organizations/{magpie}/requests/{request}");
    for (person, path) in [
        (&open.consumer, theirs),
        (&other, theirs),
        (&other, nest.as_str()),
    ] {
        let none = person.call("GET", path, Value::Null).await?;
        ensure!(none.status == 404, "{path}: {} {}", none.status, none.text);
    }
    Ok(())
}

fn holds(bytes: &[u8], text: &str) -> bool {
    let mut parts = bytes.windows(text.len());
    parts.any(|part| part == text.as_bytes())
}

/// Reads all files below a folder.
fn search(folder: &Path, look: &mut dyn FnMut(&[u8])) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            search(&path, look)?;
        } else if let Ok(bytes) = std::fs::read(&path) {
            // A socket cannot be read, and files may go meanwhile.
            look(&bytes);
        }
    }
    Ok(())
}
