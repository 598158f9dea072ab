//! Forms, and charsets of what is read.

use serde_json::json;

use super::{contract, told};
use crate::contract::Rules;

const FORM: &str = "application/x-www-form-urlencoded";

/// Encoding, body; what of it is told.
#[test]
fn fields_are_written_as_the_document_says() {
    let schema = json!({"type": "object", "additionalProperties": false, "properties": {
        "cat": {"$ref": "#/components/schemas/Cat"},
        "cats": {"type": "array", "items": {"$ref": "#/components/schemas/Cat"}},
        "list": {"type": "array", "items": {"type": "integer"}},
        "text": {"type": "string"}}});
    let none = json!({});
    let comma = json!({"list": {"explode": false}, "text": {"contentType": "text/plain"}});
    let spread = json!({"cat": {"explode": true}});
    let deep = json!({"cat": {"style": "deepObject"}, "cats": {"style": "deepObject"}});
    for (encoding, body, expected) in [
        (&none, "list=1&list=2&text=a,b", ""),
        (&none, "list=1,2", "body /list/0 This is an integer."),
        // What has members is JSON where nothing else is said.
        (&none, "cat=%7B%22kind%22:%22a%22,%22lives%22:9%7D", ""),
        (
            &none,
            "cat=%7B%22kind%22:%22a%22%7D",
            "body /cat The member \"lives\" is required.",
        ),
        (
            &none,
            "cat=%7B%22kind%22:1,%22kind%22:2%7D",
            "body /cat The body has a member twice: line 1, column 19.",
        ),
        (
            &none,
            "cats=%7B%22kind%22:%22a%22,%22lives%22:9%7D&cats=%7B%7D",
            "body /cats/1 The member \"kind\" is required.; body /cats/1 The member \"lives\" is required.",
        ),
        (&none, "text=%ff", "body /text This is not UTF-8."),
        (&comma, "list=1,2&text=a,b", ""),
        (&comma, "list=1,x", "body /list/1 This is an integer."),
        (
            &comma,
            "list=1&list=2",
            "body /list This parameter is there more than once.",
        ),
        (&spread, "kind=a&lives=9&text=b", ""),
        (
            &spread,
            "kind=a&lives=x",
            "body /cat/lives This is an integer.",
        ),
        (
            &spread,
            "kind=a&lives=9&age=1",
            "body /age There is no such member.",
        ),
        (
            &spread,
            "kind=a&lives=9&cat=%7B%7D",
            "body /cat This is an object.",
        ),
        (&deep, "cat[kind]=a&cat%5Blives%5D=9", ""),
        (
            &deep,
            "cat[kind]=a",
            "body /cat The member \"lives\" is required.",
        ),
        (
            &deep,
            "cats[0][kind]=a&cats[0][lives]=1&cats[1][kind]=a&cats[1][lives]=x",
            "body /cats/1/lives This is an integer.",
        ),
    ] {
        for openapi in ["3.0.3", "3.1.0"] {
            let media = json!({"schema": schema, "encoding": encoding});
            let contract = contract(
                openapi,
                "/a",
                json!({"requestBody": {"content": {FORM: media}}}),
            );
            let found = contract.body(0, Some(FORM), body.as_bytes(), Rules::default());
            assert_eq!(told(found).join("; "), expected, "{encoding} {body}");
        }
    }
}

/// Media type, body; whether it is read.
#[test]
fn what_others_read_in_another_charset_is_refused() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let content = json!({FORM: {"schema": schema}, "application/json": {"schema": schema},
        "application/xml": {"schema": schema}, "text/xml": {"schema": {"type": "string"}}});
    let contract = contract("3.1.0", "/a", json!({"requestBody": {"content": content}}));
    let (json, xml) = ("{\"a\":\"b\"}", "<a><a>b</a></a>");
    for (media_type, body, fits) in [
        ("application/json; charset=\"UTF-8\"", json, true),
        ("application/json; charset=iso-8859-1", json, true),
        (
            "application/json; charset=iso-8859-1",
            "{\"a\":\"\u{e4}\"}",
            false,
        ),
        ("application/json; charset=utf-7", json, false),
        (
            "application/json; charset=utf-8; charset=utf-16",
            json,
            false,
        ),
        (
            "application/x-www-form-urlencoded; charset=ibm037",
            "a=b",
            false,
        ),
        (
            "application/x-www-form-urlencoded; charset=utf-8",
            "a=b",
            true,
        ),
        ("application/xml; charset=utf-16", xml, false),
        ("application/xml; charset=us-ascii", xml, true),
        // It is not looked into.
        ("text/xml; charset=utf-16", xml, true),
    ] {
        let found = told(contract.body(0, Some(media_type), body.as_bytes(), Rules::default()));
        let expected = match fits {
            true => "",
            false => "header /content-type The text is in a charset that is not read here.",
        };
        assert_eq!(found.join("; "), expected, "{media_type}");
    }
}
