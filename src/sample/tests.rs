//! The sample keeps its document's promises: each operation is called as its reference shows it.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::openapi::{Fill, SampleBody, SampleRequest};
use serde_json::Value;
use tower::ServiceExt;

use super::router;

async fn call(
    router: &axum::Router,
    method: &str,
    target: &str,
    body: &str,
) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("idempotency-key", "k1")
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn every_operation_answers_its_own_example() {
    let document = domain::openapi::parse(domain::openapi::BOOKSHOP.as_bytes()).unwrap();
    let router = router();
    for operation in &document.operations {
        let sample = SampleRequest::new(&document, operation, "http://shop", None, Fill::Required);
        let target = sample.url.strip_prefix("http://shop").unwrap();
        let body = match &sample.body {
            Some(SampleBody::Json(body)) => body.to_string(),
            _ => String::new(),
        };
        let method = sample.method.as_str();
        let (status, answer) = call(&router, method, target, &body).await;
        assert!(status.is_success(), "{method} {target}: {status} {answer}");
        assert!(
            operation
                .responses
                .iter()
                .any(|response| response.status == status.as_str()),
            "{status} is documented"
        );
    }
}

#[tokio::test]
async fn wrong_calls_are_told_what_is_wrong() {
    let router = router();
    let order =
        |lines: &str| format!(r#"{{"lines":{lines},"deliver_to":{{"kind":"pickup","shop":"x"}}}}"#);
    let table = [
        ("GET", "/books?limit=0", String::new(), 400),
        ("GET", "/books?limit=x", String::new(), 400),
        ("GET", "/books?cursor=c_9999", String::new(), 400),
        ("GET", "/books/bk_0000", String::new(), 404),
        ("GET", "/search?q=a", String::new(), 400),
        ("GET", "/nothing", String::new(), 404),
        ("POST", "/orders", "{".into(), 422),
        ("POST", "/orders", order("[]"), 422),
        (
            "POST",
            "/orders",
            order(r#"[{"book":"bk_7Hq2","quantity":20}]"#),
            409,
        ),
        (
            "POST",
            "/orders",
            order(r#"[{"book":"bk_7Hq2","quantity":21}]"#),
            422,
        ),
    ];
    for (method, target, body, status) in table {
        let (found, answer) = call(&router, method, target, &body).await;
        assert_eq!(found.as_u16(), status, "{method} {target} {body}: {answer}");
        assert!(answer["title"].is_string());
    }
}

#[tokio::test]
async fn the_same_order_twice_is_one_order() {
    let router = router();
    let body =
        r#"{"lines":[{"book":"bk_4Rm8","quantity":1}],"deliver_to":{"kind":"pickup","shop":"x"}}"#;
    let (_, first) = call(&router, "POST", "/orders", body).await;
    let (_, second) = call(&router, "POST", "/orders", body).await;
    assert_eq!(first, second);
    let (status, read) = call(
        &router,
        "GET",
        &format!("/orders/{}", first["id"].as_str().unwrap()),
        "",
    )
    .await;
    assert_eq!((status, read), (StatusCode::OK, first));
}
