//! Whose answers a request gets: callers, hosts, and what other policies do on the way back.

use super::{by, get, rig, status};

const MINUTE: &str = "200 | Cache-Control: max-age=60";
const PUBLIC: &str = "200 | Cache-Control: max-age=60, public";

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_one_caller_are_no_others() {
    let (rig, origin) = rig().await;
    let (one, two) = (by(1), by(2));
    for (path, answer, field, body) in [
        ("/keyed", MINUTE, Some(&one), "answer 1"),
        ("/keyed", MINUTE, Some(&one), "answer 1"),
        ("/keyed", MINUTE, Some(&two), "answer 2"),
        ("/keyed", MINUTE, None, "answer 3"),
        ("/keyed", MINUTE, Some(&two), "answer 2"),
        ("/keyed", MINUTE, None, "answer 3"),
        ("/keyed/all", PUBLIC, Some(&one), "answer 4"),
        ("/keyed/all", PUBLIC, Some(&two), "answer 4"),
        ("/keyed/all", PUBLIC, None, "answer 4"),
    ] {
        let fields: Vec<&str> = field.into_iter().map(String::as_str).collect();
        let got = get(&rig, path, answer, &fields).await;
        assert_eq!(got.body, body, "{path} {field:?}: {got:?}");
    }
    let refused = get(&rig, "/keyed/all", PUBLIC, &["X-Api-Key: ptn_live_x"]).await;
    assert_eq!(
        refused.status, 401,
        "who calls is asked before anything is given"
    );
    assert_eq!(origin.count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_only_the_upstream_knows_keep_answers_out() {
    let (rig, origin) = rig().await;
    let theirs = "Authorization: Basic dGhlaXJz";
    for (path, answer, fields, body) in [
        ("/plain", MINUTE, &[theirs][..], "answer 1"),
        ("/plain", MINUTE, &[], "answer 2"),
        ("/plain", MINUTE, &[theirs], "answer 3"),
        ("/plain/all", PUBLIC, &[theirs], "answer 4"),
        ("/plain/all", PUBLIC, &[], "answer 4"),
        // The gateway's own credential is nobody's.
        ("/own", MINUTE, &[], "answer 5"),
        ("/own", MINUTE, &[theirs], "answer 5"),
        // What a cookie says is in nobody else's answer, but an open answer is for cookies, too.
        ("/plain/c", MINUTE, &["Cookie: a=1"], "answer 6"),
        ("/plain/c", MINUTE, &[], "answer 7"),
        ("/plain/c", MINUTE, &["Cookie: a=1"], "answer 7"),
    ] {
        let got = get(&rig, path, answer, fields).await;
        assert_eq!(got.body, body, "{path} {fields:?}: {got:?}");
    }
    assert_eq!(origin.count(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_whom_another_server_let_in_are_no_others() {
    let (rig, origin) = rig().await;
    let (one, two) = ("X-Session: one", "X-Session: two");
    for (path, answer, fields, body) in [
        ("/asked", MINUTE, &[one][..], "answer 1"),
        ("/asked", MINUTE, &[one], "answer 1"),
        ("/asked", MINUTE, &[two], "answer 2"),
        ("/asked", MINUTE, &[one, two], "answer 3"),
        ("/asked", MINUTE, &[], "answer 4"),
        ("/asked", MINUTE, &[one], "answer 1"),
        ("/asked", MINUTE, &[], "answer 4"),
        ("/asked/all", PUBLIC, &[one], "answer 5"),
        ("/asked/all", PUBLIC, &[two], "answer 5"),
    ] {
        let got = get(&rig, path, answer, fields).await;
        assert_eq!(got.body, body, "{path} {fields:?}: {got:?}");
    }
    assert_eq!(origin.count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_upstream_may_write_into_an_answer_tells_it_apart() {
    let (rig, origin) = rig().await;
    // Where fields are a part of the key, they are made before it is looked for, and elsewhere not.
    for (path, tenants) in [
        ("/ttl", &["X-Tenant: a", "X-Tenant: b"][..]),
        ("/plain/t", &[]),
    ] {
        let mut asked = origin.count();
        for field in [
            "X-Other: 1",
            "X-Forwarded-Host: evil.test",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Prefix: /evil",
            "X-Forwarded-Port: 1",
            "Forwarded: for=1.1.1.1;host=evil.test",
        ]
        .iter()
        .chain(tenants)
        {
            asked += 1;
            get(&rig, path, MINUTE, &[*field]).await;
            get(&rig, path, MINUTE, &[*field]).await;
            assert_eq!(origin.count(), asked, "{path}, {field}");
        }
        for field in [
            "X-Forwarded-For: 1.1.1.1",
            "X-Real-Ip: 1.1.1.1",
            "Forwarded: for=1.1.1.1",
        ] {
            get(&rig, path, MINUTE, &[field]).await;
            let count = origin.count();
            assert_eq!(count, asked, "{path}, {field}: who asks is nothing to it");
        }
        let other = format!("GET {path} HTTP/1.1\r\nHost: other\r\nX-Answer: {MINUTE}\r\n\r\n");
        rig.send(&other).await;
        assert_eq!(origin.count(), asked + 1, "another host is another place");
    }
    let vary = "200 | Cache-Control: max-age=60 | Vary: Accept-Language";
    for (language, is_new) in [("de", true), ("en", true), ("de", false), ("EN", false)] {
        let before = origin.count();
        get(
            &rig,
            "/plain/v",
            vary,
            &[&format!("Accept-Language: {language}")],
        )
        .await;
        assert_eq!(origin.count() > before, is_new, "{language}");
    }
}

/// They are not in the request yet when an answer for it is looked for.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_told_apart_by_what_the_gateway_adds() {
    let (rig, origin) = rig().await;
    let vary = "200 | Cache-Control: max-age=60, public | Vary: X-Portunus-Application, X-Forwarded-For, Host";
    let (one, two) = (by(1), by(2));
    for (fields, is_new) in [
        (&[][..], true),
        (&[&*one], true),
        (&[&*two], true),
        (&[&*one], false),
        (&[], false),
        (&["X-Forwarded-For: 1.1.1.1"], true),
        (&["X-Forwarded-For: 1.1.1.1"], false),
        (&[&*two], false),
    ] {
        let before = origin.count();
        get(&rig, "/keyed/v", vary, fields).await;
        assert_eq!(origin.count() > before, is_new, "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_policies_act_on_each_answer_anew() {
    let (rig, origin) = rig().await;
    let answer = "200 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Type: text/plain | Surrogate-Key: x | X-Request-Id: theirs";
    for (number, (fields, coding, allowed)) in [
        (
            &["Accept-Encoding: gzip", "Origin: https://a.test"][..],
            Some("gzip"),
            true,
        ),
        (&[][..], None, false),
        (&["Accept-Encoding: br"], Some("br"), false),
        (&["Origin: https://a.test"], None, true),
    ]
    .into_iter()
    .enumerate()
    {
        let got = get(&rig, "/packed", answer, fields).await;
        assert_eq!(got.field("content-encoding"), coding, "{got:?}");
        let origin = got.field("access-control-allow-origin");
        assert_eq!(origin.is_some(), allowed, "{got:?}");
        assert_eq!(status(&got).contains("hit"), number > 0, "{got:?}");
        let left = format!("\"rate_limit\";r={};", 8 - number);
        assert!(
            got.field("ratelimit").unwrap().starts_with(&left),
            "{got:?}"
        );
        assert_eq!(got.field("surrogate-key"), None);
        assert_ne!(got.field("x-request-id"), Some("theirs"));
        let names = got.fields.iter().filter(|(name, _)| name == "x-request-id");
        assert_eq!(names.count(), 1);
    }
    assert_eq!(origin.count(), 1);
    // Of what was encoded the client has a weak entity tag.
    let held = ["Accept-Encoding: gzip", "If-None-Match: W/\"a\""];
    let same = get(&rig, "/packed", answer, &held).await;
    assert_eq!((same.status, same.field("etag")), (304, Some("W/\"a\"")));
    assert_eq!(same.field("vary"), Some("Accept-Encoding"));
    let seen = |number: usize| format!("answer {number}");
    let keyed = format!("{MINUTE} | Surrogate-Key: x");
    for number in 2..=3 {
        let got = get(&rig, "/seen", &keyed, &[]).await;
        assert_eq!(got.body, seen(number), "observing, the upstream answers");
        let said = (got.field("cache-status"), got.field("surrogate-key"));
        assert_eq!(said, (None, Some("x")), "and its client sees no cache");
    }
    let passed = get(&rig, "/seen", &keyed, &["If-Match: *"]).await;
    let said = (passed.field("cache-status"), passed.field("surrogate-key"));
    assert_eq!(said, (None, Some("x")));
    let records = rig.wait_records(8).await;
    assert!(records.iter().any(|record| record.observed != 0));
}
