//! What of JSON is kept, whoever wrote it.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn masked(paths: &[&str], body: &str, is_whole: bool) -> Masked {
    let paths = Paths::read(paths).unwrap();
    json(&paths, body.as_bytes(), is_whole, 100_000)
}

#[test]
fn what_is_masked_is_not_kept() {
    let key = "ptn_live_abcdefghijklmnopqrstuvwxyz0123456789";
    let cases: &[(&[&str], &str, &str, u32)] = &[
        (&["$.a"], r#"{"a":1,"b":2}"#, r#"{"a":"***","b":2}"#, 1),
        (
            &["$..password"],
            r#" { "u" : { "password" : [ 1, {"x": "y"} ] , "n": null } , "l":[{"password":"s"}] } "#,
            r#"{"u":{"password":"***","n":null},"l":[{"password":"***"}]}"#,
            2,
        ),
        // Members of one name, however it is written.
        (
            &["$.password"],
            r#"{"password":"a","password":"b","pass\u0077ord":"c","PASSWORD":"d","pass\u0000word":"e"}"#,
            r#"{"password":"***","password":"***","pass\u0077ord":"***","PASSWORD":"***","pass\u0000word":"***"}"#,
            5,
        ),
        (
            &["$['a\"b']"],
            r#"{"a\"b":"s","a":"\"b\":1"}"#,
            r#"{"a\"b":"***","a":"\"b\":1"}"#,
            1,
        ),
        (
            &["$.cards[*].number", "$.list[1]"],
            r#"{"cards":[{"number":1},{"number":2,"x":3}],"list":[1,2,3],"number":4}"#,
            r#"{"cards":[{"number":"***"},{"number":"***","x":3}],"list":[1,"***",3],"number":4}"#,
            3,
        ),
        (
            &["$..*"],
            r#"{"a":{"b":1},"c":2}"#,
            r#"{"a":"***","c":"***"}"#,
            2,
        ),
        (&["$[*]"], "[[1],{},\"x\"]", r#"["***","***","***"]"#, 3),
        (&["$.a"], "[]", "[]", 0),
        (&["$.a"], "\u{feff}{\"a\":1}", r#"{"a":"***"}"#, 1),
        (&["$.a"], "\"a\"", "\"a\"", 0),
        (&[], r#"{"a":-1.5e+3}"#, r#"{"a":-1.5e+3}"#, 0),
        // Values one behind the other are each masked.
        (
            &["$.a"],
            "{\"a\":1}\n{\"a\":2} {\"b\":3}",
            "{\"a\":\"***\"}\n{\"a\":\"***\"}\n{\"b\":3}",
            2,
        ),
    ];
    for (paths, body, kept, count) in cases {
        let found = masked(paths, body, true);
        assert_eq!(
            (found.text.as_str(), found.count, found.is_cut),
            (*kept, *count, false),
            "{paths:?} {body}"
        );
    }
    let escaped = key.replacen("ptn", "p\\u0074n", 1);
    for key in [key, escaped.as_str()] {
        let body = format!("{{\"a\":\"is {key}\",\"{key}\":1,\"b\":[\"{key}\"]}}");
        let found = masked(&[], &body, true);
        assert_eq!(found.text, r#"{"a":"***","***":1,"b":["***"]}"#);
    }
}

#[test]
fn what_was_cut_off_is_masked_as_far_as_it_goes() {
    for (body, kept) in [
        (r#"{"password":"sec"#, r#"{"password":"***""#),
        (r#"{"password":{"a":"sec"#, r#"{"password":"***""#),
        (r#"{"password":12"#, r#"{"password":"***""#),
        (r#"{"password":"#, r#"{"password":"***""#),
        (r#"{"password""#, "{"),
        (r#"{"passw"#, "{"),
        (r#"{"a":"text that goes o"#, r#"{"a":"text that goes o"#),
        (r#"{"a":"x\"#, r#"{"a":"x"#),
        (r#"{"a":"x\u00"#, r#"{"a":"x"#),
        (r#"{"a":1,"b":12"#, r#"{"a":1,"b":"#),
        (r#"{"a":1,"b":tru"#, r#"{"a":1,"b":"#),
        (r#"{"a":[1,2"#, r#"{"a":[1,"#),
        (r#"{"a":1}"#, r#"{"a":1}"#),
        (r#"{"a":"is ptn_li"#, r#"{"a":"***""#),
        ("12", ""),
        ("", ""),
    ] {
        let found = masked(&["$..password"], body, false);
        assert_eq!(found.text, kept, "{body}");
        assert!(found.is_cut);
    }
    let paths = Paths::default();
    let found = json(&paths, b"\"a\xc3", false, 100);
    assert_eq!((found.text.as_str(), found.is_cut), ("\"a", true));
}

/// What a lenient reader would take for JSON is kept up to where it is none.
#[test]
fn what_is_no_json_is_not_kept() {
    for (body, kept) in [
        (r#"{'password':'x'}"#, "{"),
        (r#"{password:"x"}"#, "{"),
        (r#"{"a":1,/**/"password":"x"}"#, r#"{"a":1"#),
        (r#"{"a":1,}"#, r#"{"a":1"#),
        (r#"{"a":01,"password":"x"}"#, r#"{"a":"#),
        (r#"{"a":NaN,"password":"x"}"#, r#"{"a":"#),
        (r#"{"a":+1}"#, r#"{"a":"#),
        (r#"{"a":"x\x","password":"y"}"#, r#"{"a":"#),
        ("{\"a\":\"line\nbreak\",\"password\":\"x\"}", r#"{"a":"#),
        (r#"{"a":1]"#, r#"{"a":1"#),
        (r#"{"a":1"#, r#"{"a":1"#),
        (r#"{"a":"open"#, r#"{"a":"#),
        (r#"{"password":"open"#, r#"{"password":"***""#),
        (r#"{"a" "b"}"#, "{"),
        ("[1,]", "[1,"),
        ("password=x", ""),
        ("<password>x</password>", ""),
        ("p\0a\0s\0s\0", ""),
    ] {
        let found = masked(&["$..password"], body, true);
        assert_eq!((found.text.as_str(), found.is_cut), (kept, true), "{body}");
    }
    let paths = Paths::read(&["$..password"]).unwrap();
    for bytes in [
        // UTF-16, with and without its mark, and bytes that are no UTF-8.
        &b"\xff\xfe{\0\"\0p\0"[..],
        b"{\0\"\0p\0a\0",
        b"\0{\0\"\0p",
        b"{\"a\":\"\xe9\",\"password\":\"x\"}",
        b"\x1f\x8b\x08\0\0",
    ] {
        let found = json(&paths, bytes, true, 1000);
        assert!(!found.text.contains('p') && found.is_cut, "{found:?}");
    }
}

#[test]
fn depth_and_length_have_bounds() {
    let deep = |depth: usize| format!("{}\"password\"{}", "[".repeat(depth), "]".repeat(depth));
    assert!(!masked(&["$..a"], &deep(DEEPEST), true).is_cut);
    let found = masked(&["$..a"], &deep(DEEPEST + 1), true);
    assert_eq!((found.text.len(), found.is_cut), (DEEPEST, true));
    let nested = format!("{{\"password\":{}}}", deep(DEEPEST - 1));
    assert_eq!(
        masked(&["$..password"], &nested, true).text,
        r#"{"password":"***"}"#
    );
    // A mask is longer than what it stands for.
    let paths = Paths::read(&["$[*]"]).unwrap();
    let body = format!("[{}]", ["1"; 100].join(","));
    let found = json(&paths, body.as_bytes(), true, body.len());
    assert!(found.text.len() <= body.len() && found.is_cut);
    assert!(!found.text.contains('1'));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f32>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-dé\\x00\"\\\\]{1,3}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The same by way of the whole value.
fn without(value: &mut Value, name: &str) {
    match value {
        Value::Object(members) => {
            for (known, inner) in members {
                if known
                    .to_lowercase()
                    .replace(|c: char| !c.is_alphanumeric(), "")
                    == name
                {
                    *inner = Value::from(MASK);
                } else {
                    without(inner, name);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, name)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn a_value_is_masked_as_a_whole_would_be(value in value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let found = masked(&["$..a"], &text.unwrap(), true);
        prop_assert!(!found.is_cut);
        let mut wanted = value;
        without(&mut wanted, "a");
        prop_assert_eq!(found.text, wanted.to_string());
    }

    #[test]
    fn a_part_keeps_no_more_than_the_whole(value in value(), at in any::<prop::sample::Index>()) {
        let text = serde_json::json!({ "a": value, "b": value }).to_string();
        let paths = Paths::read(&["$..a"]).unwrap();
        let whole = json(&paths, text.as_bytes(), true, 100_000).text;
        let at = at.index(text.len());
        let part = json(&paths, &text.as_bytes()[..at], false, 100_000).text;
        prop_assert!(whole.starts_with(&part), "{} {}", whole, part);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), is_whole in any::<bool>()) {
        let paths = Paths::read(&["$..a", "$[*].b"]).unwrap();
        let found = json(&paths, &bytes, is_whole, 100);
        prop_assert!(found.text.len() <= 100);
    }
}
