//! Bodies of several parts against documents.

use serde_json::{Value, json};

use super::{contract, told};
use crate::contract::{Contract, Rules};

/// A part: its name, its other header lines, its content.
pub(super) type Part<'p> = (&'p str, &'p str, &'p [u8]);

pub(super) fn body(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, header, content) in parts {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{header}{}\r\n",
            if header.is_empty() { "" } else { "\r\n" }
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

const MEDIA: &str = "multipart/form-data";

fn compiled(openapi: &str, media: Value) -> Contract {
    let operation = json!({"requestBody": {"required": true, "content": {MEDIA: media}}});
    contract(openapi, "/a", operation)
}

fn check(contract: &Contract, body: &[u8]) -> String {
    let rules = Rules {
        formats: true,
        ..Rules::default()
    };
    told(contract.body(0, Some("multipart/form-data; boundary=b"), body, rules)).join("; ")
}

const JSON: &str = "Content-Type: application/json";
const PNG: &str = "Content-Type: image/png";
const BYTES: &[u8] = b"\x89PNG\xff";

/// Parts; what of them is told.
#[test]
fn parts_are_members_of_what_the_schema_describes() {
    let media = json!({
        "schema": {"type": "object", "required": ["note", "file"], "properties": {
            "note": {"type": "string", "maxLength": 3, "pattern": "^[a-z]*$"},
            "count": {"type": "integer", "maximum": 9},
            "about": {"$ref": "#/components/schemas/Cat"},
            "file": {"type": "string", "format": "binary", "maxLength": 5},
            "image": {"contentMediaType": "image/png", "minLength": 2},
            "any": {"type": "string", "contentMediaType": "application/octet-stream"},
            "coded": {"type": "string", "contentMediaType": "image/png", "contentEncoding": "base64"},
            "files": {"type": "array", "maxItems": 2, "items": {"type": "string", "format": "binary"}},
            "cats": {"type": "array", "items": {"$ref": "#/components/schemas/Cat"}},
            "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}},
            "maybe": {"anyOf": [{"type": "string", "format": "binary"}, {"type": "null"}]},
            "xml": {"type": "object"}
        }, "additionalProperties": {"type": "integer"}},
        "encoding": {
            "about": {"contentType": "application/json, application/problem+json"},
            "files": {"contentType": "image/*"},
            "xml": {"contentType": "application/vnd.own"},
            "none": {"headers": {}}
        }
    });
    let contract = compiled("3.1.0", media);
    let cat: &[u8] = br#"{"kind":"a","lives":9}"#;
    let (note, file): (Part<'_>, Part<'_>) = (("note", "", b"a"), ("file", PNG, BYTES));
    let cases: &[(&[Part<'_>], &str)] = &[
        (&[], ""),
        (&[("count", "", b"9")], ""),
        (
            &[("count", "Content-Type: text/plain", b"10")],
            "body /count This is at most 9.",
        ),
        (&[("count", "", b"x")], "body /count This is an integer."),
        (
            &[("count", "", b"1"), ("count", "", b"2")],
            "body /count This is an integer.",
        ),
        (&[("note", "", b"b")], "body /note This is a string."),
        (&[("other", "", b"1")], ""),
        (&[("other", "", b"x")], "body /other This is an integer."),
        // Parts of JSON.
        (&[("about", JSON, cat)], ""),
        (
            &[("about", "Content-Type: application/problem+json; a=b", cat)],
            "",
        ),
        (
            &[("about", JSON, b"{}")],
            "body /about The member \"kind\" is required.; body /about The member \"lives\" is required.",
        ),
        (
            &[("about", JSON, br#"{"kind":1,"lives":9}"#)],
            "body /about/kind This is a string.",
        ),
        (
            &[("about", JSON, b"{")],
            "body /about The body is no JSON: line 1, column 1.",
        ),
        (
            &[("about", "", cat)],
            "body /about This part is one of: application/json, application/problem+json.",
        ),
        (&[("cats", "", cat), ("cats", JSON, cat)], ""),
        (
            &[("cats", "", cat), ("cats", JSON, b"{\"kind\":\"a\"}")],
            "body /cats/1 The member \"lives\" is required.",
        ),
        (
            &[("cats", JSON, br#"[{"kind":"a","lives":1},{"kind":"b"}]"#)],
            "body /cats/1 The member \"lives\" is required.",
        ),
        (&[("cats", JSON, b"[]")], ""),
        (&[("cats", PNG, BYTES)], "body /cats/0 This is an object."),
        (&[("tags", "", b"a"), ("tags", "", b"b")], ""),
        (
            &[("tags", "", b"a"), ("tags", "", b"c")],
            "body /tags/1 This is one of \"a\", \"b\".",
        ),
        // Bytes.
        (&[("image", PNG, BYTES)], ""),
        (
            &[("image", PNG, b"\xff")],
            "body /image This has at least 2 bytes.",
        ),
        (
            &[("image", "Content-Type: image/gif", BYTES)],
            "body /image This part is image/png.",
        ),
        (
            &[("image", "", BYTES)],
            "body /image This part is image/png.",
        ),
        (&[("any", PNG, BYTES)], ""),
        (
            &[("coded", "Content-Transfer-Encoding: BASE64", b"YQ==")],
            "",
        ),
        (
            &[("any", "Content-Transfer-Encoding: base64", b"YQ==")],
            "body /any A part that is looked into is not encoded.",
        ),
        (&[("any", "Content-Transfer-Encoding: binary", BYTES)], ""),
        (
            &[
                ("files", PNG, BYTES),
                ("files", "Content-Type: image/gif", b""),
            ],
            "",
        ),
        (
            &[
                ("files", PNG, BYTES),
                ("files", PNG, b""),
                ("files", PNG, b""),
            ],
            "body /files This has at most 2 items.",
        ),
        (
            &[
                ("files", PNG, b""),
                ("files", "Content-Type: text/html", b""),
            ],
            "body /files This part is one of: image/*.",
        ),
        (&[("maybe", "Content-Type: text/plain", BYTES)], ""),
        // Nobody reads this as JSON who asks for a text.
        (
            &[("tags", JSON, b"\"a\"")],
            "body /tags/0 This is one of \"a\", \"b\".",
        ),
        (&[("count", JSON, b"9")], ""),
        (
            &[(
                "about",
                "Content-Type: application/json; charset=utf-7",
                cat,
            )],
            "body /about The text is in a charset that is not read here.",
        ),
        // What the others are, for some readers.
        (
            &[("_charset_", "", b"UTF-8")],
            "body /_charset_ This is an integer.",
        ),
        (
            &[("_charset_", "", b"utf-16")],
            "body /_charset_ The text is in a charset that is not read here.",
        ),
        // What the media type says is no way around what is asked of a text.
        (
            &[("tags", "Content-Type: application/octet-stream", b"c")],
            "body /tags/0 This is one of \"a\", \"b\".",
        ),
        (
            &[("tags", "Content-Type: application/octet-stream", b"\xff")],
            "body /tags/0 This is one of \"a\", \"b\".",
        ),
        (
            &[("tags", "Content-Type: text/plain; charset=utf-16", b"c")],
            "body /tags The text is in a charset that is not read here.",
        ),
        (
            &[("tags", "", b"\xff")],
            "body /tags The text is not UTF-8.",
        ),
        (
            &[("any", "Content-Type: multipart/mixed; boundary=c", b"--c--")],
            "body /any A part has no parts of its own.",
        ),
        (
            &[("xml", "Content-Type: application/vnd.own", b"<a/>")],
            "body /xml This is an object.",
        ),
    ];
    for (more, expected) in cases {
        let parts = [note, file].into_iter().chain(more.iter().copied());
        let parts: Vec<Part<'_>> = parts.collect();
        assert_eq!(check(&contract, &body(&parts)), *expected, "{more:?}");
    }
    let cases: &[(&[Part<'_>], &str)] = &[
        (
            &[],
            "body  The member \"note\" is required.; body  The member \"file\" is required.",
        ),
        (&[note], "body  The member \"file\" is required."),
        (
            &[("note", "", b"abcd"), file],
            "body /note This has at most 3 characters.",
        ),
        (
            &[("note", PNG, b"\xff\xff\xff"), file],
            "body /note This is a text.",
        ),
        (
            &[("note", PNG, b"A"), file],
            "body /note This does not match its pattern.",
        ),
        (
            &[note, ("file", "", b"\xff23456")],
            "body /file This has at most 5 bytes.",
        ),
    ];
    for (parts, expected) in cases {
        assert_eq!(check(&contract, &body(parts)), *expected, "{parts:?}");
    }
}

#[test]
fn a_body_of_parts_that_cannot_be_read_is_told_as_such() {
    let schema = json!({"schema": {"type": "object", "properties": {"a": {"type": "integer"}}}});
    for openapi in ["3.0.3", "3.1.0"] {
        let contract = compiled(openapi, schema.clone());
        let whole = body(&[("a", "", b"1")]);
        let no_boundary = "header /content-type The media type names a boundary between the parts.";
        for (media_type, sent, expected) in [
            (Some("multipart/form-data; boundary=b"), &whole[..], ""),
            (Some("Multipart/Form-Data;Boundary=\"b\""), &whole[..], ""),
            (
                Some("multipart/form-data; boundary=c"),
                &whole[..],
                "body  The body does not begin with its boundary.",
            ),
            (Some("multipart/form-data"), &whole[..], no_boundary),
            (
                Some("multipart/form-data; boundary=b; boundary=c"),
                &whole[..],
                no_boundary,
            ),
            (None, &whole[..], no_boundary),
            (
                Some("multipart/mixed; boundary=b"),
                &whole[..],
                "header /content-type The body is one of: multipart/form-data.",
            ),
            (
                Some("multipart/form-data; boundary=b"),
                &whole[..whole.len() - 5],
                "body  The last part has no end.",
            ),
            (
                Some("multipart/form-data; boundary=b"),
                &[],
                "body  This request has a body.",
            ),
        ] {
            let found = told(contract.body(0, media_type, sent, Rules::default()));
            assert_eq!(found.join("; "), expected, "{media_type:?}");
        }
    }
}

#[test]
fn what_is_told_of_parts_is_bounded() {
    let ranges = vec!["a/b"; 100].join(",");
    let media = json!({"schema": {"type": "object", "properties": {}, "additionalProperties": false},
        "encoding": {"a": {"contentType": ranges}}});
    let contract = compiled("3.1.0", media);
    let wrong: Part<'_> = ("a", PNG, b"1");
    let last: Part<'_> = ("b", JSON, b"{");
    let sent = body(&[&[wrong; 30][..], &[last]].concat());
    let media_type = Some("multipart/form-data; boundary=b");
    let found = contract.body(0, media_type, &sent, Rules::default());
    assert_eq!(found.len(), crate::contract::MOST_VIOLATIONS);
    assert!(found.iter().all(|one| one.message.len() < 200), "{found:?}");
}

/// Each may have few values, and all of them together still too many.
#[test]
fn parts_of_json_are_read_as_strictly_as_a_body_of_json() {
    let contract = compiled("3.1.0", json!({"schema": {"type": "object"}}));
    let twice: Part<'_> = ("a", JSON, br#"{"b":1,"b":2}"#);
    let found = check(&contract, &body(&[twice]));
    assert!(
        found.starts_with("body /a The body has a member twice"),
        "{found}"
    );
    let many = format!("[{}0]", "0,".repeat(99_999));
    let part: Part<'_> = ("a", JSON, many.as_bytes());
    assert_eq!(check(&contract, &body(&[part; 2])), "");
    let found = check(&contract, &body(&[part; 3]));
    assert!(
        found.starts_with("body /a The body has too many values"),
        "{found}"
    );
}
