//! Things of a tenant, made through the API as its owner would: an API out of a document, its
//! product and plans, an application with keys.

use serde_json::{Value, json};

use super::world::Tenant;
use super::{Caller, World};

/// A small document whose server is public, so that the upstream is proposed without a resolver.
pub const BOOKS: &str = r#"openapi: 3.0.3
info: { title: Books, version: 1.4.0, description: "All the books.\n\nMore." }
servers: [{ url: "https://93.184.216.34/base" }]
paths:
  /books:
    get: { operationId: listBooks, summary: List, responses: { "200": { description: ok } } }
    post: { operationId: addBook, summary: Add, responses: { "201": { description: made } } }
  /books/{id}:
    get:
      operationId: getBook
      summary: One
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: ok } }
"#;

/// What a published API with one plan is known by.
#[derive(Debug, Clone)]
pub struct Shop {
    pub api: String,
    pub version: String,
    pub product: String,
    pub plan: String,
}

pub fn id(value: &Value) -> String {
    value["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {value}"))
        .to_owned()
}

impl World {
    /// An API of `tenant` with a draft, out of [`BOOKS`].
    pub async fn imported(&self, caller: &Caller, tenant: Tenant) -> (String, String) {
        let body = json!({ "team": tenant.team, "document": BOOKS });
        let path = format!("/organizations/{}/apis/import", tenant.id);
        let made = caller.client.clone().post(&path, body).await.ok(201).json();
        (
            made["api"].as_str().unwrap().to_owned(),
            id(&made["version"]["summary"]),
        )
    }

    /// The same, published for everyone, with one published plan as `plan` says.
    pub async fn shop(&self, caller: &Caller, tenant: Tenant, plan: Value) -> Shop {
        let (api, version) = self.imported(caller, tenant).await;
        let mut client = caller.client.clone();
        let publish = format!("/versions/{version}/publish");
        let made = client
            .post(&publish, json!({ "visibility": "public" }))
            .await
            .ok(200)
            .json();
        let product = id(&made["products"][0]);
        let plan = self.plan(caller, &product, plan).await;
        Shop {
            api,
            version,
            product,
            plan,
        }
    }

    /// A published plan; `body` lacks only the name.
    pub async fn plan(&self, caller: &Caller, product: &str, mut body: Value) -> String {
        let mut client = caller.client.clone();
        if body.get("name").is_none() {
            body["name"] = json!("Standard");
        }
        let made = client
            .post(&format!("/products/{product}/plans"), body)
            .await
            .ok(201)
            .json();
        let plan = id(&made);
        client
            .post(&format!("/plans/{plan}/publish"), json!({}))
            .await
            .ok(200);
        plan
    }

    pub async fn application(&self, caller: &Caller, tenant: Tenant, name: &str) -> String {
        let body = json!({ "team": tenant.team, "name": name, "description": "reads" });
        let path = format!("/organizations/{}/applications", tenant.id);
        id(&caller.client.clone().post(&path, body).await.ok(201).json())
    }

    pub async fn subscribed(&self, caller: &Caller, application: &str, plan: &str) -> Value {
        let path = format!("/applications/{application}/subscriptions");
        let body = json!({ "plan": plan, "reason": "for the shop" });
        caller.client.clone().post(&path, body).await.ok(201).json()
    }
}
