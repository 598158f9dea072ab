//! How much of clients' addresses the records of an organization's APIs keep. Policies and upstreams
//! see all of them.

use crate::rig::Rig;

/// One call a minute for each address.
fn file(form: &str) -> String {
    format!(
        r#"
portunus: 1
{form}
upstreams: {{ echo: {{ targets: [{{ url: "http://@UPSTREAM@" }}] }} }}
apis:
  x:
    versions:
      v1:
        match: {{ path: /x }}
        upstream: echo
        policies: [{{ rate_limit: {{ limit: 1, window: 60s, by: [address] }} }}]
"#
    )
}

const WHOLE: &str = "client_addresses: whole";
const TRUNCATED: &str = "client_addresses: truncated";
const DROPPED: &str = "client_addresses: dropped";

async fn rig(form: &str) -> Rig {
    Rig::with(&file(form), |settings| {
        settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

/// What is kept of a request from `address`, which is answered with `status`.
async fn kept(rig: &Rig, path: &str, address: &str, status: u16) -> String {
    let field = format!("X-Forwarded-For: {address}");
    let answer = rig.get(path, &[&field]).await;
    assert_eq!(answer.status, status, "{address}");
    if status == 200 {
        let seen = answer.seen("x-forwarded-for").unwrap();
        assert_eq!(seen, format!("{address}, 127.0.0.1"));
    }
    rig.wait_records(1).await.remove(0).client
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_says_how_much_is_kept() {
    let (one, two, six) = ("203.0.113.7", "203.0.113.8", "2001:db8:1:2::3");
    for (form, kept_of) in [
        ("", [one, two, six]),
        (WHOLE, [one, two, six]),
        (TRUNCATED, ["203.0.113.0", "203.0.113.0", "2001:db8:1::"]),
        (DROPPED, ["", "", ""]),
    ] {
        let rig = rig(form).await;
        for status in [200, 429] {
            // Each is counted by itself, although some are one in the records.
            for (address, kept_of) in [one, two, six].into_iter().zip(kept_of) {
                let kept = kept(&rig, "/x", address, status).await;
                assert_eq!(kept, kept_of, "{form} {status}");
            }
        }
        // Where no API answers, it is nobody's to say.
        assert_eq!(kept(&rig, "/nowhere", one, 404).await, one, "{form}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_counts_from_then_on() {
    let rig = rig(WHOLE).await;
    for (number, form, of_one) in [
        (2, TRUNCATED, "203.0.113.0"),
        (3, DROPPED, ""),
        (4, WHOLE, "203.0.113.7"),
    ] {
        rig.load(&file(form), number).await;
        rig.advance(60);
        assert_eq!(kept(&rig, "/x", "203.0.113.7", 200).await, of_one, "{form}");
    }
}
