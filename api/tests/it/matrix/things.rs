//! The routes of what tenants own, and such things.

use domain::id::{BatchId, TeamId};
use domain::traffic::Record;
use serde_json::{Value, json};

use super::table::line;
use super::{Door, Line, looking};
use crate::support::World;
use crate::support::shop::{BOOKS, id};

pub fn lines() -> Vec<Line> {
    let mut lines = publishing();
    lines.extend(offering());
    lines.extend(consuming());
    lines.extend(looking::lines());
    lines
}

fn publishing() -> Vec<Line> {
    use Door::{Above, Member};
    let team = TeamId::from_name("team", "here");
    let settings = json!({ "targets": [{ "url": "https://93.184.216.34" }] });
    let upstream = json!({ "team": team, "name": "new", "settings": settings });
    let credential = json!({ "credential": null });
    let import = json!({ "team": team, "document": BOOKS });
    vec![
        line(
            "GET",
            "/organizations/{organization}/upstreams",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/upstreams",
            Above,
            upstream,
        ),
        line("GET", "/upstreams/{upstream}", Member, Value::Null),
        line(
            "PATCH",
            "/upstreams/{upstream}",
            Above,
            json!({ "name": "b" }),
        ),
        line("DELETE", "/upstreams/{upstream}", Above, Value::Null),
        line("PUT", "/upstreams/{upstream}/credential", Above, credential),
        line(
            "PUT",
            "/upstreams/{upstream}/client-certificate",
            Above,
            json!({ "client_certificate": null }),
        ),
        line(
            "GET",
            "/organizations/{organization}/apis",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/apis",
            Above,
            json!({ "team": team, "name": "A" }),
        ),
        line(
            "POST",
            "/organizations/{organization}/apis/import",
            Above,
            import,
        ),
        line("GET", "/apis/{api}", Member, Value::Null),
        line("PATCH", "/apis/{api}", Above, json!({ "name": "B" })),
        line(
            "POST",
            "/apis/{api}/cache/purge",
            Above,
            json!({ "all": true }),
        ),
        line("DELETE", "/apis/{api}", Above, Value::Null),
        line(
            "POST",
            "/apis/{api}/versions",
            Above,
            json!({ "slug": "v9" }),
        ),
        line("GET", "/versions/{version}", Member, Value::Null),
        line("DELETE", "/versions/{version}", Above, Value::Null),
        line("PATCH", "/versions/{version}/draft", Above, json!({})),
        line(
            "PUT",
            "/versions/{version}/draft/document",
            Above,
            json!({ "document": BOOKS }),
        ),
        line(
            "GET",
            "/versions/{version}/draft/document",
            Member,
            Value::Null,
        ),
        line("POST", "/versions/{version}/publish", Above, json!({})),
        line("POST", "/versions/{version}/unpublish", Above, json!({})),
        line("POST", "/versions/{version}/deprecate", Above, json!({})),
        line("POST", "/versions/{version}/undeprecate", Above, json!({})),
        line("POST", "/versions/{version}/retire", Above, json!({})),
        line("POST", "/versions/{version}/enable", Above, json!({})),
        line("POST", "/versions/{version}/disable", Above, json!({})),
        line("GET", "/versions/{version}/revisions", Member, Value::Null),
        line(
            "POST",
            "/versions/{version}/revisions/{number}/promote",
            Above,
            json!({}),
        ),
        line(
            "GET",
            "/versions/{version}/effective-policies",
            Member,
            Value::Null,
        ),
    ]
}

fn offering() -> Vec<Line> {
    use Door::{Above, Member};
    let team = TeamId::from_name("team", "here");
    let grant = json!({ "application": TeamId::NIL });
    vec![
        line(
            "GET",
            "/organizations/{organization}/products",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/products",
            Above,
            json!({ "team": team, "name": "P" }),
        ),
        line("GET", "/products/{product}", Member, Value::Null),
        line(
            "PATCH",
            "/products/{product}",
            Above,
            json!({ "name": "Q" }),
        ),
        line("DELETE", "/products/{product}", Above, Value::Null),
        line("GET", "/products/{product}/plans", Member, Value::Null),
        line(
            "POST",
            "/products/{product}/plans",
            Above,
            json!({ "name": "P" }),
        ),
        line("GET", "/plans/{plan}", Member, Value::Null),
        line("PUT", "/plans/{plan}", Above, json!({ "name": "Q" })),
        line("DELETE", "/plans/{plan}", Above, Value::Null),
        line("POST", "/plans/{plan}/publish", Above, json!({})),
        line("POST", "/plans/{plan}/deprecate", Above, json!({})),
        line("POST", "/plans/{plan}/close", Above, json!({})),
        line("POST", "/plans/{plan}/grants", Above, grant),
        line(
            "GET",
            "/organizations/{organization}/subscribers",
            Member,
            Value::Null,
        ),
        line(
            "GET",
            "/organizations/{organization}/approvals",
            Above,
            Value::Null,
        ),
    ]
}

fn consuming() -> Vec<Line> {
    use Door::{Above, Member};
    let team = TeamId::from_name("team", "here");
    let plan = json!({ "plan": TeamId::NIL });
    vec![
        line(
            "GET",
            "/organizations/{organization}/applications",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/organizations/{organization}/applications",
            Above,
            json!({ "team": team, "name": "A" }),
        ),
        line("GET", "/applications/{application}", Member, Value::Null),
        line(
            "PATCH",
            "/applications/{application}",
            Above,
            json!({ "name": "B" }),
        ),
        line("DELETE", "/applications/{application}", Above, Value::Null),
        line(
            "POST",
            "/applications/{application}/enable",
            Above,
            json!({}),
        ),
        line(
            "POST",
            "/applications/{application}/disable",
            Above,
            json!({}),
        ),
        line(
            "GET",
            "/applications/{application}/first-call",
            Member,
            Value::Null,
        ),
        line(
            "GET",
            "/applications/{application}/credentials",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/applications/{application}/credentials",
            Above,
            json!({ "name": "k" }),
        ),
        line(
            "POST",
            "/applications/{application}/clients",
            Above,
            json!({ "name": "c", "issuer": "https://login.example", "client_id": "c" }),
        ),
        line(
            "POST",
            "/applications/{application}/certificates",
            Above,
            json!({ "name": "c", "certificate": include_str!("../../../../gateway/tests/it/tls/friend.pem") }),
        ),
        line(
            "POST",
            "/applications/{application}/oauth-clients",
            Above,
            json!({ "name": "c" }),
        ),
        line(
            "POST",
            "/applications/{application}/signing-keys",
            Above,
            json!({ "name": "c", "key": r#"{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"# }),
        ),
        line(
            "POST",
            "/applications/{application}/passwords",
            Above,
            json!({ "name": "c", "user": "c" }),
        ),
        line(
            "GET",
            "/applications/{application}/issuers",
            Member,
            Value::Null,
        ),
        line(
            "GET",
            "/applications/{application}/scopes",
            Member,
            Value::Null,
        ),
        line("GET", "/credentials/{credential}", Member, Value::Null),
        line(
            "PATCH",
            "/credentials/{credential}",
            Above,
            json!({ "name": "k" }),
        ),
        line(
            "POST",
            "/credentials/{credential}/roll",
            Above,
            json!({ "overlap": "now" }),
        ),
        line("POST", "/credentials/{credential}/revoke", Above, json!({})),
        line(
            "GET",
            "/applications/{application}/subscriptions",
            Member,
            Value::Null,
        ),
        line(
            "POST",
            "/applications/{application}/subscriptions",
            Above,
            plan,
        ),
        line(
            "GET",
            "/organizations/{organization}/subscriptions",
            Member,
            Value::Null,
        ),
        line("GET", "/subscriptions/{subscription}", Member, Value::Null),
        line(
            "POST",
            "/subscriptions/{subscription}/{verb}",
            Above,
            json!({}),
        ),
    ]
}

/// An object of the tenant `here` by the name of its path parameter; `None` if not one of these.
pub async fn object(world: &World, name: &str) -> Option<String> {
    let mut client = world.owner.client.clone();
    let version = async || world.imported(&world.owner, world.here).await;
    let plan = json!({ "approval": "manual" });
    Some(match name {
        "api" => version().await.0,
        // Published, so that it has a revision to promote.
        "version" => {
            let version = version().await.1;
            let publish = format!("/versions/{version}/publish");
            client.post(&publish, json!({})).await.ok(200);
            version
        }
        "upstream" => {
            let path = format!("/versions/{}", version().await.1);
            id(&client.get(&path).await.ok(200).json()["draft"]["upstream"])
        }
        "product" => world.shop(&world.owner, world.here, plan).await.product,
        "plan" => world.shop(&world.owner, world.here, plan).await.plan,
        "application" => world.application(&world.owner, world.here, "App").await,
        "credential" => {
            let application = world.application(&world.owner, world.here, "App").await;
            let path = format!("/applications/{application}/credentials");
            id(&client
                .post(&path, json!({ "name": "k" }))
                .await
                .ok(201)
                .json()["credential"])
        }
        "subscription" => {
            let shop = world.shop(&world.owner, world.here, plan).await;
            let application = world.application(&world.owner, world.here, "App").await;
            id(&world
                .subscribed(&world.owner, &application, &shop.plan)
                .await)
        }
        "verb" => "approve".to_owned(),
        "number" => "1".to_owned(),
        "request" => request(world).await,
        _ => return None,
    })
}

async fn request(world: &World) -> String {
    let application = world.application(&world.owner, world.here, "App").await;
    let record = Record {
        at: world.app.plane.clock.now(),
        request_id: "r".into(),
        trace_id: String::new(),
        node: "n".into(),
        state: 1,
        provider: world.here.id,
        consumer: world.here.id,
        api: Default::default(),
        version: Default::default(),
        revision: 1,
        operation: Default::default(),
        application: application.parse().unwrap(),
        credential: Default::default(),
        environment: Default::default(),
        subscription: Default::default(),
        plan: Default::default(),
        client: String::new(),
        method: "GET".into(),
        path: "/".into(),
        path_cut: false,
        status: 200,
        code: String::new(),
        decided_by: String::new(),
        observed: 0,
        observed_by: String::new(),
        target: String::new(),
        variant: String::new(),
        tries: 1,
        bytes_in: 0,
        bytes_out: 0,
        total_us: 1,
        policies_us: 1,
        connect_us: 1,
        first_byte_us: 1,
        units: 1,
        cached: Default::default(),
    };
    let traffic = &world.app.plane.databases.traffic;
    entity::store::traffic::write_batch(traffic, BatchId::from_name("batch", "1"), &[record])
        .await
        .unwrap();
    let log = format!("/organizations/{}/requests", world.here.id);
    id(&world.owner.client.clone().get(&log).await.ok(200).json()["items"][0])
}
