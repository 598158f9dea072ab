//! Lists of networks: written, imported, and kept while policies name them.

mod bounds;
mod fetched;

use domain::problem::Code;
use http::Method;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::support::shop::id;
use crate::support::{Call, Client, World, each};

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
        ]);
        let body = json!({ "name": "blocked", "description": "bad ones", "entries": entries });
        let (list, mut client) = made(&world, body).await;
        let shown = client.get(&list).await.ok(200);
        assert_eq!(shown.json()["entries"], 3);
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
        // A cursor, and of another list: the JSON of "x".
        let foreign = format!("{list}/entries?after=Ingi");
        let refused = client.get(&foreign).await.refused(Code::ValidationFailed);
        assert_eq!(refused.pointers(), ["/after"]);

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
async fn what_is_over_takes_the_place_of_nothing() {
    each(async |app| {
        let world = World::new(app).await;
        let entries = json!([{ "net": "10.0.0.0/8" }]);
        let body = json!({ "name": "blocked", "entries": entries });
        let (list, mut client) = made(&world, body).await;
        let over = json!([
            { "net": "1.1.1.1" },
            { "net": "10.0.0.0/8", "until": "2026-11-21T12:00:00Z" },
        ]);
        let body = json!({ "name": "other", "entries": over });
        let new = lists(&world);
        let add = format!("{list}/entries");
        let import = format!("{list}/import");
        let text = "1.1.1.1\n10.0.0.0/8 until 2026-11-21T11:59:59Z";
        for (path, body, at) in [
            (&new, body, "/entries/1/until"),
            (&add, json!({ "entries": over }), "/entries/1/until"),
            (&import, json!({ "text": text }), "/text"),
            (&import, json!({ "text": text, "replace": true }), "/text"),
        ] {
            let refused = client.post(path, body).await;
            let refused = refused.refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), [at]);
            assert!(refused.text.contains("This time is over."));
        }
        assert_eq!(nets(&mut client, &list, "").await, ["10.0.0.0/8"]);
        let lasting = json!([{ "net": "10.0.0.0/8", "until": "2026-11-21T12:00:01Z" }]);
        client
            .post(&add, json!({ "entries": lasting }))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn what_no_longer_counts_keeps_no_list() {
    each(async |app| {
        let world = World::new(app).await;
        let (list, mut client) = made(&world, json!({ "name": "blocked" })).await;
        let filter = json!([{ "ip_filter": { "deny_lists": ["blocked"] } }]);
        let plan = json!({ "approval": "auto", "policies": filter });
        let shop = world.shop(&world.owner, world.here, plan).await;
        let plan = format!("/plans/{}", shop.plan);
        client.delete(&list).await.refused(Code::Conflict);
        client
            .post(&format!("{plan}/deprecate"), json!({}))
            .await
            .ok(200);
        client.delete(&list).await.refused(Code::Conflict);
        client
            .post(&format!("{plan}/close"), json!({}))
            .await
            .ok(200);
        assert_eq!(
            client.get(&list).await.ok(200).json()["named_by"],
            json!([])
        );
        client
            .patch(&list, json!({ "name": "renamed" }))
            .await
            .ok(200);

        let filter = json!([{ "ip_filter": { "deny_lists": ["renamed"] } }]);
        let version = format!("/versions/{}", shop.version);
        let draft = format!("{version}/draft");
        client
            .patch(&draft, json!({ "policies": filter }))
            .await
            .ok(200);
        client
            .post(&format!("{version}/publish"), json!({}))
            .await
            .ok(200);
        client.delete(&list).await.refused(Code::Conflict);
        let id: domain::id::VersionId = shop.version.parse().unwrap();
        entity::version::Entity::update_many()
            .col_expr(entity::version::Column::State, "retired".into())
            .filter(entity::version::Column::Id.eq(id.uuid()))
            .exec(&world.app.plane.databases.main)
            .await
            .unwrap();
        client.delete(&list).await.ok(204);
    })
    .await;
}

#[tokio::test]
async fn the_query_of_an_address_is_for_editors_alone() {
    each(async |app| {
        let world = World::new(app).await;
        let url = "https://93.184.216.34/drop.txt?key=hush";
        let body = json!({ "name": "drop", "source": { "url": url } });
        let (list, mut client) = made(&world, body).await;
        let other = json!({ "source": { "url": "https://93.184.216.34/b.txt?key=hush2" } });
        let shown = client.patch(&list, other).await.ok(200);
        assert!(shown.text.contains("hush2"));
        for path in [&list, &lists(&world)] {
            let mut member = world.member.client.clone();
            let shown = member.get(path).await.ok(200);
            assert!(!shown.text.contains("hush"), "{}", shown.text);
            assert!(shown.text.contains("https://93.184.216.34/b.txt"));
        }
        client.delete(&list).await.ok(204);
        let audit = format!("/organizations/{}/audit", world.here.id);
        let audit = client.get(&audit).await.ok(200);
        assert!(audit.text.contains("https://93.184.216.34/b.txt"));
        assert!(!audit.text.contains("hush"), "{}", audit.text);
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
