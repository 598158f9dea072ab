//! What is shown to an upstream goes in by its page and never comes out: the credential, and the
//! client certificate with its key.

use serde_json::Value;

use crate::support::{A, App, B, Browser, each, publish};
use crate::upstreams::{save, upstream};

/// A part of a key that would be found wherever it went.
fn trace(key: &str) -> &str {
    key.lines().nth(1).unwrap()
}

#[tokio::test]
async fn a_client_certificate_is_stored_replaced_and_removed() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let (page, api) = upstream(&mut owner).await;
        let shown = owner.get(&page).await.ok(200).says("Store the certificate");
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let form = |pair: [&'static str; 2], etag: &str| {
            [
                ("do", "certificate".to_owned()),
                ("etag", etag.to_owned()),
                ("client_certificate/certificate", pair[0].to_owned()),
                ("client_certificate/key", pair[1].to_owned()),
            ]
        };
        let send = async |owner: &mut Browser, pair, etag: &str| {
            let form = form(pair, etag);
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, &**value)).collect();
            owner.post(&page, &form).await
        };
        // What is wrong is told at its field; the certificate stays typed, the key is gone.
        for (pair, field, words) in [
            ([A[0], B[1]], "key", "belongs to another certificate"),
            (["x", A[1]], "certificate", "Write certificates as PEM"),
            ([A[0], ""], "key", "Write the private key as PEM"),
        ] {
            let refused = send(&mut owner, pair, &etag).await.ok(422);
            let at = format!("id=\"client_certificate/{field}-e\"");
            let at = refused.between(&at, "</p>");
            assert!(at.contains(words), "{at}");
            let typed = pair[0].lines().nth(1).unwrap_or("\nx</textarea>");
            assert!(refused.body.contains(typed));
            for key in [A[1], B[1]] {
                assert!(!refused.body.contains(trace(key)));
            }
            // The form of the upstream shows what is stored.
            refused.says("value=\"books\"").says("93.184.216.34");
        }
        send(&mut owner, A, &etag).await.to(&page);
        let stored = owner.api("GET", &api, Value::Null).await;
        let facts = &stored["client_certificate"];
        let shown = owner.get(&page).await.ok(200);
        let shown = shown
            .says(facts["subject"].as_str().unwrap())
            .says(facts["fingerprint"].as_str().unwrap())
            .says("days left")
            .says("Replace the certificate");
        assert!(!shown.body.contains(trace(A[1])));
        // A form of before it, and the form of the upstream, which leaves it as it is.
        send(&mut owner, B, &etag).await.ok(422);
        let form = [("targets/0/url", "https://93.184.216.34")];
        save(&mut owner, &page, &form).await.to(&page);
        let kept = owner.api("GET", &api, Value::Null).await;
        assert_eq!(kept["client_certificate"], *facts);
        let shown = owner.get(&page).await.ok(200);
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        send(&mut owner, B, &etag).await.to(&page);
        let replaced = owner.api("GET", &api, Value::Null).await;
        assert_ne!(
            replaced["client_certificate"]["fingerprint"],
            facts["fingerprint"]
        );
        let shown = owner.get(&page).await.ok(200);
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let remove = [("do", "remove-certificate"), ("etag", &*etag)];
        owner.post(&page, &remove).await.to(&page);
        let removed = owner.api("GET", &api, Value::Null).await;
        assert_eq!(removed.get("client_certificate"), None);
        owner.get(&page).await.ok(200).says("Store the certificate");
    })
    .await;
}

#[tokio::test]
async fn a_credential_is_refused_at_its_field_and_never_shown() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let (page, api) = upstream(&mut owner).await;
        let send = async |owner: &mut Browser, kind: &str, name: &str, secret: &str| {
            let form = [
                ("do", "credential"),
                ("kind", kind),
                ("credential_name", name),
                ("credential_secret", secret),
            ];
            owner.post(&page, &form).await
        };
        for (kind, name, secret, field, words) in [
            (
                "header",
                "Host",
                "hunter22",
                "name",
                "itself sets this header",
            ),
            ("basic", "a:b", "hunter22", "name", "without a colon"),
            ("bearer", "", "hunter 22", "secret", "visible characters"),
        ] {
            let refused = send(&mut owner, kind, name, secret).await.ok(422);
            let at = refused.between(&format!("id=\"credential_{field}-e\""), "</p>");
            assert!(at.contains(words), "{kind}: {at}");
            let chosen = format!("<option value=\"{kind}\" selected");
            refused.says(&chosen).says("value=\"books\"").hides(secret);
        }
        send(&mut owner, "basic", "reader", "hunter22")
            .await
            .to(&page);
        let shown = owner.get(&page).await.ok(200).says("basic, user reader");
        shown.hides("hunter22");
        owner.post(&page, &[("do", "clear")]).await.to(&page);
        let cleared = owner.api("GET", &api, Value::Null).await;
        assert_eq!(cleared.get("credential"), None);
    })
    .await;
}
