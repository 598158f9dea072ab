//! How large a body may be, and where.

use axum::http::Method;
use domain::openapi::MAX_BYTES;
use migration::testing::TestDatabase;
use serde_json::json;

use crate::support::{App, Tenant};

/// A document of exactly the size that is allowed, of text that JSON escapes.
fn largest() -> String {
    let head = "openapi: 3.0.3\ninfo: { title: Large, version: '1' }\npaths: {}\nx-note: |\n";
    let line = format!("  {}\n", "\"".repeat(1000));
    let mut text = head.to_owned();
    while text.len() + line.len() <= MAX_BYTES {
        text.push_str(&line);
    }
    text.push('#');
    text.push_str(&" ".repeat(MAX_BYTES - text.len()));
    text
}

#[tokio::test]
async fn the_largest_document_passes_as_json() {
    let app = App::new(TestDatabase::sqlite().await).await;
    let mut tenant = Tenant::new(&app, "ines").await;
    let path = format!(
        "/api/v1/organizations/{}/apis/import",
        tenant.ids["organization"]
    );
    let headers = [
        ("content-type", "application/json"),
        ("sec-fetch-site", "same-origin"),
    ];
    let document = largest();
    assert_eq!(document.len(), MAX_BYTES);
    let body = json!({ "team": tenant.ids["team"], "document": document }).to_string();
    assert!(body.len() > 6 * 1024 * 1024, "escaping makes it larger");
    let owner = &mut tenant.owner;
    owner
        .ask(Method::POST, &path, &headers, &body)
        .await
        .ok(201);
    let larger = body.replace("x-note", "x-notes");
    owner
        .ask(Method::POST, &path, &headers, &larger)
        .await
        .ok(413)
        .says("document_too_large");
    // Pages and other routes keep their own bounds.
    let body = json!({ "name": "x".repeat(300 * 1024) }).to_string();
    owner
        .ask(Method::PATCH, "/api/v1/account", &headers, &body)
        .await
        .ok(413)
        .says("body_too_large");
    let name = "x".repeat(300 * 1024);
    owner
        .post("/account", &[("name", &name)])
        .await
        .ok(413)
        .says("body_too_large");
}
