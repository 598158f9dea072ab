//! Documents that are as large as allowed, and made to cost as much as they can: each is
//! answered, well or with a refusal, in under a second (security.md; thirty without optimisation, beside other tests).

use domain::openapi::{MAX_BYTES, ParseErrorCode, parse};
use std::time::{Duration, Instant};

const MOST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 1 });

fn check(name: &str, text: &str, expected: Option<ParseErrorCode>) {
    assert!(
        text.len() <= MAX_BYTES,
        "{name} is too large to test anything"
    );
    let start = Instant::now();
    let code = parse(text.as_bytes()).err().map(|error| error.code);
    let took = start.elapsed();
    assert_eq!(code, expected, "{name}");
    assert!(took < MOST, "{name} took {took:?}");
    eprintln!("{name}: {took:?}");
}

fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect::<Vec<_>>().join(",")
}

fn document(members: &str) -> String {
    format!(r#"{{"openapi":"3.1.0","info":{{"title":"a","version":"1"}},{members}}}"#)
}

#[test]
fn large_documents_are_answered_in_time() {
    let operation = |n| {
        format!(
            r##""/things/{n}/{{id}}":{{"get":{{"operationId":"getThing{n}","summary":"Read a thing","tags":["Things"],"parameters":[{{"name":"id","in":"path","required":true,"description":"Its id.","schema":{{"type":"string","format":"uuid"}}}}],"responses":{{"200":{{"description":"The thing","content":{{"application/json":{{"schema":{{"$ref":"#/components/schemas/Thing"}}}}}}}},"404":{{"description":"None"}}}}}}}}"##
        )
    };
    let paths = many(9_900, operation);
    let json = document(&format!(
        r#""paths":{{{paths}}},"components":{{"schemas":{{"Thing":{{"type":"object"}}}}}}"#
    ));
    check("plain", &json, None);
    let tiny = many(60_000, |n| format!(r#""/{n}":{{"get":{{}}}}"#));
    check(
        "tiny operations",
        &document(&format!(r#""paths":{{{tiny}}}"#)),
        None,
    );
    let text = "  a line of prose that somebody wrote in a description\n".repeat(90_000);
    check(
        "prose",
        &format!("openapi: 3.0.0\ninfo:\n description: |\n{text}"),
        None,
    );
}

#[test]
fn costly_documents_are_refused_in_time() {
    let wide = |own: &str| {
        let properties = many(50_000, |n| format!(r#""{n:x}":{{}}"#));
        format!(r#"{{{own}"properties":{{{properties}}}}}"#)
    };
    let uses = many(9_000, |n| {
        format!(r##""/{n}":{{"get":{{"parameters":[{{"$ref":"#/components/parameters/P"}}]}}}}"##)
    });
    let parameter = format!(r#"{{"name":"p","in":"query","schema":{}}}"#, wide(""));
    let repeated = document(&format!(
        r#""paths":{{{uses}}},"components":{{"parameters":{{"P":{parameter}}}}}"#
    ));
    check(
        "repeated parameter",
        &repeated,
        Some(ParseErrorCode::TooLarge),
    );
    let parts = many(100_000, |n| format!(r#"{{"required":["{n:x}"]}}"#));
    let merged = wide(&format!(r#""allOf":[{parts}],"#));
    let merged = document(&format!(r#""components":{{"schemas":{{"a":{merged}}}}}"#));
    check("many parts", &merged, Some(ParseErrorCode::TooLarge));
    let security = vec!["{}"; 100_000].join(",");
    let paths = many(100_000, |n| format!(r#""/{n}":{{"get":{{}}}}"#));
    let security = document(&format!(r#""security":[{security}],"paths":{{{paths}}}"#));
    check(
        "inherited security",
        &security,
        Some(ParseErrorCode::TooLarge),
    );
    let values = format!("openapi: 3.0.0\nx: [{}]", "a,".repeat(2_600_000));
    check("many values", &values, Some(ParseErrorCode::TooLarge));
    let anchors: String = (0..90).map(|n| format!("&a{n} [")).collect();
    let nested = format!("x: {anchors}{}{}", "a,".repeat(400_000), "]".repeat(90));
    check("nested anchors", &nested, Some(ParseErrorCode::AliasBomb));
    check(
        "deep",
        &format!("a: {}", "[".repeat(5_000_000)),
        Some(ParseErrorCode::TooDeep),
    );
}
