//! When certificates end is a metric, by certificate and host.

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
