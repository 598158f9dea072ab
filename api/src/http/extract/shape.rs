//! What a body is told that does not have the shape of what its route takes. A reader stumbles over
//! one thing; of policies, all that is wrong is told with it.

use domain::form::policies;
use domain::problem::{Code, Invalid};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{pointer, sentence};
use crate::error::Error;

type Stumbled = serde_path_to_error::Error<serde_json::Error>;

/// Bytes of a body of which all that is wrong with its policies is told: as values it may take tens of
/// times as much. Longer ones are documents, most of all.
const LONGEST: usize = 1024 * 1024;
/// Bytes of its policies that are looked at. It may be anybody's who sends it, and expressions take long
/// to be read.
const MOST_POLICIES: usize = 64 * 1024;

/// The refusal of a body that its reader could not read as a `T`.
pub(super) fn refused<T: DeserializeOwned>(bytes: &[u8], stumbled: &Stumbled) -> Error {
    let inner = stumbled.inner();
    let short = Some(bytes).filter(|bytes| bytes.len() <= LONGEST);
    match short.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok()) {
        Some(value) => wrong::<T>(value, told(stumbled)),
        None if is_syntax(inner) => Error::new(
            Code::BadRequest,
            format!(
                "The body is not JSON: line {}, column {}.",
                inner.line(),
                inner.column()
            ),
        ),
        None => Error::invalid(vec![told(stumbled)]),
    }
}

/// All that can be told of a body that is JSON.
fn wrong<T: DeserializeOwned>(mut body: Value, first: Invalid) -> Error {
    let mut found = policies::take_wrong(&mut body, MOST_POLICIES);
    // What the reader stumbles over without those policies.
    let next = serde_path_to_error::deserialize::<_, T>(&body).err();
    let is_told = found.iter().any(|known| {
        is_inside(&known.pointer, &first.pointer) || is_inside(&first.pointer, &known.pointer)
    });
    if !is_told {
        found.push(first);
    }
    if let Some(next) = next.as_ref().map(told)
        && !found
            .iter()
            .any(|known| is_inside(&next.pointer, &known.pointer))
    {
        found.push(next);
    }
    Error::invalid(found)
}

fn is_syntax(error: &serde_json::Error) -> bool {
    error.is_syntax() || error.is_eof()
}

fn told(stumbled: &Stumbled) -> Invalid {
    let (pointer, inner) = (pointer(stumbled.path()), stumbled.inner());
    // A number where a word should stand is broken JSON to a reader, and to nobody else.
    if is_syntax(inner) {
        return Invalid::new(pointer, "Something else has to stand here.");
    }
    // serde's sentence names the type and the place; the place is the pointer's business.
    let message = inner.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    Invalid::new(pointer, sentence(message))
}

fn is_inside(pointer: &str, of: &str) -> bool {
    let rest = pointer.strip_prefix(of);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use domain::wire::apis::EditApi;
    use domain::wire::organizations::SetOrganizationPolicies;
    use domain::wire::plans::CreatePlan;
    use domain::wire::versions::EditDraft;
    use serde_json::json;

    use super::super::parse_json;
    use super::*;

    fn pointers<T: DeserializeOwned>(body: &Value) -> Vec<String> {
        let refused = parse_json::<T>(body.to_string().as_bytes()).err();
        let found = refused.map(|error| error.invalid).unwrap_or_default();
        found.into_iter().map(|one| one.pointer).collect()
    }

    #[test]
    fn all_that_is_wrong_with_policies_is_told_wherever_they_are_sent() {
        type Reader = fn(&Value) -> Vec<String>;
        let wrong = json!([
            { "mirror": { "percent": 300 } },
            { "key_auth": {} },
            { "hologram": {} },
            { "rate_limit": { "limit": 0, "window": "60s" } },
        ]);
        let four = [
            "/policies/0/mirror/upstream",
            "/policies/0/mirror/percent",
            "/policies/2/hologram",
            "/policies/3/rate_limit/limit",
        ];
        let id = "00000000-0000-0000-0000-000000000001";
        let table: [(Reader, Value, Vec<&str>); 10] = [
            (
                pointers::<SetOrganizationPolicies>,
                json!({ "policies": wrong }),
                four.to_vec(),
            ),
            (
                pointers::<EditApi>,
                json!({ "policies": wrong, "name": 5 }),
                [&four[..], &["/name"]].concat(),
            ),
            (
                pointers::<EditApi>,
                json!({ "nmae": "x", "policies": wrong }),
                [&four[..], &["/nmae"]].concat(),
            ),
            (
                pointers::<CreatePlan>,
                json!({ "policies": wrong, "name": "Gold", "priority": "high" }),
                [&four[..], &["/priority"]].concat(),
            ),
            (
                pointers::<EditDraft>,
                json!({ "operations": [{ "id": id, "policies": [{ "key_auth": { "x": 1 } }] }] }),
                vec!["/operations/0/policies/0/key_auth/x"],
            ),
            (
                pointers::<CreatePlan>,
                json!({ "policies": [7] }),
                vec!["/policies/0", ""],
            ),
            (
                pointers::<EditApi>,
                json!({ "visibility": 7 }),
                vec!["/visibility"],
            ),
            (
                pointers::<EditDraft>,
                json!({ "upstreams": [{ "when": 7 }], "policies": [{ "key_auth": {} }] }),
                vec!["/upstreams/0/when"],
            ),
            (
                pointers::<EditDraft>,
                json!({ "policies": "none" }),
                vec!["/policies"],
            ),
            (
                pointers::<EditDraft>,
                json!({ "policies": [{ "key_auth": {} }] }),
                vec![],
            ),
        ];
        for (read, body, wanted) in table {
            assert_eq!(read(&body), wanted, "{body}");
        }
    }

    #[test]
    fn a_hostile_body_is_refused_with_little() {
        let deep = format!(
            "{{\"policies\":[{}{}]}}",
            "[".repeat(5_000),
            "]".repeat(5_000)
        );
        let many = json!({ "policies": vec![json!({ "key_auth": { "x": 1 } }); 5_000] });
        for body in [deep, many.to_string()] {
            let refused = parse_json::<EditApi>(body.as_bytes()).unwrap_err();
            assert!(refused.invalid.len() <= 101, "{}", refused.invalid.len());
        }
    }

    /// What takes long to look at is not looked at for everybody; the rest is told as ever.
    #[test]
    fn of_a_long_body_less_is_told() {
        let right = json!({ "key_auth": {} });
        let wrong = json!({ "rate_limit": { "limit": 0, "window": "60s" } });
        let mut policies = vec![right; 5_000];
        policies.push(wrong);
        let long = json!({ "description": "x".repeat(LONGEST), "policies": [{ "moon": {} }] });
        for (body, wanted) in [
            (json!({ "policies": policies, "name": 5 }), vec!["/name"]),
            (long, vec!["/policies/0"]),
        ] {
            let found = pointers::<EditApi>(&body);
            let begins = |wanted: &&str| found.iter().any(|one| one.starts_with(*wanted));
            assert!(wanted.iter().all(begins), "{found:?}");
            assert_eq!(found.len(), 1, "{found:?}");
        }
    }
}
