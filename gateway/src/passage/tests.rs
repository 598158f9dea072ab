//! What passes, and what does not.

use super::*;

fn map(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new(b"");
    for (name, value) in lines {
        fields.push(name, value.as_bytes());
    }
    fields
}

fn names(fields: &Fields) -> Vec<String> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let mut names: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", text(name), text(value)))
        .collect();
    names.sort();
    names
}

#[test]
fn what_must_not_pass_does_not() {
    let mut headers = map(&[
        (
            "connection",
            "keep-alive, X-Hop, Authorization, x-forwarded-for",
        ),
        ("x-hop", "1"),
        ("authorization", "Basic abc"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("x-forwarded-for", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("x-portunus-plan", "gold"),
        ("x_custom", "1"),
        ("x-api-key", "ptn_live_x"),
        (
            "cookie",
            "a=1; __Host-portunus_session=x; portunus_session=y; b=2",
        ),
        ("accept", "*/*"),
    ]);
    strip_request(&mut headers, false, "portunus_session").unwrap();
    assert_eq!(
        names(&headers),
        ["accept=*/*", "authorization=Basic abc", "cookie=a=1; b=2"]
    );
}

/// Each name costs a look through all fields: there is no honest reason for so many.
#[test]
fn a_connection_that_names_more_than_there_can_be_is_refused() {
    let many = |count| vec!["x-a"; count].join(", ");
    for (lines, is_good) in [
        (&[many(NOMINATED)][..], true),
        (&[many(NOMINATED + 1)], false),
        (&[many(NOMINATED), "close".to_owned()], false),
        (&[",".repeat(16_000)], false),
    ] {
        let mut request = map(&[("x-a", "1"), ("x-b", "2")]);
        for line in lines {
            request.push("connection", line.as_bytes());
        }
        let mut answer = request.twin();
        assert_eq!(strip_request(&mut request, false, "s").is_ok(), is_good);
        strip_response(&mut answer, "s");
        let left = names(&answer);
        assert!(!left.iter().any(|line| line.starts_with("connection")));
        if is_good {
            assert_eq!(
                (names(&request), left),
                (vec!["x-b=2".to_owned()], vec!["x-b=2".to_owned()])
            );
        }
    }
}

#[test]
fn a_trace_passes_whole_or_not_at_all() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (lines, left) in [
        (&[][..], 0),
        (&[("traceparent", parent)], 1),
        (&[("tracestate", "a=1"), ("traceparent", parent)], 2),
        (&[("tracestate", "a=1")], 0),
        (&[("traceparent", "00-1-2-3"), ("tracestate", "a=1")], 0),
        (&[("traceparent", parent), ("traceparent", parent)], 0),
    ] {
        let mut fields = map(lines);
        assert_eq!(trace(&mut fields) != TraceId::NONE, left > 0, "{lines:?}");
        assert_eq!(names(&fields).len(), left, "{lines:?}");
    }
}

#[test]
fn a_shadow_is_refused_and_a_proxy_is_believed() {
    for name in ["x_portunus_plan", "x_forwarded_for", "x-request_id"] {
        assert!(
            strip_request(&mut map(&[(name, "1")]), true, "s").is_err(),
            "{name}"
        );
    }
    let mut headers = map(&[
        ("x-forwarded-for", "1.1.1.1"),
        ("x-api-key", "other"),
        ("authorization", "bearer ptn_x"),
    ]);
    strip_request(&mut headers, true, "s").unwrap();
    assert_eq!(
        names(&headers),
        ["x-api-key=other", "x-forwarded-for=1.1.1.1"]
    );
    for name in ["cookie", "x-api-key", "authorization"] {
        let value = if name == "cookie" {
            "s=1"
        } else {
            "ptn_live_x"
        };
        let mut headers = map(&[(name, value)]);
        strip_request(&mut headers, false, "s").unwrap();
        assert!(names(&headers).is_empty(), "{name}");
    }
}

/// Keys and sessions in other lines, schemes and bytes than the usual ones.
#[test]
fn no_spelling_lets_a_secret_pass() {
    for (name, lines, left) in [
        ("x-api-key", &["foo", "ptn_live_x"][..], ""),
        ("authorization", &["ptn_test_x"], ""),
        ("authorization", &["Bearer\tptn_live_x"], ""),
        ("authorization", &["Basic x", "Bearer ptn_pat_x"], ""),
        (
            "authorization",
            &["Bearer aptn_b"],
            "authorization=Bearer aptn_b",
        ),
        ("cookie", &["a=1", "s=2"], "cookie=a=1"),
        ("cookie", &["s=2; b=1", "a=1"], "cookie=a=1 cookie=b=1"),
        ("cookie", &["a=\u{e9}; __Host-s=2"], "cookie=a=\u{e9}"),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| (name, *line)).collect();
        let mut headers = map(&lines);
        strip_request(&mut headers, false, "s").unwrap();
        assert_eq!(names(&headers).join(" "), left, "{lines:?}");
    }
}

#[test]
fn the_peer_stands_behind_all_lines_of_a_proxy() {
    let table = [
        (&[][..], "10.0.0.1"),
        (
            &["1.1.1.1, 2.2.2.2", "3.3.3.3"],
            "1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.1",
        ),
    ];
    for (lines, all) in table {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| ("X-Forwarded-For", *line))
            .collect();
        let mut fields = map(&lines);
        add_forwarded_for(&mut fields, b"10.0.0.1");
        assert_eq!(names(&fields), [format!("x-forwarded-for={all}")]);
    }
}

#[test]
fn answers_are_stripped_as_well() {
    let mut headers = map(&[
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("transfer-encoding", "chunked"),
        ("set-cookie", "a=1"),
        ("set-cookie", "portunus_session=evil; Path=/"),
        ("set-cookie", "b=2"),
        ("server", "x"),
    ]);
    strip_response(&mut headers, "portunus_session");
    assert_eq!(
        names(&headers),
        ["server=x", "set-cookie=a=1", "set-cookie=b=2"]
    );
}
