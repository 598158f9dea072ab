//! Health of a portal alone; a gateway answers for itself.

use std::sync::Arc;

use api::Plane;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use sea_orm::ConnectionTrait;

/// `/livez`, `/readyz` (the database answers) and `/metrics` on the admin address.
pub(super) fn router(databases: entity::database::Databases, plane: Arc<Plane>) -> Router {
    let ready = move || {
        let databases = databases.clone();
        async move {
            match databases.main.execute_unprepared("SELECT 1").await {
                Ok(_) => (StatusCode::OK, "ready\n"),
                Err(_) => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The database does not answer.\n",
                ),
            }
        }
    };
    let metrics = move || {
        let mut text = format!(
            "# TYPE portunus_process_resident_bytes gauge\nportunus_process_resident_bytes {}\n",
            gateway::store::process::memory()
        );
        plane.webhooks.write(&mut text);
        async move { ([("content-type", "text/plain; version=0.0.4")], text) }
    };
    Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}
