//! What is copied, and what becomes of it.

use domain::policy;
use domain::traffic::detail::{Body, Detail, Field};
use serde_json::json;

use super::*;
use crate::record::Rings;

fn rules(json: serde_json::Value) -> Arc<LogDetail> {
    let policy: policy::LogDetail = serde_json::from_value(json).unwrap();
    Arc::new(LogDetail::compile(&policy).unwrap())
}

fn lines(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new(b"");
    for (name, value) in list {
        fields.push(name, value.as_bytes());
    }
    fields
}

fn begun(rules: &Arc<LogDetail>, sink: &Sink) -> Box<Capture> {
    Capture::begin(rules, Charge::new(sink.budget(), OrganizationId::NIL)).unwrap()
}

/// What is kept of a request with these fields, whose body comes in parts.
fn kept(rules: &Arc<LogDetail>, fields: &[(&str, &str)], parts: &[&[u8]]) -> Detail {
    kept_to(true, rules, fields, parts)
}

/// The same of one that may have broken off.
fn kept_to(
    is_ended: bool,
    rules: &Arc<LogDetail>,
    fields: &[(&str, &str)],
    parts: &[&[u8]],
) -> Detail {
    let rings = Rings::new(1, Arc::default());
    let sink = rings.sink(0);
    let mut capture = begun(rules, &sink);
    assert!(capture.note(Of::Request, &lines(fields), false));
    for part in parts {
        assert!(capture.copy(Of::Request, part));
    }
    if is_ended {
        capture.ended(Of::Request);
    }
    assert!(rings.details().0 > 0);
    end(capture, &Record::default(), &sink);
    let detail = rings.next_detail("n").unwrap();
    assert_eq!(rings.details(), (0, 0), "all is given back");
    assert_eq!(rings.next_detail("n"), None);
    detail
}

fn body(rules: &Arc<LogDetail>, media_type: &str, parts: &[&[u8]]) -> Body {
    let kept = kept(rules, &[("content-type", media_type)], parts);
    kept.seen.request.body.unwrap()
}

#[test]
fn credentials_are_never_kept() {
    let key = "ptn_live_abcdefghijklmnopqrstuvwxyz0123456789";
    let rules = rules(json!({ "mask_headers": ["X-Own"] }));
    for (name, value, shown) in [
        ("Authorization", "Bearer abc", "***"),
        ("Proxy-Authorization", "Basic abc", "***"),
        ("Cookie", "a=b", "***"),
        ("Set-Cookie", "a=b", "***"),
        ("X-Api-Key", "abc", "***"),
        ("X_Api_Key", "abc", "***"),
        ("X-Portunus-Ticket", "abc", "***"),
        ("x_own", "abc", "***"),
        ("X-Other", key, "***"),
        ("Referer", "https://a/b?token=c", "https://a/b"),
        ("Location", "/cb?code=1", "/cb"),
        ("Location", "https://u:p@a/cb#token=1", "https://***@a/cb"),
        ("X-Original-URI", "/cb?code=1", "/cb"),
        ("X-Upload-To", "https://a/b?sig=c", "https://a/b"),
        ("X-Proxy", "socks5://u:p@a:1080", "socks5://***@a:1080"),
        ("User-Agent", "Bot/1 (+http://a/b)", "Bot/1 (+http://a/b)"),
        ("X-Functions-Key", "abc", "***"),
        ("Sec-WebSocket-Protocol", "bearer, abc", "***"),
        ("Sec-WebSocket-Key", "abc", "abc"),
        ("Accept", "a?b", "a?b"),
        ("X-Empty", "", ""),
    ] {
        let fields = kept(&rules, &[(name, value)], &[])
            .seen
            .request
            .fields
            .unwrap();
        let masked = shown != value;
        let wanted = Field {
            name: name.to_owned(),
            value: shown.to_owned(),
            masked,
        };
        assert_eq!(fields, [wanted]);
    }
}

#[test]
fn bodies_are_kept_by_what_they_are() {
    let usual = rules(json!({}));
    let texts = rules(json!({ "types": ["json", "form", "xml", "text"] }));
    for (rules, media_type, sent, text, left_out) in [
        (
            &usual,
            "application/json",
            "{\"password\":1}",
            Some("{\"password\":\"***\"}"),
            None,
        ),
        (
            &usual,
            "Application/Problem+JSON; charset=\"UTF-8\"",
            "{}",
            Some("{}"),
            None,
        ),
        (
            &usual,
            "application/x-www-form-urlencoded",
            "password=1",
            Some("password=***"),
            None,
        ),
        (
            &usual,
            "application/soap+xml",
            "<a><token>1</token></a>",
            Some("<a><token>***</token></a>"),
            None,
        ),
        (&usual, "text/plain", "a", None, Some(LeftOut::Type)),
        (&usual, "", "{}", None, Some(LeftOut::Type)),
        (&usual, "image/png", "{}", None, Some(LeftOut::Type)),
        (
            &usual,
            "application/json; charset=utf-16",
            "{}",
            None,
            Some(LeftOut::Charset),
        ),
        (
            &usual,
            "application/json",
            "password=1",
            None,
            Some(LeftOut::Unreadable),
        ),
        (
            &usual,
            "application/json",
            "\u{1f}\u{8b}",
            None,
            Some(LeftOut::Unreadable),
        ),
        (
            &texts,
            "text/plain",
            "hello ptn_live_x",
            Some("hello ptn_***"),
            None,
        ),
        // Whatever it is called.
        (
            &texts,
            "text/plain",
            " {\"password\":1}",
            Some("{\"password\":\"***\"}"),
            None,
        ),
        (
            &texts,
            "text/plain",
            "<password>1</password>",
            Some("<password>***</password>"),
            None,
        ),
        (
            &texts,
            "text/plain",
            "a=1&password=2\n",
            Some("a=1&password=***"),
            None,
        ),
        (
            &texts,
            "text/plain",
            "a=1&password=2",
            Some("a=1&password=***"),
            None,
        ),
        (
            &texts,
            "text/plain",
            "name=J\u{f6}\r\npassword=my own\r\n",
            Some("name=J\u{f6}\npassword=***"),
            None,
        ),
        (
            &texts,
            "text/plain",
            "a=1&password=my own",
            Some("a=1&password=***"),
            None,
        ),
        (
            &texts,
            "text/plain",
            "Dear \"a\",\nb=c ptn_at_a.b-c",
            Some("Dear \"a\",\nb=c ptn_***"),
            None,
        ),
        // What is packed is read, and shown as it is read.
        (
            &texts,
            "text/plain",
            "eyJhIjoxLCJwYXNzd29yZCI6InNlY3JldCJ9",
            Some("{\"a\":1,\"password\":\"***\"}"),
            None,
        ),
        (
            &texts,
            "text/plain",
            "YSBwdG5fbGl2ZV94LCBi",
            Some("a ptn_***, b"),
            None,
        ),
        (
            &texts,
            "text/plain",
            "Hello12+34/5",
            Some("Hello12+34/5"),
            None,
        ),
        (&texts, "text/html", "<p>a", Some("<p>a"), None),
    ] {
        let found = body(rules, media_type, &[sent.as_bytes()]);
        assert_eq!(
            (found.text.as_deref(), found.left_out),
            (text, left_out),
            "{media_type} {sent}"
        );
        assert_eq!(
            (found.bytes, found.media_type.as_str()),
            (sent.len() as u64, media_type)
        );
    }
    let encoded = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    let found = kept(&usual, &encoded, &[b"{}"]).seen.request.body.unwrap();
    assert_eq!((found.text, found.left_out), (None, Some(LeftOut::Encoded)));
    let two = [
        ("content-type", "application/json"),
        ("content-type", "text/plain"),
    ];
    let found = kept(&usual, &two, &[b"{}"]).seen.request.body.unwrap();
    assert_eq!(found.left_out, Some(LeftOut::Type));
    let none = kept(&usual, &[("content-type", "application/json")], &[]);
    assert_eq!(none.seen.request.body, None);
}

#[test]
fn of_media_types_little_is_told() {
    let rules = rules(json!({}));
    for (media_type, told) in [
        ("text/html", "text/html"),
        (
            "multipart/form-data; boundary=secret; charset=utf-8",
            "multipart/form-data; charset=utf-8",
        ),
        ("application/json;token=x", "application/json"),
        ("application/json; charset=\"a b\"", "application/json"),
        ("my secret", ""),
        ("a/ptn_live_x", "***"),
        ("a/b; charset=ptn_live_x", "***"),
    ] {
        assert_eq!(body(&rules, media_type, &[b"x"]).media_type, told);
    }
}

#[test]
fn a_body_that_broke_off_is_not_whole() {
    let rules = rules(json!({ "types": ["json", "form", "xml", "text"] }));
    for (media_type, sent, text) in [
        ("application/json", "{\"a\":12", "{\"a\":"),
        ("application/json", "{}", "{}"),
        ("text/plain", "abc", "abc"),
        // Packed, and cut in the middle of a group and of what is masked.
        (
            "text/plain",
            "eyJhIjoxLCJwYXNzd29yZCI6InNlY3J",
            "{\"a\":1,\"password\":\"***\"",
        ),
        ("application/x-www-form-urlencoded", "a=1&passw", "a=1"),
    ] {
        let fields = [("content-type", media_type)];
        let seen = kept_to(false, &rules, &fields, &[sent.as_bytes()]).seen;
        let found = seen.request.body.unwrap();
        assert_eq!((found.text.as_deref(), found.cut), (Some(text), true));
    }
    assert!(!body(&rules, "text/plain", &[b"abc"]).cut);
}

#[test]
fn what_is_held_is_counted() {
    let rules = rules(json!({ "max_bytes": 65536 }));
    let rings = Rings::new(1, Arc::default());
    let sink = rings.sink(0);
    let mut capture = begun(&rules, &sink);
    let least = rings.details().0;
    assert_eq!(least, 16 * 1024);
    let json = lines(&[("content-type", "application/json")]);
    assert!(capture.note(Of::Request, &json, false));
    for _ in 0..50_000 {
        assert!(capture.copy(Of::Request, b"x"));
    }
    let held = {
        let Side { fields, body } = &capture.request;
        fields.as_ref().unwrap().bytes.capacity() + body.as_ref().unwrap().bytes.capacity()
    };
    assert_eq!(rings.details().0, held as u64);
    assert!(capture.note(Of::Answer, &json, false));
    assert!(capture.copy(Of::Answer, &[b'x'; 70_000]));
    assert!(!capture.is_full(false) && capture.is_full(true));
    assert!(capture.copy(Of::Request, &[b'x'; 70_000]));
    assert!(capture.is_full(false));
    for _ in 0..3 {
        end(begun(&rules, &sink), &Record::default(), &sink);
    }
    drop(capture);
    assert_eq!(rings.details().0, 3 * least);
    assert_eq!((rings.lose_details(), rings.lose_details()), (3, 0));
    assert_eq!(rings.details(), (0, 0));
}

#[test]
fn long_messages_are_cut() {
    let rules = rules(json!({ "max_bytes": 20 }));
    let parts: [&[u8]; 3] = [b"{\"password\":\"sec", b"ret\",\"a\":1,", b"\"b\":2}"];
    let found = body(&rules, "application/json", &parts);
    assert_eq!(found.text.as_deref(), Some("{\"password\":\"***\""));
    assert_eq!((found.bytes, found.cut, found.masked), (33, true, 1));
    let long = "x".repeat(5000);
    let many: Vec<(&str, &str)> = vec![("x-long", long.as_str()); 5];
    let seen = kept(&rules, &many, &[]).seen.request;
    assert_eq!((seen.fields.unwrap().len(), seen.fields_cut), (3, true));
}

#[test]
fn what_is_not_wanted_is_not_kept() {
    let rules = rules(json!({ "request": ["body"], "only": ["5xx"] }));
    assert!(!rules.keeps(200) && rules.keeps(503));
    let rings = Rings::new(1, Arc::default());
    let sink = rings.sink(0);
    for (status, is_kept) in [(200, false), (500, true)] {
        let mut capture = begun(&rules, &sink);
        assert!(capture.note(Of::Request, &lines(&[("a", "b")]), false));
        let record = Record {
            status,
            ..Record::default()
        };
        end(capture, &record, &sink);
        let detail = rings.next_detail("n");
        assert_eq!(detail.is_some(), is_kept);
        assert!(detail.is_none_or(|detail| detail.seen.request.fields.is_none()));
    }
}
