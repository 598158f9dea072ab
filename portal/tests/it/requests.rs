//! The page of one request, with what `log_detail` kept of it: shown as text, whatever it is.

use domain::{
    id::BatchId,
    traffic::{
        Detail,
        detail::{Body, Field, LeftOut, Message, Seen},
    },
};
use entity::store::traffic::{RequestFilter, Scope, requests, write_batch_with_details};
use serde_json::json;

use crate::looks::keep;
use crate::publishing::{home, join};
use crate::support::{App, call, each, publish};

fn field(name: &str, value: &str) -> Field {
    Field {
        name: name.to_owned(),
        value: value.to_owned(),
        masked: value == "***",
    }
}

#[tokio::test]
async fn what_was_kept_of_a_request_is_shown_as_text() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        publish(&mut owner).await;
        let home = home(&mut owner).await;
        let place = format!("/organizations/{}/applications", home.organization);
        let made = json!({ "team": home.team, "name": "Kiosk" });
        let application = owner.api("POST", &place, made).await;
        let application = application["id"].as_str().unwrap().parse().unwrap();
        let organization = home.organization.parse().unwrap();
        let apis = format!("/organizations/{}/apis", home.organization);
        let apis = owner.api("GET", &apis, serde_json::Value::Null).await;
        let mut record = call(app.plane.clock.now(), organization, application);
        record.api = apis["items"][0]["id"].as_str().unwrap().parse().unwrap();
        let seen = Seen {
            request: Message {
                fields: Some(vec![
                    field("authorization", "***"),
                    field("x-a", "<b>bold</b>"),
                ]),
                fields_cut: true,
                body: Some(Body {
                    media_type: "application/json".to_owned(),
                    bytes: 2048,
                    text: Some(r#"{"html":"<script>alert(1)</script>","pin":"***""#.to_owned()),
                    masked: 1,
                    cut: true,
                    ..Body::default()
                }),
            },
            answer: Message {
                fields: None,
                body: Some(Body {
                    media_type: "image/png".to_owned(),
                    bytes: 77,
                    left_out: Some(LeftOut::Type),
                    ..Body::default()
                }),
                ..Message::default()
            },
        };
        let details = [Detail::of(&record, seen)];
        let traffic = &app.plane.databases.traffic;
        let batch = BatchId::from_name("batch", "kept");
        let written = write_batch_with_details(traffic, batch, &[record], &details).await;
        assert!(written.unwrap().is_some());
        let (scope, all) = (Scope::provider(organization), RequestFilter::default());
        let found = requests(traffic, &scope, &all, None, 1).await.unwrap();
        let page = format!("{}/log/{}?side=answers", home.base, found[0].id);
        let shown = owner.get(&page).await.ok(200);
        keep("request-detail", &shown);
        shown
            .says("authorization")
            .says("masked")
            .says("&lt;b&gt;bold&lt;/b&gt;")
            .says("More header fields came than are kept.")
            .says("\n  \"html\": \"&lt;script&gt;alert(1)&lt;/script&gt;\"")
            .says("1 value masked")
            .says("cut at ")
            .says("Body, image/png")
            .says("its media type is none of those that the policy names")
            .hides("<script>alert")
            .hides("<b>bold");
        // Whoever sees the traffic of the API sees this, and nobody else.
        let mut viewer = join(&app, &mut owner, &home, "viewer").await;
        viewer
            .get(&page)
            .await
            .ok(200)
            .says("&lt;b&gt;bold&lt;/b&gt;");
        let mut stranger = app.member("stranger").await;
        stranger.get(&page).await.ok(404).hides("bold");
    })
    .await;
}
