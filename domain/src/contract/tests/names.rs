//! What schemas of a document are called: `$id`, `$anchor`, `$dynamicAnchor`.

use serde_json::{Value, json};

use super::told;
use crate::contract::{Contract, Rules};

/// A document with these schemas, whose only operation takes the first of them.
fn document(openapi: &str, schemas: &Value) -> Value {
    let first = schemas.as_object().unwrap().keys().next().unwrap();
    let schema = json!({"$ref": format!("#/components/schemas/{first}")});
    let content = json!({"application/json": {"schema": schema}});
    json!({
        "openapi": openapi, "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"post": {"requestBody": {"content": content}}}},
        "components": {"schemas": schemas}
    })
}

/// Schemas, body; what of it is told.
#[test]
fn references_are_read_where_they_stand() {
    let page = json!({"$id": "https://example.com/page", "type": "object", "properties": {
        "items": {"type": "array", "items": {"$dynamicRef": "#item"}},
        "next": {"$ref": "page"}},
        "$defs": {"any": {"$dynamicAnchor": "item"}}});
    for (schemas, body, expected) in [
        // A base of its own, and a place in it.
        (
            json!({"A": {"$id": "https://example.com/a", "items": {"$ref": "#/$defs/B"},
                "$defs": {"B": {"type": "integer"}}}}),
            json!([1, "x"]),
            "body /1 This is an integer.",
        ),
        (
            json!({"A": {"items": {"$ref": "https://example.com/b/c"}},
                "B": {"$id": "https://example.com/b/", "$defs": {"C": {"$id": "c", "type": "integer"}}}}),
            json!(["x"]),
            "body /0 This is an integer.",
        ),
        // Relative to an address that nobody knows.
        (
            json!({"A": {"items": {"$ref": "b.json#/$defs/C"}},
                "B": {"$id": "b.json", "$defs": {"C": {"type": "integer"}}}}),
            json!(["x"]),
            "body /0 This is an integer.",
        ),
        // As many write it who only mean the document.
        (
            json!({"A": {"$id": "https://example.com/a", "items": {"$ref": "#/components/schemas/B"}},
                "B": {"type": "integer"}}),
            json!(["x"]),
            "body /0 This is an integer.",
        ),
        // The same name twice, each in its own resource.
        (
            json!({"A": {"prefixItems": [{"$ref": "#it"}, {"$ref": "urn:b#it"}]},
                "B": {"$id": "urn:b", "$defs": {"C": {"$anchor": "it", "type": "integer"}}},
                "D": {"$anchor": "it", "type": "string"}}),
            json!([1, "x"]),
            "body /0 This is a string.; body /1 This is an integer.",
        ),
        // What is an example names nothing, nor does a member of this name.
        (
            json!({"A": {"properties": {"$anchor": {"type": "boolean"}}, "items": {"$ref": "#it"},
                "examples": [{"$anchor": "it", "type": "string"}], "const": [1, "x"]},
                "B": {"$anchor": "it", "type": "integer"}}),
            json!([1, "x"]),
            "body /1 This is an integer.",
        ),
        // Both count where both are written.
        (
            json!({"A": {"$ref": "#/components/schemas/B", "$dynamicRef": "#c"},
                "B": {"minItems": 1}, "C": {"$dynamicAnchor": "c", "maxItems": 1}}),
            json!([1, 2]),
            "body  This has at most 1 items.",
        ),
        // One list of many kinds of items.
        (
            json!({"A": {"properties": {"cats": {"$ref": "#/components/schemas/Cats"},
                    "dogs": {"$ref": "#/components/schemas/Dogs"}, "any": {"$ref": "https://example.com/page"}}},
                "Cats": {"$id": "https://example.com/cats", "$ref": "page",
                    "$defs": {"cat": {"$dynamicAnchor": "item", "type": "integer"}}},
                "Dogs": {"$id": "https://example.com/dogs", "$ref": "page",
                    "$defs": {"dog": {"$dynamicAnchor": "item", "type": "string"}}},
                "Page": page}),
            json!({"cats": {"items": [1, "x"], "next": {"items": ["y"]}}, "dogs": {"items": [1, "x"]},
                "any": {"items": [1, "x"]}}),
            "body /cats/items/1 This is an integer.; body /cats/next/items/0 This is an integer.; body /dogs/items/0 This is a string.",
        ),
    ] {
        let contract = Contract::compile(&document("3.1.0", &schemas)).unwrap();
        let body = body.to_string();
        let found = contract.body(0, None, body.as_bytes(), Rules::default());
        assert_eq!(told(found).join("; "), expected, "{schemas}");
    }
}

#[test]
fn what_leads_nowhere_is_named() {
    let at = "/components/schemas/A";
    for (openapi, schema, expected) in [
        ("3.1.0", json!({"$ref": "https://example.com/b"}), "$ref"),
        ("3.1.0", json!({"$ref": "b.json"}), "$ref"),
        ("3.1.0", json!({"$ref": "#none"}), "$ref"),
        ("3.1.0", json!({"$dynamicRef": "#none"}), "$dynamicRef"),
        ("3.1.0", json!({"$id": "urn:a", "$ref": "urn:b"}), "$ref"),
        (
            "3.1.0",
            json!({"$ref": "#it", "default": {"$anchor": "it"}}),
            "$ref",
        ),
        // OpenAPI 3.0 knows none of these.
        ("3.0.3", json!({"$id": "urn:a", "$ref": "urn:a#"}), "$ref"),
        ("3.0.3", json!({"$anchor": "it", "$ref": "#it"}), "$ref"),
    ] {
        let found = Contract::compile(&document(openapi, &json!({"A": schema}))).unwrap_err();
        let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(pointers, [format!("{at}/{expected}")], "{schema}");
    }
}

/// Each list names its own items, and all of them are reached from each.
#[test]
fn what_dynamic_references_make_of_a_document_is_bounded() {
    let lists = |count: usize| {
        let mut schemas = json!({"All": {"properties": {}}});
        for n in 0..count {
            let name = format!("L{n}");
            schemas["All"]["properties"][&name] =
                json!({"$ref": format!("#/components/schemas/{name}")});
            schemas[&name] = json!({"$id": format!("urn:l{n}"), "$ref": "urn:list", "$defs": {
                "item": {"$dynamicAnchor": "item", "$ref": "#/components/schemas/All"}}});
        }
        schemas["List"] = json!({"$id": "urn:list", "items": {"$dynamicRef": "#item"},
            "$defs": {"item": {"$dynamicAnchor": "item"}}});
        document("3.1.0", &schemas)
    };
    assert!(Contract::compile(&lists(20)).is_ok());
    let began = std::time::Instant::now();
    let found = Contract::compile(&lists(2000)).unwrap_err();
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    assert!(
        found[0].message.contains("than can be checked"),
        "{found:?}"
    );
}

/// A long base with thousands of short names in it, a long key with thousands of places behind it,
/// and more names than there are.
#[test]
fn what_a_document_calls_its_schemas_takes_no_more_room_than_the_document() {
    let many = |of: &dyn Fn(usize) -> Value, count: usize| {
        let all = (0..count).map(|n| (format!("d{n}"), of(n)));
        Value::Object(all.collect())
    };
    let ids = |n: usize| json!({"$id": format!("i{n}")});
    let anchors = |n: usize| json!({"$anchor": format!("a{n}")});
    let long = "x".repeat(500_000);
    let inside = |key: &str| {
        json!({"A": {"properties": {key: {"$defs": many(&anchors, 9000)},
        "a": {"$ref": "#a8999"}}}})
    };
    let based = |path: &str| {
        json!({"A": {"$id": format!("https://example.com/{path}/"),
        "$defs": many(&ids, 9000)}})
    };
    for (schemas, expected) in [
        (based("a"), None),
        (based(&long), Some("/components/schemas/A/$id")),
        (inside("a~/b"), None),
        (inside(&long), None),
        (
            json!({"A": {"$defs": many(&anchors, 10_001)}}),
            Some("/components/schemas/A/$defs/d"),
        ),
    ] {
        let document = document("3.1.0", &schemas);
        let began = std::time::Instant::now();
        let compiled = Contract::compile(&document);
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
        let pointer = compiled.err().map(|found| found[0].pointer.clone());
        assert_eq!(pointer.is_some(), expected.is_some(), "{pointer:?}");
        let is_there = pointer.iter().all(|at| at.starts_with(expected.unwrap()));
        assert!(is_there, "{pointer:?}");
    }
}
