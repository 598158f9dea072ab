//! From text to a [`Manifest`]: YAML or JSON, `${NAME}` from an environment that is handed in,
//! and shape errors with the pointer or line of what is wrong.

use serde::Deserialize;
use serde_json::Value;

use super::Manifest;
use super::place::Place;
use crate::form::policies;
use crate::problem::Invalid;

/// Largest file, in bytes. Keys may be many.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

const MAX_DEPTH: usize = 64;

/// Most problems that are told at once.
const MOST_PROBLEMS: usize = 100;

/// Reads a file. `variable` looks up a name in the environment. What is wrong is told together:
/// every missing variable, all that is wrong with policies, and of each entry of a section the first
/// other thing that has a wrong shape.
pub fn read(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Manifest, Vec<Invalid>> {
    if text.len() > MAX_BYTES {
        let message = format!("The file may have at most {} MiB.", MAX_BYTES >> 20);
        return Err(vec![Invalid::new("", message)]);
    }
    if let Some(manifest) = as_it_stands(text) {
        return Ok(manifest);
    }
    let mut value = value(text, MAX_BYTES).map_err(|invalid| vec![invalid])?;
    // A list would be read as the members of a file in their order.
    if !value.is_object() {
        let message = "The file must be a mapping, like \"portunus: 1\" on its first line.";
        return Err(vec![Invalid::new("", message)]);
    }
    let mut wrong = Vec::new();
    fill(&mut value, Place::Top, variable, &mut wrong);
    // Only a file in which something is wrong pays for knowing where its reader is.
    if wrong.is_empty()
        && let Ok(manifest) = Manifest::deserialize(&value)
    {
        return Ok(manifest);
    }
    let mut looked = false;
    loop {
        match serde_path_to_error::deserialize::<_, Manifest>(&value) {
            Ok(manifest) if wrong.is_empty() => return Ok(manifest),
            Ok(_) => return Err(wrong),
            Err(_) if !looked => {
                looked = true;
                let mut found = policies::take_wrong(&mut value, usize::MAX);
                found.retain(|one| wrong.iter().all(|known| known.pointer != one.pointer));
                wrong.extend(found);
                if wrong.len() >= MOST_PROBLEMS {
                    wrong.truncate(MOST_PROBLEMS);
                    return Err(wrong);
                }
            }
            Err(error) => {
                let pointer = pointer(error.path());
                let told = wrong.iter().any(|known| known.pointer == pointer);
                let further = without_entry(&mut value, &pointer);
                if !told {
                    wrong.push(Invalid::new(pointer, sentence(&error.inner().to_string())));
                }
                if !further || wrong.len() >= MOST_PROBLEMS {
                    return Err(wrong);
                }
            }
        }
    }
}

/// JSON in which no variable is named, without a value in between: where keys are many, making that
/// one is most of the work. Whatever is wrong, or a name that is there twice, is for the longer way.
fn as_it_stands(text: &str) -> Option<Manifest> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // What a list would be read as is told there; and an escape may stand for a `$` or a brace.
    let is_plain = text.trim_start().starts_with('{') && !text.contains("${");
    if !is_plain || text.contains("\\u") {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Takes the entry out in which a wrong shape was found, so that the others are still looked at.
fn without_entry(value: &mut Value, pointer: &str) -> bool {
    let mut names = pointer.split('/').skip(1).map(name_of);
    let (Some(section), entry) = (names.next(), names.next()) else {
        return false;
    };
    let Some(sections) = value.as_object_mut() else {
        return false;
    };
    match (sections.get_mut(&section), entry) {
        (Some(Value::Object(entries)), Some(entry)) => entries.remove(&entry).is_some(),
        (Some(Value::Array(items)), Some(index)) => {
            let index = index.parse().ok().filter(|index| *index < items.len());
            index.map(|index| items.remove(index)).is_some()
        }
        (Some(_) | None, _) => false,
    }
}

/// YAML or JSON of at most so many bytes, as a value.
pub(crate) fn value(text: &str, most: usize) -> Result<Value, Invalid> {
    if text.len() > most {
        let message = format!("The text may have at most {} KiB.", most >> 10);
        return Err(Invalid::new("", message));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| Invalid::new("", sentence(&error.to_string())));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            flow_nesting_limit: MAX_DEPTH,
            max_depth: MAX_DEPTH,
            max_documents: 1,
            max_events: most,
            max_nodes: most,
            max_total_scalar_bytes: most,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: most.min(1_000_000),
            max_replay_stack_depth: 16,
        },
        emit_comments: false,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error
            .location()
            .map(|place| format!(" (line {}, column {})", place.line(), place.column()));
        let message = error.without_snippet().to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Invalid::new(
            "",
            sentence(&format!("{message}{}", place.unwrap_or_default())),
        )
    })
}

/// Replaces each `${NAME}` in texts (never in keys). `$${` is a plain `${`.
fn fill(
    value: &mut Value,
    at: Place<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
    missing: &mut Vec<Invalid>,
) {
    match value {
        Value::String(text) if text.contains("${") => match expand(text, variable) {
            Ok(filled) => *text = filled,
            Err(message) => missing.push(Invalid::new(at.to_string(), message)),
        },
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill(item, Place::Item(&at, index), variable, missing);
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                fill(member, Place::Member(&at, name), variable, missing);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at]);
            out.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let (name, behind) = rest[at + 2..]
            .split_once('}')
            .ok_or("A ${ has no closing brace; write $${ for a plain one.")?;
        let value =
            variable(name).ok_or_else(|| format!("The environment has no variable {name}."))?;
        out.push_str(&value);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// A name as a reference token (RFC 6901 §3).
pub(crate) fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The name in a reference token.
fn name_of(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// The pointer of what a reader was at.
pub(crate) fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut out = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => out.push_str(&format!("/{index}")),
            Segment::Map { key } => out.push_str(&format!("/{}", token(key))),
            Segment::Enum { variant } => out.push_str(&format!("/{}", token(variant))),
            Segment::Unknown => {}
        }
    }
    out
}

/// A message of a library as a sentence of ours.
pub(crate) fn sentence(message: &str) -> String {
    let message = message.trim_end_matches('.');
    let mut letters = message.chars();
    let first = letters
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn variables_are_filled_in_texts() {
        let text = "portunus: 1\norganization: \"${ORG}-x$${y}\"\n";
        let variable = |name: &str| (name == "ORG").then(|| "acme".to_owned());
        let manifest = read(text, &variable).unwrap();
        assert_eq!(manifest.organization.as_deref(), Some("acme-x${y}"));
        let missing = read(
            "portunus: 1\norganization: ${A}\nupstreams: {u: {targets: [{url: \"${B}\"}]}}",
            &none,
        )
        .unwrap_err();
        let pointers: Vec<_> = missing
            .iter()
            .map(|invalid| invalid.pointer.as_str())
            .collect();
        assert_eq!(pointers, ["/organization", "/upstreams/u/targets/0/url"]);
    }

    #[test]
    fn json_without_variables_is_read_as_it_stands_and_to_the_same() {
        let shop = r#"{"portunus": 1, "upstreams": {"u": {"targets": [{"url": "http://127.0.0.1:1"}]}},
            "apis": {"x": {"versions": {"v1": {"match": {"path": "/x"}, "upstream": "u",
                "policies": [{"key_auth": {}}, {"rate_limit": {"limit": 5, "window": "1s"}}]}}}},
            "applications": {"a": {"labels": {"t": "one", "t": "two"}, "keys": [{"name": "k", "value": "x"}]}}}"#;
        let quick = as_it_stands(shop).unwrap();
        let value = value(shop, MAX_BYTES).unwrap();
        assert_eq!(quick, Manifest::deserialize(&value).unwrap());
        assert_eq!(quick, read(&format!("\u{feff}\n{shop}"), &none).unwrap());
        let variable = |name: &str| (name == "ORG").then(|| "acme".to_owned());
        // The text, and the organization that is read the longer way.
        let table = [
            (r#"{"portunus": 1, "organization": "${ORG}"}"#, Some("acme")),
            (
                r#"{"portunus": 1, "organization": "\u0024{ORG}"}"#,
                Some("acme"),
            ),
            (
                r#"{"portunus": 1, "organization": "$\u007bORG}"}"#,
                Some("acme"),
            ),
            (
                r#"{"portunus": 1, "organization": "$${ORG}"}"#,
                Some("${ORG}"),
            ),
            (
                r#"{"portunus": 9, "organization": "a", "portunus": 1}"#,
                Some("a"),
            ),
            ("portunus: 1", None),
        ];
        for (text, organization) in table {
            assert!(as_it_stands(text).is_none(), "{text}");
            let manifest = read(text, &variable).unwrap();
            assert_eq!(manifest.organization.as_deref(), organization, "{text}");
        }
    }

    #[test]
    fn shape_errors_say_where() {
        let table = [
            (
                "portunus: 1\napis: {x: {versions: {v1: {match: {path: /x}, upstream: u, speed: 9}}}}",
                "/apis/x/versions/v1",
            ),
            (
                "portunus: 1\napis: {x: {versions: {v1: {match: {path: /x}, upstream: u, policies: [{rate_limit: {limit: many, window: 60s}}]}}}}",
                "/apis/x/versions/v1/policies/0",
            ),
            ("portunus: one", "/portunus"),
        ];
        for (text, pointer) in table {
            let problems = read(text, &none).unwrap_err();
            assert!(problems[0].pointer.starts_with(pointer), "{problems:?}");
        }
        let many = read(
            "portunus: 1\npolicies: [{hologram: {}}]\napis: {x: {versions: {v1: {match: {path: /x}, speed: 9, \
             policies: [{mirror: {percent: 300}}, {rate_limit: {limit: 0, window: 60s}}]}}}}\n\
             products: {p: {versions: [x/v1], plans: {gold: {policies: [{key_auth: {name: \"${N}\", x: 1}}]}}}}",
            &none,
        )
        .unwrap_err();
        let pointers: Vec<_> = many.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/products/p/plans/gold/policies/0/key_auth/name",
                "/policies/0/hologram",
                "/apis/x/versions/v1/policies/0/mirror/upstream",
                "/apis/x/versions/v1/policies/0/mirror/percent",
                "/apis/x/versions/v1/policies/1/rate_limit/limit",
                "/products/p/plans/gold/policies/0/key_auth/x",
                "/apis/x/versions/v1/speed",
            ]
        );
        let many = read(
            "portunus: 1\nupstreams: {a: {targets: [{url: \"${NOPE}\"}]}, b: {target: 1}}\n\
             apis: {\"x/y\": {versions: {v1: {speed: 9}}}, z: {versions: 1}}\nproducts: {p: {plan: {}}}",
            &none,
        )
        .unwrap_err();
        let pointers: Vec<_> = many
            .iter()
            .map(|invalid| invalid.pointer.as_str())
            .collect();
        for wanted in [
            "/upstreams/a/targets/0/url",
            "/upstreams/b",
            "/apis/x~1y",
            "/apis/z",
            "/products/p",
        ] {
            assert!(
                pointers.iter().any(|found| found.starts_with(wanted)),
                "{wanted}: {pointers:?}"
            );
        }
        for text in [
            "- 1\n",
            "[1]",
            "[1, acme]",
            "1",
            "portunus",
            "",
            "null",
            "{}",
        ] {
            let problems = read(text, &none).unwrap_err();
            assert_eq!(problems[0].pointer, "", "{text}: {problems:?}");
        }
        let syntax = read("portunus: 1\n  x: [", &none).unwrap_err();
        assert!(syntax[0].message.contains("line 2"), "{syntax:?}");
        assert!(
            read("portunus: 1\nportunus: 1\n", &none).is_err(),
            "twice the same key"
        );
        assert!(read("{\"portunus\": 1}", &none).is_ok());
    }
}
