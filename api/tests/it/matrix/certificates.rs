//! The routes of certificates and hosts.

use serde_json::{Value, json};

use super::table::line;
use super::{Door, Line};
use crate::certificates::{A, grant, named};
use crate::support::World;
use crate::support::shop::id;

pub fn lines() -> Vec<Line> {
    use Door::{Above, Member, Operator};
    let one = || named("new", A);
    let host = || json!({ "tls": "required" });
    let renew = || json!({ "name": "renamed" });
    vec![
        line(
            "GET",
            "/organizations/{organization}/certificates",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/certificates",
            Above,
            one(),
        ),
        line(
            "GET",
            "/organizations/{organization}/certificates/{certificate}",
            Member,
            Value::Null,
        ),
        line(
            "PATCH",
            "/organizations/{organization}/certificates/{certificate}",
            Above,
            renew(),
        ),
        line(
            "DELETE",
            "/organizations/{organization}/certificates/{certificate}",
            Above,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/hosts",
            Member,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/hosts/{host}",
            Member,
            Value::Null,
        ),
        line(
            "PUT",
            "/organizations/{organization}/hosts/{host}",
            Above,
            host(),
        ),
        line(
            "DELETE",
            "/organizations/{organization}/hosts/{host}",
            Above,
            Value::Null,
        ),
        line("GET", "/operator/certificates", Operator, Value::Null),
        line("POST", "/operator/certificates", Operator, one()),
        line(
            "GET",
            "/operator/certificates/{certificate}",
            Operator,
            Value::Null,
        ),
        line(
            "DELETE",
            "/operator/certificates/{certificate}",
            Operator,
            Value::Null,
        ),
        line("GET", "/operator/hosts", Operator, Value::Null),
        line("GET", "/operator/hosts/{host}", Operator, Value::Null),
        line("DELETE", "/operator/hosts/{host}", Operator, Value::Null),
        line(
            "PATCH",
            "/operator/certificates/{certificate}",
            Operator,
            renew(),
        ),
        line("PUT", "/operator/hosts/{host}", Operator, host()),
    ]
}

/// An object of the tenant by the name of its path parameter.
pub async fn object(world: &World, name: &str) -> String {
    grant(&world.app, world.here.id, &["a.test"]).await;
    let mut client = world.owner.client.clone();
    let here = format!("/organizations/{}", world.here.id);
    match name {
        "host" => {
            let path = format!("{here}/hosts/a.test");
            client
                .put(&path, json!({ "tls": "optional" }))
                .await
                .ok(200);
            "a.test".to_owned()
        }
        _ => {
            let path = format!("{here}/certificates");
            id(&client.post(&path, named("main", A)).await.ok(201).json())
        }
    }
}
