//! Certificates: for whom and for which hosts, what is refused, and that private keys never come
//! out.

use domain::id::OrganizationId;
use domain::problem::Code;
use domain::seal::KeyRing;
use entity::{certificate, certificate_host, organization};
use http::Method;
use sea_orm::{ActiveModelTrait, EntityTrait, Set};
use serde_json::{Value, json};

use crate::support::shop::id;
use crate::support::{App, Call, World, each};

/// For a.test.
pub const A: [&str; 2] = [
    include_str!("../../../gateway/tests/it/tls/a.pem"),
    include_str!("../../../gateway/tests/it/tls/a.key"),
];
/// Also for a.test.
const RENEWED: [&str; 2] = [
    include_str!("../../../gateway/tests/it/tls/renewed.pem"),
    include_str!("../../../gateway/tests/it/tls/renewed.key"),
];
/// For b.test and *.b.test.
const B: [&str; 2] = [
    include_str!("../../../gateway/tests/it/tls/b.pem"),
    include_str!("../../../gateway/tests/it/tls/b.key"),
];
const AUTHORITIES: &str = include_str!("../../../gateway/tests/it/tls/clients.pem");
/// An authority of clients with its list, and another's under its name.
const ISSUER: &str = include_str!("../../../gateway/tests/it/tls/revoked/ca.pem");
const LIST: &str = include_str!("../../../gateway/tests/it/tls/revoked/list.pem");
const FORGED: &str = include_str!("../../../gateway/tests/it/tls/revoked/forged.pem");
/// For old.test; it ended in 2021.
const EXPIRED: [&str; 2] = [
    include_str!("certificates/expired.pem"),
    include_str!("certificates/expired.key"),
];

/// A body that makes one.
pub fn named(name: &str, [certificate, key]: [&str; 2]) -> Value {
    json!({ "name": name, "certificate": certificate, "key": key })
}

/// Gives hosts to an organization, as the operator would.
pub async fn grant(app: &App, organization: OrganizationId, hosts: &[&str]) {
    let db = &app.plane.databases.main;
    let row = organization::Entity::find_by_id(organization.uuid());
    let row = row.one(db).await.unwrap().unwrap();
    let grants = json!([{ "path": format!("/{}", row.slug), "hosts": hosts }]);
    let mut active: organization::ActiveModel = row.into();
    active.grants = Set(grants.to_string());
    active.update(db).await.unwrap();
}

/// A part of the key's own text that would be found wherever it went.
fn trace(key: &str) -> &str {
    key.lines().nth(1).unwrap()
}

#[tokio::test]
async fn a_key_goes_in_and_never_comes_out() {
    each(async |app| {
        let mut world = World::new(app).await;
        grant(&world.app, world.here.id, &["a.test"]).await;
        let all = format!("/organizations/{}/certificates", world.here.id);
        let client = &mut world.owner.client;
        let made = client.post(&all, named("main", A)).await.ok(201);
        let path = made.headers["location"].to_str().unwrap().to_owned();
        let path = path.strip_prefix("/api/v1").unwrap();
        assert_eq!(path, format!("{all}/{}", id(&made.json())));
        let shown = made.json();
        assert_eq!(shown["hosts"], json!(["a.test"]));
        assert_eq!(shown["facts"]["subject"], "CN=a");
        assert_eq!(shown["facts"]["issuer"], "CN=servers");
        assert_eq!(shown["facts"]["key"], "ECDSA P-256");
        assert_eq!(shown["chain"].as_str().unwrap().trim(), A[0].trim());
        assert!(shown["facts"]["not_after"].as_str().unwrap() > "2100");

        let list = client.get(&all).await.ok(200);
        assert_eq!(list.json()["items"][0], shown);
        let seen = client.get(path).await.ok(200);
        let renew = json!({ "certificate": RENEWED[0], "key": RENEWED[1] });
        let edit = |tag: &str| {
            let call = Call::new(Method::PATCH, path).json(renew.clone());
            call.field("if-match", tag)
        };
        let renewed = client.send(edit(&seen.etag())).await.ok(200);
        client
            .send(edit(&seen.etag()))
            .await
            .refused(Code::PreconditionFailed);
        let after = renewed.json();
        assert_eq!(
            (&after["id"], &after["hosts"]),
            (&shown["id"], &shown["hosts"])
        );
        assert_ne!(after["facts"]["fingerprint"], shown["facts"]["fingerprint"]);

        // The gateway opens what was kept, in its place alone.
        let db = &world.app.plane.databases.main;
        let row = certificate::Entity::find().one(db).await.unwrap().unwrap();
        let ring = KeyRing::new(vec![[2; 32]]);
        let opened = ring.open(&row.key, world.here.id.uuid(), row.id).unwrap();
        assert_eq!(opened, RENEWED[1].as_bytes());
        assert!(ring.open(&row.key, world.there.id.uuid(), row.id).is_err());

        let audit = format!("/organizations/{}/audit", world.here.id);
        let client = &mut world.owner.client;
        let audit = client.get(&audit).await.ok(200);
        for action in ["certificate.create", "certificate.edit"] {
            assert!(audit.text.contains(action), "{}", audit.text);
        }
        let fingerprint = after["facts"]["fingerprint"].as_str().unwrap();
        assert!(audit.text.contains(fingerprint), "{}", audit.text);
        for text in [
            &made.text,
            &list.text,
            &seen.text,
            &renewed.text,
            &audit.text,
        ] {
            for key in [A[1], RENEWED[1]] {
                assert!(!text.contains(trace(key)) && !text.contains("PRIVATE KEY"));
                assert!(!text.contains(&row.key), "not even sealed");
            }
        }
        assert!(!row.key.contains(trace(RENEWED[1])));

        let rename = json!({ "name": "front door" });
        let renamed = client.patch(path, rename).await.ok(200).json();
        assert_eq!(renamed["name"], "front door");
        assert_eq!(renamed["facts"], after["facts"]);
        client.delete(path).await.ok(204);
        client.get(path).await.refused(Code::NotFound);
        let left = certificate_host::Entity::find();
        let db = &world.app.plane.databases.main;
        assert_eq!(left.all(db).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place() {
    each(async |app| {
        let mut world = World::new(app).await;
        let hosts = ["a.test", "b.test", "*.b.test", "old.test", "*.old.test"];
        grant(&world.app, world.here.id, &hosts).await;
        let all = format!("/organizations/{}/certificates", world.here.id);
        let with = |pair: [&str; 2], hosts: Value| {
            let mut body = named("new", pair);
            body["hosts"] = hosts;
            body
        };
        let both = format!("{}{}", A[0], A[1]);
        let broken = A[0].replacen("MII", "MIJ", 1);
        let cut: String = A[0].lines().take(3).collect::<Vec<_>>().join("\n");
        let huge = format!("{}{}", A[0], "\n".repeat(64 * 1024));
        let long = format!("{}{}", A[1], "\n".repeat(16 * 1024));
        let many: Vec<String> = (0..101).map(|n| format!("h{n}.b.test")).collect();
        let sealed = A[1].replace("PRIVATE", "ENCRYPTED PRIVATE");
        for (body, pointer) in [
            (with(["x", A[1]], json!([])), "/certificate"),
            (with([&broken, A[1]], json!([])), "/certificate"),
            (with([&cut, A[1]], json!([])), "/certificate"),
            (with([A[1], A[1]], json!([])), "/certificate"),
            (with([&both, A[1]], json!([])), "/certificate"),
            (with([&huge, A[1]], json!([])), "/certificate"),
            (with(EXPIRED, json!([])), "/certificate"),
            (with([A[0], "x"], json!([])), "/key"),
            (with([A[0], A[0]], json!([])), "/key"),
            (with([A[0], &long], json!([])), "/key"),
            (with([A[0], &sealed], json!([])), "/key"),
            (with([A[0], B[1]], json!([])), "/key"),
            (with(A, json!(["a.test", "b.test"])), "/hosts/1"),
            (with(A, json!(["A.test"])), "/hosts/0"),
            (with(B, json!(["b.test", "b.test"])), "/hosts/1"),
            (with(B, json!(["c.d.b.test"])), "/hosts/0"),
            (with(B, json!(many)), "/hosts"),
            (
                json!({ "name": "", "certificate": A[0], "key": A[1] }),
                "/name",
            ),
            (
                json!({ "name": "n", "certificate": A[0], "key": A[1], "default": true }),
                "/default",
            ),
        ] {
            let answer = world.owner.client.post(&all, body).await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
            for [_, key] in [A, B, EXPIRED] {
                assert!(!answer.text.contains(trace(key)), "{}", answer.text);
            }
        }
        let ended = world.owner.client.post(&all, with(EXPIRED, json!([])));
        let ended = ended.await.text;
        assert!(
            ended.contains("expired: it ended on 2021-01-01 at 12:30 UTC"),
            "{ended}"
        );

        let made = world.owner.client.post(&all, named("main", A)).await;
        let path = format!("{all}/{}", id(&made.ok(201).json()));
        let again = world.owner.client.post(&all, named("main", B)).await;
        assert_eq!(again.refused(Code::AlreadyExists).pointers(), ["/name"]);
        let again = world.owner.client.post(&all, named("other", RENEWED)).await;
        assert_eq!(again.refused(Code::AlreadyExists).pointers(), ["/hosts/0"]);
        for (body, pointer) in [
            (json!({ "certificate": RENEWED[0] }), "/key"),
            (json!({ "key": RENEWED[1] }), "/certificate"),
            // It is not for the host that the one before is shown for.
            (json!({ "certificate": B[0], "key": B[1] }), "/hosts/0"),
            (json!({ "hosts": ["b.test"] }), "/hosts/0"),
        ] {
            let answer = world.owner.client.patch(&path, body).await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
        }
        // Together they fit.
        let moved = json!({ "certificate": B[0], "key": B[1], "hosts": ["x.b.test"] });
        let moved = world.owner.client.patch(&path, moved).await.ok(200);
        assert_eq!(moved.json()["hosts"], json!(["x.b.test"]));
    })
    .await;
}

#[tokio::test]
async fn an_organization_speaks_for_its_own_hosts_and_the_operator_for_any() {
    each(async |app| {
        let mut world = World::new(app).await;
        grant(&world.app, world.here.id, &["*.b.test"]).await;
        let here = format!("/organizations/{}", world.here.id);
        let certificates = format!("{here}/certificates");
        let answer = world.owner.client.post(&certificates, named("b", B)).await;
        let answer = answer.refused(Code::ValidationFailed);
        assert_eq!(
            answer.pointers(),
            ["/hosts/1"],
            "b.test itself is not granted"
        );
        let host = format!("{here}/hosts/a.test");
        let required = json!({ "tls": "required" });
        let answer = world.owner.client.put(&host, required.clone()).await;
        answer.refused(Code::ValidationFailed);

        let mut body = named("b", B);
        body["hosts"] = json!(["*.b.test"]);
        let theirs = world.owner.client.post(&certificates, body).await.ok(201);
        let theirs = id(&theirs.json());

        let all = "/operator/certificates";
        let operator = &mut world.operator.client;
        let mut body = named("b", B);
        let answer = operator.post(all, body.clone()).await;
        assert_eq!(answer.refused(Code::AlreadyExists).pointers(), ["/hosts/0"]);
        body["hosts"] = json!(["b.test"]);
        body["default"] = json!(true);
        let first = operator.post(all, body).await.ok(201).json();
        let mut body = named("a", A);
        body["default"] = json!(true);
        let second = operator.post(all, body).await.ok(201).json();
        assert_eq!(second["default"], true);
        let path = |one: &str| format!("{all}/{one}");
        let shown = operator.get(&path(&id(&first))).await.ok(200).json();
        assert_eq!(shown["default"], false, "another took its place");
        assert!(shown.get("organization").is_none());
        let listed = operator.get(all).await.ok(200).json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 3);

        // Theirs can be seen and deleted, not changed.
        let renew = json!({ "name": "mine" });
        let refused = operator.patch(&path(&theirs), renew).await;
        refused.refused(Code::Conflict);
        let grants = format!("/operator/organizations/{}/grants", world.here.id);
        let none = json!({ "grants": [{ "path": "/here" }] });
        let kept = operator.put(&grants, none.clone()).await;
        let kept = kept.refused(Code::Conflict);
        assert!(kept.text.contains("*.b.test"), "{}", kept.text);
        let shared = format!("/operator/organizations/{}/grants", world.there.id);
        let part = json!({ "grants": [{ "path": "/there", "hosts": ["x.b.test"] }] });
        operator
            .put(&shared, part.clone())
            .await
            .refused(Code::Conflict);
        operator.delete(&path(&theirs)).await.ok(204);
        operator.put(&grants, none).await.ok(200);
        operator.put(&shared, part).await.ok(200);

        // One of the platform is none of theirs.
        let one = format!("{certificates}/{}", id(&first));
        world.owner.client.get(&one).await.refused(Code::NotFound);
        world
            .owner
            .client
            .delete(&one)
            .await
            .refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn hosts_ask_for_what_their_owner_says() {
    each(async |app| {
        let mut world = World::new(app).await;
        grant(&world.app, world.here.id, &["a.test", "*.b.test"]).await;
        let all = format!("/organizations/{}/hosts", world.here.id);
        let path = format!("{all}/a.test");
        let client = &mut world.owner.client;
        client.get(&path).await.refused(Code::NotFound);
        let both = format!("{AUTHORITIES}{}", A[1]);
        for (body, pointer) in [
            (json!({ "client_ca": "x" }), "/client_ca"),
            (json!({ "client_ca": A[1] }), "/client_ca"),
            (json!({ "client_ca": both }), "/client_ca"),
            (
                json!({ "client_ca": AUTHORITIES, "tls": "optional" }),
                "/tls",
            ),
            (json!({ "tls": "maybe" }), "/tls"),
            (json!({ "client_crl": LIST }), "/client_crl"),
            (json!({ "client_crl_current": true }), "/client_crl_current"),
            (
                json!({ "client_ca": ISSUER, "client_crl": "x" }),
                "/client_crl",
            ),
            (
                json!({ "client_ca": ISSUER, "client_crl": FORGED }),
                "/client_crl",
            ),
            (
                json!({ "client_ca": AUTHORITIES, "client_crl": LIST }),
                "/client_crl",
            ),
            (
                json!({ "client_ca": ISSUER, "client_crl": format!("{LIST}{LIST}") }),
                "/client_crl",
            ),
            (
                json!({ "client_ca": ISSUER, "client_crl": format!("{LIST}{}", A[1]) }),
                "/client_crl",
            ),
        ] {
            let answer = client.put(&path, body).await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
        }
        let listed = json!({ "client_ca": ISSUER, "client_crl": LIST, "client_crl_current": true });
        let made = client.put(&path, listed).await.ok(200).json();
        assert_eq!(made["client_crl"].as_str().unwrap().trim(), LIST.trim());
        assert_eq!(made["client_crl_current"], true);
        let facts = &made["client_crl_facts"];
        assert_eq!(facts["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(facts["lists"][0]["issuer"], "CN=Portunus test clients");
        assert!(facts["lists"][0]["next_update"].is_string());
        // Many hosts are listed without what is long.
        let page = client.get(&all).await.ok(200).json();
        let told = &page["items"][0];
        assert!(told.get("client_crl").is_none(), "{told}");
        assert_eq!(told["client_crl_facts"], *facts);
        let whole = client.get(&path).await.ok(200).json();
        assert_eq!(whole["client_crl"], made["client_crl"]);
        let state = entity::snapshot::load(&world.app.plane.databases.main).await;
        let host = &state.unwrap().parts.hosts[0];
        assert_eq!(host.client_crl.as_deref(), made["client_crl"].as_str());
        assert!(host.client_crl_current);
        let made = client.put(&path, json!({ "client_ca": AUTHORITIES })).await;
        let made = made.ok(200);
        assert_eq!(
            made.json()["client_ca"].as_str().unwrap().trim(),
            AUTHORITIES.trim()
        );
        let set = |tag: &str| {
            let call = Call::new(Method::PUT, &path).json(json!({ "tls": "required" }));
            call.field("if-match", tag)
        };
        let changed = client.send(set(&made.etag())).await.ok(200).json();
        assert_eq!(changed["tls"], "required");
        assert!(changed.get("client_ca").is_none(), "it is replaced");
        let stale = client.send(set(&made.etag())).await;
        stale.refused(Code::PreconditionFailed);
        let under = format!("{all}/*.b.test");
        client
            .put(&under, json!({ "tls": "optional" }))
            .await
            .ok(200);
        let listed = client.get(&all).await.ok(200).json();
        let names: Vec<&Value> = listed["items"].as_array().unwrap().iter().collect();
        assert_eq!(names.len(), 2);

        // The operator has a host of its own, and cannot take this one.
        let operator = &mut world.operator.client;
        let body = json!({ "tls": "optional" });
        let theirs = operator.put("/operator/hosts/a.test", body.clone()).await;
        theirs.refused(Code::Conflict);
        operator.put("/operator/hosts/c.test", body).await.ok(200);
        operator.get("/operator/hosts/a.test").await.ok(200);
        let listed = operator.get("/operator/hosts").await.ok(200).json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 3);
        let own = format!("{all}/c.test");
        world.owner.client.get(&own).await.refused(Code::NotFound);
        world.owner.client.delete(&path).await.ok(204);
        world.owner.client.get(&path).await.refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn an_upstream_is_shown_a_certificate_that_nobody_reads_the_key_of() {
    each(async |app| {
        let mut world = World::new(app).await;
        let upstream = json!({
            "team": world.here.team,
            "name": "books",
            "settings": { "targets": [{ "url": "https://93.184.216.34" }] },
        });
        let all = format!("/organizations/{}/upstreams", world.here.id);
        let client = &mut world.owner.client;
        let made = client.post(&all, upstream).await.ok(201).json();
        assert!(made.get("client_certificate").is_none());
        let one = format!("/upstreams/{}", id(&made));
        let path = format!("{one}/client-certificate");
        let body = |[certificate, key]: [&str; 2]| {
            json!({ "client_certificate": { "certificate": certificate, "key": key } })
        };
        for (pair, pointer) in [
            (["x", A[1]], "/client_certificate/certificate"),
            ([A[0], B[1]], "/client_certificate/key"),
            (EXPIRED, "/client_certificate/certificate"),
        ] {
            let answer = client.put(&path, body(pair)).await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), [pointer], "{}", answer.text);
        }
        let set = client.put(&path, body(A)).await.ok(200);
        assert_eq!(set.json()["client_certificate"]["subject"], "CN=a");
        let seen = client.get(&one).await.ok(200);
        let audit = format!("/organizations/{}/audit", world.here.id);
        let audit = client.get(&audit).await.ok(200);
        assert!(audit.text.contains("upstream.set_client_certificate"));
        for text in [&set.text, &seen.text, &audit.text] {
            assert!(!text.contains(trace(A[1])) && !text.contains("PRIVATE KEY"));
        }
        // What else is edited leaves it alone.
        let settings = json!({ "settings": { "targets": [{ "url": "https://93.184.216.35" }] } });
        let edited = client.patch(&one, settings).await.ok(200).json();
        assert_eq!(edited["client_certificate"]["subject"], "CN=a");
        client.put(&path, body(RENEWED)).await.ok(200);
        let removed = json!({ "client_certificate": null });
        let removed = client.put(&path, removed).await.ok(200).json();
        assert!(removed.get("client_certificate").is_none());
    })
    .await;
}
