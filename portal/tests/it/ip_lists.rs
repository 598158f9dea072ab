//! Lists of networks on their pages: made, filled, looked through, emptied.

use serde_json::{Value, json};

use crate::looks::keep;
use crate::publishing::{home, join, upload};
use crate::support::{App, each, publish};

#[tokio::test]
async fn a_list_is_kept_by_hand() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let organization = home.base.split("/t/").next().unwrap().to_owned();
        let lists = format!("{organization}/ip-lists");
        owner.get(&lists).await.ok(200).says("No list yet");
        let wrong = [
            ("name", "Not so"),
            ("source/url", "https://x.example"),
            ("source/every", "often"),
        ];
        owner
            .post(&format!("{lists}/new"), &wrong)
            .await
            .ok(422)
            .says("Write a duration");
        let wrong = [("name", "Not so")];
        owner
            .post(&format!("{lists}/new"), &wrong)
            .await
            .ok(422)
            .says("Name a list with");
        let made = owner
            .post(&format!("{lists}/new"), &[("name", "blocked")])
            .await
            .ok(303);
        let page = made.header("location").to_owned();
        owner.get(&page).await.ok(200).says("Nothing in it");

        let wrong = [("do", "add"), ("networks", "10.0.0.0/8\r\n10.0.0.1/8")];
        owner
            .post(&page, &wrong)
            .await
            .ok(422)
            .says("Line 2: Write a network")
            .says("10.0.0.1/8");
        let over = "10.0.0.0/8 until 2026-11-21T11:59:59Z";
        owner
            .post(&page, &[("do", "add"), ("networks", over)])
            .await
            .ok(422)
            .says("Line 1: This time is over.");
        let add = "10.0.0.0/8 # <b>Office</b>\r\n192.0.2.0/24 until 2026-12-31T00:00:00Z";
        owner
            .post(&page, &[("do", "add"), ("networks", add)])
            .await
            .to(&page);
        let shown = owner.get(&page).await.ok(200);
        keep("ip-list", &shown);
        shown.says("192.0.2.0/24").says("&lt;b&gt;Office");
        let found = owner.get(&format!("{page}?find=10.1.2.3")).await.ok(200);
        found.says("10.0.0.0/8").hides("192.0.2.0/24");
        owner
            .get(&format!("{page}?find=8.8.8.8"))
            .await
            .ok(200)
            .says("Nothing found");
        owner
            .post(&page, &[("do", "remove"), ("network", "10.0.0.0/8")])
            .await
            .to(&page);

        let import = format!("{page}/import");
        let told = upload(&mut owner, &import, &[("text", "<html>")]).await;
        told.ok(422).says("Line 1: Write a network");
        upload(&mut owner, &import, &[("text", " ")])
            .await
            .ok(422)
            .says("Choose a file");
        let text: String = (0..150).map(|net| format!("10.0.{net}.0/24\r\n")).collect();
        let etag = owner
            .get(&page)
            .await
            .ok(200)
            .between("name=\"etag\" value=\"", "\"");
        let parts = [("file", text.as_str()), ("replace", "yes"), ("etag", &etag)];
        upload(&mut owner, &import, &parts).await.to(&page);
        let shown = owner.get(&page).await.ok(200).hides("192.0.2.0/24");
        let next = shown.between("?after=", "\"").replace("&amp;", "&");
        let rest = owner.get(&format!("{page}?after={next}")).await.ok(200);
        rest.says("10.0.149.0/24").hides("10.0.1.0/24");
        // Somebody else was quicker.
        let told = upload(&mut owner, &import, &parts).await.ok(422);
        told.says("Someone changed it");

        // While a policy names it, it stays.
        let api = format!("/organizations/{}/policies", home.organization);
        let policies = json!([{ "ip_filter": { "deny_lists": ["blocked"] } }]);
        owner
            .api("PUT", &api, json!({ "policies": policies }))
            .await;
        owner.get(&page).await.ok(200).says("the organization");
        let delete = format!("{page}/delete");
        owner
            .get(&delete)
            .await
            .ok(200)
            .says("it stays while they do");
        owner
            .post(&delete, &[("name", "blocked")])
            .await
            .ok(422)
            .says("so it is needed");
        owner.api("PUT", &api, json!({ "policies": [] })).await;
        owner.post(&delete, &[("name", "other")]).await.ok(422);

        let mut viewer = join(&app, &mut owner, &home, "viewer").await;
        viewer
            .get(&page)
            .await
            .ok(200)
            .hides("Put them in")
            .hides("/delete\"");
        viewer
            .post(&page, &[("do", "remove"), ("network", "10.0.1.0/24")])
            .await
            .ok(403);
        viewer.get(&format!("{lists}/new")).await.ok(403);
        owner.post(&delete, &[("name", "blocked")]).await.to(&lists);
    })
    .await;
}

#[tokio::test]
async fn a_list_with_an_address_says_how_it_goes() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let home = home(&mut owner).await;
        let organization = home.base.split("/t/").next().unwrap().to_owned();
        let lists = format!("{organization}/ip-lists");
        let form = [
            ("name", "drop"),
            ("source/url", "https://93.184.216.34/drop.txt?key=hush"),
            ("source/every", "30m"),
        ];
        let made = owner.post(&format!("{lists}/new"), &form).await.ok(303);
        let page = made.header("location").to_owned();
        let shown = owner.get(&page).await.ok(200);
        shown
            .says("https://93.184.216.34/drop.txt")
            .says("every 30m")
            .says("drop.txt?key=hush")
            .says("Not fetched yet")
            .says("no policy can name it")
            .hides("Put them in");
        let mut viewer = join(&app, &mut owner, &home, "viewer").await;
        let shown = viewer.get(&page).await.ok(200).hides("hush");
        shown.says("https://93.184.216.34/drop.txt");
        viewer.get(&lists).await.ok(200).hides("hush");
        // Of whoever had the page from before it had an address.
        for parts in [
            [("do", "add"), ("networks", "10.0.0.0/8")],
            [("do", "remove"), ("network", "10.0.0.0/8")],
        ] {
            owner
                .post(&page, &parts)
                .await
                .ok(422)
                .says("This list is what its address answers.");
        }
        let api = format!("/organizations/{}/ip-lists", home.organization);
        let list = owner.api("GET", &api, Value::Null).await["items"][0].clone();
        let id: domain::id::IpListId = list["id"].as_str().unwrap().parse().unwrap();
        let row = entity::ip_list::ActiveModel {
            id: sea_orm::Set(id.uuid()),
            problem: sea_orm::Set(Some(
                "The server gave nothing. It answered <404>.".to_owned(),
            )),
            ..Default::default()
        };
        let db = &app.plane.databases.main;
        sea_orm::ActiveModelTrait::update(row, db).await.unwrap();
        let shown = owner.get(&page).await.ok(200);
        shown
            .says("It answered &lt;404&gt;.")
            .says("Its address fails");
        owner.get(&lists).await.ok(200).says("Its address fails");
        owner.post(&page, &[("do", "fetch")]).await.to(&page);
        let etag = owner
            .get(&page)
            .await
            .ok(200)
            .between("name=\"etag\" value=\"", "\"");
        let none = [
            ("do", "save"),
            ("name", "drop"),
            ("source/url", ""),
            ("etag", &*etag),
        ];
        owner.post(&page, &none).await.to(&page);
        owner
            .get(&page)
            .await
            .ok(200)
            .says("Put them in")
            .hides("drop.txt");
        owner
            .post(&page, &[("do", "fetch")])
            .await
            .ok(422)
            .says("This list has no address");
        // The form was made from what is there no more.
        let stale = [
            ("do", "save"),
            ("name", "drop"),
            ("description", "x"),
            ("etag", &*etag),
        ];
        let told = owner
            .post(&page, &stale)
            .await
            .ok(422)
            .says("Somebody else changed this");
        let now = told.between("name=\"etag\" value=\"", "\"");
        let again = [
            ("do", "save"),
            ("name", "drop"),
            ("description", "x"),
            ("etag", &*now),
        ];
        owner.post(&page, &again).await.to(&page);
    })
    .await;
}
