//! `rate_limit` by header fields, and with a cost.

use crate::rig::Rig;

const LIMITING: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
apis:
  shop:
    versions:
      tenant: { match: { path: /tenant }, upstream: echo, policies: [{ rate_limit: { limit: 2, window: 60s, headers: [X-Tenant] } }] }
      both: { match: { path: /both }, upstream: echo, policies: [{ rate_limit: { limit: 1, window: 60s, by: [address], headers: [x-tenant, x-user] } }] }
      dear: { match: { path: /dear }, upstream: echo, policies: [{ rate_limit: { limit: 10, window: 60s, cost: 4, by: [route] } }] }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_by_what_their_fields_say() {
    let rig = Rig::new(LIMITING).await;
    for (field, statuses) in [
        ("X-Tenant: a", &[200, 200, 429][..]),
        ("x-tenant: b", &[200]),
        ("x-TENANT: b", &[200, 429]),
        ("X-Tenant: A", &[200, 200, 429]),
        // Missing, it is counted by address, and so is nobody else's.
        ("X-Other: a", &[200, 200, 429]),
        ("X-Tenant: ", &[200, 200, 429]),
    ] {
        for status in statuses {
            let answer = rig.get("/tenant", &[field]).await;
            assert_eq!(answer.status, *status, "{field}");
        }
    }
    for (fields, status) in [
        (&["X-Tenant: a", "X-User: b"][..], 200),
        (&["X-Tenant: b", "X-User: a"], 200),
        (&["X-Tenant: a", "X-User: b"], 429),
        (&["X-Tenant: ab", "X-User: "], 200),
        (&[], 200),
        (&["X-Else: a"], 429),
    ] {
        assert_eq!(rig.get("/both", fields).await.status, status, "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_takes_what_it_costs() {
    let rig = Rig::new(LIMITING).await;
    let first = rig.get("/dear", &[]).await;
    assert_eq!(
        first.field("ratelimit-policy"),
        Some("\"rate_limit\";q=10;w=60")
    );
    assert_eq!(first.field("ratelimit"), Some("\"rate_limit\";r=4;t=24"));
    assert_eq!(rig.get("/dear", &[]).await.status, 200);
    let refused = rig.get("/dear", &[]).await;
    // Two of ten are there, four are wanted: twelve seconds.
    assert_eq!(
        (refused.status, refused.field("retry-after")),
        (429, Some("12"))
    );
    rig.advance(11);
    assert_eq!(rig.get("/dear", &[]).await.status, 429);
    rig.advance(1);
    assert_eq!(rig.get("/dear", &[]).await.status, 200);
}
