//! The gateway's own answers: problems, pages, health and metrics.

use crate::rig::Rig;

const NONE: &str = "portunus: 1\n";

#[tokio::test(flavor = "multi_thread")]
async fn problems_and_pages() {
    let rig = Rig::with(NONE, |settings| {
        settings.portal_url = Some("https://portal.test".into())
    })
    .await;
    let answer = rig.get("/x", &["Accept: application/json"]).await;
    let problem = answer.json();
    assert_eq!(
        answer.field("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(problem["type"], "https://portal.test/docs/errors/no_route");
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&404.into(), &"no_route".into())
    );
    assert_eq!(problem["request_id"].as_str(), answer.field("x-request-id"));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    let page = rig
        .get("/x", &["Accept: text/html,application/xhtml+xml,*/*;q=0.8"])
        .await;
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        page.body.contains("no_route")
            && page
                .body
                .contains("https://portal.test/docs/errors/no_route")
    );
    let urn = Rig::new(NONE).await.get("/x", &[]).await;
    assert_eq!(urn.json()["type"], "urn:portunus:error:no_route");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_have_their_own_address() {
    let rig = Rig::new(NONE).await;
    assert_eq!(rig.admin("/livez").await.status, 200);
    assert_eq!(rig.admin("/readyz").await.status, 200);
    assert_eq!(rig.admin("/other").await.status, 404);
    rig.get("/x", &[]).await;
    rig.wait_records(1).await;
    rig.handle
        .add_metrics(Box::new(|text| text.push_str("portunus_more 1\n")));
    let metrics = rig.admin("/metrics").await.body;
    for line in [
        "portunus_config_state 1",
        "portunus_refused_total{code=\"no_route\"} 1",
        "portunus_requests_total{version=\"\",class=\"4xx\"} 1",
        "portunus_more 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert_eq!(
        rig.get("/metrics", &[]).await.status,
        404,
        "not on the data plane"
    );
}
