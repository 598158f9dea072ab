//! What expressions mean, and that hostile ones end.

use serde_json::{Value as Json, json};

use super::*;

struct Scope {
    claims: Json,
    now: &'static str,
}

struct Request;

impl Object for Request {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "method" => Some(Value::text("GET")),
            "path" => Some(Value::text("/pets/7")),
            "headers" => Some(Value::Object(&Headers)),
            _ => None,
        }
    }
}

struct Headers;

impl Object for Headers {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        (name == "x-tenant").then(|| Value::text("acme"))
    }
}

impl Object for Scope {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "request" => Some(Value::Object(&Request)),
            "claims" => Some(Value::Json(&self.claims)),
            "now" => time::time(self.now).map(Value::Time),
            _ => None,
        }
    }
}

const VARIABLES: [&str; 3] = ["request", "claims", "now"];

fn told(text: &str) -> String {
    let expression = match Expression::read(text, &VARIABLES) {
        Ok(expression) => expression,
        Err(wrong) => return wrong.to_string(),
    };
    let scope = Scope {
        claims: json!({"sub": "u1", "roles": ["dev", "ops"], "level": 3, "big": u64::MAX,
            "ratio": 0.5, "org": {"name": "acme", "ids": [1, 2]}, "none": null}),
        now: "2026-11-29T23:30:00Z",
    };
    match expression.evaluate(&scope) {
        Ok(value) => format!("{value:?}"),
        Err(failure) => failure.to_string(),
    }
}

#[test]
fn expressions_mean_what_the_language_says() {
    for (text, value) in [
        // Literals and precedence.
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3 % 5", "4"),
        ("-2 - -3", "1"),
        ("0x1f + 1", "32"),
        ("7u / 2u", "3u"),
        ("1.5e1 + .5", "15.5"),
        ("'a' + \"b\\n\\u00e9\"", "\"ab\\né\""),
        ("r'a\\n'", "\"a\\\\n\""),
        ("true || false && false", "true"),
        ("!true ? 1 : 2 > 1 ? 3 : 4", "3"),
        ("[1, 2,] + [3]", "[1, 2, 3]"),
        ("{'a': 1, 2: 'b'}[2]", "\"b\""),
        ("1 // one\n + 1", "2"),
        // Numbers.
        (
            "9223372036854775807 + 1",
            "a number is too large, or divided by zero",
        ),
        ("1 / 0", "a number is too large, or divided by zero"),
        ("1 == 1.0 && 1u == 1 && 2 > 1.5", "true"),
        ("1 + 1.0", "an operator does not take values of this kind"),
        ("claims.big == 18446744073709551615u", "true"),
        ("int('12') + int(3.9) + int(2u)", "17"),
        ("uint(-1)", "a number is too large, or divided by zero"),
        ("double('1.5') * 2.0", "3.0"),
        ("string(5) + string(true)", "\"5true\""),
        // Fields.
        ("claims.org.name", "\"acme\""),
        ("claims['org']['ids'][1]", "2"),
        ("claims.other", "there is no other"),
        ("has(claims.other)", "false"),
        ("has(claims.other.deeper)", "false"),
        ("has(claims.none) && claims.none == null", "true"),
        ("request.headers['x-tenant'] == claims.org.name", "true"),
        ("'x-tenant' in request.headers", "true"),
        ("'x-other' in request.headers", "false"),
        ("claims.roles[2]", "there is no such item"),
        ("claims.roles[-1]", "there is no such item"),
        // Lists, maps, macros.
        ("'ops' in claims.roles", "true"),
        ("2 in [1, 2] && 'a' in {'a': 1}", "true"),
        ("claims.roles.exists(r, r.startsWith('o'))", "true"),
        ("claims.roles.all(r, r.size() == 3)", "true"),
        ("claims.roles.exists_one(r, r == 'dev')", "true"),
        (
            "claims.roles.filter(r, r != 'dev').map(r, r + '!')",
            "[\"ops!\"]",
        ),
        ("[1, 2, 3].map(x, x > 1, x * x)", "[4, 9]"),
        ("[1, 'a'].all(x, x == 2 || x < 1)", "false"),
        ("size(claims.org) + size('né')", "4"),
        ("claims.org == {'name': 'acme', 'ids': [1, 2]}", "true"),
        ("[1, 2] == [1.0, 2u] && [] != [1]", "true"),
        ("'a' == 1 || null == false", "false"),
        ("[1].exists(x, [2].exists(x, x == 2) && x == 1)", "true"),
        // One side decides, whatever fails on the other.
        ("claims.other == 1 || true", "true"),
        ("false && claims.other == 1", "false"),
        ("claims.other == 1 && true", "there is no other"),
        ("1 && true", "a condition does not take values of this kind"),
        // Texts.
        ("request.path.matches('^/pets/[0-9]+$')", "true"),
        (
            "request.path.contains('pets') && request.path.endsWith('7')",
            "true",
        ),
        ("'ABC'.lowerAscii() == 'abc'", "true"),
        // Times.
        ("now < timestamp('2027-01-01T00:00:00Z')", "true"),
        (
            "now - timestamp('2026-11-29T22:00:00+00:00') == duration('1h30m')",
            "true",
        ),
        (
            "now.getHours() == 23 && now.getHours('Europe/Berlin') == 0",
            "true",
        ),
        ("now.getDayOfWeek() + now.getDayOfWeek('Asia/Tokyo')", "1"),
        (
            "[now.getFullYear(), now.getMonth(), now.getDate(), now.getDayOfMonth(), now.getMinutes()]",
            "[2026, 10, 29, 28, 30]",
        ),
        ("duration('90m').getHours()", "1"),
        (
            "now.getHours('Nowhere/City')",
            "a part of a time does not take values of this kind",
        ),
        ("string(duration('1500ms'))", "\"1.5s\""),
        (
            "timestamp('yesterday')",
            "a number is too large, or divided by zero",
        ),
    ] {
        assert_eq!(told(text), value, "{text}");
    }
}

#[test]
fn bytes_and_types_are_what_the_language_says() {
    let no_function = "a function does not take values of this kind";
    for (text, value) in [
        ("b'a' + B\"\\xff\\101\"", r#"b"a\xffA""#),
        ("br'\\n' + b'\\n'", r#"b"\\n\n""#),
        ("b'ÿ' == b'\\xc3\\xbf' && b'ÿ' != b'\\xff'", "true"),
        ("'ÿ' == '\\xff' && '\\377' == '\\u00ff'", "true"),
        ("'\\a\\b\\f\\v'", r#""\u{7}\u{8}\u{c}\u{b}""#),
        ("bytes('é') == b'é' && bytes(b'a') == b'a'", "true"),
        ("size(b'é') + b'abc'.size() + size(b'')", "5"),
        ("string(b'\\xc3\\xa9')", "\"é\""),
        ("string(b'\\xff')", no_function),
        ("bytes(1)", no_function),
        ("b'a'.startsWith(b'a')", no_function),
        ("b'a' < b'b' && b'a' < b'aa' && b'b' >= b'aa'", "true"),
        ("b'b' in [b'a', b'b'] && !('b' in [b'b'])", "true"),
        ("b'a' == 'a'", "false"),
        ("b'a' < 'a'", "< does not take values of this kind"),
        (
            "b'a' + 'a'",
            "an operator does not take values of this kind",
        ),
        (
            "[type(1), type(1u), type(1.0), type(true), type(null), type('a'), type(b'a')]",
            "[int, uint, double, bool, null_type, string, bytes]",
        ),
        (
            "[type([]), type({}), type(claims.roles), type(claims.org), type(request)]",
            "[list, map, list, map, map]",
        ),
        (
            "[type(now), type(now - now)] == [google.protobuf.Timestamp, google.protobuf.Duration]",
            "true",
        ),
        ("type(type(1)) == type && type(int) == type", "true"),
        (
            "type(claims.level) == int && type(claims.none) == null_type",
            "true",
        ),
        ("claims.roles.all(role, type(role) == string)", "true"),
        ("int == uint || type(1) == 'int'", "false"),
        ("int < uint", "< does not take values of this kind"),
        ("type(claims.other)", "there is no other"),
        // A variable goes before a type of its name.
        ("[1, 2].all(int, int > 0)", "true"),
        (
            "[{'protobuf': {'Duration': 1}}].map(google, google.protobuf.Duration)",
            "[1]",
        ),
    ] {
        assert_eq!(told(text), value, "{text}");
    }
}

#[test]
fn what_is_no_expression_is_told_with_its_place() {
    for (text, wrong) in [
        ("", "Here stands a value. (at character 1)"),
        ("1 +", "Here stands a value. (at character 4)"),
        ("user.name", "There is no variable user. (at character 1)"),
        ("é", "This character means nothing here. (at character 1)"),
        ("'a", "This text has no end. (at character 1)"),
        ("'\\q'", "This escape means nothing. (at character 1)"),
        ("b'a", "This text has no end. (at character 1)"),
        ("b'\\u0041'", "This escape means nothing. (at character 1)"),
        ("'\\x+1'", "This escape means nothing. (at character 1)"),
        ("'\\400'", "This escape means nothing. (at character 1)"),
        ("'\\ud800'", "This escape means nothing. (at character 1)"),
        (
            "google.protobuf.Any",
            "There is no variable google. (at character 1)",
        ),
        ("type()", "type takes other arguments. (at character 7)"),
        ("f(1)", "There is no function f here. (at character 5)"),
        ("size()", "size takes other arguments. (at character 7)"),
        (
            "has(claims)",
            "has takes a field: has(a.b). (at character 11)",
        ),
        (
            "claims.roles.all(1, true)",
            "Here stands the name of a variable. (at character 19)",
        ),
        (
            "claims.roles.all(r, true, true)",
            "This takes a variable and a condition. (at character 32)",
        ),
        (
            "claims.roles.all(r, true) && r",
            "There is no variable r. (at character 30)",
        ),
        (
            "'a'.matches(claims.sub)",
            "matches takes a pattern that is written out. (at character 19)",
        ),
        (
            "'a'.matches('(')",
            "This pattern is none, or too large. (at character 16)",
        ),
        (
            "99999999999999999999",
            "This number is too large. (at character 1)",
        ),
        ("true true", "Nothing may follow here. (at character 6)"),
    ] {
        assert_eq!(told(text), wrong, "{text}");
    }
}

/// Neither reading nor evaluating goes deeper or longer than it may.
#[test]
fn hostile_expressions_end() {
    for text in [
        "(".repeat(2000),
        "[".repeat(2000),
        "{1:".repeat(600),
        "!".repeat(2000),
        "-".repeat(2000),
        "a?".repeat(900),
        "true?true:".repeat(200) + "true",
        "[1].map(x,".repeat(150),
        ">".to_owned() + &"{".repeat(63) + "?[" + &"(".repeat(11),
        "x".repeat(LONGEST + 1),
    ] {
        assert!(Expression::read(&text, &VARIABLES).is_err(), "{text}");
    }
    let list = format!("[{}]", vec!["1"; 200].join(","));
    let shared = "[0]".to_owned() + &".map(a, [a, a])".repeat(40);
    let doubled = "['xxxxxxxxxxxxxxxx']".to_owned() + &".map(x, x + x)".repeat(40);
    let doubled_bytes = doubled.replace("['", "[b'");
    // What is made once and named often is copied each time.
    let long = format!("'{}'.lowerAscii()", "X".repeat(1200));
    // A pattern costs by its size as well, for each byte.
    let eight = "[1, 2, 3, 4, 5, 6, 7, 8]";
    let looked = |pattern: &str| {
        let text = "x".repeat(1200);
        format!("{eight}.all(a, !'{text}'.matches('{pattern}'))")
    };
    assert_eq!(told(&looked("^b")), "true");
    for text in [
        looked("(?:[a-y]?){20}z"),
        format!("{list}.all(a, {list}.all(b, a + b > 0))"),
        format!("{list}.exists(a, [a, a, a].exists(b, {list} == []) || a > 1)"),
        doubled,
        doubled_bytes,
        format!("[{long}].map(made, {list}.map(one, made))"),
        format!("[[{long}]].map(made, {list}.map(one, made[0]))"),
        format!("[[{long}]].map(made, {list}.all(one, made.all(text, true)))"),
        format!("[{{'a': {long}}}].map(made, {list}.map(one, made.a))"),
        format!("[{{'a': {long}}}].map(made, {list}.all(one, has(made.a)))"),
        format!("{shared} == 0"),
        format!("{{{shared}: 1}}[{shared}]"),
        format!("{shared} in [{shared}]"),
    ] {
        assert_eq!(told(&text), "it takes too many steps", "{text}");
    }
    let long = vec!["1"; 129].join("+");
    assert_eq!(told(&long), "129");
    let longer = vec!["1"; 130].join("+");
    assert!(Expression::read(&longer, &VARIABLES).is_err());
}

#[test]
fn a_value_is_written_as_json_for_what_it_costs() {
    let scope = Scope {
        claims: Json::Null,
        now: "2026-11-27T22:30:00Z",
    };
    let json = |text: &str, steps, longest| {
        let expression = Expression::read(text, &VARIABLES).unwrap();
        expression.json(&scope, steps, longest)
    };
    for (text, wanted) in [
        (
            "{'a': [1, 2u, 1.5, null, true], 'b': {'c': 'd'}}",
            r#"{"a":[1,2,1.5,null,true],"b":{"c":"d"}}"#,
        ),
        ("[1, 2].map(x, {'n': x})", r#"[{"n":1},{"n":2}]"#),
        ("now", r#""2026-11-27T22:30:00Z""#),
        ("duration('90s')", r#""90s""#),
        ("b'ab\\xff'", r#""YWL/""#),
    ] {
        let written = json(text, 1000, 10_000).map(|json| json.to_string());
        assert_eq!(written.as_deref(), Ok(wanted), "{text}");
    }
    assert!(json("['abc', 'def']", 1000, 72 * 3 + 64 + 6).is_ok());
    assert_eq!(
        json("[{}, {}]", 1000, 1000),
        Err(Failure::Costly),
        "objects weigh"
    );
    assert_eq!(json("request", 1000, 1000), Err(Failure::Kind("a body")));
    assert_eq!(json("[int]", 1000, 1000), Err(Failure::Kind("a body")));
    assert_eq!(json("b'abc'", 1000, 72 + 3), Err(Failure::Costly));
    assert_eq!(json("{1: 2}", 1000, 1000), Err(Failure::Kind("a body")));
    assert_eq!(json("1.0 / 0.0", 1000, 1000), Err(Failure::Number));
    assert_eq!(
        json("['abc', 'def']", 1000, 72 * 3 + 64 + 5),
        Err(Failure::Costly)
    );
    // Each step holds the one before it twice.
    let twice = (0..40).fold("['x']".to_owned(), |text, at| {
        format!("{text}.map(v{at}, [v{at}, v{at}])")
    });
    assert_eq!(json(&twice, 100_000, 1_000_000), Err(Failure::Costly));
}
