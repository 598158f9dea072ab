//! What a request carries outside its body.

use serde_json::{Value, json};

use super::{Sent, contract, told};
use crate::contract::Rules;

const TWICE: &str = "query /p This parameter is there more than once.";
const STYLE: &str = "query /p This is not written in its style.";

/// Path, query, headers; what of them is told.
#[test]
fn parameters_are_read_by_their_style() {
    let array = json!({"type": "array", "items": {"type": "integer"}, "maxItems": 3});
    let object = json!({"type": "object", "properties": {"x": {"type": "integer"}},
        "additionalProperties": false});
    let open = json!({"type": "object", "properties": {"x": {"type": "integer"}},
        "additionalProperties": {"type": "integer"}});
    let any = json!({"type": "object", "additionalProperties": true});
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
        (query(json!({"schema": object, "required": true})), "", ""),
        (query(json!({"schema": object})), "x=1&x=2", TWICE),
        (query(json!({"schema": open})), "x=1&y=2&key=k", ""),
        (
            query(json!({"schema": open})),
            "x=1&y=a",
            "query /p/y This is an integer.",
        ),
        (query(json!({"schema": open})), "y=1&y=2", TWICE),
        (query(json!({"schema": any})), "y=a&y=b", ""),
        (
            query(json!({"schema": object, "style": "deepObject"})),
            "p[x]=1&p[x]=2",
            TWICE,
        ),
        (
            query(json!({"schema": object, "style": "deepObject"})),
            "p[x][$ne]=1",
            STYLE,
        ),
        (
            query(json!({"schema": object, "style": "deepObject"})),
            "p[x]=%ff",
            "query /p This is not UTF-8.",
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
    let exploded = |schema: &Value| {
        of(
            "path",
            json!({"schema": schema, "style": "matrix", "explode": true}),
        )
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
            of("path", json!({"schema": {"const": ""}, "style": "matrix"})),
            "/a/;p/b",
            none,
            "",
        ),
        (
            of("path", json!({"schema": array, "style": "matrix"})),
            "/a/;p=1,2/b",
            none,
            "",
        ),
        (exploded(&array), "/a/;p=1;p=2/b", none, ""),
        (
            exploded(&array),
            "/a/;p=1;p=x/b",
            none,
            "path /p/1 This is an integer.",
        ),
        (
            exploded(&array),
            "/a/;p=1;q=2/b",
            none,
            "path /p This is not written in its style.",
        ),
        (exploded(&object), "/a/;x=1/b", none, ""),
        (
            exploded(&object),
            "/a/;x=1;y=2/b",
            none,
            "path /p/y There is no such member.",
        ),
        (
            exploded(&object),
            "/a/;x=1%3By=2/b",
            none,
            "path /p/x This is an integer.",
        ),
        (exploded(&integer), "/a/;p=7/b", none, ""),
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
        (
            of("cookie", json!({"schema": {"enum": ["user"]}})),
            "/a/1/b",
            &[("cookie", "p =user,admin")],
            "cookie /p This is \"user\".",
        ),
        (
            of("cookie", json!({"schema": {"enum": ["user"]}})),
            "/a/1/b",
            &[("cookie", "p=user; p=root")],
            "cookie /p This parameter is there more than once.",
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

/// However many parameters take what nobody declares, each name is looked for once.
#[test]
fn many_parameters_that_take_others_cost_what_they_are() {
    let open = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    let spread = |at: usize| json!({"name": format!("p{at}"), "in": "query", "schema": open});
    let mut parameters: Vec<Value> = (0..400).map(spread).collect();
    parameters.push(json!({"name": "z", "in": "query", "schema": {"type": "integer"}}));
    let contract = contract("3.1.0", "/a", json!({ "parameters": parameters }));
    let query = vec!["z=1"; 1000].join("&");
    let sent = Sent {
        path: "/a",
        query: Some(&query),
        headers: &[],
    };
    let began = std::time::Instant::now();
    let found = told(contract.parameters(0, &sent, Rules::default()));
    assert_eq!(found, ["query /z This parameter is there more than once."]);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}
