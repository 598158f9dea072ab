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

/// Path, query, headers; what of them is told.
#[test]
fn parameters_are_read_by_their_style() {
    let array = json!({"type": "array", "items": {"type": "integer"}, "maxItems": 3});
    let object = json!({"type": "object", "properties": {"x": {"type": "integer"}},
        "additionalProperties": false});
    let query = |own: Value| {
        let mut parameter = json!({"name": "p", "in": "query"});
        parameter
            .as_object_mut()
            .unwrap()
            .extend(own.as_object().unwrap().clone());
        parameter
    };
    let integer = json!({"type": "integer", "minimum": 5});
    for (parameter, sent, expected) in [
        (query(json!({"schema": integer})), "p=5", ""),
        (
            query(json!({"schema": integer})),
            "p=4",
            "query /p This is at least 5.",
        ),
        (
            query(json!({"schema": integer})),
            "p=x",
            "query /p This is an integer.",
        ),
        (
            query(json!({"schema": integer})),
            "p=5&p=6",
            "query /p This parameter is there more than once.",
        ),
        (query(json!({"schema": integer})), "", ""),
        (
            query(json!({"schema": integer, "required": true})),
            "q=1",
            "query /p This parameter is required.",
        ),
        (
            query(json!({"schema": {"type": "string"}})),
            "p=%ff",
            "query /p This is not UTF-8.",
        ),
        (
            query(json!({"schema": {"type": "string", "maxLength": 3}})),
            "p=a+b",
            "",
        ),
        (
            query(json!({"schema": {"$ref": "#/components/schemas/Tag"}})),
            "p=c",
            "query /p This is one of \"a\", \"b\".",
        ),
        (query(json!({"schema": {"type": "boolean"}})), "p=true", ""),
        (
            query(json!({"schema": {"type": "boolean"}})),
            "p=1",
            "query /p This is a boolean.",
        ),
        (query(json!({"schema": array})), "p=1&p=2&p=3", ""),
        (
            query(json!({"schema": array})),
            "p=1&p=2&p=3&p=4",
            "query /p This has at most 3 items.",
        ),
        (
            query(json!({"schema": array})),
            "p=1&p=x",
            "query /p/1 This is an integer.",
        ),
        (
            query(json!({"schema": array, "explode": false})),
            "p=1,2,y",
            "query /p/2 This is an integer.",
        ),
        (
            query(json!({"schema": array, "style": "pipeDelimited", "explode": false})),
            "p=1%7C2",
            "",
        ),
        (
            query(json!({"schema": array, "style": "spaceDelimited", "explode": false})),
            "p=1%20z",
            "query /p/1 This is an integer.",
        ),
        (
            query(json!({"schema": object, "style": "deepObject"})),
            "p%5Bx%5D=1",
            "",
        ),
        (
            query(json!({"schema": object, "style": "deepObject"})),
            "p[x]=a",
            "query /p/x This is an integer.",
        ),
        (
            query(json!({"schema": object, "style": "deepObject"})),
            "p[y]=a",
            "query /p/y There is no such member.",
        ),
        (
            query(json!({"schema": object})),
            "x=a",
            "query /p/x This is an integer.",
        ),
        (
            query(json!({"schema": object, "explode": false})),
            "p=x,1",
            "",
        ),
        (
            query(json!({"content": {"application/json": {"schema": object}}})),
            "p=%7B%22x%22:1%7D",
            "",
        ),
        (
            query(json!({"content": {"application/json": {"schema": object}}})),
            "p=%7B",
            "query /p This is no JSON.",
        ),
    ] {
        let contract = contract("3.1.0", "/a", json!({"parameters": [parameter]}));
        let sent = Sent {
            path: "/a",
            query: Some(sent),
            headers: &[],
        };
        let found = told(contract.parameters(0, &sent, Rules::default()));
        assert_eq!(found.join("; "), expected, "{parameter} {:?}", sent.query);
    }
    let of = |place: &str, own: Value| {
        let mut parameter = json!({"name": "p", "in": place});
        parameter
            .as_object_mut()
            .unwrap()
            .extend(own.as_object().unwrap().clone());
        json!({"parameters": [parameter]})
    };
    let none: &[(&str, &str)] = &[];
    for (operation, path, headers, expected) in [
        (of("path", json!({"schema": integer})), "/a/7/b", none, ""),
        (
            of("path", json!({"schema": integer})),
            "/a/3/b",
            none,
            "path /p This is at least 5.",
        ),
        (
            of("path", json!({"schema": {"type": "string"}})),
            "/a/a+b/b",
            none,
            "",
        ),
        (
            of("path", json!({"schema": {"const": "a b"}})),
            "/a/a%20b/b",
            none,
            "",
        ),
        (of("path", json!({"schema": array})), "/a/1,2/b", none, ""),
        (
            of(
                "path",
                json!({"schema": array, "style": "label", "explode": true}),
            ),
            "/a/.1.2/b",
            none,
            "",
        ),
        (
            of("path", json!({"schema": integer, "style": "matrix"})),
            "/a/;p=7/b",
            none,
            "",
        ),
        (
            of("path", json!({"schema": integer, "style": "matrix"})),
            "/a/7/b",
            none,
            "path /p This is not written in its style.",
        ),
        (
            of("header", json!({"schema": array})),
            "/a/1/b",
            &[("p", "1, 2")],
            "",
        ),
        (
            of("header", json!({"schema": array})),
            "/a/1/b",
            &[("p", "1, x")],
            "header /p/1 This is an integer.",
        ),
        (
            of("header", json!({"schema": integer, "required": true})),
            "/a/1/b",
            none,
            "header /p This parameter is required.",
        ),
        (
            of("cookie", json!({"schema": integer})),
            "/a/1/b",
            &[("cookie", "q=1; p=2")],
            "cookie /p This is at least 5.",
        ),
    ] {
        let contract = contract("3.1.0", "/a/{p}/b", operation.clone());
        let sent = Sent {
            path,
            query: None,
            headers,
        };
        let found = told(contract.parameters(0, &sent, Rules::default()));
        assert_eq!(found.join("; "), expected, "{operation} {path} {headers:?}");
    }
}

#[test]
fn what_nobody_declared_is_told_where_that_is_asked_for() {
    let operation = json!({"parameters": [
        {"name": "p", "in": "query", "schema": {"type": "string"}},
        {"name": "f", "in": "query", "style": "deepObject", "schema": {"type": "object"}}]});
    let contract = contract("3.1.0", "/a", operation);
    let sent = Sent {
        path: "/a",
        query: Some("p=1&f[a]=2&key=3&q=4&%71x=5"),
        headers: &[],
    };
    assert!(contract.parameters(0, &sent, Rules::default()).is_empty());
    let rules = Rules {
        declared_query: true,
        ..Rules::default()
    };
    let found: Vec<String> = contract
        .parameters(0, &sent, rules)
        .into_iter()
        .map(|one| one.pointer)
        .collect();
    assert_eq!(found, ["/q", "/qx"]);
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
