//! Every kind of credential besides the key, made in a real browser; what can be called with here
//! calls.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::browser::{Browser, Look};
use e2e::client::Client;
use e2e::upstream::Upstream;
use e2e::wait::until;
use serde_json::json;
use tokio::process::Command;

use crate::product::Product;
use crate::scene::{self, text, until_status};

const TOMAS: &str = "tomas@quayside.example";
const CHOSEN: &str = "grey herons over the quay";
/// A client's certificate of a hundred years.
const CERTIFICATE: &str = include_str!("../../../gateway/tests/it/tls/friend.pem");

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_credential_is_made_in_the_portal() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let product = Product::all_in_one(data.path()).await?;
    let upstream = Upstream::start().await?;
    let open = scene::open(&product, &upstream, 1000).await?;
    let ways = json!([
        { "key_auth": {} },
        { "jwt": { "platform": true } },
        { "basic_auth": {} },
        { "http_signature": {} },
    ]);
    let policies = json!([{ "any_of": { "of": ways } }]);
    open.publish(json!({ "policies": policies })).await?;

    let person = Browser::open(Look::default()).await?;
    scene::enter(&person, &product.portal, TOMAS).await?;
    person.goto(&format!("{}/home", product.portal)).await?;
    person.press("Kiosk").await?;
    let page = format!("{}{}", product.portal, person.place().await?);

    // The platform makes one password, somebody chose the other.
    let made = new_password(&person, &page).await?;
    begin(&person, &page, "passwords", "till-7").await?;
    person.fill("user", "till").await?;
    person.fill("password", CHOSEN).await?;
    person.press("Make the password").await?;
    person.shows("till-7").await?;

    let key = data.path().join("signer.pem");
    begin(&person, &page, "signing-keys", "signer").await?;
    person.fill("key", &sign(&key, &[]).await?).await?;
    person.press("Add the key").await?;
    person.shows("signer").await?;

    begin(&person, &page, "certificates", "terminal").await?;
    person.fill("certificate", CERTIFICATE).await?;
    person.press("Add the certificate").await?;
    person.shows("CN=friend").await?;
    begin(&person, &page, "certificates", "mesh").await?;
    let name = "san:dns:kiosk.quayside.example";
    person.fill("certificate_name", name).await?;
    person.press("Add the certificate").await?;
    person.shows(name).await?;

    begin(&person, &page, "clients", "idp").await?;
    let issuer = "https://login.quayside.example";
    person.fill("issuer", issuer).await?;
    person.fill("client_id", "kiosk-app").await?;
    person.press("Add the client").await?;
    person.shows(issuer).await?;

    begin(&person, &page, "oauth-clients", "ci").await?;
    person.press("Make the client").await?;
    person.shows("Shown once").await?;
    let curl = person.text(".code:not(.code-line) pre").await?;
    let told = shell(&format!("{curl} --silent --show-error")).await?;
    let told: serde_json::Value = serde_json::from_str(&told).context(told)?;

    // It was made last: where the gateway knows its token, it knows all the others.
    let caller = Client::default().bearer(text(&told, "/access_token")?)?;
    until_status(&caller, &open.url, 200).await?;
    for login in [format!("billing:{made}"), format!("till:{CHOSEN}")] {
        let call = format!(
            "curl --silent --output /dev/null --write-out '%{{http_code}}' --user '{login}' '{}'",
            open.url
        );
        let status = shell(&call).await?;
        ensure!(status == "200", "{call}: {status}");
    }
    let path = format!("/applications/{}/credentials", open.application);
    let listed = open.consumer.get(&path).await?;
    let all = listed["items"].as_array().context("a list")?;
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    for one in all {
        kinds.push((text(one, "/name")?, text(one, "/kind")?));
    }
    kinds.sort_unstable();
    let expected = [
        ("billing", "password"),
        ("ci", "client"),
        ("idp", "client"),
        ("mesh", "certificate"),
        ("production", "key"),
        ("signer", "signature"),
        ("terminal", "certificate"),
        ("till-7", "password"),
    ];
    ensure!(kinds == expected, "{kinds:?}");
    let signer = all.iter().find(|one| one["name"] == "signer");
    let keyid = text(signer.context("a signing key")?, "/display_id")?;
    let fields = sign(&key, &[keyid, open.url.as_str()]).await?;
    let (input, signature) = fields.split_once('\n').context("two fields")?;
    let signed = Client::default()
        .with("signature-input", input)?
        .with("signature", signature)?;
    signed.get(&open.url).await?.expect(200)?;

    // What is revoked in the portal calls no more.
    person.goto(&page).await?;
    person
        .follow("//tr[contains(., 'signer')]//a[contains(., 'Revoke')]")
        .await?;
    person.fill("name", "signer").await?;
    person.press("Revoke the signing key").await?;
    let refused = || async {
        let fields = sign(&key, &[keyid, open.url.as_str()]).await.ok()?;
        let (input, signature) = fields.split_once('\n')?;
        let signed = Client::default().with("signature-input", input).ok()?;
        let signed = signed.with("signature", signature).ok()?;
        let answer = signed.get(&open.url).await.ok()?;
        (answer.status == 401).then_some(())
    };
    until("it is refused", Duration::from_secs(10), refused).await
}

/// The form of a new credential, with its name in it.
async fn begin(person: &Browser, page: &str, kind: &str, name: &str) -> anyhow::Result<()> {
    person.goto(&format!("{page}/{kind}/new")).await?;
    person.fill("name", name).await
}

/// The password that is shown once, of the user `billing`. The form says what it lacks first.
async fn new_password(person: &Browser, page: &str) -> anyhow::Result<String> {
    begin(person, page, "passwords", "billing").await?;
    person.fill("user", "bill:ing").await?;
    person.press("Make the password").await?;
    let told = person.text("[id='user-e']").await?;
    ensure!(told.contains("colon"), "{told}");
    person.fill("user", "billing").await?;
    person.press("Make the password").await?;
    person.shows("Shown once").await?;
    person.text(".once-key code").await
}

/// Makes a key, or with it the fields of a call.
async fn sign(key: &Path, rest: &[&str]) -> anyhow::Result<String> {
    let script = key.with_file_name("sign.mjs");
    std::fs::write(&script, include_str!("../peers/sign.mjs"))?;
    let mut node = Command::new("node");
    let made = node.arg(&script).arg(key).args(rest).output().await;
    let made = made.context("node")?;
    ensure!(made.status.success(), "{made:?}");
    Ok(String::from_utf8(made.stdout)?.trim().to_owned())
}

/// What a person copies and runs.
async fn shell(command: &str) -> anyhow::Result<String> {
    let done = Command::new("sh").arg("-c").arg(command).output().await?;
    ensure!(done.status.success(), "{command}\n{done:?}");
    Ok(String::from_utf8(done.stdout)?)
}
