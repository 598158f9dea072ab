//! Parameters and bodies against documents, as tables.

mod answers;
mod elements;
mod encodings;
mod forms;
mod names;
mod parameters;
mod parts;

use std::borrow::Cow;

use serde_json::{Value, json};

use super::*;

struct Sent<'a> {
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
}

impl Asked for Sent<'_> {
    fn path(&self) -> &str {
        self.path
    }

    fn query(&self) -> Option<&str> {
        self.query
    }

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| Cow::Borrowed(*value))
    }
}

fn contract(openapi: &str, path: &str, operation: Value) -> Contract {
    let method = if operation.get("requestBody").is_some() {
        "post"
    } else {
        "get"
    };
    let document = json!({
        "openapi": openapi, "info": {"title": "t", "version": "1"},
        "paths": {path: {method: operation}},
        "components": {
            "responses": {"Problem": {"content": {"application/problem+json": {"schema": {}}}}},
            "securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "key"}},
            "schemas": {
                "Tag": {"type": "string", "enum": ["a", "b"]},
                "Tree": {"type": "object", "properties": {
                    "left": {"$ref": "#/components/schemas/Tree"},
                    "right": {"$ref": "#/components/schemas/Tree"}},
                    "additionalProperties": false},
                "Cat": {"type": "object", "required": ["kind", "lives"], "properties": {
                    "kind": {"type": "string"}, "lives": {"type": "integer"}}},
                "Dog": {"type": "object", "required": ["kind"], "properties": {
                    "kind": {"type": "string"}, "tricks": {"type": "array"}}},
                "Bomb": {"anyOf": [
                    {"type": "array", "items": {"$ref": "#/components/schemas/Bomb"}},
                    {"type": "array", "items": {"$ref": "#/components/schemas/Bomb"}},
                    {"type": "array", "items": {"$ref": "#/components/schemas/Bomb"}, "minItems": 9}]},
                "Loop": {"$ref": "#/components/schemas/Loop"}
            }
        }
    });
    Contract::compile(&document).unwrap()
}

fn told(found: Vec<Violation>) -> Vec<String> {
    let tell = |one: Violation| format!("{} {} {}", one.place.as_str(), one.pointer, one.message);
    found.into_iter().map(tell).collect()
}

/// Schema, media type, body; what of it is told.
#[test]
fn bodies_are_checked_against_their_schema() {
    let json = "application/json";
    let one_of = json!({"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind", "mapping": {"tom": "#/components/schemas/Cat"}}});
    let spared = json!({"type": "object", "required": ["id", "name"], "properties": {
        "id": {"type": "integer", "readOnly": true}, "name": {"type": "string"}}});
    for (schema, media_type, body, expected) in [
        (json!({"type": "object"}), Some(json), "{}", ""),
        (
            json!({"type": "object"}),
            Some("application/json; charset=utf-8"),
            "[]",
            "body  This is an object.",
        ),
        (
            json!({"type": "object"}),
            Some("application/problem+json"),
            "{}",
            "header /content-type The body is one of: application/json, application/x-www-form-urlencoded, text/*, application/octet-stream.",
        ),
        (
            json!({"type": "object"}),
            None,
            "{}",
            "header /content-type The body is one of: application/json, application/x-www-form-urlencoded, text/*, application/octet-stream.",
        ),
        (
            json!({"type": "object"}),
            Some(json),
            "{",
            "body  The body is no JSON: line 1, column 1.",
        ),
        (
            json!({"type": "object"}),
            Some(json),
            "",
            "body  This request has a body.",
        ),
        (spared.clone(), Some(json), r#"{"name":"a"}"#, ""),
        (
            spared,
            Some(json),
            r#"{"id":1}"#,
            r#"body  The member "name" is required."#,
        ),
        (
            one_of.clone(),
            Some(json),
            r#"{"kind":"tom","lives":9}"#,
            "",
        ),
        (
            one_of.clone(),
            Some(json),
            r#"{"kind":"Cat","lives":"x"}"#,
            "body /lives This is an integer.",
        ),
        (
            one_of.clone(),
            Some(json),
            r#"{"kind":"Cow"}"#,
            r#"body  "kind" names no variant."#,
        ),
        (
            json!({"type": "object", "properties": {"n": {"type": "integer"}, "l": {"type": "array", "items": {"type": "boolean"}}}}),
            Some("application/x-www-form-urlencoded"),
            "n=5&l=true",
            "",
        ),
        (
            json!({"type": "object", "properties": {"n": {"type": "integer"}}}),
            Some("application/x-www-form-urlencoded"),
            "n=x+y",
            "body /n This is an integer.",
        ),
        (
            json!({"type": "string", "maxLength": 2}),
            Some("text/plain"),
            "abc",
            "body  This has at most 2 characters.",
        ),
        (
            json!({"type": "string"}),
            Some("application/octet-stream"),
            "\u{1}",
            "",
        ),
        (
            json!({"$ref": "#/components/schemas/Tree"}),
            Some(json),
            r#"{"left":{"right":{"up":1}}}"#,
            "body /left/right/up There is no such member.",
        ),
        (
            json!({"type": "array", "items": {"a~/b": 1, "type": "object", "properties": {"a~/b": false}}}),
            Some(json),
            r#"[{"a~/b":1}]"#,
            "body /0/a~0~1b Nothing may be here.",
        ),
        (
            json!({"anyOf": [{"type": "integer", "maximum": 3}, {"type": "null"}]}),
            Some(json),
            "4",
            "body  This is at most 3.",
        ),
        (
            json!({"type": ["integer", "null"], "exclusiveMinimum": 3}),
            Some(json),
            "3.0",
            "body  This is more than 3.",
        ),
    ] {
        let content = json!({json: {"schema": schema}, "application/x-www-form-urlencoded": {"schema": schema},
            "text/*": {"schema": schema}, "application/octet-stream": {"schema": schema}});
        let operation = json!({"requestBody": {"required": true, "content": content}});
        let contract = contract("3.1.0", "/a", operation);
        let found = told(contract.body(0, media_type, body.as_bytes(), Rules::default()));
        assert_eq!(found.join("; "), expected, "{schema} {media_type:?} {body}");
    }
}

#[test]
fn the_dialect_of_3_0_is_known() {
    for (schema, body, fits) in [
        (json!({"type": "string", "nullable": true}), "null", true),
        (json!({"type": "string"}), "null", false),
        (
            json!({"type": "string", "nullable": true, "enum": ["a"]}),
            "null",
            true,
        ),
        (
            json!({"type": "number", "minimum": 3, "exclusiveMinimum": true}),
            "3",
            false,
        ),
        (
            json!({"type": "number", "maximum": 3, "exclusiveMaximum": false}),
            "3",
            true,
        ),
        (
            json!({"$ref": "#/components/schemas/Tag", "maxLength": 0}),
            "\"a\"",
            true,
        ),
    ] {
        let operation =
            json!({"requestBody": {"content": {"application/json": {"schema": schema}}}});
        let contract = contract("3.0.3", "/a", operation);
        let found = contract.body(0, None, body.as_bytes(), Rules::default());
        assert_eq!(found.is_empty(), fits, "{schema} {body}");
    }
}

/// Three ways at each of forty levels are more than any machine can go.
#[test]
fn no_document_makes_a_check_cost_more_than_its_steps() {
    for name in ["Bomb", "Loop"] {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        let operation =
            json!({"requestBody": {"content": {"application/json": {"schema": schema}}}});
        let contract = contract("3.1.0", "/a", operation);
        let body = format!("{}1{}", "[".repeat(40), "]".repeat(40));
        let began = std::time::Instant::now();
        let found = told(contract.body(0, None, body.as_bytes(), Rules::default()));
        assert_eq!(
            found,
            ["body  Checking this takes more steps than a request may cost."],
            "{name}"
        );
        assert!(began.elapsed().as_millis() < 500, "{:?}", began.elapsed());
    }
}

#[test]
fn what_a_document_says_costs_what_it_costs() {
    let body_of = |item: &str, count: usize| format!("[{}]", vec![item; count].join(","));
    let many = |schema: Value| Value::Array(vec![schema; 3000]);
    let names: Vec<String> = (0..3000).map(|n| format!("name-{n}")).collect();
    let large = "x".repeat(1_000_000);
    for (schema, body) in [
        (json!({"items": {"enum": [large]}}), body_of("0", 5000)),
        (
            json!({"items": {"const": {"a": large}}}),
            body_of("0", 5000),
        ),
        (
            json!({"allOf": many(json!({"minItems": 0}))}),
            body_of("0", 3000),
        ),
        (
            json!({"allOf": many(json!({"uniqueItems": true}))}),
            body_of("\"a\"", 3000),
        ),
        (json!({"items": {"required": names}}), body_of("{}", 3000)),
        (
            json!({"items": {"dependentRequired": {"a": names}}}),
            body_of("{\"a\":0}", 3000),
        ),
        (json!({"items": {"enum": []}}), body_of("[[1,2,3]]", 3000)),
        (
            json!({"items": {"pattern": "1[01]{200}[^01]"}}),
            body_of(&format!("\"{}\"", "10".repeat(20_000)), 3),
        ),
        (json!({"uniqueItems": true}), body_of("[1]", 3000)),
    ] {
        let operation =
            json!({"requestBody": {"content": {"application/json": {"schema": schema}}}});
        let contract = contract("3.1.0", "/a", operation);
        let began = std::time::Instant::now();
        let found = told(contract.body(0, None, body.as_bytes(), Rules::default()));
        assert!(!found.is_empty());
        assert!(found.iter().all(|one| one.len() < 400), "{found:?}");
        let took = began.elapsed();
        assert!(
            took.as_millis() < 3000,
            "{took:?}: {}",
            &schema.to_string()[..60]
        );
    }
    // Honest lists are long, too.
    let codes: Vec<String> = (0..250).map(|n| format!("c{n}")).collect();
    let body = serde_json::to_string(&vec![codes.clone(); 4].concat()).unwrap();
    let numbers: Vec<u32> = (100_000..101_000).collect();
    let unique = serde_json::to_string(&numbers).unwrap();
    for (schema, body) in [
        (json!({"items": {"enum": codes}}), body),
        (
            json!({"items": {"type": "integer"}, "uniqueItems": true}),
            unique,
        ),
    ] {
        let operation =
            json!({"requestBody": {"content": {"application/json": {"schema": schema}}}});
        let contract = contract("3.1.0", "/a", operation);
        let found = told(contract.body(0, None, body.as_bytes(), Rules::default()));
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn what_cannot_be_checked_is_named() {
    let document = json!({"openapi": "3.1.0", "paths": {"/a": {"post": {
        "parameters": [{"$ref": "#/components/parameters/None"}],
        "requestBody": {"content": {"application/json": {"schema": {
            "properties": {"a/b": {"pattern": "(?=a)"}, "c": {"$ref": "other.yaml#/X"}}}}}}}}}});
    let found = Contract::compile(&document).unwrap_err();
    let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
    let schema = "/paths/~1a/post/requestBody/content/application~1json/schema/properties";
    assert_eq!(
        pointers,
        [
            "/paths/~1a/post/parameters/0/$ref",
            &format!("{schema}/a~1b/pattern"),
            &format!("{schema}/c/$ref")
        ]
    );
}

#[test]
fn formats_are_checked_where_that_is_asked_for() {
    let rules = Rules {
        formats: true,
        ..Rules::default()
    };
    for (format, good, bad) in [
        ("date", json!("2026-11-29"), json!("2026-13-29")),
        (
            "date-time",
            json!("2026-11-29T12:00:00Z"),
            json!("2026-11-29"),
        ),
        (
            "uuid",
            json!("0190a2b4-0000-7000-8000-000000000000"),
            json!("x"),
        ),
        ("ipv4", json!("10.0.0.1"), json!("10.0.0.256")),
        ("ipv6", json!("::1"), json!("10.0.0.1")),
        ("email", json!("a@b.c"), json!("a.b.c")),
        ("uri", json!("https://a/b"), json!("/b")),
        ("byte", json!("YQ=="), json!("YQ")),
        ("int32", json!(5), json!(5_000_000_000_i64)),
        ("int32", json!(1.0), json!(1.5)),
        ("int32", json!(-2_147_483_648.0), json!(2_147_483_648.0)),
        ("int64", json!(i64::MIN), json!(u64::MAX)),
        ("int64", json!(5e18), json!(1e19)),
        ("int64", json!(1.0), json!(1e300)),
        ("of-its-own", json!("a"), json!(null)),
    ] {
        let kind = if format == "of-its-own" {
            json!("string")
        } else {
            json!(["string", "integer"])
        };
        let schema = json!({"type": kind, "format": format});
        let operation =
            json!({"requestBody": {"content": {"application/json": {"schema": schema}}}});
        let contract = contract("3.1.0", "/a", operation);
        let check = |value: &Value| {
            contract
                .body(0, None, value.to_string().as_bytes(), rules)
                .is_empty()
        };
        assert!(check(&good) && !check(&bad), "{format}");
    }
}
