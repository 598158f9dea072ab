//! APIs and the import of documents.

use domain::actor::{OrganizationRole, TeamRole};
use domain::problem::Code;
use serde_json::json;

use crate::support::shop::{BOOKS, id};
use crate::support::{World, each};

#[tokio::test]
async fn an_import_proposes_everything() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let (api, version) = world.imported(&world.owner, world.here).await;
        let shown = client.get(&format!("/apis/{api}")).await.ok(200).json();
        assert_eq!(
            (shown["slug"].as_str(), shown["visibility"].as_str()),
            (Some("books"), Some("private"))
        );
        let version = client
            .get(&format!("/versions/{version}"))
            .await
            .ok(200)
            .json();
        assert_eq!(version["summary"]["slug"], "v1");
        assert_eq!(version["summary"]["state"], "draft");
        let draft = &version["draft"];
        assert_eq!(draft["route"]["path"], "/here/books/v1");
        assert_eq!(draft["operations_mode"], "listed");
        assert_eq!(draft["policies"], json!([{ "key_auth": {} }]));
        assert_eq!(draft["operations"].as_array().unwrap().len(), 3);
        assert_eq!(draft["blockers"], json!([]));
        let upstream = client
            .get(&format!("/upstreams/{}", id(&draft["upstream"])))
            .await
            .ok(200)
            .json();
        assert_eq!(
            upstream["settings"]["targets"][0]["url"],
            "https://93.184.216.34/base"
        );
        // The same again: a number behind the slug, nothing overwritten.
        let (second, _) = world.imported(&world.owner, world.here).await;
        assert_eq!(
            client.get(&format!("/apis/{second}")).await.ok(200).json()["slug"],
            "books-2"
        );
        world
            .stranger
            .client
            .clone()
            .get(&format!("/apis/{api}"))
            .await
            .refused(Code::NotFound);
        world
            .member
            .client
            .clone()
            .get(&format!("/apis/{api}"))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_document_that_cannot_be_read_says_where() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/apis/import", world.here.id);
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n".to_owned();
        for (document, code, says) in [
            ("openapi: 3.0.0\ninfo: [\n".to_owned(), Code::DocumentInvalid, "Line "),
            ("{\"openapi\": \"3.0.0\",\n \"info\": }".to_owned(), Code::DocumentInvalid, "Line 2"),
            ("just text".to_owned(), Code::DocumentInvalid, ""),
            ("swagger: '2.0'\ninfo: {title: x, version: '1'}\npaths: {}".to_owned(), Code::DocumentInvalid, ""),
            (deep, Code::DocumentTooLarge, ""),
            (bomb, Code::DocumentTooLarge, ""),
            (format!("openapi: 3.0.0\n#{}\n", "x".repeat(5 * 1024 * 1024)), Code::DocumentTooLarge, ""),
        ] {
            let started = std::time::Instant::now();
            let body = json!({ "team": world.here.team, "document": document });
            let answer = world.owner.client.post(&path, body).await.refused(code);
            assert!(started.elapsed().as_secs() < 5);
            let error = &answer.json()["errors"][0];
            assert_eq!(error["pointer"], "/document");
            assert!(error["message"].as_str().unwrap().starts_with(says), "{error}");
        }
        let list = world.owner.client.get(&format!("/organizations/{}/apis", world.here.id)).await.ok(200).json();
        assert_eq!(list["items"], json!([]), "nothing was made");
    })
    .await;
}

#[tokio::test]
async fn labels_are_the_admins_to_set() {
    each(async |app| {
        let world = World::new(app).await;
        let maintainer = world.app.person("maintainer", false).await;
        let (here, member) = (world.here, OrganizationRole::Member);
        world.app.join(here, maintainer.id, member).await;
        let role = TeamRole::Maintainer;
        world.app.join_team(here, maintainer.id, role).await;
        let (api, _) = world.imported(&world.owner, world.here).await;
        let path = format!("/apis/{api}");
        let labels = json!([{ "name": "tier", "value": "gold" }]);
        let (mut admin, mut maintainer) = (world.owner.client.clone(), maintainer.client.clone());
        let edit = json!({ "labels": labels });
        maintainer
            .patch(&path, edit.clone())
            .await
            .refused(Code::Forbidden);
        admin.patch(&path, edit).await.ok(200);
        // What is there already may be sent along.
        let named = json!({ "name": "Other", "labels": labels });
        let named = maintainer.patch(&path, named).await.ok(200).json();
        assert_eq!(named["labels"], labels);
        let none = json!({ "labels": [] });
        maintainer.patch(&path, none).await.refused(Code::Forbidden);
        let all = format!("/organizations/{}/apis", world.here.id);
        let new = json!({ "team": world.here.team, "name": "New", "labels": labels });
        maintainer
            .post(&all, new.clone())
            .await
            .refused(Code::Forbidden);
        admin.post(&all, new).await.ok(201);
        let plain = json!({ "team": world.here.team, "name": "Plain" });
        maintainer.post(&all, plain).await.ok(201);
    })
    .await;
}

#[tokio::test]
async fn what_is_written_is_checked_together() {
    each(async |app| {
        let mut world = World::new(app).await;
        let path = format!("/organizations/{}/apis", world.here.id);
        let body = json!({ "team": world.here.team, "name": "", "slug": "settings", "tags": ["<b>"], "labels": [{ "name": "a", "value": "b" }, { "name": "a", "value": "c" }] });
        let answer = world.owner.client.post(&path, body).await.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/name", "/slug", "/tags/0", "/labels/1/name"]);
        let foreign = json!({ "team": world.there.team, "name": "A" });
        assert_eq!(world.owner.client.post(&path, foreign).await.refused(Code::ValidationFailed).pointers(), ["/team"]);

        let api = id(&world.owner.client.post(&path, json!({ "team": world.here.team, "name": "Status" })).await.ok(201).json());
        let one = format!("/apis/{api}");
        assert_eq!(world.owner.client.get(&one).await.ok(200).json()["slug"], "status-api");
        let policies = json!({ "policies": [{ "rate_limit": { "limit": 0, "window": "60s" } }] });
        let answer = world.owner.client.patch(&one, policies).await.refused(Code::ValidationFailed);
        assert_eq!(answer.pointers(), ["/policies/0/rate_limit/limit"]);
        let edit = json!({ "tags": ["Fiction", "fiction"], "visibility": "internal", "description": "# T\n\nThe *first* words." });
        let edited = world.owner.client.patch(&one, edit).await.ok(200).json();
        assert_eq!(edited["tags"], json!(["fiction"]));
        world.member.client.patch(&one, json!({ "name": "B" })).await.refused(Code::Forbidden);
        world.owner.client.delete(&one).await.ok(204);
        world.owner.client.get(&one).await.refused(Code::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_new_document_keeps_the_ids_of_operations() {
    each(async |app| {
        let world = World::new(app).await;
        let mut client = world.owner.client.clone();
        let (_, version) = world.imported(&world.owner, world.here).await;
        let path = format!("/versions/{version}");
        let before = client.get(&path).await.ok(200).json()["draft"]["operations"].clone();
        let changed = BOOKS.replace("operationId: listBooks", "operationId: all").replace("    post: { operationId: addBook, summary: Add, responses: { \"201\": { description: made } } }\n", "");
        let set = json!({ "document": changed });
        let after = client.put(&format!("{path}/draft/document"), set).await.ok(200).json()["draft"]["operations"].clone();
        assert_eq!(after.as_array().unwrap().len(), 2);
        assert_eq!(before[0]["id"], after[0]["id"]);
        let yaml = client.get(&format!("{path}/draft/document?format=yaml")).await.ok(200);
        assert_eq!(yaml.text, changed, "the bytes as they came");
        let turned = client.get(&format!("{path}/draft/document")).await.ok(200).json();
        assert_eq!(turned["info"]["title"], "Books");
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_of_an_api_is_taken_out_everywhere() {
    each(async |app| {
        let world = World::new(app).await;
        let (api, _) = world.imported(&world.owner, world.here).await;
        let mut owner = world.owner.client.clone();
        let path = format!("/apis/{api}/cache/purge");
        let before = owner.get(&format!("/apis/{api}")).await.ok(200).etag();
        owner.post(&path, json!({ "tag": "pets" })).await.ok(202);
        owner.post(&path, json!({ "all": true })).await.ok(202);
        let after = owner.get(&format!("/apis/{api}")).await.ok(200).etag();
        assert_eq!(after, before, "it is no edit");
        let state = entity::snapshot::load(&world.app.plane.databases.main)
            .await
            .unwrap();
        let told: Vec<u64> = state.parts.apis[0]
            .purges
            .iter()
            .map(|one| one.number)
            .collect();
        assert_eq!(told, [1, 2]);
        for _ in 0..60 {
            owner
                .post(&path, json!({ "url": "a.example/x" }))
                .await
                .ok(202);
        }
        let state = entity::snapshot::load(&world.app.plane.databases.main)
            .await
            .unwrap();
        let purges = &state.parts.apis[0].purges;
        assert_eq!((purges.len(), purges.last().unwrap().number), (50, 62));
        for (wrong, pointer) in [
            (json!({ "tag": "" }), "/tag"),
            (json!({ "url": "x".repeat(2001) }), "/url"),
            (json!({ "prefix": "a\nb" }), "/prefix"),
            (json!({ "all": false }), "/all"),
        ] {
            let refused = owner
                .post(&path, wrong)
                .await
                .refused(Code::ValidationFailed);
            assert_eq!(refused.pointers(), [pointer]);
        }
        world
            .member
            .client
            .clone()
            .post(&path, json!({ "all": true }))
            .await
            .refused(Code::Forbidden);
        world
            .stranger
            .client
            .clone()
            .post(&path, json!({ "all": true }))
            .await
            .refused(Code::NotFound);
    })
    .await;
}
