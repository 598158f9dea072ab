//! The table, and the objects that its paths name.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Door, Line};
use crate::support::{PASSWORD, World};

/// Every route.
pub fn lines() -> Vec<Line> {
    let mut lines = accounts();
    lines.extend(tenants());
    lines.extend(platform());
    lines.extend(super::things::lines());
    lines.extend(super::certificates::lines());
    lines.extend(webhooks());
    lines.extend(super::ip_lists::lines());
    lines
}

pub fn line(method: &'static str, path: &'static str, door: Door, body: Value) -> Line {
    Line {
        method,
        path,
        door,
        body: (!body.is_null()).then_some(body),
    }
}

fn accounts() -> Vec<Line> {
    use Door::{Anyone, Self_};
    let email = json!({ "email": "a@b.example" });
    let token = json!({ "token": "x" });
    vec![
        line(
            "POST",
            "/sign-ups",
            Anyone,
            json!({ "email": "a@b.example", "password": PASSWORD, "name": "A", "organization": "B" }),
        ),
        line("POST", "/sign-ups/resend", Anyone, email.clone()),
        line("POST", "/sign-ups/verify", Anyone, token.clone()),
        line("POST", "/setup", Anyone, token.clone()),
        line(
            "POST",
            "/sessions",
            Anyone,
            json!({ "email": "a@b.example", "password": "x" }),
        ),
        line("GET", "/sessions", Self_, Value::Null),
        line("DELETE", "/sessions/current", Self_, Value::Null),
        line("POST", "/sessions/end-others", Self_, Value::Null),
        line("DELETE", "/sessions/{session}", Self_, Value::Null),
        line("POST", "/password-resets", Anyone, email),
        line("POST", "/password-resets/complete", Anyone, token.clone()),
        line("GET", "/account", Self_, Value::Null),
        line("PATCH", "/account", Self_, json!({ "name": "A" })),
        line(
            "POST",
            "/account/password",
            Door::Browser,
            json!({ "current": "x", "password": PASSWORD }),
        ),
        line("GET", "/tokens", Self_, Value::Null),
        line(
            "POST",
            "/tokens",
            Self_,
            json!({ "name": "A", "scopes": ["apis:read"], "expires_in_days": 1 }),
        ),
        line("DELETE", "/tokens/{token}", Self_, Value::Null),
        line("POST", "/invitations/preview", Anyone, token.clone()),
        line("POST", "/invitations/accept", Anyone, token),
    ]
}

fn tenants() -> Vec<Line> {
    use Door::{Above, Member, Self_};
    vec![
        line("GET", "/organizations", Self_, Value::Null),
        line("POST", "/organizations", Self_, json!({ "name": "A" })),
        line("GET", "/organizations/{organization}", Member, Value::Null),
        line(
            "PATCH",
            "/organizations/{organization}",
            Above,
            json!({ "name": "A" }),
        ),
        line(
            "GET",
            "/organizations/{organization}/policies",
            Member,
            Value::Null,
        ),
        line(
            "PUT",
            "/organizations/{organization}/policies",
            Above,
            json!({ "policies": [] }),
        ),
        line(
            "GET",
            "/organizations/{organization}/teams",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/teams",
            Above,
            json!({ "name": "A" }),
        ),
        line("GET", "/teams/{team}", Member, Value::Null),
        line("PATCH", "/teams/{team}", Above, json!({ "name": "A" })),
        line("DELETE", "/teams/{team}", Above, Value::Null),
        line(
            "GET",
            "/organizations/{organization}/members",
            Member,
            Value::Null,
        ),
        line(
            "PATCH",
            "/organizations/{organization}/members/{user}",
            Above,
            json!({ "role": "admin" }),
        ),
        line(
            "DELETE",
            "/organizations/{organization}/members/{user}",
            Above,
            Value::Null,
        ),
        line("GET", "/teams/{team}/members", Member, Value::Null),
        line(
            "PUT",
            "/teams/{team}/members/{user}",
            Above,
            json!({ "role": "developer" }),
        ),
        line("DELETE", "/teams/{team}/members/{user}", Above, Value::Null),
        line(
            "GET",
            "/organizations/{organization}/invitations",
            Above,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/invitations",
            Above,
            json!({ "email": "a@b.example" }),
        ),
        line(
            "POST",
            "/invitations/{invitation}/resend",
            Above,
            Value::Null,
        ),
        line("DELETE", "/invitations/{invitation}", Above, Value::Null),
        line(
            "GET",
            "/organizations/{organization}/audit",
            Above,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/audit.jsonl",
            Above,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/audit/verdict",
            Above,
            Value::Null,
        ),
    ]
}

fn platform() -> Vec<Line> {
    use Door::Operator;
    vec![
        line("GET", "/operator/organizations", Operator, Value::Null),
        line(
            "POST",
            "/operator/organizations/{organization}/suspend",
            Operator,
            Value::Null,
        ),
        line(
            "POST",
            "/operator/organizations/{organization}/resume",
            Operator,
            json!({ "reason": "" }),
        ),
        line(
            "PUT",
            "/operator/organizations/{organization}/grants",
            Operator,
            json!({ "grants": [] }),
        ),
        line("GET", "/operator/settings", Operator, Value::Null),
        line(
            "PUT",
            "/operator/settings/{name}",
            Operator,
            json!({ "value": "open" }),
        ),
        line("GET", "/operator/nodes", Operator, Value::Null),
        line("GET", "/operator/mails", Operator, Value::Null),
        line("POST", "/operator/mails/{mail}/show", Operator, Value::Null),
        line("GET", "/operator/audit", Operator, Value::Null),
        line("GET", "/operator/audit.jsonl", Operator, Value::Null),
        line("GET", "/operator/audit/verdict", Operator, Value::Null),
    ]
}

fn webhooks() -> Vec<Line> {
    use Door::Above;
    const ALL: &str = "/organizations/{organization}/webhooks";
    const ONE: &str = "/organizations/{organization}/webhooks/{webhook}";
    let url = "https://93.184.216.34/other";
    vec![
        line("GET", ALL, Above, Value::Null),
        line("POST", ALL, Above, json!({ "url": url })),
        line("PUT", ONE, Above, json!({ "url": url, "enabled": false })),
        line("DELETE", ONE, Above, Value::Null),
        line(
            "POST",
            "/organizations/{organization}/webhooks/{webhook}/secret",
            Above,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/webhooks/{webhook}/test",
            Above,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/webhooks/{webhook}/deliveries",
            Above,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/webhooks/{webhook}/deliveries/{delivery}/redeliver",
            Above,
            Value::Null,
        ),
    ]
}

/// The path with the ids of things of the tenant `here`.
pub async fn filled(world: &World, path: &str) -> String {
    let mut out = path.to_owned();
    for name in parameters(path) {
        let id = object(world, &name).await;
        out = out.replace(&format!("{{{name}}}"), &id);
    }
    out
}

/// The path with ids that name nothing.
pub fn random(path: &str) -> String {
    let mut out = path.to_owned();
    for name in parameters(path) {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_dead).to_string();
        out = out.replace(
            &format!("{{{name}}}"),
            if name == "name" { "sign_up" } else { &id },
        );
    }
    out
}

fn parameters(path: &str) -> Vec<String> {
    path.split('/')
        .filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned()))
        .collect()
}

/// An object of the tenant by the name of its path parameter.
async fn object(world: &World, name: &str) -> String {
    match name {
        "organization" => world.here.id.to_string(),
        "team" => world.here.team.to_string(),
        "user" => world.colleague.id.to_string(),
        "name" => "sign_up".to_owned(),
        "invitation" => {
            let path = format!("/organizations/{}/invitations", world.here.id);
            let made = world
                .owner
                .client
                .clone()
                .post(&path, json!({ "email": "guest@x.example" }))
                .await
                .ok(201);
            made.json()["id"].as_str().unwrap().to_owned()
        }
        "token" => {
            let body = json!({ "name": "A", "scopes": ["apis:read"], "expires_in_days": 1 });
            let made = world
                .owner
                .client
                .clone()
                .post("/tokens", body)
                .await
                .ok(201);
            made.json()["token"]["id"].as_str().unwrap().to_owned()
        }
        "session" => {
            let mut browser = world.app.client();
            let body = json!({ "email": world.owner.email, "password": PASSWORD });
            browser.post("/sessions", body).await.ok(201).json()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        }
        "mail" => {
            let mut anybody = world.app.client();
            anybody
                .post("/password-resets", json!({ "email": world.owner.email }))
                .await
                .ok(202);
            let list = world
                .operator
                .client
                .clone()
                .get("/operator/mails")
                .await
                .ok(200)
                .json();
            list["items"][0]["id"].as_str().unwrap().to_owned()
        }
        "webhook" => {
            let path = format!("/organizations/{}/webhooks", world.here.id);
            let body = json!({ "url": "https://93.184.216.34/hook" });
            let made = world.owner.client.clone().post(&path, body).await.ok(201);
            made.json()["webhook"]["id"].as_str().unwrap().to_owned()
        }
        // Of the webhook that stands before it in the path.
        "delivery" => {
            let path = format!("/organizations/{}/webhooks", world.here.id);
            let mut owner = world.owner.client.clone();
            let list = owner.get(&path).await.ok(200).json();
            let webhook = list["items"][0]["id"].as_str().unwrap().to_owned();
            let path = format!("{path}/{webhook}/test");
            let sent = owner.post(&path, Value::Null).await.ok(200).json();
            sent["id"].as_str().unwrap().to_owned()
        }
        "certificate" | "host" => super::certificates::object(world, name).await,
        "ip_list" => super::ip_lists::object(world).await,
        other => match super::things::object(world, other).await {
            Some(id) => id,
            None => panic!("matrix/table.rs does not know an object for {{{other}}}"),
        },
    }
}
