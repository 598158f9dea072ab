//! Webhooks on their page: added, tested, given a new secret, and a message sent once more.

use entity::webhook_delivery;
use sea_orm::EntityTrait;
use sea_orm::sea_query::Expr;
use serde_json::Value;

use crate::looks::keep;
use crate::support::{App, each};

#[tokio::test]
async fn a_message_is_sent_once_more_by_its_button() {
    each(async |app: App| {
        let mut owner = app.member("storefront").await;
        let account = owner.api("GET", "/account", Value::Null).await;
        let slug = account["memberships"][0]["slug"].as_str().unwrap();
        let page = format!("/o/{slug}/webhooks");
        let done = format!("{page}?done=1");
        let form = [("do", "create"), ("url", "https://93.184.216.34/hook")];
        let made = owner.post(&page, &form).await.ok(200).says("whsec_");
        let hook = made.between("name=\"webhook\" value=\"", "\"");
        owner
            .get(&page)
            .await
            .ok(200)
            .says("No message")
            .hides("whsec_")
            .hides("The former secret");
        let form = |act: &'static str| [("do", act), ("webhook", hook.as_str())];
        owner.post(&page, &form("test")).await.to(&done);
        let waits = owner.get(&page).await.ok(200).says("Waits");
        waits.hides("Send again");

        // As the worker would leave it.
        webhook_delivery::Entity::update_many()
            .col_expr(webhook_delivery::Column::State, Expr::value("given_up"))
            .col_expr(webhook_delivery::Column::Tries, Expr::value(16))
            .col_expr(webhook_delivery::Column::LastStatus, Expr::value(503))
            .col_expr(
                webhook_delivery::Column::LastError,
                Expr::value("It answered <503>."),
            )
            .exec(&app.plane.databases.main)
            .await
            .unwrap();
        let shown = owner.get(&page).await.ok(200);
        keep("webhooks", &shown);
        let shown = shown
            .says("Given up")
            .says("It answered &lt;503&gt;.")
            .says("Send again");
        let delivery = shown.between("name=\"delivery\" value=\"", "\"");
        let again = [
            ("do", "redeliver"),
            ("webhook", hook.as_str()),
            ("delivery", delivery.as_str()),
        ];
        owner.post(&page, &again).await.to(&done);
        owner.get(&page).await.ok(200).says("Waits");
        let twice = owner.post(&page, &again).await.ok(422);
        twice.says("This message waits to be sent already.");
        for none in ["", "x", hook.as_str()] {
            let again = [
                ("do", "redeliver"),
                ("webhook", hook.as_str()),
                ("delivery", none),
            ];
            owner.post(&page, &again).await.ok(404);
        }
        let mut stranger = app.member("elsewhere").await;
        stranger.post(&page, &again).await.ok(404);
        let account = stranger.api("GET", "/account", Value::Null).await;
        let theirs = account["memberships"][0]["slug"].as_str().unwrap();
        let theirs = format!("/o/{theirs}/webhooks");
        stranger.post(&theirs, &again).await.ok(404);

        let renewed = owner.post(&page, &form("renew")).await.ok(200);
        renewed
            .says("whsec_")
            .says("The former secret ends")
            .hides(&made.between("whsec_", "<"));
    })
    .await;
}
