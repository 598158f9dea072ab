//! Lists of policies as somebody wrote them. All that is wrong with all of them is told at once,
//! where a reader would tell the first thing alone.

use serde::Deserialize;
use serde_json::Value;

use super::shape::MOST_PROBLEMS;
use super::sheet::Sheet;
use crate::manifest::read::token;
use crate::policy::{Policy, PolicyKind};
use crate::problem::Invalid;

/// A longer name leads to no policies, and is repeated in no pointer.
const LONGEST_NAME: usize = 200;

/// Takes lists of policies out of a document in which something is wrong: members called
/// `policies`, wherever they stand. An empty list is left in the place of each, so that a reader
/// gets to what is wrong elsewhere. Each policy is looked at by itself, its shape and its rules.
///
/// What is wrong has pointers from the document's root; of more than 100 things the first are told,
/// and policies beyond `most` bytes of them are left to the reader.
pub fn take_wrong(document: &mut Value, most: usize) -> Vec<Invalid> {
    let mut looking = Looking::new(most);
    looking.look(document);
    looking.found.truncate(MOST_PROBLEMS);
    looking.found
}

/// A way through a document.
struct Looking {
    /// Where it is, as a pointer. One for all: a document may be deep, and wide there.
    at: String,
    /// For how many bytes of policies more there is room.
    room: usize,
    found: Vec<Invalid>,
}

impl Looking {
    const fn new(room: usize) -> Self {
        Self {
            at: String::new(),
            room,
            found: Vec::new(),
        }
    }

    fn look(&mut self, value: &mut Value) {
        let start = self.at.len();
        match value {
            Value::Object(members) => {
                let members = members.iter_mut();
                for (name, member) in members.filter(|(name, _)| name.len() <= LONGEST_NAME) {
                    self.at.push('/');
                    self.at.push_str(&token(name));
                    match member {
                        Value::Array(policies) if name == "policies" => {
                            let before = self.found.len();
                            self.all_of(policies);
                            if self.found.len() > before {
                                policies.clear();
                            }
                        }
                        other => self.look(other),
                    }
                    self.at.truncate(start);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.at.push('/');
                    self.at.push_str(&index.to_string());
                    self.look(item);
                    self.at.truncate(start);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn all_of(&mut self, policies: &[Value]) {
        for (index, policy) in policies.iter().enumerate() {
            if self.found.len() >= MOST_PROBLEMS {
                return;
            }
            // Expressions and their patterns take long to be read, for whoever sends them.
            let Some(left) = self.room.checked_sub(policy.to_string().len()) else {
                return;
            };
            self.room = left;
            let at = format!("{}/{index}", self.at);
            let problems = problems(policy).into_iter();
            self.found.extend(problems.map(|one| one.under(&at)));
        }
    }
}

/// What is wrong with one, with pointers from its own root: `/rate_limit/limit`.
fn problems(policy: &Value) -> Vec<Invalid> {
    match Policy::deserialize(policy) {
        Ok(policy) => policy.check(),
        Err(_) => misshapen(policy),
    }
}

fn misshapen(policy: &Value) -> Vec<Invalid> {
    let Some(kinds) = policy.as_object().filter(|kinds| !kinds.is_empty()) else {
        let message = "Write a policy as its kind with its fields: {\"key_auth\": {}}.";
        return vec![Invalid::new("", message)];
    };
    let mut found = Vec::new();
    if kinds.len() > 1 {
        let message = "One policy is one kind. Write each kind as a policy of its own.";
        found.push(Invalid::new("", message));
    }
    for (name, members) in kinds {
        if found.len() >= MOST_PROBLEMS {
            break;
        }
        let at = format!("/{}", token(name));
        match (PolicyKind::parse(name), members) {
            (Some(kind), Value::Object(members)) => {
                let inner = Sheet::problems(kind, members.clone()).into_iter();
                found.extend(inner.map(|one| one.under(&at)));
            }
            (Some(_), _) => found.push(Invalid::new(at, "Write names with values.")),
            (None, _) => found.push(Invalid::new(at, unknown())),
        }
    }
    found
}

fn unknown() -> String {
    let kinds = PolicyKind::ALL.iter();
    let names: Vec<String> = kinds.map(|kind| format!("`{}`", kind.as_str())).collect();
    format!(
        "There is no such kind of policy. There are {}.",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(found: &[Invalid]) -> Vec<(&str, &str)> {
        let told = found.iter();
        told.map(|one| (one.pointer.as_str(), one.message.as_str()))
            .collect()
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_where_it_stands() {
        const MISSING: &str = "Fill this in.";
        const LIMIT: &str = "Write a whole number from 1 to 1,000,000,000.";
        const MODE: &str = "Choose one of `enforce`, `observe`.";
        const KEYS: &str = "There is no such field. There are `mode`, `name`, `optional`, `query`.";
        let unknown = unknown();
        let unknown = unknown.as_str();
        for (policies, wanted) in [
            (json!([]), vec![]),
            (json!([{ "key_auth": {} }]), vec![]),
            (
                json!([{ "mirror": { "percent": 300 } }]),
                vec![
                    ("/0/mirror/upstream", MISSING),
                    ("/0/mirror/percent", "Write a whole number from 0 to 100."),
                ],
            ),
            (
                json!([
                    { "rate_limit": { "limit": "many", "mode": "seldom", "a/b": 1 } },
                    { "key_auth": {} },
                    { "hologram": { "x": 1 } },
                    { "key_auth": { "burst": 1, "query": "a b", "optional": "yes" } },
                    { "rate_limit": { "limit": 0, "window": "60s" } },
                ]),
                vec![
                    ("/0/rate_limit/a~1b", ""),
                    ("/0/rate_limit/mode", MODE),
                    ("/0/rate_limit/limit", LIMIT),
                    ("/0/rate_limit/window", MISSING),
                    ("/2/hologram", unknown),
                    ("/3/key_auth/burst", KEYS),
                    ("/3/key_auth/optional", "Write true or false."),
                    (
                        "/3/key_auth/query",
                        "Name the parameter with 1 to 64 letters, digits, -, _ and dots.",
                    ),
                    (
                        "/4/rate_limit/limit",
                        "Use a limit of 1 to 1,000,000,000 requests.",
                    ),
                ],
            ),
            (
                json!([{ "any_of": { "of": [{ "key_auth": { "x": 1 } }, { "mtls": {} }] } }]),
                vec![("/0/any_of/of/0/key_auth/x", "")],
            ),
            (
                json!(["key_auth", {}, 7, { "quota": 5 }, { "key_auth": {}, "moon": 1 }]),
                vec![
                    ("/0", ""),
                    ("/1", ""),
                    ("/2", ""),
                    ("/3/quota", "Write names with values."),
                    (
                        "/4",
                        "One policy is one kind. Write each kind as a policy of its own.",
                    ),
                    ("/4/moon", unknown),
                ],
            ),
        ] {
            let Value::Array(policies) = policies else {
                panic!("a list");
            };
            let mut looking = Looking::new(usize::MAX);
            looking.all_of(&policies);
            let found = told(&looking.found);
            assert_eq!(found.len(), wanted.len(), "{found:?}");
            for (found, wanted) in found.into_iter().zip(wanted) {
                assert_eq!(found.0, wanted.0, "{found:?}");
                if !wanted.1.is_empty() {
                    assert_eq!(found.1, wanted.1, "{found:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_right_stays_in_its_document() {
        let wrong = json!([{ "key_auth": { "x": 1 } }]);
        let right = json!([{ "key_auth": {} }]);
        let mut document = json!({
            "policies": wrong,
            "operations": [{ "policies": right }, { "policies": wrong }],
            "apis": { "policies": { "policies": wrong }, "a/b": { "policies": "none" } },
        });
        let found = take_wrong(&mut document, usize::MAX);
        let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/policies/0/key_auth/x",
                "/operations/1/policies/0/key_auth/x",
                "/apis/policies/policies/0/key_auth/x",
            ]
        );
        assert_eq!(
            document,
            json!({
                "policies": [],
                "operations": [{ "policies": right }, { "policies": [] }],
                "apis": { "policies": { "policies": [] }, "a/b": { "policies": "none" } },
            })
        );
    }

    #[test]
    fn what_is_told_is_bounded() {
        let mut deep = json!(1);
        for _ in 0..120 {
            deep = json!({ "of": [deep] });
        }
        let many: serde_json::Map<String, Value> =
            (0..10_000).map(|at| (format!("f{at}"), json!(1))).collect();
        let long = "x".repeat(100_000);
        for (policies, most) in [
            (json!([{ "key_auth": many }]), 100),
            (json!(vec![1; 10_000]), 100),
            (json!(vec![json!({ "hologram": {} }); 10_000]), 100),
            (json!([Value::Object(many.clone())]), 100),
            (json!([{ "any_of": deep }]), 10),
        ] {
            let found = take_wrong(&mut json!({ "policies": policies }), usize::MAX);
            assert!((1..=most).contains(&found.len()), "{}", found.len());
        }
        let mut document = json!({ long: { "policies": vec![1; 10_000] } });
        let found = take_wrong(&mut document, usize::MAX);
        assert!(found.is_empty(), "{}", found.len());
    }

    #[test]
    fn policies_beyond_the_bound_are_left_to_the_reader() {
        let wrong = json!({ "key_auth": { "x": 1 } });
        let one = wrong.to_string().len();
        for (most, left, told) in [
            (0, [2, 1], vec![]),
            (one - 1, [2, 1], vec![]),
            (one, [0, 1], vec!["/a/policies/0/key_auth/x"]),
            (
                3 * one,
                [0, 0],
                vec![
                    "/a/policies/0/key_auth/x",
                    "/a/policies/1/key_auth/x",
                    "/b/policies/0/key_auth/x",
                ],
            ),
        ] {
            let mut document = json!({
                "a": { "policies": [wrong, wrong] },
                "b": { "policies": [wrong] },
            });
            let found = take_wrong(&mut document, most);
            let pointers: Vec<&str> = found.iter().map(|one| one.pointer.as_str()).collect();
            assert_eq!(pointers, told, "{most}");
            let length = |name: &str| document[name]["policies"].as_array().map(Vec::len);
            assert_eq!([length("a"), length("b")], left.map(Some), "{most}");
        }
    }
}
