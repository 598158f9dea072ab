//! What documents say of parts beside their schema, and bodies of parts that are no forms.

use serde_json::{Value, json};

use super::parts::{Part, body};
use super::{contract, told};
use crate::contract::{Contract, Rules};

fn check(openapi: &str, range: &str, media: &Value, parts: &[Part<'_>]) -> String {
    let operation = json!({"requestBody": {"required": true, "content": {range: media}}});
    let contract = contract(openapi, "/a", operation);
    let media_type = format!("{range}; boundary=b");
    let found = contract.body(0, Some(&media_type), &body(parts), Rules::default());
    told(found).join("; ")
}

/// What is told of the parts; the parts by name; what comes of it.
type Case<'a> = (&'a Value, &'a [(&'a str, &'a [u8])], String);

const FORM: &str = "multipart/form-data";
const MIXED: &str = "multipart/mixed";
const XML: &str = "Content-Type: application/xml";
const JSON: &str = "Content-Type: application/json";

/// Header of a part; what of it is told.
#[test]
fn headers_of_parts_are_compared() {
    let headers = json!({
        "X-Rate": {"required": true, "schema": {"type": "integer", "maximum": 9}},
        "X-Tags": {"schema": {"type": "array", "maxItems": 2, "items": {"$ref": "#/components/schemas/Tag"}}},
        "X-About": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Cat"}}}},
        "Content-Type": {"required": true, "schema": {"type": "integer"}}
    });
    let media = json!({"schema": {"type": "object", "properties": {
        "a": {"type": "string"}, "list": {"type": "array", "items": {"type": "string"}}}},
        "encoding": {"a": {"headers": headers}, "list": {"headers": headers}}});
    for (header, expected) in [
        ("x-rate: 9", ""),
        ("X-Rate: 10", "Its header \"X-Rate\": This is at most 9."),
        ("X-Rate: x", "Its header \"X-Rate\": This is an integer."),
        ("X-Own: 1", "Its header \"X-Rate\": It is required."),
        (
            "X-Rate: 1\r\nX-Rate: 2",
            "Its header \"X-Rate\": This is an integer.",
        ),
        ("X-Rate: 1\r\nX-Tags: a, b", ""),
        ("X-Rate: 1\r\nX-Tags: a\r\nx-tags: b", ""),
        (
            "X-Rate: 1\r\nX-Tags: a\r\nx-tags: b,a",
            "Its header \"X-Tags\": This has at most 2 items.",
        ),
        (
            "X-Rate: 1\r\nX-Tags: c",
            "Its header \"X-Tags\": This is one of \"a\", \"b\".",
        ),
        ("X-Rate: 1\r\nX-About: {\"kind\":\"a\",\"lives\":9}", ""),
        (
            "X-Rate: 1\r\nX-About: {\"kind\":\"a\"}",
            "Its header \"X-About\": The member \"lives\" is required.",
        ),
        (
            "X-Rate: 1\r\nX-About: {",
            "Its header \"X-About\": This is no JSON.",
        ),
    ] {
        for (name, range) in [("a", FORM), ("list", FORM), ("a", MIXED)] {
            let found = check("3.1.0", range, &media, &[(name, header, b"1")]);
            let expected = match expected {
                "" => String::new(),
                told => format!("body /{name} {told}"),
            };
            assert_eq!(found, expected, "{name} {range} {header}");
        }
    }
}

/// Encoding, parts; what of them is told.
#[test]
fn parts_may_be_written_like_parameters_of_a_query() {
    let schema = json!({"type": "object", "additionalProperties": false, "properties": {
        "list": {"type": "array", "maxItems": 2, "items": {"type": "integer"}},
        "point": {"type": "object", "required": ["x"], "additionalProperties": {"type": "integer"}, "properties": {
            "x": {"type": "integer"}, "in": {"type": "object", "properties": {"y": {"type": "integer"}}},
            "all": {"type": "array", "items": {"type": "integer"}}}},
        "n": {"type": "integer"}}});
    let comma = json!({"list": {"style": "form", "explode": false}});
    let pipes = json!({"list": {"style": "pipeDelimited", "explode": false, "contentType": "a/b"}});
    let spread = json!({"point": {"style": "form"}});
    let flat = json!({"point": {"explode": false}});
    let deep =
        json!({"point": {"style": "deepObject", "explode": true}, "list": {"style": "deepObject"}});
    let plain = json!({"n": {"allowReserved": true, "contentType": "a/b"}});
    let otherwise = "This is not written in its style.";
    let twice = "This parameter is there more than once.";
    let cases: &[Case<'_>] = &[
        (&comma, &[("list", b"1,2")], String::new()),
        (
            &comma,
            &[("list", b"1,2,3")],
            "/list This has at most 2 items.".to_owned(),
        ),
        (
            &comma,
            &[("list", b"1,x")],
            "/list/1 This is an integer.".to_owned(),
        ),
        (
            &comma,
            &[("list", b"1"), ("list", b"2")],
            format!("/list {twice}"),
        ),
        // Nothing is encoded.
        (
            &comma,
            &[("list", b"1%2C2")],
            "/list/0 This is an integer.".to_owned(),
        ),
        (
            &comma,
            &[("list", b"1\xff")],
            "/list The text is not UTF-8.".to_owned(),
        ),
        (&pipes, &[("list", b"1|2")], String::new()),
        (
            &pipes,
            &[("list", b"1|+2")],
            "/list/1 This is an integer.".to_owned(),
        ),
        (&spread, &[("x", b"1"), ("n", b"2")], String::new()),
        (
            &spread,
            &[("x", b"a")],
            "/point/x This is an integer.".to_owned(),
        ),
        (
            &spread,
            &[("z", b"1")],
            "/z There is no such member.".to_owned(),
        ),
        (
            &spread,
            &[("point", b"1")],
            "/point This is an object.".to_owned(),
        ),
        (
            &spread,
            &[("point", b"{\"x\":1}"), ("x", b"a")],
            "/point This is there in two ways.".to_owned(),
        ),
        (&flat, &[("point", b"x,1,z,2")], String::new()),
        (
            &flat,
            &[("point", b"z,a")],
            "/point The member \"x\" is required.; body /point/z This is an integer.".to_owned(),
        ),
        (
            &deep,
            &[("point[x]", b"1"), ("point[z]", b"2")],
            String::new(),
        ),
        (
            &deep,
            &[("point[x]", b"1"), ("point[in][y]", b"a")],
            "/point/in/y This is an integer.".to_owned(),
        ),
        (
            &deep,
            &[
                ("point[x]", b"1"),
                ("point[all][]", b"1"),
                ("point[all][]", b"b"),
            ],
            "/point/all/1 This is an integer.".to_owned(),
        ),
        (
            &deep,
            &[("list[0]", b"1"), ("list[1]", b"a")],
            "/list/1 This is an integer.".to_owned(),
        ),
        (
            &deep,
            &[("point[x]", b"1"), ("point[x]", b"2")],
            format!("/point {twice}"),
        ),
        (
            &deep,
            &[("point[x]", b"1"), ("point[x][y]", b"2")],
            format!("/point {otherwise}"),
        ),
        (&deep, &[("point[x", b"1")], format!("/point {otherwise}")),
        (&deep, &[("point[x]]", b"1")], format!("/point {otherwise}")),
        (&deep, &[("list[5]", b"1")], format!("/list {otherwise}")),
        (
            &deep,
            &[("list[18446744073709551615]", b"1")],
            format!("/list {otherwise}"),
        ),
        (
            &deep,
            &[("point", b"1")],
            "/point This is an object.".to_owned(),
        ),
        (&plain, &[("n", b"1")], String::new()),
        (&plain, &[("n", b"a")], "/n This is an integer.".to_owned()),
    ];
    for (encoding, parts, expected) in cases {
        let media = json!({"schema": schema, "encoding": encoding});
        let parts: Vec<Part<'_>> = parts
            .iter()
            .map(|(name, body)| (*name, "", *body))
            .collect();
        let found = check("3.1.0", FORM, &media, &parts);
        let expected = match expected.as_str() {
            "" => String::new(),
            told => format!("body {told}"),
        };
        assert_eq!(found, expected, "{encoding} {parts:?}");
    }
    // In 3.0 only fields have styles.
    let media = json!({"schema": schema, "encoding": comma});
    let found = check("3.0.3", FORM, &media, &[("list", "", b"1,2")]);
    assert_eq!(found, "body /list/0 This is an integer.");
    let long = format!("point{}", "[a]".repeat(1000));
    let media = json!({"schema": schema, "encoding": deep});
    let found = check("3.1.0", FORM, &media, &[(&long, "", b"1")]);
    assert_eq!(found, format!("body /point {otherwise}"));
}

/// Part; what of it is told.
#[test]
fn parts_of_xml_are_read_as_bodies_of_xml_are() {
    let cat = "<c><kind>a</kind><lives>9</lives></c>".as_bytes();
    let wrong = "<c><kind>a</kind><lives>x</lives></c>".as_bytes();
    let media = json!({"schema": {"type": "object", "properties": {
        "cat": {"$ref": "#/components/schemas/Cat"},
        "cats": {"type": "array", "items": {"$ref": "#/components/schemas/Cat"}},
        "named": {"type": "object", "xml": {"name": "c", "namespace": "urn:c"}},
        "text": {"type": "string", "maxLength": 5}}},
        "encoding": {"named": {"contentType": "application/xml"}}});
    for (part, expected) in [
        (("cat", XML, cat), ""),
        (("cat", "Content-Type: image/svg+xml", cat), ""),
        (("cat", XML, wrong), "body /cat/lives This is an integer."),
        (
            ("cats", XML, wrong),
            "body /cats/0/lives This is an integer.",
        ),
        (
            ("cat", XML, &b"<!DOCTYPE c><c/>"[..]),
            "body /cat XML with a DTD is not read.",
        ),
        (
            ("cat", "Content-Type: application/xml; charset=utf-16", cat),
            "body /cat The text is in a charset that is not read here.",
        ),
        (("named", XML, b"<c xmlns='urn:c'/>"), ""),
        (
            ("named", XML, b"<c/>"),
            "body /named The root of the XML is in the namespace \"urn:c\".",
        ),
        // Whoever asks for a text gets it as it is.
        (("text", XML, b"<c/>"), ""),
        (
            ("text", XML, cat),
            "body /text This has at most 5 characters.",
        ),
    ] {
        let found = check("3.1.0", FORM, &media, &[part]);
        assert_eq!(found, expected, "{part:?}");
    }
    // All of them together have so many elements.
    let many = format!("<c>{}</c>", "<d/>".repeat(200_000));
    let part: Part<'_> = ("named", XML, many.as_bytes());
    let media = json!({"schema": {"type": "object", "properties": {"named": {"type": "array",
        "items": {"type": "object"}}}}});
    let found = check("3.1.0", FORM, &media, &[part]);
    assert_eq!(found, "");
    let found = check("3.1.0", FORM, &media, &[part, part]);
    assert_eq!(found, "body /named The XML has too many elements.");
}

/// Schema, body; what of it is told.
#[test]
fn other_bodies_of_parts_are_lists_or_objects() {
    let items =
        json!({"type": "array", "maxItems": 2, "items": {"$ref": "#/components/schemas/Cat"}});
    let first = json!({"type": "array", "prefixItems": [{"$ref": "#/components/schemas/Cat"}],
        "items": {"type": "string", "contentMediaType": "image/png"}});
    let object =
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    let cat = "Content-Type: application/json\r\n\r\n{\"kind\":\"a\",\"lives\":9}";
    let wrong = "Content-Type: application/json\r\n\r\n{\"kind\":\"a\",\"lives\":\"x\"}";
    let xml = "Content-Type: text/xml\r\n\r\n<c><kind>a</kind><lives>x</lives></c>";
    let bare = "\r\n{\"kind\":\"a\",\"lives\":\"x\"}";
    let png = "Content-Type: image/png\r\nContent-ID: <1>\r\n\r\n\u{1}";
    let gif = "Content-Type: image/gif\r\n\r\n\u{1}";
    let a = "Content-Disposition: form-data; name=a\r\n\r\nx";
    let inner = "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c--";
    for (schema, parts, expected) in [
        (&items, &[cat, cat][..], ""),
        (&items, &[cat, cat, cat], "body  This has at most 2 items."),
        (&items, &[cat, wrong], "body /1/lives This is an integer."),
        (&items, &[xml], "body /0/lives This is an integer."),
        (&items, &[bare], "body /0/lives This is an integer."),
        (
            &items,
            &[inner],
            "body /0 A part has no parts of its own.; body /0 This is an object.",
        ),
        (&first, &[cat, png], ""),
        (&first, &[cat, gif], "body /1 This part is image/png."),
        (&first, &[wrong, png], "body /0/lives This is an integer."),
        (&object, &[a], "body /a This is an integer."),
        (&object, &[cat], "body  A part has no name."),
        (&object, &[], "body  The member \"a\" is required."),
        // Nobody says what its parts are.
        (&json!({"type": "string"}), &[wrong], ""),
        (&json!({}), &[inner], ""),
    ] {
        let mut sent = String::new();
        for part in parts {
            sent.extend(["--b\r\n", part, "\r\n"]);
        }
        sent.push_str("--b--");
        for range in [MIXED, "multipart/related"] {
            let operation = json!({"requestBody": {"content": {range: {"schema": schema}}}});
            let contract = contract("3.1.0", "/a", operation);
            let media_type = format!("{range}; type=\"a/b\"; boundary=b");
            let found = contract.body(0, Some(&media_type), sent.as_bytes(), Rules::default());
            assert_eq!(told(found).join("; "), expected, "{range} {schema} {sent}");
        }
    }
}

#[test]
fn what_a_document_says_of_parts_is_bounded() {
    let many = |of: &Value, count: usize| {
        let all = (0..count).map(|n| (format!("X-{n}"), of.clone()));
        Value::Object(all.collect())
    };
    let header = json!({"schema": {"type": "string"}});
    for (encoding, expected) in [
        (many(&json!({"contentType": "a/b"}), 201), "/encoding"),
        (
            json!({"a": {"contentType": vec!["a/b"; 101].join(",")}}),
            "/encoding/a/contentType",
        ),
        (
            json!({"a": {"headers": many(&header, 51)}}),
            "/encoding/a/headers",
        ),
        (
            json!({"a": {"headers": {"X": {"$ref": "#/none"}}}}),
            "/encoding/a/headers/X/$ref",
        ),
    ] {
        let media = json!({"schema": {"type": "object"}, "encoding": encoding});
        let document = json!({"openapi": "3.1.0", "paths": {"/a": {"post": {
            "requestBody": {"content": {FORM: media}}}}}});
        let found = Contract::compile(&document).unwrap_err();
        let at = "/paths/~1a/post/requestBody/content/multipart~1form-data";
        assert_eq!(found[0].pointer, format!("{at}{expected}"));
        assert_eq!(found.len(), 1);
    }
}

/// Each part has many lines, and the document many fields.
#[test]
fn headers_cost_what_they_are_long() {
    let headers: serde_json::Map<String, Value> = (0..50)
        .map(|n| (format!("X-{n}"), json!({"schema": {"type": "string"}})))
        .collect();
    let media = json!({"schema": {"type": "object"}, "encoding": {"a": {"headers": headers}}});
    let lines = vec!["x-1:a"; 1100].join("\r\n");
    let part: Part<'_> = ("a", &lines, JSON.as_bytes());
    let began = std::time::Instant::now();
    check("3.1.0", FORM, &media, &[part; 100]);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
