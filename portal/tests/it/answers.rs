//! What every answer carries, and who is refused.

use axum::http::{Method, StatusCode};
use migration::testing::TestDatabase;

use crate::support::{Answer, App};

async fn ask(portal_url: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let app = App::at(portal_url, TestDatabase::sqlite().await).await;
    app.browser().ask(method, path, headers, "").await
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Answer {
    ask("http://localhost:3000", Method::GET, path, headers).await
}

#[tokio::test]
async fn a_page_has_a_strict_policy_and_an_id() {
    let first = get("/docs/errors/key_missing", &[]).await;
    let second = get("/docs/errors/key_missing", &[]).await;
    assert_eq!(first.status, StatusCode::OK);
    assert!(first.body.contains("X-Api-Key"));
    let policy = first.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe-inline") && !policy.contains("http"));
    assert_ne!(
        policy,
        second.header("content-security-policy"),
        "a nonce is good once"
    );
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_eq!(first.header("x-content-type-options"), "nosniff");
    assert_eq!(first.header("referrer-policy"), "same-origin");
    assert_eq!(
        first.header("strict-transport-security"),
        "",
        "not over plain http"
    );
    let tls = ask("https://portal.example", Method::GET, "/docs/errors", &[]).await;
    assert!(
        tls.header("strict-transport-security")
            .starts_with("max-age=")
    );
}

#[tokio::test]
async fn whoever_has_a_session_leaves_nothing_in_a_cache() {
    let reader = get("/docs/errors", &[]).await;
    assert_eq!(reader.header("cache-control"), "private, no-cache");
    let member = get("/docs/errors", &[("cookie", "portunus=abc")]).await;
    assert_eq!(member.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_colour_scheme_is_a_cookie() {
    let dark = get("/docs/errors", &[("cookie", "theme=dark")]).await;
    assert!(dark.body.contains("<html lang=\"en\" data-theme=\"dark\">"));
    let forged = get("/docs/errors", &[("cookie", "theme=\"><script>")]).await;
    assert!(forged.body.contains("<html lang=\"en\">"));
}

#[tokio::test]
async fn failures_are_pages_for_people_and_problems_for_programs() {
    let page = get("/no/such/page", &[]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.body.contains(page.header("x-request-id")));
    let problem = get("/api/v1/nothing", &[]).await;
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert!(problem.body.contains("\"code\":\"not_found\""));
    let wrong = ask(
        "http://localhost:3000",
        Method::DELETE,
        "/docs/errors",
        &[("sec-fetch-site", "same-origin")],
    )
    .await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        get("/docs/errors/no_such_code", &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn other_sites_change_nothing() {
    let post = |headers: &'static [(&str, &str)]| {
        ask(
            "http://localhost:3000",
            Method::POST,
            "/docs/errors",
            headers,
        )
    };
    for refused in [
        &[][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://evil.example")],
    ] {
        let answer = post(refused).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{refused:?}");
        assert!(answer.body.contains("cross_site"));
    }
    let here = post(&[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(here.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn files_are_kept_for_good_under_their_digest() {
    let page = get("/docs/errors", &[]).await;
    let style = page
        .body
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .unwrap();
    let style = style.split('"').next().unwrap();
    let file = get(style, &[("accept-encoding", "br")]).await;
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(file.header("content-type"), "text/css; charset=utf-8");
    assert!(file.header("cache-control").contains("immutable"));
    assert_eq!(file.header("content-encoding"), "br");
    let old = get("/assets/0000/portunus.css", &[]).await;
    assert_eq!(old.header("cache-control"), "no-cache");
    assert_eq!(
        get("/assets/0000/../Cargo.toml", &[]).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(!page.body.contains("<script"), "no browser part, no script");
}

#[tokio::test]
async fn single_use_tokens_are_in_no_log() {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);
    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    const TOKEN: &str = "c2VjcmV0LXNlY3JldC1zZQ";
    let kept = Kept::default();
    let writer = kept.clone();
    // With only one, threads of other tests would switch off for good what they reach first.
    let [dispatch, _second] = [writer.clone(), writer].map(|writer| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::Dispatch::new(subscriber)
    });
    let app = App::at("http://localhost:3000", TestDatabase::sqlite().await).await;
    let _guard = tracing::dispatcher::set_default(&dispatch);
    let mut browser = app.browser();
    let paths = ["/reset", "/verify", "/setup", "/invitations", "/no/such"];
    for path in paths {
        browser.get(&format!("{path}/{TOKEN}")).await;
        browser.get(&format!("{path}/{TOKEN}/more")).await;
    }
    // A database that is gone is worth an error.
    app.plane.databases.main.clone().close().await.unwrap();
    for path in &paths[..4] {
        let broken = browser.get(&format!("{path}/{TOKEN}")).await;
        assert!(broken.status.is_server_error(), "{path}: {}", broken.status);
    }
    let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    for words in ["answered", "a request failed", "/reset/{token}"] {
        assert!(log.contains(words), "{words} in {log}");
    }
    assert!(!log.contains(TOKEN), "{log}");
}
