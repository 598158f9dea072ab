//! The routes of lists of networks.

use serde_json::{Value, json};

use super::table::line;
use super::{Door, Line};
use crate::support::World;
use crate::support::shop::id;

pub fn lines() -> Vec<Line> {
    use Door::{Above, Member};
    vec![
        line(
            "GET",
            "/organizations/{organization}/ip-lists",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/ip-lists",
            Above,
            json!({ "name": "new", "entries": [{ "net": "10.0.0.0/8" }] }),
        ),
        line(
            "GET",
            "/organizations/{organization}/ip-lists/{ip_list}",
            Member,
            Value::Null,
        ),
        line(
            "PATCH",
            "/organizations/{organization}/ip-lists/{ip_list}",
            Above,
            json!({ "name": "other" }),
        ),
        line(
            "DELETE",
            "/organizations/{organization}/ip-lists/{ip_list}",
            Above,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/ip-lists/{ip_list}/entries",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/ip-lists/{ip_list}/entries",
            Above,
            json!({ "entries": [{ "net": "::1" }] }),
        ),
        line(
            "POST",
            "/organizations/{organization}/ip-lists/{ip_list}/entries/remove",
            Above,
            json!({ "networks": ["10.0.0.0/8"] }),
        ),
        line(
            "POST",
            "/organizations/{organization}/ip-lists/{ip_list}/import",
            Above,
            json!({ "text": "10.0.0.0/8" }),
        ),
        line(
            "POST",
            "/organizations/{organization}/ip-lists/{ip_list}/fetch",
            Above,
            json!({}),
        ),
    ]
}

/// A list of the tenant.
pub async fn object(world: &World) -> String {
    let path = format!("/organizations/{}/ip-lists", world.here.id);
    let body = json!({ "name": "blocked" });
    id(&world
        .owner
        .client
        .clone()
        .post(&path, body)
        .await
        .ok(201)
        .json())
}
