//! How much there may be in the lists of all organizations.

use domain::ip_list::MAX_OF_PLATFORM;
use domain::problem::Code;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::made;
use crate::support::{World, each};

/// As if that many networks stood in the list of this name already.
async fn holds(world: &World, name: &str, count: u64) {
    use entity::ip_list::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::Entries, (count as i64).into())
        .filter(Column::Name.eq(name))
        .exec(&world.app.plane.databases.main)
        .await
        .unwrap();
}

#[tokio::test]
async fn all_lists_together_have_a_bound() {
    each(async |app| {
        let world = World::new(app).await;
        let there = format!("/organizations/{}/ip-lists", world.there.id);
        let mut stranger = world.stranger.client.clone();
        stranger.post(&there, json!({ "name": "a" })).await.ok(201);
        let (own, mut client) = made(&world, json!({ "name": "own" })).await;
        let two = json!({ "entries": [{ "net": "1.1.1.1" }, { "net": "8.8.8.8" }] });
        let add = format!("{own}/entries");
        holds(&world, "a", MAX_OF_PLATFORM - 1).await;
        let refused = client.post(&add, two.clone()).await;
        let refused = refused.refused(Code::LimitReached);
        assert!(refused.text.contains("The platform"), "{}", refused.text);
        holds(&world, "a", MAX_OF_PLATFORM - 2).await;
        client.post(&add, two).await.ok(200);
        // Whatever the others have, one's own may be taken out.
        holds(&world, "a", MAX_OF_PLATFORM + 1).await;
        let one = json!({ "networks": ["1.1.1.1"] });
        let remove = format!("{add}/remove");
        client.post(&remove, one).await.ok(200);
        // The second half is for those who have few.
        made(&world, json!({ "name": "large" })).await;
        holds(&world, "a", MAX_OF_PLATFORM / 2).await;
        holds(&world, "large", 10_001).await;
        let more = json!({ "entries": [{ "net": "9.9.9.9" }] });
        let refused = client.post(&add, more.clone()).await;
        refused.refused(Code::LimitReached);
        holds(&world, "large", 9_000).await;
        client.post(&add, more).await.ok(200);
    })
    .await;
}
