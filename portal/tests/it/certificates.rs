//! Certificates on their pages, without JavaScript: added, replaced, deleted; and how long they
//! last is said before it is too late.

use serde_json::Value;

use crate::looks::keep;
use crate::support::{A, App, B, Browser, each};

const RENEWED: [&str; 2] = [
    include_str!("../../../gateway/tests/it/tls/renewed.pem"),
    include_str!("../../../gateway/tests/it/tls/renewed.key"),
];
/// For soon.test, until the third of December.
const SOON: [&str; 2] = [
    include_str!("certificates/soon.pem"),
    include_str!("certificates/soon.key"),
];
const AUTHORITIES: &str = include_str!("../../../gateway/tests/it/tls/clients.pem");

/// The address of the page of certificates, and the organization's id.
async fn place(owner: &mut Browser) -> (String, String) {
    let account = owner.api("GET", "/account", Value::Null).await;
    let membership = &account["memberships"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let slug = text(&membership["slug"]);
    let id = text(&membership["organization"]);
    (format!("/o/{slug}/certificates"), id)
}

/// A part of a key that would be found wherever it went.
fn trace(key: &str) -> &str {
    key.lines().nth(1).unwrap()
}

#[tokio::test]
async fn a_certificate_is_added_replaced_and_deleted() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (base, organization) = place(&mut owner).await;
        let empty = owner.get(&base).await.ok(200);
        let empty = empty
            .says("No certificate yet")
            .says("call your hosts by https");
        keep("certificates-empty", &empty);
        let new = format!("{base}/new");
        keep("certificate-new", &owner.get(&new).await.ok(200));

        // The host is not granted yet; what was typed stays, but for the key.
        let form = [
            ("name", "main"),
            ("certificate", A[0]),
            ("key", A[1]),
            ("hosts", ""),
        ];
        let refused = owner.post(&new, &form).await.ok(422);
        let refused = refused
            .says("This host is not granted to the organization")
            .says("value=\"main\"");
        assert!(refused.body.contains(trace(A[0])));
        assert!(!refused.body.contains(trace(A[1])));
        app.grant_host(&organization, "a.test").await;
        let mixed = [("name", "main"), ("certificate", A[0]), ("key", B[1])];
        let refused = owner.post(&new, &mixed).await.ok(422);
        refused.says("The private key belongs to another certificate.");

        let made = owner.post(&new, &form).await;
        let page = made.header("location").to_owned();
        assert!(page.starts_with(&base), "{page}");
        let shown = owner.get(&page).await.ok(200).says("CN=servers");
        keep("certificate", &shown);
        let shown = shown.says("ECDSA P-256").says("days left");
        assert!(!shown.body.contains("PRIVATE KEY-----\n"));
        let list = owner.get(&base).await.ok(200).says("main").says("a.test");
        keep("certificates", &list);

        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let wrong = [
            ("do", "renew"),
            ("etag", &*etag),
            ("certificate", B[0]),
            ("key", B[1]),
        ];
        let refused = owner.post(&page, &wrong).await.ok(422);
        let refused = refused.says("The certificate is not for this host.");
        assert!(!refused.body.contains(trace(B[1])));
        let renew = [
            ("do", "renew"),
            ("etag", &*etag),
            ("certificate", RENEWED[0]),
            ("key", RENEWED[1]),
        ];
        owner.post(&page, &renew).await.to(&page);
        let after = owner.get(&page).await.ok(200);
        assert!(after.body.contains(trace(RENEWED[0])));
        let stale = owner.post(&page, &renew).await.ok(422);
        stale.says("Someone changed it since you read it.");

        let ask = format!("{page}/delete");
        let asked = owner.get(&ask).await.ok(200);
        keep("certificate-delete", &asked);
        asked.says("Clients cannot call a.test by https any more.");
        owner.post(&ask, &[("name", "other")]).await.ok(422);
        owner.post(&ask, &[("name", "main")]).await.to(&base);
        owner.get(&page).await.ok(404);
    })
    .await;
}

#[tokio::test]
async fn what_ends_soon_is_said_in_the_list() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (base, organization) = place(&mut owner).await;
        app.grant_host(&organization, "soon.test").await;
        let form = [("name", "main"), ("certificate", SOON[0]), ("key", SOON[1])];
        let made = owner.post(&format!("{base}/new"), &form).await;
        let page = made.header("location").to_owned();
        for page in [&base, &page] {
            let shown = owner.get(page).await.ok(200).says("12 days left");
            shown.says("badge--warn");
        }
    })
    .await;
}

#[tokio::test]
async fn a_host_is_set_up_on_its_page() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let (base, organization) = place(&mut owner).await;
        let page = format!("{base}/hosts");
        keep("host-new", &owner.get(&page).await.ok(200));
        let form = [
            ("do", "save"),
            ("host", "a.test"),
            ("tls", ""),
            ("client_ca", AUTHORITIES),
        ];
        let refused = owner.post(&page, &form).await.ok(422);
        refused.says("This host is not granted to the organization");
        app.grant_host(&organization, "a.test").await;
        owner.post(&page, &form).await.to(&base);
        owner.get(&base).await.ok(200).says("required");
        let one = format!("{page}?host=a.test");
        let shown = owner.get(&one).await.ok(200);
        keep("host", &shown);
        assert!(shown.body.contains(trace(AUTHORITIES)));
        let etag = shown.between("name=\"etag\" value=\"", "\"");
        let both = [
            ("do", "save"),
            ("host", "a.test"),
            ("etag", &*etag),
            ("tls", "optional"),
            ("client_ca", AUTHORITIES),
        ];
        let refused = owner.post(&page, &both).await.ok(422);
        refused.says("over plain HTTP nobody shows a certificate");
        let remove = [("do", "remove"), ("host", "a.test"), ("etag", &*etag)];
        owner.post(&page, &remove).await.to(&base);
        owner.get(&base).await.ok(200).says("No host with settings");
    })
    .await;
}
