//! Many at once against a limit, and against a rule that counts.

use domain::actor::OrganizationRole;
use serde_json::json;

use crate::support::{World, each};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_do_not_exceed_a_limit() {
    each(async |app| {
        let world = World::new(app).await;
        // 50 tokens are the most, and the fixture holds one.
        let all: Vec<_> = (0..100)
            .map(|n| {
                let mut client = world.owner.client.clone();
                let body = json!({ "name": format!("t{n}"), "scopes": ["apis:read"], "expires_in_days": 1 });
                tokio::spawn(async move { client.post("/tokens", body).await.status.as_u16() })
            })
            .collect();
        let mut made = 0;
        for one in all {
            match one.await.unwrap() {
                201 => made += 1,
                409 => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!(made, 49);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_owners_who_leave_at_once_leave_one() {
    each(async |app| {
        let world = World::new(app).await;
        let second = world.app.person("second", false).await;
        world
            .app
            .join(world.here, second.id, OrganizationRole::Owner)
            .await;
        let leave = |caller: &crate::support::Caller| {
            let mut client = caller.client.clone();
            let path = format!("/organizations/{}/members/{}", world.here.id, caller.id);
            tokio::spawn(async move { client.delete(&path).await.status.as_u16() })
        };
        let (a, b) = (leave(&world.owner), leave(&second));
        let mut statuses = [a.await.unwrap(), b.await.unwrap()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409]);
    })
    .await;
}
