//! What of a document's answers is given to whom.

use serde_json::{Value, json};

use super::*;

fn canned(responses: &Value) -> Canned {
    let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"},
    "paths": {"/a/{id}": {"get": {"responses": responses}}},
    "components": {
        "schemas": {
            "Pet": {"type": "object", "properties": {
                "id": {"type": "integer", "example": 7},
                "name": {"type": "string"},
                "secret": {"type": "string", "writeOnly": true},
                "kind": {"enum": ["cat", "dog"]},
                "parent": {"$ref": "#/components/schemas/Pet"}}}},
        "examples": {"Tom": {"value": {"name": "Tom"}}}
    }});
    Canned::read(document.to_string().as_bytes()).unwrap()
}

fn tell(given: Given<'_>) -> String {
    let body = String::from_utf8_lossy(given.body);
    let kind = given.media_type.unwrap_or("-");
    let by = match (given.by_status, given.by_example) {
        (false, false) => "",
        (true, false) => " by status",
        (false, true) => " by example",
        (true, true) => " by both",
    };
    format!("{} {kind} {body}{by}", given.status)
}

#[test]
fn the_answer_is_the_one_that_is_asked_for() {
    let pet = json!({"$ref": "#/components/schemas/Pet"});
    let named =
        json!({"tom": {"$ref": "#/components/examples/Tom"}, "ann": {"value": {"name": "Ann"}}});
    let canned = canned(&json!({
        "404": {"content": {"application/problem+json": {"example": {"status": 404}}}},
        "201": {"content": {"application/json": {"schema": pet}}},
        "200": {"content": {
            "application/xml": {"schema": pet},
            "application/json": {"schema": pet, "examples": named},
            "text/plain; charset=utf-8": {"example": "Tom"},
            "application/vnd.pet+json": {"schema": pet}}},
        "204": {"description": "none", "content": {"application/json": {"example": 1}}},
        "5XX": {"content": {"text/*": {"schema": {"type": "string", "enum": ["no"]}}}}
    }));
    let asked = |accept, status, example| Asked {
        accept,
        status,
        example,
    };
    let made = r#"{"id":7,"name":"string","kind":"cat"}"#;
    for (usual, asked, said) in [
        (
            None,
            asked(None, None, None),
            r#"200 application/json {"name":"Tom"}"#.to_owned(),
        ),
        (
            None,
            asked(None, None, Some("ann")),
            r#"200 application/json {"name":"Ann"} by example"#.to_owned(),
        ),
        (
            None,
            asked(None, None, Some("none")),
            r#"200 application/json {"name":"Tom"}"#.to_owned(),
        ),
        (
            None,
            asked(None, None, Some("")),
            r#"200 application/json {"name":"Tom"}"#.to_owned(),
        ),
        (
            Some(201),
            asked(None, None, None),
            format!("201 application/json {made}"),
        ),
        (
            Some(299),
            asked(None, None, None),
            r#"200 application/json {"name":"Tom"}"#.to_owned(),
        ),
        (
            Some(201),
            asked(None, Some(404), Some("x")),
            r#"404 application/problem+json {"status":404} by status"#.to_owned(),
        ),
        (
            None,
            asked(None, Some(410), None),
            r#"200 application/json {"name":"Tom"}"#.to_owned(),
        ),
        (
            None,
            asked(None, Some(503), None),
            "503 text/plain no by status".to_owned(),
        ),
        (
            None,
            asked(None, Some(204), None),
            "204 -  by status".to_owned(),
        ),
        (
            None,
            asked(Some("text/plain"), None, None),
            "200 text/plain; charset=utf-8 Tom".to_owned(),
        ),
        (
            None,
            asked(Some("text/*;q=0.5, application/json;q=0.4"), None, None),
            "200 text/plain; charset=utf-8 Tom".to_owned(),
        ),
        (
            None,
            asked(Some("*/*, application/json;q=0"), None, None),
            "200 text/plain; charset=utf-8 Tom".to_owned(),
        ),
        (
            None,
            asked(Some("application/vnd.pet+json, */*;q=0.1"), None, None),
            format!("200 application/vnd.pet+json {made}"),
        ),
        (
            None,
            asked(Some("image/png"), None, None),
            r#"200 application/json {"name":"Tom"}"#.to_owned(),
        ),
        (
            None,
            asked(Some(";;q,=,"), None, None),
            r#"200 application/json {"name":"Tom"}"#.to_owned(),
        ),
    ] {
        assert_eq!(
            tell(canned.answer(0, usual, asked)),
            said,
            "{usual:?} {asked:?}"
        );
    }
    assert_eq!(canned.operations()[0].template, "/a/{id}");
    assert_eq!(tell(canned.answer(9, None, Asked::default())), "200 - ");
}

#[test]
fn without_a_good_answer_the_first_is_given() {
    for (responses, status, said) in [
        (json!({}), None, "200 - "),
        (
            json!({"default": {"content": {"application/json": {"example": 1}}}}),
            None,
            "200 application/json 1",
        ),
        (
            json!({"default": {"content": {"application/json": {"example": 1}}}}),
            Some(418),
            "418 application/json 1 by status",
        ),
        (
            json!({"500": {}, "404": {"content": {"application/json": {"example": 2}}}}),
            None,
            "404 application/json 2",
        ),
        (json!({"2XX": {}, "default": {}, "404": {}}), None, "200 - "),
        (json!({"2XX": {}, "204": {}}), Some(204), "204 -  by status"),
        (json!({"101": {}, "x-a": {}, "302": {}}), None, "302 - "),
        (
            json!({"200": {"content": {"*/*": {}}}}),
            None,
            "200 application/json {}",
        ),
        (
            json!({"200": {"content": {"image/*": {}, "image/png": {}}}}),
            None,
            "200 - ",
        ),
        (
            json!({"200": {"content": {"application/xml": {"example": "<a/>"}}}}),
            None,
            "200 application/xml <a/>",
        ),
        (
            json!({"200": {"content": {"application/json": {"example": "text"}}}}),
            None,
            "200 application/json \"text\"",
        ),
        (
            json!({"200": {"content": {"a/b\r\nx: y": {"example": "t"}}}}),
            None,
            "200 - ",
        ),
    ] {
        let canned = canned(&responses);
        let asked = Asked {
            status,
            ..Asked::default()
        };
        assert_eq!(
            tell(canned.answer(0, None, asked)),
            said,
            "{responses} {status:?}"
        );
    }
}

#[test]
fn media_types_and_what_is_accepted_have_a_bound() {
    let content: serde_json::Map<_, _> = (0..60)
        .map(|n| (format!("text/t{n:02}"), json!({"example": "t"})))
        .collect();
    let canned = canned(&json!({"200": {"content": content}}));
    let given = |accept: &str| {
        let asked = Asked {
            accept: Some(accept),
            ..Asked::default()
        };
        tell(canned.answer(0, None, asked))
    };
    assert_eq!(given("text/t49"), "200 text/t49 t");
    assert_eq!(given("text/t50"), "200 text/t00 t");
    let others = "a/b,".repeat(49);
    assert_eq!(given(&format!("{others}text/t01")), "200 text/t01 t");
    assert_eq!(given(&format!("{others}a/b,text/t01")), "200 text/t00 t");
}

#[test]
fn examples_have_a_bound() {
    let large = "x".repeat(900_000);
    let one =
        canned(&json!({"200": {"content": {"text/plain": {"examples": {"a": {"value": large}}}}}}));
    assert_eq!(one.answer(0, None, Asked::default()).body.len(), 900_000);
    let too_long = format!("{large}{large}");
    let none = canned(
        &json!({"200": {"content": {"text/plain": {"example": too_long, "schema": {"type": "string"}}}}}),
    );
    assert_eq!(none.answer(0, None, Asked::default()).body, b"string");
    // Many answers may refer to the same.
    let shared = json!({"$ref": "#/components/examples/E"});
    let many: Value = (0..40)
        .map(|n| (format!("e{n}"), shared.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"get": {"responses": {"200": {"content": {"text/plain": {"examples": many}}}}}}},
        "components": {"examples": {"E": {"value": large}}}});
    assert!(Canned::read(document.to_string().as_bytes()).is_err());
    assert!(Canned::read(b"{").is_err());
    // However many are too long, a short one behind them is found.
    let too_long = "x".repeat(1_100_000);
    for (count, bytes, is_found) in [
        (49, 900_000, true),
        (51, 500_000, true),
        (51, 900_000, false),
    ] {
        let long = json!({"$ref": "#/components/examples/E"});
        let long = json!({"200": {"content": {"text/plain": {"examples": {"e": long}}}}});
        let mut paths: serde_json::Map<_, _> = (0..count)
            .map(|n| (format!("/a{n:04}"), json!({"get": {"responses": long}})))
            .collect();
        let last = json!({"200": {"content": {"text/plain": {"example": "y".repeat(bytes)}}}});
        paths.insert("/z".to_owned(), json!({"get": {"responses": last}}));
        let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths,
            "components": {"examples": {"E": {"value": too_long}}}});
        let canned = Canned::read(document.to_string().as_bytes()).unwrap();
        let given = canned.answer(count, None, Asked::default());
        let is_all = given.body.len() == bytes;
        assert_eq!(is_all, is_found, "{count} {bytes}: {}", given.body.len());
    }
}

/// One schema of 20,000 members that only requests have, for each of 2000 answers.
#[test]
fn making_examples_has_a_bound() {
    let members: serde_json::Map<_, _> = (0..20_000)
        .map(|n| {
            (
                format!("p{n}"),
                json!({"type": "string", "writeOnly": true}),
            )
        })
        .collect();
    let wide = json!({"$ref": "#/components/schemas/Wide"});
    let answer = json!({"200": {"content": {"application/json": {"schema": wide}}}});
    let mut paths: serde_json::Map<_, _> = (0..2000)
        .map(|n| (format!("/a{n}"), json!({"get": {"responses": answer}})))
        .collect();
    let given = json!({"200": {"content": {"application/json": {"schema": wide, "example": 1}}}});
    paths.insert("/z".to_owned(), json!({"get": {"responses": given}}));
    let document = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"},
        "paths": paths, "components": {"schemas": {"Wide": {"type": "object", "properties": members}}}});
    let began = std::time::Instant::now();
    let canned = Canned::read(document.to_string().as_bytes()).unwrap();
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    let at = |path: &str| {
        let mut all = canned.operations().iter();
        let index = all.position(|one| one.template == path).unwrap();
        tell(canned.answer(index, None, Asked::default()))
    };
    assert_eq!(at("/a0"), "200 application/json {}");
    // What the document gives costs nothing to make.
    assert_eq!(at("/z"), "200 application/json 1");
    let empty = (0..2000).filter(|n| at(&format!("/a{n}")) == "200 - ");
    assert!(empty.count() > 1000);
}
