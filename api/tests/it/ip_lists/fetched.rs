//! Lists that are fetched: when, from where, how many at a time, and what becomes of late answers.

use api::service::ip_lists;
use chrono::Duration;
use domain::problem::Code;
use domain::snapshot::Kind;
use http::Method;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::{made, nets};
use crate::support::peer::{Peer, SERVER, answer};
use crate::support::shop::id;
use crate::support::{Call, Client, World, each};
use crate::webhooks::opened;

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

/// A list that `server` is asked for.
fn from(server: &Peer, name: &str) -> Value {
    let url = format!("{}/{name}", server.origin);
    json!({ "name": name, "source": { "url": url, "every": "30m" } })
}

/// One that answers nothing but 500.
async fn broken() -> Peer {
    let server = Peer::secure(SERVER).await;
    server.answers(500);
    server
}

/// Both beside each other; what waits for ever fails.
async fn both<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let patience = std::time::Duration::from_secs(20);
    let both = async { tokio::join!(one, other) };
    tokio::time::timeout(patience, both).await.unwrap()
}

async fn state(client: &mut Client, list: &str) -> Value {
    client.get(list).await.ok(200).json()
}

#[tokio::test]
async fn a_list_that_nobody_fetched_yet_cannot_be_named() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let (server, other) = (Peer::secure(SERVER).await, broken().await);
        server.says(text("192.0.2.1", Some("\"a\"")));
        let (list, mut client) = made(&world, from(&server, "drop")).await;
        let (_, version) = world.imported(&world.owner, world.here).await;
        let organization = format!("/organizations/{}/policies", world.here.id);
        let draft = format!("/versions/{version}/draft");
        let named = json!({ "policies": [{ "ip_filter": { "deny_lists": ["drop"] } }] });
        for (method, path) in [(Method::PUT, &organization), (Method::PATCH, &draft)] {
            let call = Call::new(method, path).json(named.clone());
            let refused = client.send(call).await.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), ["/policies/0/ip_filter/deny_lists/0"]);
            assert!(refused.text.contains("Nothing was fetched"));
        }
        assert_eq!(ip_lists::fetch_due(&world.app.job()).await.unwrap(), 1);
        client.put(&organization, named.clone()).await.ok(200);
        client.patch(&draft, named).await.ok(200);
        // With another address what stood in it counts on, until that has answered.
        let moved = json!({ "source": { "url": other.origin } });
        client.patch(&list, moved).await.ok(200);
        assert_eq!(ip_lists::fetch_due(&world.app.job()).await.unwrap(), 1);
        assert_eq!(state(&mut client, &list).await["entries"], 1);
        let allow = json!({ "policies": [{ "ip_filter": { "allow_lists": ["drop"] } }] });
        client.put(&organization, allow).await.ok(200);
        assert_eq!(other.take().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn slow_servers_of_one_organization_hold_up_no_other() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let (slow, server) = (Peer::secure(SERVER).await, Peer::secure(SERVER).await);
        slow.hold(true);
        for number in 0..4 {
            slow.says(text("192.0.2.1", None));
            made(&world, from(&slow, &format!("slow-{number}"))).await;
        }
        server.says(text("192.0.2.1", None));
        world.app.advance(Duration::seconds(1));
        let mut stranger = world.stranger.client.clone();
        let there = format!("/organizations/{}/ip-lists", world.there.id);
        let quick = stranger.post(&there, from(&server, "quick")).await.ok(201);
        let quick = format!("{there}/{}", id(&quick.json()));
        let job = world.app.job();
        let seen = async {
            while state(&mut stranger, &quick).await["fetch"]["fetched_at"] == Value::Null {
                tokio::task::yield_now().await;
            }
            assert_eq!(slow.take().len(), 2, "of four that are due");
            slow.hold(false);
        };
        let (learned, ()) = both(ip_lists::fetch_due(&job), seen).await;
        assert_eq!(learned.unwrap(), 5);
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_the_address_before_is_nothing_to_the_list() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        for late in [answer(404, "", b""), text("192.0.2.1", Some("\"a\""))] {
            let (slow, other) = (Peer::secure(SERVER).await, broken().await);
            slow.hold(true);
            slow.says(late);
            let (list, mut client) = made(&world, from(&slow, "drop")).await;
            let job = world.app.job();
            let seen = async {
                slow.saw(1).await;
                let moved = json!({ "source": { "url": other.origin } });
                let shown = client.patch(&list, moved).await.ok(200).json();
                assert_eq!(shown["fetch"]["tried_at"], Value::Null);
                slow.hold(false);
                client
            };
            let (learned, mut client) = both(ip_lists::fetch_due(&job), seen).await;
            assert_eq!(learned.unwrap(), 1, "of the address that it has now");
            let shown = state(&mut client, &list).await;
            assert_eq!(shown["entries"], 0);
            assert_eq!(shown["fetch"]["fetched_at"], Value::Null);
            let problem = shown["fetch"]["problem"].as_str().unwrap().to_owned();
            assert!(problem.contains("500"), "{problem}");
            client.delete(&list).await.ok(204);
        }
    })
    .await;
}

#[tokio::test]
async fn how_often_it_is_asked_changes_alone() {
    each(async |app| {
        let world = World::new(app).await;
        opened(&world).await;
        let server = Peer::secure(SERVER).await;
        let (list, mut client) = made(&world, from(&server, "drop")).await;
        let run = async || ip_lists::fetch_due(&world.app.job()).await.unwrap();
        server.says(text("192.0.2.1", Some("\"a\"")));
        assert_eq!(run().await, 1);
        let before = state(&mut client, &list).await["fetch"].clone();
        world.app.advance(Duration::minutes(1));
        let url = format!("{}/drop", server.origin);
        let every = json!({ "source": { "url": url, "every": "10m" } });
        let shown = client.patch(&list, every).await.ok(200).json();
        assert_eq!(shown["source"]["every"], "10m");
        for what in ["fetched_at", "tried_at"] {
            assert_eq!(shown["fetch"][what], before[what], "{what}");
        }
        world
            .app
            .advance(Duration::minutes(10) - Duration::seconds(1));
        assert_eq!(run().await, 0);
        world.app.advance(Duration::seconds(1));
        server.take();
        server.says(same());
        assert_eq!(run().await, 1);
        let asked = server.take();
        assert_eq!(asked[0].field("if-none-match"), "\"a\"");
        // Less often counts from the next time on.
        let every = json!({ "source": { "url": url, "every": "1h" } });
        client.patch(&list, every).await.ok(200);
        world.app.advance(Duration::minutes(10));
        server.says(same());
        assert_eq!(run().await, 1);
    })
    .await;
}
