//! When certificates end is a metric: by certificate and host, and by the upstream that one is
//! shown to. What has ended is served nevertheless.

use serde_json::json;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_each_certificate_is_told() {
    let file = |certificates: serde_json::Value| {
        json!({ "portunus": 1, "certificates": certificates }).to_string()
    };
    let b = json!({
        "certificate": include_str!("tls/b.pem"),
        "key": include_str!("tls/b.key"),
    });
    // With the key of another it is of no use, and does not end.
    let broken = json!({
        "certificate": include_str!("tls/a.pem"),
        "key": include_str!("tls/b.key"),
    });
    let rig = Rig::new(&file(json!({ "b": b, "broken": broken }))).await;
    let told = async || {
        let page = rig.admin("/metrics").await.body;
        let lines = page.lines().map(str::to_owned);
        let ours = |line: &String| line.starts_with("portunus_certificate_not_after_seconds{");
        lines.filter(ours).collect::<Vec<_>>()
    };
    let name = "portunus_certificate_not_after_seconds";
    // 2126-11-05T05:33:36Z
    let line = |host: &str| format!("{name}{{certificate=\"b\",host=\"{host}\"}} 4949530416");
    assert_eq!(told().await, [line("*.b.test"), line("b.test")]);
    rig.load(&file(json!({})), 2).await;
    assert_eq!(told().await, [""; 0]);
}

/// Lines of the metric of upstreams' certificates, without its name.
async fn told_of_clients(rig: &Rig) -> Vec<String> {
    let page = rig.admin("/metrics").await.body;
    let ours = page
        .lines()
        .filter_map(|line| line.strip_prefix("portunus_upstream_certificate_not_after_seconds{"));
    ours.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_each_upstreams_certificate_is_told() {
    let pair = |pem: &str, key: &str| json!({ "certificate": pem, "key": key });
    let b = pair(include_str!("tls/b.pem"), include_str!("tls/b.key"));
    let ended = pair(include_str!("tls/ended.pem"), include_str!("tls/ended.key"));
    let file = |pairs: &[(&str, Option<&serde_json::Value>)]| {
        let mut upstreams = serde_json::Map::new();
        for (name, pair) in pairs {
            let mut upstream = json!({ "targets": [{ "url": "https://127.0.0.1:1" }] });
            if let Some(pair) = pair {
                upstream["tls"] = json!({ "client_certificate": pair });
            }
            upstreams.insert((*name).to_owned(), upstream);
        }
        json!({ "portunus": 1, "upstreams": upstreams }).to_string()
    };
    let rig = Rig::new(&file(&[
        ("b", Some(&b)),
        ("old", Some(&ended)),
        ("x", None),
    ]))
    .await;
    let told = told_of_clients(&rig).await;
    assert_eq!(told.len(), 2, "{told:?}");
    // 2021-01-01T00:00:00Z, and the one above.
    for (line, name, at) in [
        (&told[0], "old", "1609459200"),
        (&told[1], "b", "4949530416"),
    ] {
        let is_it = line.starts_with(&format!("upstream=\"{name}\",id=\""));
        assert!(is_it && line.ends_with(at), "{line}");
    }
    // A renewal, one that is not shown any more, and an upstream that is gone.
    rig.load(&file(&[("b", None), ("old", Some(&b))]), 2).await;
    let told = told_of_clients(&rig).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("upstream=\"old\"") && told[0].ends_with("4949530416"));
    rig.load(&file(&[("b", None)]), 3).await;
    assert_eq!(told_of_clients(&rig).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_with_a_certificate_that_has_ended_is_taken() {
    let rig = Rig::new(&json!({ "portunus": 1 }).to_string()).await;
    let ended = json!({
        "certificate": include_str!("tls/ended.pem"),
        "key": include_str!("tls/ended.key"),
    });
    let file = json!({ "portunus": 1, "certificates": { "ended": ended } });
    rig.load(&file.to_string(), 2).await;
    let page = rig.admin("/metrics").await.body;
    for line in [
        "portunus_config_state 2",
        "portunus_certificate_not_after_seconds{certificate=\"ended\",host=\"ended.test\"} 1609459200",
    ] {
        assert!(page.contains(line), "{line} is not in {page}");
    }
}
