//! Lists of networks: written, imported, fetched, and kept while policies name them.

use api::service::ip_lists;
use chrono::Duration;
use domain::problem::Code;
use domain::snapshot::Kind;
use http::Method;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::peer::{Peer, SERVER, answer};
use crate::support::shop::id;
use crate::support::{Call, Client, World, each};
use crate::webhooks::opened;

fn lists(world: &World) -> String {
    format!("/organizations/{}/ip-lists", world.here.id)
}

async fn made(world: &World, body: Value) -> (String, Client) {
    let mut client = world.owner.client.clone();
    let path = lists(world);
    let list = id(&client.post(&path, body).await.ok(201).json());
    (format!("{path}/{list}"), client)
}

async fn nets(client: &mut Client, list: &str, query: &str) -> Vec<String> {
    let page = client.get(&format!("{list}/entries{query}")).await.ok(200);
    let items = page.json()["items"].as_array().cloned().unwrap();
    items
        .iter()
        .map(|one| one["net"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn networks_come_and_go() {
    each(async |app| {
        let world = World::new(app).await;
        let entries = json!([
            { "net": "10.0.0.0/8", "note": "Office" },
            { "net": "::ffff:192.0.2.0/120", "until": "2026-12-31T00:00:00Z" },
            { "net": "2001:DB8::/32" },
            { "net": "9.9.9.9", "until": "2026-11-21T11:59:59Z" },
        ]);
        let body = json!({ "name": "blocked", "description": "bad ones", "entries": entries });
        let (list, mut client) = made(&world, body).await;
        let shown = client.get(&list).await.ok(200);
        assert_eq!(shown.json()["entries"], 3, "one had ended");
        assert_eq!(shown.json()["named_by"], json!([]));
        assert_eq!(
            nets(&mut client, &list, "").await,
            ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"]
        );
        for (query, found) in [
            ("?find=10.1.2.3", &["10.0.0.0/8"][..]),
            ("?find=office", &["10.0.0.0/8"]),
            ("?find=db8", &["2001:db8::/32"]),
            ("?limit=1", &["10.0.0.0/8"]),
        ] {
            assert_eq!(nets(&mut client, &list, query).await, found, "{query}");
        }
        let page = client.get(&format!("{list}/entries?limit=2")).await.ok(200);
        let next = page.json()["next"].as_str().unwrap().to_owned();
        let rest = nets(&mut client, &list, &format!("?limit=2&after={next}")).await;
        assert_eq!(rest, ["2001:db8::/32"]);

        let add = json!({ "entries": [{ "net": "1.1.1.1" }, { "net": "10.0.0.0/8" }] });
        let path = format!("{list}/entries");
        let stale = Call::new(Method::POST, &path).field("if-match", "\"7\"");
        client
            .send(stale.json(add.clone()))
            .await
            .refused(Code::PreconditionFailed);
        assert_eq!(client.post(&path, add).await.ok(200).json()["entries"], 4);
        let wrong = json!({ "entries": [{ "net": "1.1.1.1/8" }, { "net": "x" }] });
        let wrong = client
            .post(&path, wrong)
            .await
            .refused(Code::ValidationFailed);
        assert_eq!(wrong.pointers(), ["/entries/0/net", "/entries/1/net"]);
        let gone = json!({ "networks": ["1.1.1.1/32", "8.8.8.8", "nonsense"] });
        let path = format!("{list}/entries/remove");
        assert_eq!(client.post(&path, gone).await.ok(200).json()["entries"], 3);

        let path = format!("{list}/import");
        let text = "\u{feff}172.16.0.0/12 # more\r\n; none\r\n";
        let answer = client.post(&path, json!({ "text": text })).await.ok(200);
        assert_eq!(answer.json()["entries"], 4);
        for text in ["10.0.0.1/8", "<html>", &"1".repeat(1 << 20)] {
            let answer = client.post(&path, json!({ "text": text })).await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), ["/text"]);
            assert!(answer.text.contains("Line 1"));
        }
        let body = json!({ "text": "0.0.0.0/0\n::/0\n", "replace": true });
        client.post(&path, body).await.ok(200);
        assert_eq!(nets(&mut client, &list, "").await, ["0.0.0.0/0", "::/0"]);

        let state = entity::snapshot::load(&world.app.plane.databases.main);
        let parts = state.await.unwrap().parts;
        assert_eq!(parts.ip_lists[0].name, "blocked");
        assert_eq!(parts.ip_lists[0].networks.len(), 2);
        client.delete(&list).await.ok(204);
        let left = entity::ip_list_content::Entity::find();
        let left = left.all(&world.app.plane.databases.main).await.unwrap();
        assert!(left.is_empty(), "what stood in it is gone with it");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_list_is_refused() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let path = lists(&world);
        for (body, pointers) in [
            (json!({ "name": "A b" }), &["/name"][..]),
            (
                json!({ "name": "a", "entries": [{ "net": "1" }], "source": { "url": "https://93.184.216.34/" } }),
                &["/entries", "/entries/0/net"],
            ),
            (
                json!({ "name": "a", "source": { "url": "http://93.184.216.34/" } }),
                &["/source/url"],
            ),
            (
                json!({ "name": "a", "source": { "url": "https://93.184.216.34/", "every": "1s" } }),
                &["/source/every"],
            ),
        ] {
            let answer = client.post(&path, body).await.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), pointers);
        }
        for url in [
            "https://127.0.0.1/",
            "https://10.0.0.1/x",
            "https://169.254.169.254/",
            "https://[::ffff:10.0.0.1]/",
            "https://metadata.google.internal/",
        ] {
            let body = json!({ "name": "a", "source": { "url": url } });
            let answer = client.post(&path, body).await;
            answer.refused(Code::UpstreamNotAllowed);
        }
        client.post(&path, json!({ "name": "a" })).await.ok(201);
        let again = client.post(&path, json!({ "name": "a" })).await;
        assert_eq!(again.refused(Code::AlreadyExists).pointers(), ["/name"]);
        // Another organization has names of its own.
        let there = format!("/organizations/{}/ip-lists", world.there.id);
        let mut stranger = world.stranger.client.clone();
        stranger.post(&there, json!({ "name": "a" })).await.ok(201);
        for number in 1..domain::ip_list::MAX_LISTS {
            let body = json!({ "name": format!("l{number}") });
            client.post(&path, body).await.ok(201);
        }
        let answer = client.post(&path, json!({ "name": "more" })).await;
        answer.refused(Code::LimitReached);
    })
    .await;
}

#[tokio::test]
async fn a_list_stays_while_policies_name_it() {
    each(async |app| {
        let world = World::new(app).await;
        let (list, mut client) = made(&world, json!({ "name": "blocked" })).await;
        let shop = world
            .shop(&world.owner, world.here, json!({ "approval": "auto" }))
            .await;
        let filter = json!([{ "ip_filter": { "deny_lists": ["blocked"] } }]);
        let unknown = json!([{ "ip_filter": { "deny_lists": ["unknown"] } }]);
        let guard = json!([{ "auth_guard": { "allow_lists": ["blocked"] } }]);
        let plan = json!({ "name": "Standard", "approval": "auto", "policies": filter });
        let organization = format!("/organizations/{}/policies", world.here.id);
        let api = format!("/apis/{}", shop.api);
        let draft = format!("/versions/{}/draft", shop.version);
        let plans = format!("/plans/{}", shop.plan);
        for (method, path, named, at, who) in [
            (
                Method::PUT,
                &organization,
                json!({ "policies": filter }),
                "/policies/0",
                "the organization",
            ),
            (
                Method::PATCH,
                &api,
                json!({ "policies": guard }),
                "/policies/0",
                "1 API",
            ),
            (
                Method::PATCH,
                &draft,
                json!({ "policies": filter }),
                "/policies/0",
                "1 version",
            ),
            (Method::PUT, &plans, plan, "/policies/0", "1 plan"),
        ] {
            let mut wrong = named.clone();
            wrong["policies"] = unknown.clone();
            let answer = client
                .send(Call::new(method.clone(), path).json(wrong))
                .await;
            let answer = answer.refused(Code::ValidationFailed);
            assert_eq!(answer.pointers(), [format!("{at}/ip_filter/deny_lists/0")]);
            client
                .send(Call::new(method.clone(), path).json(named.clone()))
                .await
                .ok(200);
            assert_eq!(
                client.get(&list).await.ok(200).json()["named_by"],
                json!([who])
            );
            let refused = client.delete(&list).await.refused(Code::Conflict);
            assert!(refused.text.contains(who), "{}", refused.text);
            let rename = client.patch(&list, json!({ "name": "other" })).await;
            rename.refused(Code::Conflict);
            client
                .patch(&list, json!({ "name": "blocked", "description": "x" }))
                .await
                .ok(200);
            let mut none = named;
            none["policies"] = json!([]);
            client
                .send(Call::new(method, path).json(none))
                .await
                .ok(200);
        }
        // A revision that names a list cannot come back once the list is gone.
        client
            .patch(&draft, json!({ "policies": filter }))
            .await
            .ok(200);
        let publish = format!("/versions/{}/publish", shop.version);
        client.post(&publish, json!({})).await.ok(200);
        client
            .patch(&draft, json!({ "policies": [] }))
            .await
            .ok(200);
        client.delete(&list).await.refused(Code::Conflict);
        client.post(&publish, json!({})).await.ok(200);
        client.delete(&list).await.ok(204);
        let promote = format!("/versions/{}/revisions/2/promote", shop.version);
        client
            .post(&promote, json!({}))
            .await
            .refused(Code::Conflict);
    })
    .await;
}

/// What a server says of a list.
fn text(body: impl AsRef<[u8]>, tag: Option<&str>) -> Vec<u8> {
    let tag = tag.map(|tag| format!("etag: {tag}\r\n"));
    answer(200, &tag.unwrap_or_default(), body.as_ref())
}

fn same() -> Vec<u8> {
    b"HTTP/1.1 304 x\r\n\r\n".to_vec()
}

#[tokio::test]
async fn a_source_is_asked_in_its_time_and_what_was_good_is_kept() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let server = Peer::secure(SERVER).await;
        let url = format!("{}/drop.txt", server.origin);
        let body = json!({ "name": "drop", "source": { "url": url, "every": "30m" } });
        let (list, mut client) = made(&world, body).await;
        let run = async || ip_lists::fetch_due(&world.app.job()).await.unwrap();
        let changes = async || {
            let state = entity::snapshot::load(&world.app.plane.databases.main);
            state.await.unwrap().state
        };
        server.says(text("10.0.0.0/8\r\n192.0.2.0/24 ; x\r\n", Some("\"a\"")));
        assert_eq!(run().await, 1);
        let shown = client.get(&list).await.ok(200).json();
        assert_eq!(
            (&shown["entries"], &shown["fetch"]["problem"]),
            (&json!(2), &Value::Null)
        );
        let etag = shown["etag"].clone();
        assert_eq!(run().await, 0, "it is not due");
        let before = changes().await;

        // The same again, by its tag and by what it says; then what is no list.
        for (minutes, said, problem) in [
            (30, same(), None),
            (
                30,
                text("192.0.2.0/24\n10.0.0.0/8 # x", Some("\"b\"")),
                Some("changed"),
            ),
            (
                30,
                text("192.0.2.0/24\n10.0.0.0/8 # x", Some("\"b\"")),
                None,
            ),
            (30, answer(404, "", b""), Some("404")),
            (1, text("<html>", None), Some("Line 1")),
            (2, text("", None), Some("no network")),
            (4, text("\u{fffd}", None), Some("Line 1")),
            (8, text([0xff, 0xfe], None), Some("UTF-8")),
            (16, text("1".repeat(1 << 20), None), Some("1000 bytes")),
        ] {
            world
                .app
                .advance(Duration::minutes(minutes) - Duration::seconds(1));
            server.says(said);
            assert_eq!(run().await, 0, "{problem:?}: too early");
            world.app.advance(Duration::seconds(1));
            assert_eq!(run().await, 1, "{problem:?}");
            let shown = client.get(&list).await.ok(200).json();
            assert_eq!(shown["entries"], 2, "{problem:?}");
            match problem {
                Some("changed") | None => assert_eq!(shown["fetch"]["problem"], Value::Null),
                Some(part) => {
                    let told = shown["fetch"]["problem"].as_str().unwrap();
                    assert!(told.contains(part), "{told}");
                }
            }
        }
        assert_eq!(
            changes().await,
            before + 1,
            "gateways hear of what changed alone"
        );
        let asked = server.take();
        let tags = asked
            .iter()
            .map(|one| one.find("if-none-match").unwrap_or_default());
        let tags: Vec<_> = tags.collect();
        assert_eq!(tags[..4], ["", "\"a\"", "\"a\"", "\"b\""]);
        let shown = client.get(&list).await.ok(200).json();
        assert_eq!(shown["etag"].as_i64(), etag.as_i64().map(|etag| etag + 1));

        // Two processes at once, one fetch.
        world.app.advance(Duration::minutes(30));
        server.take();
        server.says(text("8.8.8.8", None));
        let (a, b) = tokio::join!(run(), run());
        assert_eq!((a + b, server.take().len()), (1, 1));
        assert_eq!(nets(&mut client, &list, "").await, ["8.8.8.8"]);

        // People do not write into it, and may have it looked at again.
        let add = json!({ "entries": [{ "net": "1.1.1.1" }] });
        let path = format!("{list}/entries");
        client
            .post(&path, add.clone())
            .await
            .refused(Code::Conflict);
        let fetch = format!("{list}/fetch");
        client.post(&fetch, json!({})).await.ok(200);
        assert_eq!(run().await, 0, "not twice in a minute");
        world.app.advance(Duration::minutes(1));
        server.says(text("8.8.4.4", None));
        assert_eq!(run().await, 1);
        client.patch(&list, json!({ "source": null })).await.ok(200);
        client.post(&fetch, json!({})).await.refused(Code::Conflict);
        client.post(&path, add).await.ok(200);
        assert_eq!(nets(&mut client, &list, "").await, ["1.1.1.1", "8.8.4.4"]);
        world.app.advance(Duration::days(1));
        assert_eq!(run().await, 0);
        let changed = entity::change::Entity::find();
        let changed = changed.all(&world.app.plane.databases.main).await.unwrap();
        let own = changed
            .iter()
            .filter(|row| row.kind == Kind::IpList.as_str());
        assert_eq!(own.count(), 6, "made, fetched four times, added to");
    })
    .await;
}
