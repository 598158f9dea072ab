//! Signing up and in, as a person does it.

use serde_json::json;

use super::{App, Client, PASSWORD};

pub fn sign_up(email: &str) -> serde_json::Value {
    json!({ "email": email, "password": PASSWORD, "name": "Ines", "organization": "Foxglove Books" })
}

/// The link of the mail, with the password that was chosen.
pub fn verify(token: &str) -> serde_json::Value {
    json!({ "token": token, "password": PASSWORD })
}

pub fn sign_in(email: &str, password: &str) -> serde_json::Value {
    json!({ "email": email, "password": password })
}

pub async fn signed_up(app: &App, email: &str) -> Client {
    let mut client = app.client();
    client.post("/sign-ups", sign_up(email)).await.ok(202);
    let token = app.mailed_token("account.verify", email).await;
    client
        .post("/sign-ups/verify", verify(&token))
        .await
        .ok(201);
    client
        .post("/sessions", sign_in(email, PASSWORD))
        .await
        .ok(201);
    client
}
