//! Input that one database stores and the other refuses: whatever it is, and wherever it stands,
//! it is the caller's mistake and never a 500.

use axum::http::{Method, StatusCode};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::openapi::BOOKSHOP;
use serde_json::{Value, json};

use crate::{
    operator::operator,
    support::{App, Browser, Tenant, each, filled, parameters},
};

/// What stands in a query: U+0000, a cursor with it, and times that not every database can hold.
const NUL: &str = "%00";
const TIMES: [&str; 3] = [
    "-262143-01-01T00:00:00Z",
    "%2B262142-12-31T00:00:00Z",
    "9999-12-31",
];

fn cursor() -> String {
    URL_SAFE_NO_PAD.encode("[\"\\u0000\",\"01900000-0000-7000-8000-00000000dead\"]")
}

/// Queries of pages; the first has U+0000 in each name that one knows.
fn queries() -> Vec<String> {
    let names = [
        "q",
        "owner",
        "category",
        "tag",
        "next",
        "done",
        "saved",
        "version",
        "lang",
        "path",
        "request_id",
        "trace_id",
        "status",
        "code",
        "method",
        "actor",
        "action",
        "object",
        "plan",
        "application",
        "side",
        "range",
        "environment",
        "limit",
    ];
    let mut queries = vec![names.map(|name| format!("{name}={NUL}")).join("&")];
    queries.push(format!("after={}", cursor()));
    queries.extend(TIMES.map(|time| format!("from={time}")));
    queries.extend(TIMES.map(|time| format!("to={time}")));
    queries
}

/// The path with the names of a real thing, and the same with U+0000 for one after the other.
fn paths(pattern: &str, name: impl Fn(&str) -> String) -> (String, Vec<String>) {
    let hostile = |wanted: &str| match wanted {
        "%00" => "%00".to_owned(),
        other => name(other),
    };
    let each = parameters(pattern).into_iter().map(|parameter| {
        let pattern = pattern.replace(&format!("{{{parameter}}}"), "{%00}");
        filled(&pattern, hostile)
    });
    let each = each.collect();
    (filled(pattern, &name), each)
}

/// Asks as each of `callers`; the best status of the answers.
async fn ask(callers: &mut [&mut Browser], path: &str, wrong: &mut Vec<String>) -> StatusCode {
    let mut best = StatusCode::NETWORK_AUTHENTICATION_REQUIRED;
    for caller in callers {
        let answer = caller.get(path).await;
        if answer.status.is_server_error() {
            wrong.push(format!("{path}: {}", answer.status));
        }
        best = best.min(answer.status);
    }
    best
}

#[tokio::test]
async fn the_management_api_never_breaks() {
    each(async |app: App| {
        let mut ops = operator(&app).await;
        let tenant = Tenant::new(&app, "ines").await;
        let mut owner = tenant.owner.clone();
        let mut callers = [&mut owner, &mut ops];
        let document = serde_json::to_value(api::http::openapi()).unwrap();
        let mut wrong = Vec::new();
        for (pattern, item) in document["paths"].as_object().unwrap() {
            let Some(get) = item.get("get") else { continue };
            let in_catalog = pattern.starts_with("/api/v1/catalog/{organization}");
            let (real, hostile) = paths(pattern, |name| match name {
                "organization" if in_catalog => tenant.names[name].clone(),
                "api" if in_catalog => tenant.name("/apis", name),
                other => {
                    let known = tenant.ids.get(other).or(tenant.names.get(other));
                    known.unwrap_or_else(|| panic!("no {other}")).clone()
                }
            });
            let plain = ask(&mut callers, &real, &mut wrong).await;
            assert!(plain.is_success(), "{real}: {plain}");
            for path in hostile {
                ask(&mut callers, &path, &mut wrong).await;
            }
            let parameters = get["parameters"].as_array().cloned().unwrap_or_default();
            for parameter in parameters.iter().filter(|one| one["in"] == "query") {
                let name = parameter["name"].as_str().unwrap();
                let nul = format!("{real}?{name}={NUL}");
                let best = ask(&mut callers, &nul, &mut wrong).await;
                assert!(best.is_client_error(), "{nul}: {best}");
                let values: &[&str] = match name {
                    "after" => &[&cursor()],
                    "from" | "to" => &TIMES,
                    _ => &[],
                };
                for value in values {
                    let path = format!("{real}?{name}={value}");
                    let best = ask(&mut callers, &path, &mut wrong).await;
                    assert!(best.is_client_error(), "{path}: {best}");
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

#[tokio::test]
async fn pages_never_break() {
    each(async |app: App| {
        let mut ops = operator(&app).await;
        let tenant = Tenant::new(&app, "ines").await;
        let mut owner = tenant.owner.clone();
        let mut callers = [&mut owner, &mut ops, &mut app.browser()];
        let mut wrong = Vec::new();
        for pattern in portal::routes::patterns() {
            let (real, hostile) = paths(&pattern, |name| tenant.name(&pattern, name));
            for path in hostile {
                let best = ask(&mut callers, &path, &mut wrong).await;
                assert!(
                    best.is_client_error() || best.is_redirection(),
                    "{path}: {best}"
                );
            }
            for query in queries() {
                ask(&mut callers, &format!("{real}?{query}"), &mut wrong).await;
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

#[tokio::test]
async fn bodies_and_forms_are_refused_at_the_door() {
    each(async |app: App| {
        let json = ("content-type", "application/json");
        let here = ("sec-fetch-site", "same-origin");
        let sign_in = r#"{"email":"a\u0000@b","password":"x"}"#;
        let answer = app
            .browser()
            .ask(Method::POST, "/api/v1/sessions", &[json, here], sign_in)
            .await;
        answer.ok(422).says("\"pointer\":\"/email\"");
        let mut browser = app.browser();
        browser.sign_in("a\0@b", "x").await.ok(422).says("U+0000");
        let form = [("email", "a\0@b.example")];
        browser.post("/reset", &form).await.ok(422).says("U+0000");

        let mut tenant = Tenant::new(&app, "ines").await;
        let path = format!(
            "/api/v1/organizations/{}/apis/import",
            tenant.ids["organization"]
        );
        for (old, new) in [
            ("title: ", "title: \"\\0\" #"),
            ("summary: ", "summary: \"\\0\" #"),
            ("description: ", "description: \"\\0\" #"),
        ] {
            let document = BOOKSHOP.replacen(old, new, 1);
            assert_ne!(document, BOOKSHOP);
            let body = json!({ "team": tenant.ids["team"], "document": document });
            let answer = tenant
                .owner
                .ask(Method::POST, &path, &[json, here], &body.to_string())
                .await
                .ok(422)
                .says("Line ")
                .says("U+0000");
            let problem: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["errors"][0]["pointer"], "/document");
        }
    })
    .await;
}
