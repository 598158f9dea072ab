//! Whatever path is asked for, over either protocol: the one that is matched is the one that is logged
//! and the one that the upstream gets, or there is none.

use domain::path;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::ambiguous::before;
use crate::rig::frames::{End, Frames, Message};

const ROUTES: &str = r#"
portunus: 1
upstreams:
  plain: { targets: [{ url: "http://@RECORDER@" }] }
  based: { targets: [{ url: "http://@RECORDER@/base/" }] }
apis:
  x:
    versions:
      v1: { match: { path: / }, upstream: plain }
      v2: { match: { path: /s }, upstream: based }
      v3: { match: { path: /k }, strip_path: false, upstream: based }
"#;

/// What paths are made of: plain, in other spellings, and what must not pass.
const PIECES: &[&str] = &[
    "/", "/", "/", "/", "//", "/./", "/../", "/..", "/s", "/k", "s", "k", "a", "b.c", ".", "..",
    "...", "%2e", "%2E%2e", "%73", "%6B", "%7e", "~", "%2a", "%2A", "*", ";", ":@", "+", "%20",
    "%3f", "%23", "%c3%a9", "%C3%A9", "%252", "%2f", "%5C", "%252e", "%ff", "%00", "%4", "..;",
];

const STARTS: &[&str] = &["/", "/s", "/s/", "/k/", "//s/", "/%73/"];
const QUERIES: &[&str] = &["", "", "?a=%2f../%2E&b=//", "?/s/../k"];

/// A path, and a query behind some.
fn targets() -> impl Strategy<Value = (String, &'static str)> {
    let pieces = vec(select(PIECES), 0..6);
    (select(STARTS), pieces, select(QUERIES))
        .prop_map(|(start, pieces, query)| (format!("{start}{}", pieces.concat()), query))
}

/// What the upstream gets for a canonical path.
fn sent(canonical: &str) -> String {
    let below = |prefix: &str| {
        let rest = canonical.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    };
    match (below("/s"), below("/k")) {
        (Some(""), _) => "/base/".to_owned(),
        (Some(rest), _) => format!("/base{rest}"),
        (None, Some(_)) => format!("/base{canonical}"),
        (None, None) => canonical.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_matched_is_what_is_logged_and_what_is_sent() {
    let (rig, recorder) = before(ROUTES, |_| {}).await;
    let (mut runner, targets) = (TestRunner::default(), targets());
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..250 {
        let (path, query) = targets.new_tree(&mut runner).unwrap().current();
        let target = format!("{path}{query}");
        let canonical = path::canonical(&path).map(std::borrow::Cow::into_owned);
        let status = if canonical.is_ok() { 200 } else { 400 };
        assert_eq!(rig.get(&target, &[]).await.status, status, "{target}");
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "test"),
            (":path", target.as_str()),
        ];
        let message = Message {
            fields: &fields,
            data: &[],
            trailers: &[],
        };
        let mut over_http2 = Frames::connect(rig.handle.gateway).await;
        let end = over_http2.send(&message).await;
        assert_eq!(end, End::Status(status), "{target}");
        let seen = recorder.take();
        let lines: Vec<&str> = seen.iter().map(|one| one.line.as_str()).collect();
        let logged = rig.wait_records(2).await;
        let Ok(canonical) = canonical else {
            assert!(lines.is_empty(), "{target}: {lines:?}");
            refused += 1;
            continue;
        };
        let way = sent(&canonical);
        let line = format!("GET {way}{query} HTTP/1.1");
        assert_eq!(lines, [line.as_str(); 2], "{target}");
        assert!(
            logged.iter().all(|record| record.path == canonical),
            "{target}: {logged:?}"
        );
        // Who reads either of them again reads the same.
        for path in [&canonical, &way] {
            assert_eq!(
                path::canonical(path).as_deref(),
                Ok(path.as_str()),
                "{target}"
            );
        }
        passed += 1;
    }
    assert!(passed > 20 && refused > 20, "{passed} and {refused}");
}
