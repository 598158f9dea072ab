//! Secrets that are handed out or typed in are nowhere in the database: not in SQLite's files,
//! not in a row of PostgreSQL.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use crate::certificates::A;
use crate::support::account::{sign_in, signed_up};
use crate::support::{App, PASSWORD, each};

#[tokio::test]
async fn nothing_secret_lies_in_the_database() {
    each(async |app: App| {
        let secrets = planted(&app).await;
        let stored = match app.database.backend {
            DbBackend::Postgres => tables(&app).await,
            _ => files(&app),
        };
        assert!(stored.len() >= 2, "there was nothing to look at");
        for secret in &secrets {
            // PostgreSQL shows bytes in hexadecimal digits.
            let digits: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            for (place, bytes) in &stored {
                for form in [secret, &digits] {
                    let found = bytes
                        .windows(form.len())
                        .any(|window| window == form.as_bytes());
                    assert!(!found, "a secret lies in {place}");
                }
            }
        }
    })
    .await;
}

/// The files of SQLite.
fn files(app: &App) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(app.database.directory.path()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}

/// The rows of every table of PostgreSQL, as text.
async fn tables(app: &App) -> Vec<(String, Vec<u8>)> {
    let db = &app.plane.databases.main;
    let rows = async |sql: String| {
        let found = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql));
        let texts = found.await.unwrap();
        let texts = texts.iter().map(|row| row.try_get::<String>("", "text"));
        texts.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let names = "SELECT tablename::text AS text FROM pg_tables WHERE schemaname = 'public'";
    let mut found = Vec::new();
    for name in rows(names.to_owned()).await {
        let text = rows(format!("SELECT t::text AS text FROM \"{name}\" t")).await;
        if !text.is_empty() {
            found.push((name, text.join("\n").into_bytes()));
        }
    }
    found
}

/// Secrets that were handed out or typed in.
async fn planted(app: &App) -> Vec<String> {
    let mut client = signed_up(app, "ines@fox.example").await;
    let mut secrets = vec![PASSWORD.to_owned()];
    let signed_in = client
        .post("/sessions", sign_in("ines@fox.example", PASSWORD))
        .await
        .ok(201);
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().to_owned();
    secrets.push(cookie.split(['=', ';']).nth(1).unwrap().to_owned());
    let token = json!({ "name": "ci", "scopes": ["apis:read"], "expires_in_days": 1 });
    let made = client.post("/tokens", token).await.ok(201).json();
    secrets.push(made["value"].as_str().unwrap().to_owned());
    client
        .post("/password-resets", json!({ "email": "ines@fox.example" }))
        .await
        .ok(202);
    secrets.push(app.mailed_token("account.reset", "ines@fox.example").await);
    let home = client.get("/account").await.ok(200).json();
    let organization = home["memberships"][0]["organization"]
        .as_str()
        .unwrap()
        .to_owned();
    let invite = json!({ "email": "guest@x.example" });
    client
        .post(
            &format!("/organizations/{organization}/invitations"),
            invite,
        )
        .await
        .ok(201);
    secrets.push(app.mailed_token("invitation", "guest@x.example").await);
    let link = api::service::first_run::prepare(&app.job())
        .await
        .unwrap()
        .unwrap();
    secrets.push(link.rsplit('/').next().unwrap().to_owned());
    let upstream = json!({
        "team": home["memberships"][0]["teams"][0]["team"],
        "name": "books",
        "settings": { "targets": [{ "url": "https://93.184.216.34" }] },
    });
    let path = format!("/organizations/{organization}/upstreams");
    let upstream = client.post(&path, upstream).await.ok(201).json();
    let path = format!(
        "/upstreams/{}/client-certificate",
        upstream["id"].as_str().unwrap()
    );
    let pair = json!({ "certificate": A[0], "key": A[1] });
    let body = json!({ "client_certificate": pair });
    client.put(&path, body).await.ok(200);
    secrets.push(A[1].lines().nth(1).unwrap().to_owned());
    let application = json!({
        "team": home["memberships"][0]["teams"][0]["team"],
        "name": "batch",
        "description": "reads",
    });
    let path = format!("/organizations/{organization}/applications");
    let application = client.post(&path, application).await.ok(201).json();
    let path = format!(
        "/applications/{}/passwords",
        application["id"].as_str().unwrap()
    );
    let chosen = "violet anchor seldom";
    let body = json!({ "name": "n", "user": "batch", "password": chosen });
    client.post(&path, body).await.ok(201);
    secrets.push(chosen.to_owned());
    secrets
}
