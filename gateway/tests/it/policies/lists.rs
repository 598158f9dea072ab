//! Lists of networks that policies of an organization share.

use domain::policy::ip_filter::Listed;
use domain::snapshot::{Delta, IpList, Kind, Parts};
use gateway::source::Change;

use crate::rig::{Rig, key, snapshot};

const LISTS: &str = r#"
portunus: 1
upstreams: { echo: { targets: [{ url: "http://@UPSTREAM@" }] } }
ip_lists:
  bad: { networks: ["10.1.0.0/16", "2001:db8::/32", { net: "10.2.0.0/16", until: "2026-11-20T12:01:00Z" }] }
  office: { networks: ["10.0.0.0/8"] }
apis:
  shop:
    versions:
      open: { match: { path: /open }, upstream: echo, policies: [{ ip_filter: { deny_lists: [bad] } }] }
      inner: { match: { path: /inner }, upstream: echo, policies: [{ ip_filter: { allow_lists: [office], deny_lists: [bad] } }] }
      plain: { match: { path: /plain }, upstream: echo }
      plan: { match: { path: /plan }, upstream: echo, policies: [{ key_auth: {} }] }
      guarded: { match: { path: /guarded }, upstream: echo, policies: [{ auth_guard: { limit: 1, allow_lists: [office] } }, { key_auth: {} }] }
products:
  shop:
    versions: [shop/plan]
    plans: { inner: { policies: [{ ip_filter: { allow_lists: [office] } }] } }
applications:
  a: { keys: [{ name: a, value: "@KEY1@" }], subscriptions: [{ product: shop, plan: inner }] }
"#;

async fn rig() -> Rig {
    Rig::with(LISTS, |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

async fn status(rig: &Rig, path: &str, client: &str) -> u16 {
    let key = format!("X-Api-Key: {}", key(1).as_str());
    let from = format!("X-Forwarded-For: {client}");
    let fields: &[&str] = match path {
        "/plan" => &[&from, &key],
        _ => &[&from],
    };
    rig.get(path, fields).await.status
}

async fn change(rig: &Rig, from: u64, lists: Vec<IpList>, gone: Vec<(Kind, uuid::Uuid)>) {
    let delta = Delta {
        from,
        state: from + 1,
        put: Parts {
            ip_lists: lists,
            ..Parts::default()
        },
        gone,
    };
    rig.change(Change::Delta(Box::new(delta)), from + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_count_wherever_they_are_named() {
    let rig = rig().await;
    for (path, client, wanted) in [
        ("/open", "8.8.8.8", 200),
        ("/open", "10.1.2.3", 403),
        ("/open", "::ffff:10.1.2.3", 403),
        ("/open", "2001:db8::5", 403),
        ("/open", "10.2.3.4", 403),
        ("/inner", "10.3.4.5", 200),
        ("/inner", "10.1.4.5", 403),
        ("/inner", "8.8.8.8", 403),
        ("/plan", "10.3.4.5", 200),
        ("/plan", "8.8.8.8", 403),
        ("/guarded", "8.8.8.8", 401),
        ("/guarded", "8.8.8.8", 429),
        ("/guarded", "10.0.0.1", 401),
        ("/guarded", "10.0.0.1", 401),
    ] {
        assert_eq!(status(&rig, path, client).await, wanted, "{path} {client}");
    }
    rig.advance(60);
    assert_eq!(
        status(&rig, "/open", "10.2.3.4").await,
        200,
        "its time is over"
    );
    assert_eq!(status(&rig, "/open", "10.1.3.4").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_changes_at_once_and_one_that_is_not_there_stops_only_its_routes() {
    let rig = rig().await;
    let parts = snapshot(LISTS, &rig.upstream, 1).parts;
    let find = |name: &str| {
        parts
            .ip_lists
            .iter()
            .find(|list| list.name == name)
            .unwrap()
    };
    let mut bad = find("bad").clone();
    bad.networks = vec![Listed::Always("8.8.8.0/24".to_owned())];
    change(&rig, 1, vec![bad.clone()], Vec::new()).await;
    assert_eq!(status(&rig, "/open", "8.8.8.8").await, 403);
    assert_eq!(status(&rig, "/open", "10.1.2.3").await, 200);

    bad.name = "worse".to_owned();
    change(&rig, 2, vec![bad.clone()], Vec::new()).await;
    for (path, wanted) in [
        ("/open", 500),
        ("/inner", 500),
        ("/plain", 200),
        ("/plan", 200),
    ] {
        assert_eq!(status(&rig, path, "10.3.4.5").await, wanted, "{path}");
    }
    let answer = rig.get("/open", &[]).await;
    assert_eq!(answer.code(), "policy_invalid");

    bad.name = "bad".to_owned();
    change(&rig, 3, vec![bad], Vec::new()).await;
    assert_eq!(status(&rig, "/open", "10.1.2.3").await, 200);
    let office = find("office").id.uuid();
    change(&rig, 4, Vec::new(), vec![(Kind::IpList, office)]).await;
    for (path, wanted) in [
        ("/open", 200),
        ("/inner", 500),
        ("/plain", 200),
        ("/plan", 500),
    ] {
        assert_eq!(status(&rig, path, "10.3.4.5").await, wanted, "{path}");
    }

    // Somebody else's list of that name is none.
    let mut foreign = find("office").clone();
    foreign.organization = domain::id::OrganizationId::from_name("organization", "other");
    change(&rig, 5, vec![foreign], Vec::new()).await;
    assert_eq!(status(&rig, "/inner", "10.3.4.5").await, 500);
    change(&rig, 6, vec![find("office").clone()], Vec::new()).await;
    assert_eq!(status(&rig, "/inner", "10.3.4.5").await, 200);
    assert_eq!(status(&rig, "/plan", "10.3.4.5").await, 200);
}
