//! Answers against documents: what is declared, what fits, and what is left without the rest.

use super::*;

const JSON: Option<&str> = Some("application/json");

fn of_responses(responses: Value) -> Contract {
    contract("3.1.0", "/a", json!({"responses": responses}))
}

fn of_schema(schema: Value) -> Contract {
    of_responses(json!({"200": {"content": {"application/json": {"schema": schema}}}}))
}

fn expected(contract: &Contract) -> Expected {
    match contract.answer(0, 200, JSON, true) {
        Answered::Body(expected) => expected,
        other => panic!("{other:?}"),
    }
}

/// Status, media type, whether there is a body; what is said of it.
#[test]
fn answers_are_told_by_status_and_media_type() {
    let text = json!({"schema": {"type": "string"}});
    let contract = of_responses(json!({
        "200": {"content": {"application/json": text, "text/*": text, "text/csv": {"schema": {"type": "array"}}, "image/png": text}},
        "201": {"description": "no body is told of"},
        "4XX": {"$ref": "#/components/responses/Problem"},
        "404": {"content": {"text/plain": {}}},
        "x-note": {},
        "999": {}
    }));
    let no_status = |status| format!("The document declares no answer with status {status}.");
    let one_of = |names: &str| format!("The body is one of: {names}.");
    let all = "application/json, text/*, text/csv, image/png";
    for (status, media_type, has_body, said) in [
        (200, JSON, true, "body".to_owned()),
        (
            200,
            Some("Text/Plain; charset=utf-8"),
            true,
            "body".to_owned(),
        ),
        (200, Some("text/csv"), true, "fits".to_owned()),
        (200, Some("image/png"), true, "fits".to_owned()),
        (200, Some("application/xml"), true, one_of(all)),
        (200, Some("application/xml"), false, "fits".to_owned()),
        (200, None, true, one_of(all)),
        (201, Some("text/html"), true, "fits".to_owned()),
        (202, JSON, true, no_status(202)),
        (204, None, false, no_status(204)),
        (418, JSON, true, one_of("application/problem+json")),
        (
            418,
            Some("application/problem+json"),
            true,
            "body".to_owned(),
        ),
        // Without a media type the only one counts.
        (418, None, true, "body".to_owned()),
        (
            404,
            Some("application/problem+json"),
            true,
            one_of("text/plain"),
        ),
        (500, JSON, true, no_status(500)),
    ] {
        let found = match contract.answer(0, status, media_type, has_body) {
            Answered::Fits => "fits".to_owned(),
            Answered::Body(_) => "body".to_owned(),
            Answered::Undeclared(one) => one.message,
        };
        assert_eq!(found, said, "{status} {media_type:?} {has_body}");
    }
    let other = of_responses(json!({"default": {}, "3xx": {"content": {"text/plain": {}}}}));
    assert_eq!(other.answer(0, 500, JSON, true), Answered::Fits);
    assert!(matches!(
        other.answer(0, 301, JSON, true),
        Answered::Undeclared(_)
    ));
    // Who says nothing of answers asks for none.
    assert_eq!(
        of_responses(json!({})).answer(0, 500, None, true),
        Answered::Fits
    );
    assert_eq!(other.answer(7, 500, None, true), Answered::Fits);
}

#[test]
fn each_side_spares_what_the_other_sends() {
    let part = json!({"properties": {"id": {"readOnly": true}, "secret": {"$ref": "#/components/schemas/Hidden"}}});
    let all = json!({"allOf": [
        {"allOf": [{"required": ["id", "name", "secret"]}]},
        part,
        {"properties": {"name": {"type": "string"}, "items": {"type": "array", "items": {"required": ["id"]}}}}
    ]});
    let flat = json!({"required": ["id", "name", "secret"], "properties": part["properties"]});
    for schema in [all, flat] {
        let content = json!({"application/json": {"schema": schema}});
        let document = json!({"openapi": "3.1.0", "components": {"schemas": {"Hidden": {"writeOnly": true}}},
            "paths": {"/a": {"post": {"requestBody": {"content": content}, "responses": {"200": {"content": content}}}}}});
        let contract = Contract::compile(&document).unwrap();
        let rules = Rules::default();
        for (body, of_request, of_answer) in [
            (
                r#"{"id":1,"name":"a"}"#,
                r#"The member "secret" is required."#,
                "",
            ),
            (
                r#"{"secret":1,"name":"a"}"#,
                "",
                r#"The member "id" is required.; /secret Only requests have this member."#,
            ),
            (
                r#"{"id":1}"#,
                r#"The member "name" is required.; The member "secret" is required."#,
                r#"The member "name" is required."#,
            ),
        ] {
            let tell = |found: Vec<Violation>| {
                let one =
                    |one: Violation| format!("{} {}", one.pointer, one.message).trim().to_owned();
                found.into_iter().map(one).collect::<Vec<_>>().join("; ")
            };
            let sent = tell(contract.body(0, JSON, body.as_bytes(), rules));
            assert_eq!(sent, of_request, "{schema} {body}");
            let answered = contract.answer_body(expected(&contract), body.as_bytes(), rules);
            assert_eq!(tell(answered), of_answer, "{schema} {body}");
        }
    }
    // What is spared of an object is not spared of those in it.
    let inner = json!({"allOf": [{"properties": {"id": {"writeOnly": true}}},
        {"properties": {"in": {"required": ["id"]}, "list": {"contains": {"required": ["id"]}}}}]});
    let contract = of_schema(inner);
    for body in [r#"{"in":{}}"#, r#"{"list":[{}]}"#] {
        let found = contract.answer_body(expected(&contract), body.as_bytes(), Rules::default());
        assert_eq!(found.len(), 1, "{body}");
    }
}

#[test]
fn texts_are_read_in_their_charset() {
    let text = json!({"text/plain": {"schema": {"type": "string", "maxLength": 4}}});
    let contract = of_responses(json!({"200": {"content": text}}));
    for (media_type, body, fits) in [
        (
            "text/plain; charset=iso-8859-1",
            &b"\xe4\xf6\xfc!"[..],
            true,
        ),
        ("text/plain; charset=iso-8859-1", b"\xe4\xf6\xfc!!", false),
        ("text/plain", b"\xe4\xf6\xfc!", true),
        ("text/plain", "\u{e4}\u{f6}\u{fc}!".as_bytes(), true),
        ("text/plain; charset=utf-8", b"\xe4\xf6\xfc!", false),
        ("text/plain; charset=utf-16", b"\xe4\xf6", false),
    ] {
        let Answered::Body(expected) = contract.answer(0, 200, Some(media_type), true) else {
            panic!("{media_type} has a schema");
        };
        let found = contract.answer_body(expected, body, Rules::default());
        assert_eq!(found.is_empty(), fits, "{media_type} {body:?}");
    }
}

/// Whoever is told of an answer need not learn what is in it.
#[test]
fn names_that_are_data_are_not_told() {
    let contract = of_schema(
        json!({"properties": {"by": {"additionalProperties": {"type": "object",
        "properties": {"n": {"type": "integer"}}, "additionalProperties": false}}}}),
    );
    let body = br#"{"by":{"mary@example.com":{"n":"x"},"joe@example.com":{"m":1}}}"#;
    let found = told(contract.answer_body(expected(&contract), body, Rules::default()));
    assert_eq!(
        found,
        [
            "body /by/*/n This is an integer.",
            "body /by/*/* There is no such member."
        ]
    );
}

/// Schema, body; what is left of it.
#[test]
fn members_that_nothing_declares_are_taken_out() {
    let pair = json!([{"properties": {"kind": {"const": "a"}, "a": {}}, "required": ["kind", "a"]},
        {"properties": {"kind": {"const": "b"}, "b": {}}, "required": ["kind", "b"]}]);
    let id = json!({"properties": {"id": {}}});
    for (schema, body, left) in [
        (id.clone(), r#"{"id":1,"x":2}"#, r#"{"id":1}"#),
        (id.clone(), r#"{"x":2}"#, "{}"),
        (
            json!({"type": "array", "items": id}),
            r#"[{"x":2},{"id":3,"y":{}},5]"#,
            r#"[{},{"id":3},5]"#,
        ),
        (
            json!({"prefixItems": [id], "items": {"properties": {"n": {}}}}),
            r#"[{"id":1,"n":2},{"id":1,"n":2}]"#,
            r#"[{"id":1},{"n":2}]"#,
        ),
        (
            json!({"properties": {"in": id}}),
            r#"{"in":{"id":1,"x":2},"out":3}"#,
            r#"{"in":{"id":1}}"#,
        ),
        // What is written as free is free.
        (json!({}), r#"{"x":2}"#, "same"),
        (json!({"type": "object"}), r#"{"x":{"y":2}}"#, "same"),
        (
            json!({"properties": {"id": {}}, "additionalProperties": true}),
            r#"{"id":1,"x":{"y":2}}"#,
            "same",
        ),
        (
            json!({"properties": {"id": {}}, "additionalProperties": id}),
            r#"{"id":1,"x":{"id":2,"y":2}}"#,
            r#"{"id":1,"x":{"id":2}}"#,
        ),
        (json!({"additionalProperties": false}), r#"{"x":2}"#, "{}"),
        (json!({"properties": {"x": false}}), r#"{"x":2}"#, "{}"),
        (
            json!({"properties": {"id": {}}, "unevaluatedProperties": {}}),
            r#"{"id":1,"x":2}"#,
            "same",
        ),
        (
            json!({"patternProperties": {"^x-": id}}),
            r#"{"x-a":{"id":1,"b":2},"y":1}"#,
            r#"{"x-a":{"id":1}}"#,
        ),
        // One branch that declares it is enough; each sees what the others have.
        (
            json!({"allOf": [id, {"properties": {"n": id}}]}),
            r#"{"id":1,"n":{"id":1,"x":2},"x":2}"#,
            r#"{"id":1,"n":{"id":1}}"#,
        ),
        (
            json!({"allOf": [{"properties": {"n": id}}, {"properties": {"n": {"properties": {"m": {}}}}}]}),
            r#"{"n":{"id":1,"m":2,"x":3}}"#,
            r#"{"n":{"id":1,"m":2}}"#,
        ),
        (
            json!({"oneOf": pair}),
            r#"{"kind":"a","a":1,"b":2}"#,
            r#"{"kind":"a","a":1}"#,
        ),
        (
            json!({"anyOf": pair}),
            r#"{"kind":"b","a":1,"b":2}"#,
            r#"{"kind":"b","b":2}"#,
        ),
        // Where none fits, nobody knows which it is.
        (
            json!({"oneOf": pair}),
            r#"{"kind":"c","a":1,"b":2,"c":3}"#,
            r#"{"kind":"c","a":1,"b":2}"#,
        ),
        (
            json!({"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}], "discriminator": {"propertyName": "kind"}}),
            r#"{"kind":"Dog","tricks":[],"lives":9}"#,
            r#"{"kind":"Dog","tricks":[]}"#,
        ),
        (
            json!({"if": {"properties": {"kind": {"const": "a"}}}, "then": {"properties": {"a": {}}}, "else": {"properties": {"b": {}}}}),
            r#"{"kind":"a","a":1,"b":2}"#,
            r#"{"kind":"a","a":1}"#,
        ),
        (
            json!({"properties": {"id": {}}, "dependentSchemas": {"id": {"properties": {"n": {}}}}}),
            r#"{"id":1,"n":2}"#,
            "same",
        ),
        (
            json!({"not": {"properties": {"x": {}}}, "properties": {"id": {}}}),
            r#"{"id":1,"x":2}"#,
            r#"{"id":1}"#,
        ),
        (
            json!({"$ref": "#/components/schemas/Tree"}),
            r#"{"left":{"right":{"up":1,"left":{}}}}"#,
            r#"{"left":{"right":{"left":{}}}}"#,
        ),
        (
            json!({"$ref": "#/components/schemas/Loop"}),
            r#"{"x":1}"#,
            "same",
        ),
        // What only requests have is not declared here.
        (
            json!({"properties": {"id": {}, "p": {"writeOnly": true}}}),
            r#"{"id":1,"p":2}"#,
            r#"{"id":1}"#,
        ),
        (
            json!({"properties": {"b": {}, "a": {}}}),
            r#"{"b":1.50,"x":1,"a":"\u00e9"}"#,
            r#"{"b":1.5,"a":"é"}"#,
        ),
    ] {
        let contract = of_schema(schema.clone());
        let stripped = contract.strip(expected(&contract), body.as_bytes(), Rules::default());
        let text = stripped
            .unwrap()
            .body
            .map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(text.as_deref().unwrap_or("same"), left, "{schema} {body}");
    }
}

#[test]
fn what_is_left_may_still_not_fit() {
    let contract = of_schema(
        json!({"properties": {"id": {"type": "integer"}}, "additionalProperties": false}),
    );
    let expected = expected(&contract);
    let strip = |body: &str| contract.strip(expected, body.as_bytes(), Rules::default());
    let stripped = strip(r#"{"id":"a","x":1}"#).unwrap();
    assert_eq!(stripped.body.as_deref(), Some(&br#"{"id":"a"}"#[..]));
    assert_eq!(told(stripped.found), ["body /id This is an integer."]);
    assert_eq!(strip(r#"{"id":1,"x":1}"#).unwrap().found, []);
    assert_eq!(strip(r#"{"id":1}"#).unwrap(), Stripped::default());
    for body in ["{", "", r#"{"x":1,"x":2}"#, &"[".repeat(1000)] {
        assert!(strip(body).is_err(), "{body}");
    }
}

#[test]
fn what_is_not_declared_may_hide_what_is_left_out_of_what_is() {
    let schema = json!({"schema": {"properties": {"a": {}}}});
    let json = of_responses(json!({"200": {"content": {"application/json": schema}}}));
    let text = of_responses(json!({"200": {"content": {"text/plain": schema}}}));
    let plain = of_responses(json!({"200": {"content": {"application/json": {}}}}));
    for (media_type, may) in [
        (JSON, true),
        (Some("Application/Problem+JSON; charset=utf-8"), true),
        (None, true),
        (Some("json"), true),
        (Some("text/html"), false),
    ] {
        assert_eq!(json.may_hide(0, media_type), may, "{media_type:?}");
        assert!(!text.may_hide(0, media_type) && !plain.may_hide(0, media_type));
        assert!(!json.may_hide(9, media_type));
    }
}

/// Its steps are those of its length.
#[test]
fn a_large_answer_of_which_nothing_is_taken_fits() {
    let contract = of_schema(json!({"items": {"properties": {"a": {"type": "integer"}}}}));
    let body = format!("[{}]", vec![r#"{"a":1}"#; 50_000].join(","));
    let stripped = contract.strip(expected(&contract), body.as_bytes(), Rules::default());
    assert_eq!(stripped.unwrap(), Stripped::default());
}

#[test]
fn no_document_makes_stripping_cost_more_than_its_steps() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let many: Vec<Value> = (0..600)
        .map(|n| json!({"properties": {format!("p{n}"): {}}}))
        .collect();
    let objects = format!("[{}]", vec![r#"{"a":1}"#; 3000].join(","));
    for (schema, body, is_told) in [
        (
            json!({"$ref": "#/components/schemas/Bomb"}),
            deep(40),
            false,
        ),
        (json!({"allOf": many}), r#"{"p1":1}"#.to_owned(), false),
        (json!({"items": {"anyOf": many}}), objects, false),
        (
            json!({"properties": {"a": {}}}),
            r#"{"a":1}"#.to_owned(),
            true,
        ),
    ] {
        let contract = of_schema(schema);
        let began = std::time::Instant::now();
        let stripped = contract.strip(expected(&contract), body.as_bytes(), Rules::default());
        assert_eq!(stripped.is_ok(), is_told, "{body:.40}");
        assert!(began.elapsed().as_millis() < 1000, "{:?}", began.elapsed());
    }
}

/// A policy that looks at requests alone does not ask for more than those.
#[test]
fn what_cannot_be_checked_in_answers_is_told_apart() {
    let document = json!({"openapi": "3.1.0", "paths": {"/a": {"get": {"responses": {
        "200": {"content": {"application/json": {"schema": {"pattern": "(?=a)"}}}},
        "404": {"$ref": "#/components/responses/None"}}}}}});
    let contract = Contract::compile(&document).unwrap();
    let pointers: Vec<&str> = contract
        .unread_answers()
        .iter()
        .map(|one| &*one.pointer)
        .collect();
    assert_eq!(
        pointers,
        [
            "/paths/~1a/get/responses/200/content/application~1json/schema/pattern",
            "/paths/~1a/get/responses/404/$ref"
        ]
    );
}
